//! Simulated shifts of a station, with lasting faults of its instruments.
#![expect(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "a simulated reading is within the sensors' ranges"
)]

mod shift;

pub use shift::{Lasting, Shift, TRAYS_OF_A_SHIFT, named};

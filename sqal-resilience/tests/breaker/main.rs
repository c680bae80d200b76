//! The breaker's scenarios CB-01 to CB-53, each by its id: cases in which other breakers fail.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::duration_suboptimal_units,
    clippy::suboptimal_flops,
    clippy::unchecked_time_subtraction,
    reason = "times as the scenarios print them"
)]

mod breakers;
mod by_hand;
mod costs;
mod generations;
mod observers;
mod open_times;
mod outcomes;
mod probes;
mod registry;
mod settings;
mod states;
mod windows;

//! A station as a program: reads simulated or recorded sensors, judges, and sends frames.
//!
//! It judges the samples itself, as a device would, and sends the documented frame.

mod config;
mod link;
mod set_aside;
mod source;
mod station;
#[cfg(feature = "otlp")]
mod traces;
mod wired;

pub use config::Config;
pub use link::{LinkError, Summary, run};
pub use source::{Source, SourceError};
pub use station::{Shot, Station};
#[cfg(feature = "otlp")]
pub use traces::{TraceSettingsError, Traces};
pub use wired::{WiredStation, WiringError};

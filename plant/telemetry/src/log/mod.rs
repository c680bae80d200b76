//! How log lines are written, in which trace each stands, and how their filter changes for a while.
//!
//! [`LogLines`] is a layer that writes one line an event, as [text or JSON](LogFormat). A line that
//! is written inside a followed trace ends with its `trace_id` and `span_id`. [`LogControl`]
//! changes the [filter](LogFilter) of the lines for a limited time.
//!
//! ```
//! use sqal_telemetry::log::{LogControl, LogFilter, LogFormat, LogLines};
//! use tracing_subscriber::prelude::*;
//!
//! let usual: LogFilter = "info".parse()?;
//! let (control, filter) = LogControl::new(usual, &[]);
//! let lines = LogLines::new(LogFormat::Json, std::io::stderr).with_filter(filter);
//! let subscriber = tracing_subscriber::registry().with(lines);
//! tracing::subscriber::with_default(subscriber, || {
//!     tracing::info!(port = 8000, "listening");
//!     assert_eq!(control.state().filter.as_str(), "info");
//! });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod causes;
mod change_duration;
mod control;
mod escaped;
mod filter;
mod foreign;
mod format;
mod home;
mod json;
mod lines;
mod message;
mod text;

pub use change_duration::{ChangeDuration, InvalidChangeDuration};
pub use control::{LogControl, LogEndedError, LogState};
pub use filter::{InvalidLogFilter, LogFilter};
pub use format::{InvalidLogFormat, LogFormat};
pub use lines::LogLines;

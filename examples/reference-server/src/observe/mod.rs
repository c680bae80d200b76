//! Logging and metrics of the server. The libraries install neither.

mod described;
mod exposition;
pub mod inventory;
mod log;
mod metric;
mod traces;

pub use exposition::metrics_text;
pub(crate) use exposition::shown_with;
pub use log::log_to_stderr;
pub use traces::{TraceKeeper, traces};

//! Logging and metrics of the server. The libraries install neither.

mod described;
mod exposition;
mod health;
pub mod inventory;
mod labels;
mod log;
mod machine;
mod metric;
mod traces;

pub use exposition::metrics_text;
pub(crate) use exposition::shown_with;
pub(crate) use health::report_health;
pub use log::log_to_stderr;
pub(crate) use machine::Machine;
pub use traces::{TraceKeeper, traces};

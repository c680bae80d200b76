//! [`log_to_stderr`]: one line per event on standard error, written by a thread of its own.

use sqal_storage::queries::{QueryLayer, QueryLimits};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::profiling::Profiling;

/// Logs to standard error until the guard is dropped, one line per event, filtered by `filter`.
/// Counts queries if `profiling` is enabled.
///
/// A separate thread writes the lines, so the server continues if the log is not read. After
/// 128 000 unwritten lines, further ones are dropped.
#[must_use = "the log ends with the guard"]
pub fn log_to_stderr(filter: EnvFilter, profiling: Profiling) -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    // If a subscriber is installed already, as in tests, this call changes nothing. A closed log
    // must not stop the server, so lines that cannot be written are dropped silently.
    let lines = tracing_subscriber::fmt::layer()
        .log_internal_errors(false)
        .with_writer(writer)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .with_filter(filter);
    let queries = profiling.enabled.then(|| QueryLayer::new(QueryLimits::default()));
    let _ = tracing_subscriber::registry().with(lines).with(queries).try_init();
    guard
}

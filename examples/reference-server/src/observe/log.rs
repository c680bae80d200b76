//! [`log_to_stderr`]: one line per event on standard error, written by a thread of its own.

use sqal_storage::queries::{QueryLayer, QueryLimits};
use sqal_telemetry::log::{LogControl, LogLines};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::layer::{Identity, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::settings::ObservingSettings;

/// Logs to standard error until the guard is dropped, one line per event, in the format and with
/// the filter of the settings. Counts queries if profiling is enabled. `traces` is the layer that
/// follows spans, if there is one: lines within them have their `trace_id` and `span_id`.
///
/// The control changes the filter for a limited time. It is `None` if the process has another log
/// already, as in tests; this call then changes nothing.
///
/// A separate thread writes the lines, so the server continues if the log is not read. After
/// 128 000 unwritten lines, further ones are dropped.
#[must_use = "the log ends with the guard"]
pub fn log_to_stderr(
    settings: &ObservingSettings,
    traces: Option<impl Layer<Registry> + Send + Sync>,
) -> (WorkerGuard, Option<LogControl>) {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let (control, filter) = LogControl::new(settings.log.clone(), &["reference_server"]);
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = LogLines::new(settings.log_format, writer).colored(is_terminal).with_filter(filter);
    let queries = settings.profiling.enabled.then(|| QueryLayer::new(QueryLimits::default()));
    let installed = tracing_subscriber::registry().with(or_off(traces)).with(lines).with(or_off(queries)).try_init();
    (guard, installed.is_ok().then_some(control))
}

/// A layer that may be left out.
///
/// A `None` beside other layers would make each span and event that none of them wants a question
/// at run time: it is no layer with a filter, and the whole has no interest that is `never`.
fn or_off<S: Subscriber + for<'a> LookupSpan<'a>>(
    layer: Option<impl Layer<S> + Send + Sync>,
) -> Box<dyn Layer<S> + Send + Sync> {
    match layer {
        Some(layer) => layer.boxed(),
        None => Identity::new().with_filter(LevelFilter::OFF).boxed(),
    }
}

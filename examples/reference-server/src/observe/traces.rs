//! [`traces`]: the layer that follows the spans of the server, and the keeper of their export.

use sqal_resilience::Shutdown;

#[cfg(feature = "otlp")]
pub use exported::traces;
#[cfg(not(feature = "otlp"))]
pub use left_out::traces;

/// Keeps the traces of the log's subscriber until the server has a runtime, on which they are
/// exported. The default keeps none.
#[derive(Debug, Default)]
#[must_use = "no trace is exported before the server is given its keeper"]
pub struct TraceKeeper {
    #[cfg(feature = "otlp")]
    exporter: Option<sqal_telemetry::otlp::OtlpExporter>,
}

impl TraceKeeper {
    /// Begins to export. When the process ends, what waits is exported after everything else was
    /// closed.
    #[cfg(feature = "otlp")]
    pub(crate) fn begin(self, shutdown: &Shutdown) {
        if let Some(exporter) = self.exporter {
            exported::begin(exporter, shutdown);
        }
    }

    /// Does nothing: this server was built without an exporter.
    #[cfg(not(feature = "otlp"))]
    pub(crate) fn begin(self, _: &Shutdown) {}
}

#[cfg(feature = "otlp")]
mod exported {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::time::Duration;

    use sqal_resilience::shutdown::Stage;
    use sqal_resilience::{Shutdown, fresh_seed};
    use sqal_telemetry::held::HeldTraces;
    use sqal_telemetry::otlp::{OtlpExporter, export_to};
    use tracing::{Subscriber, info, warn};
    use tracing_subscriber::Layer;
    use tracing_subscriber::registry::LookupSpan;

    use super::TraceKeeper;
    use crate::settings::TelemetrySettings;

    /// The crates whose spans are followed.
    const SOURCES: &[&str] = &["sqal", "reference_server"];

    /// The most time for what waits when the process ends; half of what a closer may take.
    const FLUSH: Duration = Duration::from_secs(5);

    /// The stage behind all others: also the commits of the last samples have spans.
    const LAST: Stage = Stage(u8::MAX);

    /// The layer that follows the spans of the server, and the keeper of their export. Without a
    /// collector there is no layer, so spans cost nothing.
    pub fn traces<S>(settings: &TelemetrySettings) -> (Option<impl Layer<S> + Send + Sync + use<S>>, TraceKeeper)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(settings) = &settings.traces else { return (None, TraceKeeper { exporter: None }) };
        let (sink, exporter) = export_to(settings, fresh_seed);
        let held =
            HeldTraces::new(Arc::new(sink), settings.sampling, SOURCES, fresh_seed).with_sampled_roots(&["frame"]);
        (Some(held.layer()), TraceKeeper { exporter: Some(exporter) })
    }

    pub(super) fn begin(exporter: OtlpExporter, shutdown: &Shutdown) {
        info!(collector = exporter.host(), "traces are exported");
        let exporting = exporter.start();
        let close = move || async move {
            let lost = exporting.finish(FLUSH).await;
            if lost > 0 {
                // A collector that is away makes no end of the server disorderly.
                warn!(lost, "the last traces did not reach their collector");
            }
            Ok::<_, Infallible>(())
        };
        // The shutdown registry accepts closers until it has run all of them.
        let _ = shutdown.on_close(LAST, "traces", close);
    }
}

#[cfg(not(feature = "otlp"))]
mod left_out {
    use tracing_subscriber::layer::Identity;

    use super::TraceKeeper;
    use crate::settings::TelemetrySettings;

    /// No layer: this server was built without an exporter.
    pub fn traces(_: &TelemetrySettings) -> (Option<Identity>, TraceKeeper) {
        (None, TraceKeeper {})
    }
}

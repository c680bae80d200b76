//! [`Traces`]: brings the traces of a station to a collector, as OpenTelemetry's variables say.

use std::sync::Arc;
use std::time::Duration;

use sqal_resilience::fresh_seed;
use sqal_telemetry::held::HeldTraces;
use sqal_telemetry::otlp::{
    InvalidOtlpResource, InvalidOtlpSetting, InvalidOtlpTrust, OtlpExporter, OtlpResource, OtlpSettings, OtlpTrust,
    OtlpVariable, export_to,
};
use tracing::{Subscriber, info, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// The name of the service in traces, unless a variable has another.
const SERVICE_NAME: &str = "sqal-simulator";

/// The crate whose spans are followed.
const SOURCES: &[&str] = &["device_simulator"];

/// The most time for what waits when the station ends.
const FLUSH: Duration = Duration::from_secs(5);

/// The traces of a station, and their way to a collector if one is set.
#[derive(Debug)]
pub struct Traces(Option<(HeldTraces, OtlpExporter)>);

/// Why traces cannot be exported as it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceSettingsError {
    /// The value of a variable cannot be used. There may be more of them.
    #[error(transparent)]
    Variable(#[from] InvalidOtlpSetting),
    /// The machine has no authorities that could certify the collector.
    #[error(transparent)]
    Trust(#[from] InvalidOtlpTrust),
    /// The name of this program is not valid.
    #[error(transparent)]
    Service(#[from] InvalidOtlpResource),
}

impl Traces {
    /// Reads the variables; `variable` gives the text of one by its name.
    ///
    /// # Errors
    ///
    /// [`TraceSettingsError`] with the first value that cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, TraceSettingsError> {
        let usual = OtlpResource::new(SERVICE_NAME, env!("CARGO_PKG_VERSION"))?;
        let read = OtlpSettings::read(usual, |known: OtlpVariable| variable(known.name()));
        let settings = match read {
            Ok(settings) => settings,
            Err(refused) => return refused.into_iter().next().map_or(Ok(Self(None)), |first| Err(first.into())),
        };
        let Some(mut settings) = settings else { return Ok(Self(None)) };
        if settings.endpoint.is_encrypted() {
            settings.trust = OtlpTrust::machine()?;
        }
        let (sink, exporter) = export_to(&settings, fresh_seed);
        let held = HeldTraces::new(Arc::new(sink), settings.sampling, SOURCES, fresh_seed);
        Ok(Self(Some((held, exporter))))
    }

    /// The layer that follows the spans of the station; `None` without a collector.
    #[must_use]
    pub fn layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let (held, _) = self.0.as_ref()?;
        Some(held.clone().layer())
    }

    /// Exports while the station works, and for some seconds after that what still waits.
    pub async fn around<T>(self, work: impl Future<Output = T>) -> T {
        let Some((_, exporter)) = self.0 else { return work.await };
        info!(collector = exporter.host(), "traces are exported");
        let exporting = exporter.start();
        let done = work.await;
        let lost = exporting.finish(FLUSH).await;
        if lost > 0 {
            warn!(lost, "the last traces did not reach their collector");
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Traces, TraceSettingsError> {
        Traces::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned()))
    }

    #[test]
    fn without_a_collector_nothing_is_followed() {
        assert!(read(&[]).unwrap().0.is_none());
        let collector = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example:4317")];
        let (_, exporter) = read(&collector).unwrap().0.unwrap();
        assert_eq!(exporter.host(), "collector.example:4317");
    }

    #[test]
    fn a_value_that_cannot_be_used_is_told_by_its_variable() {
        let refused = read(&[("OTEL_TRACES_EXPORTER", "jaeger")]).unwrap_err().to_string();
        assert!(refused.starts_with("OTEL_TRACES_EXPORTER: \"jaeger\" cannot be used: expected otlp"), "{refused}");
    }
}

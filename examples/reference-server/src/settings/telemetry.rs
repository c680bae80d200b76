//! [`TelemetrySettings`]: where the traces of the server go.

#[cfg(feature = "otlp")]
pub(super) mod rows;

use super::values::Values;

/// Where the traces of the server go. A server that was built without the feature `otlp` has no
/// such setting.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// The export of traces; `None` if no collector is set, or traces are switched off.
    #[cfg(feature = "otlp")]
    pub traces: Option<sqal_telemetry::otlp::OtlpSettings>,
}

impl TelemetrySettings {
    /// Reads the export of traces.
    #[cfg_attr(not(feature = "otlp"), expect(unused_variables, reason = "without an exporter there is no setting"))]
    pub(super) fn read(values: &mut Values) -> Self {
        Self {
            #[cfg(feature = "otlp")]
            traces: rows::read(values),
        }
    }
}

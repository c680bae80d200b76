//! [`OtlpVariable`]: the standard variables of OpenTelemetry for the export of traces.

/// A variable that the specification of OpenTelemetry defines for the export of traces.
///
/// A program gives [`OtlpSettings::read`](super::OtlpSettings::read) a function from a variable to
/// its value, for example one that reads the environment by [`OtlpVariable::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OtlpVariable {
    /// Whether all telemetry is off.
    SdkDisabled,
    /// The exporter of traces.
    TracesExporter,
    /// The collector of all signals.
    Endpoint,
    /// The collector of traces, if it is another one.
    TracesEndpoint,
    /// The protocol of the collector.
    Protocol,
    /// Header fields of each export.
    Headers,
    /// The time limit of one request to the collector.
    Timeout,
    /// The name of this service.
    ServiceName,
    /// The version of this service.
    ServiceVersion,
    /// More attributes of this service.
    ResourceAttributes,
    /// Which traces are exported.
    Sampler,
    /// The share of the traces.
    SamplerArg,
    /// How many spans may wait.
    QueueSize,
    /// How long a span waits for others.
    ScheduleDelay,
    /// How many spans one request holds.
    BatchSize,
    /// The time limit of one batch, with all its attempts.
    ExportTimeout,
}

impl OtlpVariable {
    /// All variables, in the order in which a program shows them.
    pub const ALL: [Self; 16] = [
        Self::SdkDisabled,
        Self::TracesExporter,
        Self::Endpoint,
        Self::TracesEndpoint,
        Self::Protocol,
        Self::Headers,
        Self::Timeout,
        Self::ServiceName,
        Self::ServiceVersion,
        Self::ResourceAttributes,
        Self::Sampler,
        Self::SamplerArg,
        Self::QueueSize,
        Self::ScheduleDelay,
        Self::BatchSize,
        Self::ExportTimeout,
    ];

    /// The name of the variable in the specification.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SdkDisabled => "OTEL_SDK_DISABLED",
            Self::TracesExporter => "OTEL_TRACES_EXPORTER",
            Self::Endpoint => "OTEL_EXPORTER_OTLP_ENDPOINT",
            Self::TracesEndpoint => "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            Self::Protocol => "OTEL_EXPORTER_OTLP_PROTOCOL",
            Self::Headers => "OTEL_EXPORTER_OTLP_HEADERS",
            Self::Timeout => "OTEL_EXPORTER_OTLP_TIMEOUT",
            Self::ServiceName => "OTEL_SERVICE_NAME",
            Self::ServiceVersion => "OTEL_SERVICE_VERSION",
            Self::ResourceAttributes => "OTEL_RESOURCE_ATTRIBUTES",
            Self::Sampler => "OTEL_TRACES_SAMPLER",
            Self::SamplerArg => "OTEL_TRACES_SAMPLER_ARG",
            Self::QueueSize => "OTEL_BSP_MAX_QUEUE_SIZE",
            Self::ScheduleDelay => "OTEL_BSP_SCHEDULE_DELAY",
            Self::BatchSize => "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
            Self::ExportTimeout => "OTEL_BSP_EXPORT_TIMEOUT",
        }
    }

    /// The default that does not depend on other variables; `None` for the others. The name and the
    /// version of the service have a default of the program.
    #[must_use]
    pub const fn default_text(self) -> Option<&'static str> {
        match self {
            Self::SdkDisabled => Some("false"),
            Self::Protocol => Some("grpc"),
            Self::Timeout => Some("10000"),
            Self::Sampler => Some("parentbased_always_on"),
            Self::SamplerArg => Some("1.0"),
            Self::QueueSize => Some("2048"),
            Self::ScheduleDelay => Some("5000"),
            Self::BatchSize => Some("512"),
            Self::ExportTimeout => Some("30000"),
            _ => None,
        }
    }

    /// Whether the value is a secret, which no output may show.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Headers)
    }

    /// A description of the valid values.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::SdkDisabled => "true or false",
            Self::TracesExporter => "otlp or none; by default otlp if an endpoint is set",
            Self::Endpoint => {
                "http:// or https://, a host and a port, without a login, query or fragment, and with grpc without a \
                 path; by default http://localhost:4317 (grpc) or http://localhost:4318 (http/protobuf)"
            }
            Self::TracesEndpoint => {
                "http:// or https://, a host, a port and with http/protobuf the whole path, without a login, query or \
                 fragment"
            }
            Self::Protocol => "grpc or http/protobuf",
            Self::Headers => "name=value pairs between commas, at most 32, with values that are percent-encoded",
            Self::Timeout | Self::ScheduleDelay | Self::ExportTimeout => "milliseconds, 1 to 600000",
            Self::ServiceName | Self::ServiceVersion => "1 to 255 characters without control characters",
            Self::ResourceAttributes => {
                "name=value pairs between commas, at most 64, with values that are percent-encoded"
            }
            Self::Sampler => {
                "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or \
                 parentbased_traceidratio"
            }
            Self::SamplerArg => "a share from 0 to 1",
            Self::QueueSize => "a number of spans, 1 to 1000000",
            Self::BatchSize => "a number of spans, from 1 to the size of the queue",
        }
    }

    /// The purpose of the variable.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::SdkDisabled => "Whether no trace is recorded",
            Self::TracesExporter => "Where traces go",
            Self::Endpoint => "The OpenTelemetry collector that receives the traces",
            Self::TracesEndpoint => "The collector of traces, if it is another one",
            Self::Protocol => "The protocol of the collector",
            Self::Headers => "Header fields of each request to the collector, such as its token",
            Self::Timeout => "The most time for one request to the collector",
            Self::ServiceName => "The name of this service in traces",
            Self::ServiceVersion => "The version of this service in traces",
            Self::ResourceAttributes => "More attributes of this service in traces",
            Self::Sampler => "Which traces are exported; a trace with an error always is",
            Self::SamplerArg => "The share of traces that a traceidratio sampler exports",
            Self::QueueSize => "The most spans that wait for the collector; further traces are dropped",
            Self::ScheduleDelay => "The most time for which a span waits for others",
            Self::BatchSize => "The most spans of one request to the collector",
            Self::ExportTimeout => "The most time for one batch of spans, with all attempts",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_variable_has_a_name_of_its_own() {
        let names: HashSet<_> = OtlpVariable::ALL.map(OtlpVariable::name).into();
        assert_eq!(names.len(), OtlpVariable::ALL.len());
        assert!(names.iter().all(|name| name.starts_with("OTEL_")), "{names:?}");
    }
}

//! The rows of OpenTelemetry's standard variables, and the export of traces that they describe.

use sqal_telemetry::otlp::{InvalidOtlpSetting, OtlpResource, OtlpSettings, OtlpTrust, OtlpVariable};

use super::super::row::Setting;
use super::super::values::Values;

/// The documented name of the service in traces (OTL-01).
const SERVICE_NAME: &str = "atmr-backend";

/// The documented version of the service in traces (OTL-01).
const SERVICE_VERSION: &str = "1.0";

pub(in crate::settings) const SDK_DISABLED: Setting = row(OtlpVariable::SdkDisabled);
pub(in crate::settings) const TRACES_EXPORTER: Setting = row(OtlpVariable::TracesExporter);
pub(in crate::settings) const ENDPOINT: Setting = row(OtlpVariable::Endpoint);
pub(in crate::settings) const TRACES_ENDPOINT: Setting = row(OtlpVariable::TracesEndpoint);
pub(in crate::settings) const PROTOCOL: Setting = row(OtlpVariable::Protocol);
pub(in crate::settings) const HEADERS: Setting = row(OtlpVariable::Headers);
pub(in crate::settings) const TIMEOUT: Setting = row(OtlpVariable::Timeout);
pub(in crate::settings) const NAME: Setting = row(OtlpVariable::ServiceName);
pub(in crate::settings) const VERSION: Setting = row(OtlpVariable::ServiceVersion);
pub(in crate::settings) const RESOURCE_ATTRIBUTES: Setting = row(OtlpVariable::ResourceAttributes);
pub(in crate::settings) const SAMPLER: Setting = row(OtlpVariable::Sampler);
pub(in crate::settings) const SAMPLER_ARG: Setting = row(OtlpVariable::SamplerArg);
pub(in crate::settings) const QUEUE_SIZE: Setting = row(OtlpVariable::QueueSize);
pub(in crate::settings) const SCHEDULE_DELAY: Setting = row(OtlpVariable::ScheduleDelay);
pub(in crate::settings) const BATCH_SIZE: Setting = row(OtlpVariable::BatchSize);
pub(in crate::settings) const EXPORT_TIMEOUT: Setting = row(OtlpVariable::ExportTimeout);

/// The row of a variable. The names are those of OpenTelemetry, so they stand in one list with the
/// code that reads them, which the simulator uses too.
const fn row(variable: OtlpVariable) -> Setting {
    let default = match variable {
        OtlpVariable::ServiceName => Some(SERVICE_NAME),
        OtlpVariable::ServiceVersion => Some(SERVICE_VERSION),
        _ => variable.default_text(),
    };
    Setting {
        name: variable.name(),
        default,
        secret: variable.is_secret(),
        expected: variable.expected(),
        what: variable.what(),
    }
}

/// Reads the export of traces; `None` if no collector is set, or traces are switched off. A value
/// that is wrong is reported; settings with a mistake are not used.
pub(super) fn read(values: &mut Values) -> Option<OtlpSettings> {
    let usual = OtlpResource::new(SERVICE_NAME, SERVICE_VERSION).unwrap_or_else(|_| unreachable!("two names"));
    let read = OtlpSettings::read(usual, |variable| {
        let row = row(variable);
        values.text(&row).filter(|_| values.is_given(&row)).map(str::to_owned)
    });
    let settings = read.unwrap_or_else(|refused| {
        for InvalidOtlpSetting { variable, what, .. } in refused {
            values.wrong(&row(variable), what);
        }
        None
    });
    trusting(values, settings?)
}

/// The settings with the authorities of this machine, if the collector needs a certificate.
fn trusting(values: &mut Values, mut settings: OtlpSettings) -> Option<OtlpSettings> {
    if !settings.endpoint.is_encrypted() {
        return Some(settings);
    }
    match OtlpTrust::machine() {
        Ok(trust) => {
            settings.trust = trust;
            Some(settings)
        }
        Err(why) => {
            values.wrong(if values.is_given(&TRACES_ENDPOINT) { &TRACES_ENDPOINT } else { &ENDPOINT }, why.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{asked, mistakes, settings};
    use super::super::super::{Asked, SETTINGS};
    use super::*;
    use sqal_telemetry::otlp::OtlpHeaders;

    #[test]
    fn without_a_collector_no_trace_is_exported() {
        assert!(settings(&[], &[]).telemetry.traces.is_none());
        let switched_off = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317"), ("OTEL_SDK_DISABLED", "true")];
        assert!(settings(&[], &switched_off).telemetry.traces.is_none());
    }

    #[test]
    fn otl_01_the_documented_names_are_the_defaults_and_can_be_replaced() {
        let service = |variables: &[(&str, &str)]| {
            let variables = [&[("OTEL_TRACES_EXPORTER", "otlp")], variables].concat();
            let traces = settings(&[], &variables).telemetry.traces.unwrap();
            let of = |name| traces.resource.get(name).unwrap().to_owned();
            (traces.endpoint.host().to_owned(), of("service.name"), of("service.version"))
        };
        let expected = |host: &str, name: &str, version: &str| (host.to_owned(), name.to_owned(), version.to_owned());
        assert_eq!(service(&[]), expected("localhost:4317", "atmr-backend", "1.0"));
        let given = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1"),
            ("OTEL_SERVICE_NAME", "line-1"),
            ("OTEL_SERVICE_VERSION", "2"),
        ];
        assert_eq!(service(&given), expected("c:1", "line-1", "2"));
        // A default of the table does not come before an attribute of the operator.
        let listed = [("OTEL_RESOURCE_ATTRIBUTES", "service.name=plant-1")];
        assert_eq!(service(&listed), expected("localhost:4317", "plant-1", "1.0"));
    }

    #[test]
    fn each_variable_has_a_row_and_its_mistake_is_told_there() {
        for variable in OtlpVariable::ALL {
            assert!(SETTINGS.iter().any(|row| row.name == variable.name()), "{variable:?}");
        }
        for (name, value, part) in [
            ("OTEL_SDK_DISABLED", "yes", "expected true or false"),
            ("OTEL_TRACES_EXPORTER", "jaeger", "expected otlp or none"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317", "expected http:// or https://"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://u:hunter2@c", "expected no login"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "expected grpc or http/protobuf"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2", "expected name=value"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "expected milliseconds"),
            ("OTEL_SERVICE_NAME", "a\tb", "expected 1 to 255 characters"),
            ("OTEL_SERVICE_VERSION", "a\tb", "expected 1 to 255 characters"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a", "pair 1: expected name=value"),
            ("OTEL_TRACES_SAMPLER", "often", "expected always_on"),
            ("OTEL_TRACES_SAMPLER_ARG", "2", "expected a share from 0 to 1"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "expected a number of spans, 1 to 1000000"),
            ("OTEL_BSP_SCHEDULE_DELAY", "0", "expected milliseconds, 1 to 600000"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9999", "to the size of the queue"),
            ("OTEL_BSP_EXPORT_TIMEOUT", "x", "expected milliseconds"),
        ] {
            let told = mistakes(&[], &[(name, value)]);
            let begin = format!("{name} (environment): ");
            assert!(told.len() == 1 && told[0].starts_with(&begin) && told[0].contains(part), "{name}: {told:?}");
            assert!(!told[0].contains("hunter2"), "{told:?}");
        }
    }

    #[test]
    fn the_header_fields_are_read_from_a_file_and_shown_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("headers");
        std::fs::write(&file, "authorization=Bearer%20hunter2\n").unwrap();
        let variables = [("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_EXPORTER_OTLP_HEADERS_FILE", file.to_str().unwrap())];
        let traces = settings(&[], &variables).telemetry.traces.unwrap();
        let expected: OtlpHeaders = "authorization=Bearer%20hunter2".parse().unwrap();
        assert_eq!(traces.headers, expected);
        assert!(!format!("{traces:?}").contains("hunter2"), "{traces:?}");
        let plain = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2")];
        let Ok(Asked::Print(shown)) = asked(&["config", "print"], &plain) else { panic!("it prints") };
        assert!(shown.contains("OTEL_EXPORTER_OTLP_HEADERS = (hidden)") && !shown.contains("hunter2"), "{shown}");
    }
}

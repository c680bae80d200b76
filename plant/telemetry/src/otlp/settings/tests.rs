//! Checks the reading of the variables: defaults, each mistake at its variable, no secret shown.

use proptest::prelude::*;

use super::*;

/// Reads the settings of a service from these variables.
fn read(variables: &[(&str, &str)]) -> Result<Option<OtlpSettings>, Vec<InvalidOtlpSetting>> {
    let lookup = |variable: OtlpVariable| {
        variables.iter().find(|(name, _)| *name == variable.name()).map(|(_, text)| (*text).to_owned())
    };
    OtlpSettings::read(OtlpResource::new("atmr-backend", "1.0").unwrap(), lookup)
}

fn settings(variables: &[(&str, &str)]) -> OtlpSettings {
    read(variables).unwrap().expect("traces are exported")
}

/// With an exporter, and these variables in addition.
fn with(variable: (&str, &str)) -> OtlpSettings {
    settings(&[("OTEL_TRACES_EXPORTER", "otlp"), variable])
}

#[test]
fn otl_01_the_defaults_are_the_documented_ones() {
    let settings = settings(&[("OTEL_TRACES_EXPORTER", "otlp")]);
    assert_eq!((settings.endpoint.host(), settings.endpoint.protocol()), ("localhost:4317", OtlpProtocol::Grpc));
    assert!(!settings.endpoint.is_encrypted());
    let resource = |name| settings.resource.get(name);
    assert_eq!((resource("service.name"), resource("service.version")), (Some("atmr-backend"), Some("1.0")));
    assert_eq!((settings.sampling, settings.batches), (HeadSampling::Always, OtlpBatches::default()));
    assert_eq!(settings.attempt, Duration::from_secs(10));
    let over_http = with(("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"));
    assert_eq!(over_http.endpoint.to_string(), "http://localhost:4318/v1/traces");
}

#[test]
fn traces_are_exported_if_an_exporter_or_an_endpoint_is_set_and_nothing_forbids_it() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4317");
    let cases: [(&[(&str, &str)], bool); 11] = [
        (&[], false),
        (&[("OTEL_SERVICE_NAME", "x")], false),
        (&[endpoint], true),
        (&[traces], true),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], false),
        (&[("OTEL_TRACES_EXPORTER", "otlp")], true),
        (&[endpoint, ("OTEL_TRACES_EXPORTER", "none")], false),
        (&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")], false),
        (&[endpoint, ("OTEL_SDK_DISABLED", "false")], true),
        (&[endpoint, ("OTEL_TRACES_SAMPLER", "always_off")], false),
        (&[endpoint, ("OTEL_TRACES_SAMPLER", "parentbased_always_off")], true),
    ];
    for (variables, is_exported) in cases {
        assert_eq!(read(variables).unwrap().is_some(), is_exported, "{variables:?}");
    }
}

#[test]
fn the_endpoint_of_traces_comes_before_that_of_all_signals() {
    let both = settings(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318/own"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ]);
    assert_eq!(both.endpoint.to_string(), "http://traces:4318/own");
}

#[test]
fn each_sampler_has_its_meaning() {
    let sampling = |name: &str, share: &str| {
        settings(&[("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", share)])
            .sampling
    };
    for parent in ["", "parentbased_"] {
        assert_eq!(sampling(&format!("{parent}always_on"), "0.1"), HeadSampling::Always);
        let ratio = HeadSampling::Ratio(SampledShare::new(0.01).unwrap());
        assert_eq!(sampling(&format!("{parent}traceidratio"), "0.01"), ratio);
        let whole = HeadSampling::Ratio(SampledShare::new(1.0).unwrap());
        assert_eq!(sampling(&format!("{parent}traceidratio"), ""), whole);
    }
    assert_eq!(sampling("parentbased_always_off", "1"), HeadSampling::Never);
}

#[test]
fn the_numbers_of_the_batches_are_read() {
    let settings = settings(&[
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_SCHEDULE_DELAY", "250"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "2000"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
    ]);
    let batches = OtlpBatches::new(100, Duration::from_millis(250), 10, Duration::from_secs(2)).unwrap();
    assert_eq!((settings.batches, settings.attempt), (batches, Duration::from_millis(500)));
    assert_eq!(with(("OTEL_BSP_MAX_QUEUE_SIZE", "100")).batches.batch(), 100, "a smaller queue needs smaller batches");
}

/// Every variable, with values that cannot be used.
const WRONG: [(&str, &str); 29] = [
    ("OTEL_SDK_DISABLED", "yes"),
    ("OTEL_TRACES_EXPORTER", "jaeger"),
    ("OTEL_TRACES_EXPORTER", "otlp,console"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:4317/path"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hunter2@host:4317"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://host:0"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "te=hunter2"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "600001"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
    ("OTEL_SERVICE_NAME", "a\u{7}b"),
    ("OTEL_SERVICE_VERSION", "a\nb"),
    ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b"),
    ("OTEL_TRACES_SAMPLER", "sometimes"),
    ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
    ("OTEL_TRACES_SAMPLER_ARG", "1.1"),
    ("OTEL_TRACES_SAMPLER_ARG", "NaN"),
    ("OTEL_TRACES_SAMPLER_ARG", "a tenth"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "1000001"),
    ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
    ("OTEL_BSP_SCHEDULE_DELAY", "600001"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2049"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "x"),
];

#[test]
fn a_value_that_cannot_be_used_is_told_by_its_variable_whether_traces_are_exported_or_not() {
    for (name, value) in WRONG {
        let others: [&[(&str, &str)]; 3] = [&[], &[("OTEL_SDK_DISABLED", "true")], &[("OTEL_TRACES_EXPORTER", "none")]];
        for others in others {
            // The first text of a variable counts.
            let variables: Vec<_> = [(name, value)].iter().chain(others).copied().collect();
            let told = read(&variables).unwrap_err();
            assert_eq!(told.len(), 1, "{name}={value}: {told:?}");
            let text = told[0].to_string();
            assert!(text.starts_with(&format!("{name}: ")) && text.contains("expected"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
    let told: Vec<_> = OtlpVariable::ALL.map(OtlpVariable::name).into();
    assert!(told.iter().all(|name| WRONG.iter().any(|(wrong, _)| wrong == name)), "each has a mistake of its own");
}

#[test]
fn all_mistakes_are_told_at_once_and_no_header_is_shown() {
    let told = read(&[WRONG[0], WRONG[1], WRONG[8], WRONG[10], WRONG[15]]).unwrap_err();
    assert_eq!(told.len(), 5, "{told:?}");
    let shown = with(("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2"));
    assert!(!format!("{shown:?}").contains("hunter2"), "{shown:?}");
}

proptest! {
    /// No text panics, and each is either used or told.
    #[test]
    fn any_text_is_used_or_refused(texts in prop::collection::vec(prop::option::of(".{0,60}"), 16)) {
        let lookup = |variable: OtlpVariable| {
            let place = OtlpVariable::ALL.iter().position(|known| *known == variable)?;
            texts[place].clone()
        };
        match OtlpSettings::read(OtlpResource::new("x", "1").unwrap(), lookup) {
            Ok(settings) => prop_assert!(settings.is_none_or(|settings| settings.batches.batch() > 0)),
            Err(refused) => prop_assert!(!refused.is_empty() && refused.len() <= OtlpVariable::ALL.len()),
        }
    }
}

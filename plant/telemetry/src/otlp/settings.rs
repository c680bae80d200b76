//! [`OtlpSettings`]: the export of traces, as OpenTelemetry's standard variables describe it.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::batches::{LONGEST, MOST_WAITING};
use super::{
    InvalidOtlpBatches, OtlpBatches, OtlpEndpoint, OtlpHeaders, OtlpProtocol, OtlpResource, OtlpTrust, OtlpVariable,
};
use crate::held::{HeadSampling, SampledShare};

/// The longest part of a value that a mistake repeats, in characters.
const SHOWN: usize = 80;

/// The export of traces to a collector.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OtlpSettings {
    /// The collector.
    pub endpoint: OtlpEndpoint,
    /// Header fields of each request.
    pub headers: OtlpHeaders,
    /// The authorities that may certify the collector; none by default. Set it if the connection
    /// [is encrypted](OtlpEndpoint::is_encrypted).
    pub trust: OtlpTrust,
    /// The most time for one request.
    pub attempt: Duration,
    /// What traces say of this service.
    pub resource: OtlpResource,
    /// Which traces are exported when no error keeps them.
    pub sampling: HeadSampling,
    /// The limits of what waits.
    pub batches: OtlpBatches,
}

/// A variable whose value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidOtlpSetting {
    /// The variable.
    pub variable: OtlpVariable,
    /// The fault, with the value unless it may be a secret, and with what is expected.
    pub what: String,
}

impl fmt::Display for InvalidOtlpSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable.name(), self.what)
    }
}

impl std::error::Error for InvalidOtlpSetting {}

impl OtlpSettings {
    /// The usual export to a collector: every trace, with the limits of the specification.
    #[must_use]
    pub fn new(endpoint: OtlpEndpoint, resource: OtlpResource) -> Self {
        Self {
            endpoint,
            headers: OtlpHeaders::default(),
            trust: OtlpTrust::default(),
            attempt: Duration::from_secs(10),
            resource,
            sampling: HeadSampling::Always,
            batches: OtlpBatches::default(),
        }
    }

    /// Reads the settings of a service from the values of the variables; `lookup` gives the text of
    /// a variable that is set. An empty text counts as not set, as the specification has it.
    ///
    /// `None` means that no trace is exported: all telemetry is disabled, the exporter is `none`,
    /// the sampler is `always_off`, or neither an exporter nor an endpoint is set. By the
    /// specification the exporter would be `otlp` in the last case. But a process without a
    /// collector would then complain for its whole life, so an exporter or an endpoint must be set.
    ///
    /// `always_on` and `traceidratio` are read as their `parentbased_` twins: the decision of a
    /// caller that sends its trace is always followed, so that traces are whole.
    ///
    /// ```
    /// use sqal_telemetry::otlp::{OtlpResource, OtlpSettings, OtlpVariable};
    ///
    /// let lookup = |variable: OtlpVariable| match variable.name() {
    ///     "OTEL_TRACES_EXPORTER" => Some("otlp".to_owned()),
    ///     "OTEL_SERVICE_NAME" => Some("line-1".to_owned()),
    ///     _ => None,
    /// };
    /// let usual = OtlpResource::new("atmr-backend", "1.0").unwrap();
    /// let settings = OtlpSettings::read(usual, lookup).unwrap().unwrap();
    /// assert_eq!(settings.endpoint.host(), "localhost:4317");
    /// assert_eq!(settings.resource.get("service.name"), Some("line-1"));
    /// ```
    ///
    /// # Errors
    ///
    /// One [`InvalidOtlpSetting`] for each variable whose value cannot be used, also if no trace is
    /// exported.
    pub fn read(
        usual: OtlpResource,
        lookup: impl Fn(OtlpVariable) -> Option<String>,
    ) -> Result<Option<Self>, Vec<InvalidOtlpSetting>> {
        let mut values = Values { lookup, refused: Vec::new() };
        let is_disabled = values.read(OtlpVariable::SdkDisabled, false, parse_flag);
        let is_chosen =
            values.text(OtlpVariable::Endpoint).is_some() || values.text(OtlpVariable::TracesEndpoint).is_some();
        let is_exporter = values.read(OtlpVariable::TracesExporter, is_chosen, |text| match text {
            "otlp" => Ok(true),
            "none" => Ok(false),
            _ => Err(()),
        });
        let (endpoint, sampling) = (values.endpoint(), values.sampling());
        let headers = values.parsed(OtlpVariable::Headers, OtlpHeaders::default());
        let attempt = values.time(OtlpVariable::Timeout, Duration::from_secs(10));
        let (resource, batches) = (values.resource(usual), values.batches());
        if !values.refused.is_empty() {
            return Err(values.refused);
        }
        let Some((endpoint, sampling)) = endpoint.zip(sampling).filter(|_| is_exporter && !is_disabled) else {
            return Ok(None);
        };
        Ok(Some(Self { headers, attempt, sampling, batches, ..Self::new(endpoint, resource) }))
    }
}

/// The values of the variables, and the mistakes in them.
struct Values<L> {
    lookup: L,
    refused: Vec<InvalidOtlpSetting>,
}

impl<L: Fn(OtlpVariable) -> Option<String>> Values<L> {
    /// The text of a variable that is set.
    fn text(&self, variable: OtlpVariable) -> Option<String> {
        let text = (self.lookup)(variable)?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// Adds the mistake of a value, with that value.
    fn refuse(&mut self, variable: OtlpVariable, text: &str) {
        let shown: String = text.chars().take(SHOWN).collect();
        self.wrong(variable, format!("{shown:?} cannot be used: expected {}", variable.expected()));
    }

    /// Adds a mistake.
    fn wrong(&mut self, variable: OtlpVariable, what: String) {
        self.refused.push(InvalidOtlpSetting { variable, what });
    }

    /// The value of a variable, or `usual` if it is not set or `make` refuses it.
    fn read<T>(&mut self, variable: OtlpVariable, usual: T, make: impl FnOnce(&str) -> Result<T, ()>) -> T {
        let Some(text) = self.text(variable) else { return usual };
        make(&text).unwrap_or_else(|()| {
            self.refuse(variable, &text);
            usual
        })
    }

    /// The value of a variable whose error says what is wrong without repeating it.
    fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, variable: OtlpVariable, usual: T) -> T {
        let Some(text) = self.text(variable) else { return usual };
        text.parse::<T>().unwrap_or_else(|why| {
            self.wrong(variable, format!("what it holds cannot be used: {why}"));
            usual
        })
    }

    fn time(&mut self, variable: OtlpVariable, usual: Duration) -> Duration {
        self.read(variable, usual, |text| {
            let time = Duration::from_millis(text.parse().map_err(|_| ())?);
            if time.is_zero() || time > LONGEST { Err(()) } else { Ok(time) }
        })
    }

    /// The collector; `None` if its address cannot be used.
    fn endpoint(&mut self) -> Option<OtlpEndpoint> {
        let protocol = self.read(OtlpVariable::Protocol, OtlpProtocol::default(), |text| text.parse().map_err(|_| ()));
        let of_all = self.text(OtlpVariable::Endpoint);
        let of_all = of_all.as_deref().unwrap_or(protocol.usual_endpoint());
        let of_all = OtlpEndpoint::new(of_all, protocol);
        let of_traces = self.text(OtlpVariable::TracesEndpoint).map(|text| OtlpEndpoint::of_traces(&text, protocol));
        let mut sound = |variable: OtlpVariable, endpoint: Result<OtlpEndpoint, _>| match endpoint {
            Ok(endpoint) => Some(endpoint),
            Err(why) => {
                // The text is not repeated, because it may hold a login.
                self.wrong(variable, format!("what it holds cannot be used: {why}"));
                None
            }
        };
        let of_all = sound(OtlpVariable::Endpoint, of_all);
        match of_traces {
            Some(of_traces) => sound(OtlpVariable::TracesEndpoint, of_traces),
            None => of_all,
        }
    }

    fn resource(&mut self, usual: OtlpResource) -> OtlpResource {
        type Change = fn(OtlpResource, &str) -> Result<OtlpResource, super::InvalidOtlpResource>;
        let changes: [(OtlpVariable, Change); 3] = [
            (OtlpVariable::ResourceAttributes, OtlpResource::with_list),
            (OtlpVariable::ServiceName, OtlpResource::named),
            (OtlpVariable::ServiceVersion, OtlpResource::versioned),
        ];
        changes.into_iter().fold(usual, |resource, (variable, change)| {
            let Some(text) = self.text(variable) else { return resource };
            change(resource.clone(), &text).unwrap_or_else(|why| {
                let shown: String = text.chars().take(SHOWN).collect();
                self.wrong(variable, format!("{shown:?} cannot be used: {why}"));
                resource
            })
        })
    }

    /// Which traces are exported; `None` for none, not even those with an error.
    fn sampling(&mut self) -> Option<HeadSampling> {
        let whole = SampledShare::new(1.0).map_err(|_| ());
        let share = self.text(OtlpVariable::SamplerArg).map_or(whole, |text| {
            let share = text.parse().ok().and_then(|share: f64| SampledShare::new(share).ok()).ok_or(());
            share.inspect_err(|()| self.refuse(OtlpVariable::SamplerArg, &text))
        });
        let ratio = share.map_or(HeadSampling::Never, HeadSampling::Ratio);
        self.read(OtlpVariable::Sampler, Some(HeadSampling::Always), |text| match text {
            "always_on" | "parentbased_always_on" => Ok(Some(HeadSampling::Always)),
            "always_off" => Ok(None),
            "parentbased_always_off" => Ok(Some(HeadSampling::Never)),
            "traceidratio" | "parentbased_traceidratio" => Ok(Some(ratio)),
            _ => Err(()),
        })
    }

    fn batches(&mut self) -> OtlpBatches {
        let usual = OtlpBatches::default();
        let waiting = self.read(OtlpVariable::QueueSize, usual.waiting(), |text| parse_number(text, 1..=MOST_WAITING));
        let batch =
            self.read(OtlpVariable::BatchSize, usual.batch().min(waiting), |text| parse_number(text, 1..=waiting));
        let delay = self.time(OtlpVariable::ScheduleDelay, usual.delay());
        let patience = self.time(OtlpVariable::ExportTimeout, usual.patience());
        let batches: Result<_, InvalidOtlpBatches> = OtlpBatches::new(waiting, delay, batch, patience);
        // Each number is in its range, or was replaced by the usual one.
        batches.unwrap_or(usual)
    }
}

/// Reads a number in a range.
fn parse_number(text: &str, range: RangeInclusive<usize>) -> Result<usize, ()> {
    text.parse().ok().filter(|number| range.contains(number)).ok_or(())
}

/// Reads a flag as the specification has it, in any case.
fn parse_flag(text: &str) -> Result<bool, ()> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || is("false") { Ok(is("true")) } else { Err(()) }
}

#[cfg(test)]
mod tests;

//! [`read_sloth`]: objectives from a file for Sloth (<https://sloth.dev>).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use crate::rule::Severity;
use crate::words::Words;

use super::file_error::{Place, gathered};
use super::query_texts::{NumeratorText, QueryTexts};
use super::{BurnRate, InvalidObjective, InvalidObjectiveFile, Objective, Target};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SlothDocument {
    version: Spanned<String>,
    service: String,
    #[serde(rename = "labels")]
    _labels: Option<IgnoredAny>,
    slos: Vec<Spanned<Slo>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Slo {
    name: String,
    #[serde(default)]
    description: String,
    objective: f64,
    #[serde(rename = "labels")]
    _labels: Option<IgnoredAny>,
    sli: SlothIndicator,
    #[serde(default)]
    alerting: Alerting,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SlothIndicator {
    events: Option<SlothEvents>,
    raw: Option<IgnoredAny>,
    plugin: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SlothEvents {
    error_query: String,
    total_query: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alerting {
    #[serde(rename = "name")]
    _name: Option<IgnoredAny>,
    #[serde(rename = "labels")]
    _labels: Option<IgnoredAny>,
    #[serde(rename = "annotations")]
    _annotations: Option<IgnoredAny>,
    #[serde(default)]
    page_alert: SlothAlert,
    #[serde(default)]
    ticket_alert: SlothAlert,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlothAlert {
    #[serde(default)]
    disable: bool,
    #[serde(rename = "labels")]
    _labels: Option<IgnoredAny>,
    #[serde(rename = "annotations")]
    _annotations: Option<IgnoredAny>,
}

/// Reads the objectives of a file for Sloth, which can have several documents.
///
/// The queries of events must be sums of rates of counters over `{{.window}}`. An alert that the
/// file disables takes its burn rates away: the pages are those of 1 h and 6 h, the tickets those
/// of 1 d and 3 d. Names, labels and annotations of alerts are not taken over: the alerts are those
/// of [`Objective::burn_rules`].
///
/// ```
/// let objectives = sqal_alerts::objective::read_sloth(
///     r#"
/// version: prometheus/v1
/// service: orders
/// slos:
///   - name: availability
///     objective: 99.9
///     sli:
///       events:
///         error_query: sum(rate(http_requests_total{job="orders",status=~"5.."}[{{.window}}]))
///         total_query: sum(rate(http_requests_total{job="orders"}[{{.window}}]))
///     alerting: { name: OrdersFail }
/// "#,
/// )?;
/// assert_eq!(objectives[0].target().budget(), 0.001);
/// # Ok::<(), sqal_alerts::objective::InvalidObjectiveFile>(())
/// ```
///
/// # Errors
///
/// [`InvalidObjectiveFile`] with every mistake, or with the first if the text is no YAML or has an
/// unknown key. `raw` and `plugin` indicators are refused: they do not name counters.
pub fn read_sloth(text: &str) -> Result<Vec<Objective>, InvalidObjectiveFile> {
    let documents: Vec<SlothDocument> =
        serde_saphyr::from_multiple(text).map_err(|error| InvalidObjectiveFile::yaml(&error))?;
    let mut read = Vec::new();
    for (document, file) in (1..).zip(documents) {
        if file.version.value != "prometheus/v1" {
            let place = Place { document, line: file.version.referenced.line(), name: "version".to_owned() };
            read.push((place, Err(format!("{:?}: expected \"prometheus/v1\"", file.version.value))));
            continue;
        }
        for slo in &file.slos {
            let place = Place { document, line: slo.referenced.line(), name: format!("objective {}", slo.value.name) };
            read.push((place, slo.value.objective(&file.service)));
        }
    }
    gathered(read)
}

impl Slo {
    fn objective(&self, service: &str) -> Result<Objective, String> {
        let (Some(events), None, None) = (&self.sli.events, &self.sli.raw, &self.sli.plugin) else {
            return Err("sli: expected events with error_query and total_query, and neither raw nor plugin".to_owned());
        };
        let texts = QueryTexts {
            numerator: NumeratorText::Bad(&events.error_query),
            numerator_key: "error_query",
            total: &events.total_query,
            total_key: "total_query",
            is_windowed: true,
        };
        let (indicator, by) = texts.read(Ok)?;
        let built = || {
            let by: Vec<&str> = by.iter().map(String::as_str).collect();
            let description = Words::new(&self.description, &self.description);
            let target = Target::from_percent(self.objective)?;
            Objective::new(&self.name, description, indicator, target)?.of_service(service)?.split_by(&by)
        };
        let objective = built().map_err(|error: InvalidObjective| error.to_string())?;
        let burn_rates = BurnRate::USUAL.into_iter().filter(|rate| !self.alerting.is_disabled(rate.severity()));
        Ok(objective.with_burn_rates(burn_rates.collect()))
    }
}

impl Alerting {
    const fn is_disabled(&self, severity: Severity) -> bool {
        match severity {
            Severity::Critical => self.page_alert.disable,
            Severity::Warning => self.ticket_alert.disable,
        }
    }
}

//! [`read_openslo`]: objectives from files in `OpenSLO` v1 (<https://openslo.com>).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::words::Words;

use super::file_error::{Place, gathered};
use super::query_texts::{NumeratorText, QueryTexts};
use super::{InvalidObjective, InvalidObjectiveFile, Objective, Target};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    api_version: String,
    kind: Spanned<String>,
    metadata: Metadata,
    #[serde(default)]
    spec: Value,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SloSpec {
    #[serde(default)]
    description: String,
    service: String,
    indicator: Option<InlineIndicator>,
    indicator_ref: Option<String>,
    #[serde(default)]
    time_window: Vec<TimeWindow>,
    budgeting_method: Option<String>,
    objectives: Vec<SloTarget>,
    alert_policies: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct InlineIndicator {
    spec: SliSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SliSpec {
    #[serde(rename = "description")]
    _description: Option<String>,
    ratio_metric: Option<RatioMetric>,
    threshold_metric: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RatioMetric {
    counter: Option<bool>,
    good: Option<Metric>,
    bad: Option<Metric>,
    total: Option<Metric>,
    raw: Option<Value>,
    #[serde(rename = "rawType")]
    _raw_type: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metric {
    metric_source: MetricSource,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MetricSource {
    #[serde(rename = "metricSourceRef")]
    _metric_source_ref: Option<String>,
    #[serde(rename = "type")]
    source_type: Option<String>,
    spec: MetricSpec,
}

#[derive(Deserialize)]
struct MetricSpec {
    query: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimeWindow {
    duration: String,
    is_rolling: Option<bool>,
    calendar: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SloTarget {
    #[serde(rename = "displayName")]
    _display_name: Option<String>,
    target: Option<f64>,
    target_percent: Option<f64>,
}

/// Reads the objectives of a file in `OpenSLO`, which can have several documents.
///
/// A document of the kind `SLO` is an objective, with an indicator of its own or one of a document
/// of the kind `SLI`. An SLO with several objectives gives one for each, with `-1`, `-2` behind its
/// name. Documents of the kinds `Service` and `DataSource` are allowed and have no effect.
///
/// ```
/// let objectives = sqal_alerts::objective::read_openslo(
///     r#"
/// apiVersion: openslo/v1
/// kind: SLO
/// metadata: { name: availability }
/// spec:
///   service: orders
///   indicator:
///     metadata: { name: orders-answered }
///     spec:
///       ratioMetric:
///         counter: true
///         bad:
///           metricSource:
///             type: Prometheus
///             spec: { query: 'http_requests_total{job="orders",status=~"5.."}' }
///         total:
///           metricSource:
///             type: Prometheus
///             spec: { query: 'sum(rate(http_requests_total{job="orders"}[5m]))' }
///   timeWindow: [{ duration: 30d, isRolling: true }]
///   budgetingMethod: Occurrences
///   objectives: [{ target: 0.999 }]
/// "#,
/// )?;
/// assert_eq!(objectives[0].id(), "orders-availability");
/// # Ok::<(), sqal_alerts::objective::InvalidObjectiveFile>(())
/// ```
///
/// # Errors
///
/// [`InvalidObjectiveFile`] with every mistake, or with the first if the text is no YAML. What an
/// objective here cannot mean is refused and not left out: a `thresholdMetric`, `raw` ratios,
/// sources other than Prometheus, budgets of time slices, windows other than 30 rolling days, and
/// alert policies, in whose place the burn rates stand.
pub fn read_openslo(text: &str) -> Result<Vec<Objective>, InvalidObjectiveFile> {
    let documents: Vec<Document> =
        serde_saphyr::from_multiple(text).map_err(|error| InvalidObjectiveFile::yaml(&error))?;
    let (mut read, mut indicators) = (Vec::new(), BTreeMap::new());
    for document in documents.iter().filter(|document| document.kind.value == "SLI") {
        indicators.insert(document.metadata.name.as_str(), typed::<SliSpec>(&document.spec));
    }
    for (number, document) in (1..).zip(&documents) {
        let name = format!("{} {}", document.kind.value, document.metadata.name);
        let place = Place { document: number, line: document.kind.referenced.line(), name };
        match document.objectives(&indicators) {
            Ok(objectives) => read.extend(objectives.into_iter().map(|objective| (place.clone(), objective))),
            Err(why) => read.push((place, Err(why))),
        }
    }
    gathered(read)
}

/// A part of a document with its keys and types.
fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| format!("spec: {error}"))
}

/// The indicators of a file by name. One that cannot be read has the reason.
type Indicators<'a> = BTreeMap<&'a str, Result<SliSpec, String>>;

impl Document {
    /// The objectives of the document: none if it is of another kind that is allowed.
    fn objectives(&self, indicators: &Indicators<'_>) -> Result<Vec<Result<Objective, String>>, String> {
        if self.api_version != "openslo/v1" {
            return Err(format!("apiVersion {:?}: expected \"openslo/v1\"", self.api_version));
        }
        match self.kind.value.as_str() {
            "SLO" => typed::<SloSpec>(&self.spec)?.objectives(&self.metadata.name, indicators),
            "SLI" => typed::<SliSpec>(&self.spec).map(|_| Vec::new()),
            "Service" | "DataSource" => Ok(Vec::new()),
            kind @ ("AlertPolicy" | "AlertCondition" | "AlertNotificationTarget") => {
                Err(format!("kind {kind:?}: expected no alerts: they follow from the burn rates of each objective"))
            }
            kind => Err(format!("kind {kind:?}: expected \"SLO\", \"SLI\", \"Service\" or \"DataSource\"")),
        }
    }
}

impl SloSpec {
    fn objectives(&self, name: &str, indicators: &Indicators<'_>) -> Result<Vec<Result<Objective, String>>, String> {
        self.check()?;
        let indicator = match (&self.indicator, &self.indicator_ref) {
            (Some(inline), None) => &inline.spec,
            (None, Some(other)) => match indicators.get(other.as_str()) {
                Some(Ok(spec)) => spec,
                Some(Err(why)) => return Err(format!("spec.indicatorRef {other:?}: {why}")),
                None => return Err(format!("spec.indicatorRef {other:?}: expected the name of an SLI of this file")),
            },
            _ => return Err("spec: expected either indicator or indicatorRef".to_owned()),
        };
        let ratio = indicator.ratio()?;
        let several = self.objectives.len() > 1;
        let objectives = (1..).zip(&self.objectives).map(|(number, target)| {
            let name = if several { format!("{name}-{number}") } else { name.to_owned() };
            self.objective(&name, ratio, target).map_err(|why| format!("spec.objectives[{}]: {why}", number - 1))
        });
        Ok(objectives.collect())
    }

    /// Refuses what an objective here cannot mean.
    fn check(&self) -> Result<(), String> {
        if let Some(method) = self.budgeting_method.as_deref().filter(|&method| method != "Occurrences") {
            return Err(format!("spec.budgetingMethod {method:?}: expected \"Occurrences\""));
        }
        let is_usual = |window: &TimeWindow| {
            window.duration == "30d" && window.is_rolling != Some(false) && window.calendar.is_none()
        };
        if let Some(window) = self.time_window.iter().find(|window| !is_usual(window)) {
            return Err(format!("spec.timeWindow {:?}: expected \"30d\" with isRolling: true", window.duration));
        }
        if self.alert_policies.as_ref().is_some_and(|policies| !policies.is_empty()) {
            return Err("spec.alertPolicies: expected none: alerts follow from the burn rates".to_owned());
        }
        if self.objectives.is_empty() { Err("spec.objectives: expected at least one".to_owned()) } else { Ok(()) }
    }

    fn objective(&self, name: &str, ratio: QueryTexts<'_>, target: &SloTarget) -> Result<Objective, String> {
        let (indicator, by) = ratio.read(Ok)?;
        let target = match (target.target, target.target_percent) {
            (Some(share), None) => Target::new(share),
            (None, Some(percent)) => Target::from_percent(percent),
            _ => return Err("expected either target or targetPercent".to_owned()),
        };
        let built = || {
            let by: Vec<&str> = by.iter().map(String::as_str).collect();
            let description = Words::new(&self.description, &self.description);
            Objective::new(name, description, indicator, target?)?.of_service(&self.service)?.split_by(&by)
        };
        built().map_err(|error: InvalidObjective| error.to_string())
    }
}

impl SliSpec {
    /// The queries of a ratio of counters.
    fn ratio(&self) -> Result<QueryTexts<'_>, String> {
        if self.threshold_metric.is_some() {
            return Err("thresholdMetric: expected a ratioMetric: a threshold counts no events".to_owned());
        }
        let Some(ratio) = &self.ratio_metric else {
            return Err("expected a ratioMetric".to_owned());
        };
        if ratio.raw.is_some() {
            return Err("ratioMetric.raw: expected counters of bad or good and of total events".to_owned());
        }
        if ratio.counter == Some(false) {
            return Err("ratioMetric.counter false: expected true".to_owned());
        }
        let Some(total) = &ratio.total else {
            return Err("ratioMetric: expected total".to_owned());
        };
        let (numerator, numerator_key) = match (&ratio.bad, &ratio.good) {
            (Some(bad), None) => (NumeratorText::Bad(bad.query()?), "bad"),
            (None, Some(good)) => (NumeratorText::Good(good.query()?), "good"),
            _ => return Err("ratioMetric: expected either bad or good".to_owned()),
        };
        Ok(QueryTexts { numerator, numerator_key, total: total.query()?, total_key: "total", is_windowed: false })
    }
}

impl Metric {
    fn query(&self) -> Result<&str, String> {
        let source = &self.metric_source;
        match &source.source_type {
            Some(other) if !other.eq_ignore_ascii_case("prometheus") => {
                Err(format!("metricSource.type {other:?}: expected \"Prometheus\""))
            }
            _ => Ok(&source.spec.query),
        }
    }
}

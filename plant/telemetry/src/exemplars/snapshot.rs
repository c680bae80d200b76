//! [`Exemplars`]: the exemplars of all series at one moment.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::SystemTime;

use metrics::Key;

use crate::{SpanId, TraceId};

/// A measurement, and the trace in which it was taken.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exemplar {
    /// The trace.
    pub trace: TraceId,
    /// The span in which the value was recorded.
    pub span: SpanId,
    /// What was measured.
    pub value: f64,
    /// When it was recorded.
    pub at: SystemTime,
}

/// The exemplars of all series at one moment. The default has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exemplars {
    /// By histogram and [`series`]: the exemplars with the upper bounds of their buckets.
    histograms: HashMap<String, HashMap<String, Vec<(f64, Exemplar)>>>,
}

impl Exemplars {
    /// Adds those of a series.
    pub(super) fn insert(&mut self, key: &Key, exemplars: impl Iterator<Item = (f64, Exemplar)>) {
        let exemplars: Vec<_> = exemplars.collect();
        if !exemplars.is_empty() {
            let labels = key.labels().map(|label| (label.key(), escaped(label.value()))).collect();
            self.histograms.entry(key.name().to_owned()).or_default().insert(series(labels), exemplars);
        }
    }

    /// Whether a histogram has exemplars.
    pub(crate) fn has(&self, histogram: &str) -> bool {
        self.histograms.contains_key(histogram)
    }

    /// The exemplar of a bucket of a histogram, by the labels of its [`series`].
    pub(crate) fn of(&self, histogram: &str, series: &str, bound: f64) -> Option<&Exemplar> {
        let exemplars = self.histograms.get(histogram)?.get(series)?;
        exemplars.iter().find(|(upper, _)| upper.total_cmp(&bound).is_eq()).map(|(_, exemplar)| exemplar)
    }
}

/// The labels of a series in the order of their names, from labels in any order whose values are
/// escaped as in Prometheus' text format.
pub(crate) fn series(mut labels: Vec<(&str, Cow<'_, str>)>) -> String {
    labels.sort_unstable();
    let mut text = String::new();
    for (name, value) in labels {
        text.push_str(name);
        text.push('=');
        text.push_str(&value);
        // A line break is escaped in a value, so it separates labels without doubt.
        text.push('\n');
    }
    text
}

/// The value of a label as Prometheus' text format writes it.
fn escaped(value: &str) -> Cow<'_, str> {
    if value.contains(['\\', '"', '\n']) {
        value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").into()
    } else {
        value.into()
    }
}

//! [`Metric`]: one family of metrics as it is documented, with its type, unit, labels and meaning.

/// One family of metrics of the server.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: MetricKind,
    /// The unit of its values.
    pub unit: MetricUnit,
    /// The labels of each of its series, in their order; a histogram has `le` beside them.
    pub labels: &'static [MetricLabel],
    /// What it counts or measures, in one sentence, as `# HELP` of the exposition says it.
    pub meaning: &'static str,
    /// The id of the requirement that names it.
    pub requirement: Option<&'static str>,
    /// The setting without which the server does not have it.
    pub only_with: Option<&'static str>,
    /// Whether all its series exist when the server starts. Their label values are then known.
    pub(super) begins_at_zero: bool,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A number of events, which only grows until the server is started again.
    Counter,
    /// A state at the moment of the scrape.
    Gauge,
    /// The distribution of measured values.
    Histogram,
}

impl MetricKind {
    /// Its name in `# TYPE` of the exposition.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The unit of the values of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// A number of things or events, a score, or the number of a state.
    Number,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A share from 0 to 1.
    Ratio,
    /// A share from 0 to 100.
    Percent,
    /// Events per second.
    PerSecond,
}

impl MetricUnit {
    /// Its name in the inventory.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio, 0 to 1",
            Self::Percent => "percent",
            Self::PerSecond => "1/s",
        }
    }
}

/// A label of a metric.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MetricLabel {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: LabelValues,
}

/// The values of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelValues {
    /// These values and no others.
    Known(&'static [&'static str]),
    /// Values that a text describes, because they depend on the routes or the settings.
    Described(&'static str),
}

/// The labels of one series with their values.
pub type Series = Vec<(&'static str, &'static str)>;

impl Metric {
    /// All series that the metric can have; `None` if the values of a label are only described.
    #[must_use]
    pub fn known_series(&self) -> Option<Vec<Series>> {
        let mut all = vec![Series::new()];
        for label in self.labels {
            let LabelValues::Known(values) = label.values else { return None };
            let with = |series: &Series, value: &'static str| [series.as_slice(), &[(label.name, value)]].concat();
            all = all.iter().flat_map(|series| values.iter().map(|value| with(series, value))).collect();
        }
        Some(all)
    }

    const fn new(kind: MetricKind, name: &'static str, labels: &'static [MetricLabel], meaning: &'static str) -> Self {
        let (unit, requirement, only_with) = (MetricUnit::Number, None, None);
        Self { name, kind, unit, labels, meaning, requirement, only_with, begins_at_zero: false }
    }

    /// Names the requirement of the metric.
    pub(super) const fn of(mut self, requirement: &'static str) -> Self {
        self.requirement = Some(requirement);
        self
    }

    /// Sets the unit of the values.
    pub(super) const fn unit(mut self, unit: MetricUnit) -> Self {
        self.unit = unit;
        self
    }

    /// Names the setting without which the server does not have the metric.
    pub(super) const fn only_with(mut self, setting: &'static str) -> Self {
        self.only_with = Some(setting);
        self
    }

    /// Has all series of the metric exist when the server starts. A rate does not see the event
    /// that creates its series.
    pub(super) const fn beginning_at_zero(mut self) -> Self {
        self.begins_at_zero = true;
        self
    }
}

impl MetricLabel {
    /// A label that has these values and no others.
    pub(super) const fn known(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values: LabelValues::Known(values) }
    }

    /// A label whose values a text describes.
    pub(super) const fn described(name: &'static str, values: &'static str) -> Self {
        Self { name, values: LabelValues::Described(values) }
    }
}

/// A counter with its labels and its meaning.
pub(super) const fn counter(name: &'static str, labels: &'static [MetricLabel], meaning: &'static str) -> Metric {
    Metric::new(MetricKind::Counter, name, labels, meaning)
}

/// A gauge with its labels and its meaning.
pub(super) const fn gauge(name: &'static str, labels: &'static [MetricLabel], meaning: &'static str) -> Metric {
    Metric::new(MetricKind::Gauge, name, labels, meaning)
}

/// A histogram with its labels and its meaning.
pub(super) const fn histogram(name: &'static str, labels: &'static [MetricLabel], meaning: &'static str) -> Metric {
    Metric::new(MetricKind::Histogram, name, labels, meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOR: MetricLabel = MetricLabel::known("color", &["red", "blue"]);
    const SIZE: MetricLabel = MetricLabel::known("size", &["1", "2", "3"]);
    const OPEN: MetricLabel = MetricLabel::described("name", "as the plant calls it");

    #[test]
    fn the_known_series_are_every_combination_of_the_values_once() {
        assert_eq!(counter("x", &[], "").known_series(), Some(vec![vec![]]));
        let series = counter("x", &[COLOR, SIZE], "").known_series().unwrap();
        assert_eq!(series.len(), 6);
        assert_eq!(
            (&series[0], &series[5]),
            (&vec![("color", "red"), ("size", "1")], &vec![("color", "blue"), ("size", "3")])
        );
        let once: std::collections::BTreeSet<_> = series.iter().collect();
        assert_eq!(once.len(), 6);
        assert_eq!(gauge("x", &[COLOR, OPEN], "").known_series(), None);
    }
}

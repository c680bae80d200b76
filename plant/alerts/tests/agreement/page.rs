//! [`Page`]: what a server exposes at one time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sqal_alerts::query::Labels;

/// The value of each series, by its text in Prometheus' text format: `up{a="b"}`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page(BTreeMap<String, f64>);

impl Page {
    /// Adds to a counter, which begins at 0.
    pub(crate) fn add(&mut self, metric: &str, labels: &[(&str, &str)], by: f64) {
        *self.0.entry(text(metric, labels)).or_default() += by;
    }

    /// Sets a gauge.
    pub(crate) fn set(&mut self, metric: &str, labels: &[(&str, &str)], value: f64) {
        self.0.insert(text(metric, labels), value);
    }

    /// Removes series by their text.
    pub(crate) fn remove(&mut self, is_gone: impl Fn(&str) -> bool) {
        self.0.retain(|series, _| !is_gone(series));
    }

    /// The series and their values.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(series, value)| (series.as_str(), *value))
    }

    /// The page as a server sends it.
    pub(crate) fn exposition(&self) -> String {
        let mut page = String::new();
        for (series, value) in &self.0 {
            writeln!(page, "{series} {value}").unwrap();
        }
        page
    }
}

/// The text of a series. No value of a label has a character that must be escaped.
fn text(metric: &str, labels: &[(&str, &str)]) -> String {
    let (mut text, mut before) = (metric.to_owned(), '{');
    for (label, value) in labels {
        write!(text, "{before}{label}=\"{value}\"").unwrap();
        before = ',';
    }
    if before == ',' {
        text.push('}');
    }
    text
}

/// The name of the metric of a series.
pub(crate) fn metric(series: &str) -> &str {
    series.split_once('{').map_or(series, |(metric, _)| metric)
}

fn owned(label: &str, value: &str) -> (String, String) {
    (label.to_owned(), value.to_owned())
}

/// The labels of a series with its name and those of its target.
pub(crate) fn labels(series: &str, target: &[(&str, &str)]) -> Labels {
    let mut labels: Labels = target.iter().map(|(label, value)| owned(label, value)).collect();
    labels.extend([owned("__name__", metric(series))]);
    let inside = series.split_once('{').map_or("", |(_, rest)| rest.strip_suffix("\"}").unwrap());
    for pair in inside.split("\",").filter(|pair| !pair.is_empty()) {
        let (label, value) = pair.split_once("=\"").unwrap();
        labels.extend([owned(label, value)]);
    }
    labels
}

#[test]
fn the_labels_of_a_series_are_those_of_its_text() {
    let series = text("up", &[("a", "b,{c}"), ("le", "+Inf")]);
    assert_eq!(series, "up{a=\"b,{c}\",le=\"+Inf\"}");
    let expected = [("__name__", "up"), ("a", "b,{c}"), ("job", "j"), ("le", "+Inf")];
    let found = labels(&series, &[("job", "j")]);
    assert!(found.iter().map(|(label, value)| (label.as_str(), value.as_str())).eq(expected), "{found:?}");
    assert_eq!((metric(&series), metric("up"), labels("up", &[]).len()), ("up", "up", 1));
}

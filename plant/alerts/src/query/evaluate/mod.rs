//! The answer of a [`Query`] over [`Series`], by the rules of Prometheus 2.42.
//!
//! Where a rule is not obvious, it is that of `promql/engine.go`, `promql/functions.go` or
//! `promql/quantile.go` of that version.

mod aggregate;
mod histogram;
mod matching;
mod operators;
mod over_time;
mod rate;

use std::collections::BTreeSet;
use std::time::Duration;

use sqal_core::Timestamp;

use super::selector::{Selector, Test};
use super::series::{Sample, Series};
use super::{Arithmetic, Comparison, Labels, Query, STALENESS, millis, names, range_millis};
use rate::Window;

/// One element of the answer to a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// The labels, with `__name__` where Prometheus keeps the name of the metric.
    pub labels: Labels,
    /// The value. It can be NaN or infinite: a share of nothing is NaN.
    pub value: f64,
}

/// A query that has no answer. Prometheus reports an error for it too, and leaves the alerts of
/// the rule as they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// Two elements of a result differ in nothing but their values.
    #[error("two elements of a result have the same labels: {}", shown(.0))]
    SameLabels(Labels),
    /// Elements of two sides are to be matched, and one has several partners.
    #[error("several elements of one side have the labels by which both sides are matched: {}", shown(.0))]
    SeveralPartners(Labels),
}

fn shown(labels: &Labels) -> String {
    let shown: Vec<_> = labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
    format!("{{{}}}", shown.join(", "))
}

impl Query {
    /// The elements at a time, sorted by labels. Empty if the query has no answer:
    /// [`Query::try_evaluate`] tells that apart.
    #[must_use]
    pub fn evaluate(&self, series: &Series, at: Timestamp) -> Vec<Element> {
        self.try_evaluate(series, at).unwrap_or_default()
    }

    /// The elements at a time, sorted by labels. `at` is the time of the last scrape or later:
    /// of what is long past, only a part is in memory.
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] if Prometheus would report an error: the query joins elements that
    /// their labels do not tell apart.
    pub fn try_evaluate(&self, series: &Series, at: Timestamp) -> Result<Vec<Element>, EvaluationError> {
        let mut elements = Moment { series, at: millis(at) }.elements(self)?;
        elements.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(elements)
    }
}

impl Element {
    /// An element without labels.
    const fn number(value: f64) -> Self {
        Self { labels: Labels::new(), value }
    }
}

/// The points that a query is evaluated over, and the time in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Moment<'a> {
    series: &'a Series,
    at: i64,
}

impl Moment<'_> {
    /// The elements of a query, in any order. A number is an element without labels.
    fn elements(self, query: &Query) -> Result<Vec<Element>, EvaluationError> {
        let elements = match query {
            Query::Number(number) => vec![Element::number(*number)],
            Query::Select(of) => self.selected(of),
            Query::Rate { of, over } => self.ranges(of, *over, |samples, window| window.rate(samples)),
            Query::Increase { of, over } => self.ranges(of, *over, |samples, window| window.increase(samples)),
            Query::OverTime { how, of, over } => self.ranges(of, *over, |samples, _| over_time::joined(*how, samples)),
            Query::Aggregate { how, by, of } => aggregate::aggregated(*how, by, &self.elements(of)?),
            Query::Quantile { q, of } => histogram::quantiles(*q, self.elements(of)?),
            Query::Function { how, of } => mapped(self.elements(of)?, |value| how.value(value)),
            Query::Arithmetic { op, left, right, on } => self.calculated(*op, left, right, on.as_deref())?,
            Query::Compare { op, left, right, on } => self.compared(*op, left, right, on.as_deref())?,
            Query::And { left, right, on } => {
                matching::and(self.elements(left)?, &self.elements(right)?, on.as_deref())
            }
            Query::Or { left, right, on } => matching::or(self.elements(left)?, self.elements(right)?, on.as_deref()),
            Query::Unless { left, right, on } => {
                matching::unless(self.elements(left)?, &self.elements(right)?, on.as_deref())
            }
            Query::Absent(of) => self.absent(of),
            Query::SecondsSince(of) => mapped(self.selected(of), |time| rate::seconds(self.at) - time),
            Query::Recorded { name, labels, of } => recorded(name, labels, self.elements(of)?),
        };
        distinct(elements)
    }

    /// The newest value of each series, with the name of the metric.
    fn selected(self, of: &Selector) -> Vec<Element> {
        let from = self.at - range_millis(STALENESS);
        let values = self.series.tracks(of).filter_map(|(labels, track)| Some((labels, track.value(from, self.at)?)));
        let named = values.map(|(labels, value)| {
            let mut labels = labels.clone();
            labels.insert(names::NAME.to_owned(), of.metric().to_owned());
            Element { labels, value }
        });
        named.collect()
    }

    /// One number for the points of a range of each series, without the name of the metric.
    fn ranges(self, of: &Selector, over: Duration, join: impl Fn(&[Sample], Window) -> Option<f64>) -> Vec<Element> {
        let window = Window { from: self.at - range_millis(over), to: self.at };
        let tracks = self.series.tracks(of);
        let joined = tracks.filter_map(|(labels, track)| {
            let value = join(&track.samples(window.from, window.to), window)?;
            Some(Element { labels: labels.clone(), value })
        });
        joined.collect()
    }

    /// 1 with the labels that must be equal, if nothing is selected. A label with several
    /// conditions is left out, as Prometheus does.
    fn absent(self, of: &Selector) -> Vec<Element> {
        if !self.selected(of).is_empty() {
            return Vec::new();
        }
        let (mut labels, mut seen) = (Labels::new(), BTreeSet::new());
        for matcher in of.matchers() {
            match &matcher.test {
                Test::Equal(value) if seen.insert(&matcher.label) => {
                    labels.insert(matcher.label.clone(), value.clone());
                }
                _ => {
                    labels.remove(&matcher.label);
                }
            }
        }
        labels.retain(|_, value| !value.is_empty());
        vec![Element { labels, value: 1.0 }]
    }

    fn calculated(
        self,
        op: Arithmetic,
        left: &Query,
        right: &Query,
        on: Option<&[String]>,
    ) -> Result<Vec<Element>, EvaluationError> {
        Ok(match (operators::scalar(left), operators::scalar(right)) {
            (Some(left), Some(right)) => vec![Element::number(op.value(left, right))],
            (Some(left), None) => mapped(self.elements(right)?, |right| op.value(left, right)),
            (None, Some(right)) => mapped(self.elements(left)?, |left| op.value(left, right)),
            (None, None) => {
                let (left, right) = (self.elements(left)?, self.elements(right)?);
                mapped(matching::joined(left, &right, on, |left, right| Some(op.value(left, right)))?, |value| value)
            }
        })
    }

    fn compared(
        self,
        op: Comparison,
        left: &Query,
        right: &Query,
        on: Option<&[String]>,
    ) -> Result<Vec<Element>, EvaluationError> {
        let kept = |mut elements: Vec<Element>, holds: &dyn Fn(f64) -> bool| {
            elements.retain(|element| holds(element.value));
            elements
        };
        Ok(match (operators::scalar(left), operators::scalar(right)) {
            (_, Some(right)) => kept(self.elements(left)?, &|left| op.holds(left, right)),
            (Some(left), None) => kept(self.elements(right)?, &|right| op.holds(left, right)),
            (None, None) => {
                let (left, right) = (self.elements(left)?, self.elements(right)?);
                matching::joined(left, &right, on, |left, right| op.holds(left, right).then_some(left))?
            }
        })
    }
}

/// The elements with other values, and without the names of metrics, because their values are
/// none of those metrics.
fn mapped(elements: Vec<Element>, value: impl Fn(f64) -> f64) -> Vec<Element> {
    let mapped = elements.into_iter().map(|mut element| {
        element.labels.remove(names::NAME);
        Element { value: value(element.value), ..element }
    });
    mapped.collect()
}

/// The elements as a recording rule writes them.
fn recorded(name: &str, labels: &Labels, mut elements: Vec<Element>) -> Vec<Element> {
    for element in &mut elements {
        element.labels.insert(names::NAME.to_owned(), names::metric(name).into_owned());
        for (label, value) in labels {
            let label = names::matched_label(label).into_owned();
            if value.is_empty() {
                element.labels.remove(&label);
            } else {
                element.labels.insert(label, value.clone());
            }
        }
    }
    elements
}

/// The elements, unless two of them have the same labels.
fn distinct(elements: Vec<Element>) -> Result<Vec<Element>, EvaluationError> {
    let twice = {
        let mut seen = BTreeSet::new();
        let twice = elements.iter().find(|element| !seen.insert(&element.labels));
        twice.map(|twice| twice.labels.clone())
    };
    twice.map_or(Ok(elements), |labels| Err(EvaluationError::SameLabels(labels)))
}

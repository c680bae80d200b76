//! [`Question`]: a query, what Prometheus answers, and how near the built-in evaluator must come.

use std::collections::BTreeMap;

use sqal_alerts::query::{Labels, Query, Series};

use crate::prometheus::{Answer, Prometheus};
use crate::recording::{Point, STALE, Steps, seconds, time};
use crate::rewriting::expanded;

/// The time of which the built-in evaluator keeps one point, in milliseconds, once it is two hours
/// ago.
const THINNED: i64 = 5 * 60 * 1000;

/// A query with the answers of Prometheus at steps of the hour.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) query: Query,
    pub(crate) answers: Vec<Answer>,
    promql: String,
    steps: Steps,
}

impl Question {
    /// Asks Prometheus.
    pub(crate) fn ask(prometheus: &Prometheus, query: Query, steps: Steps) -> Self {
        let promql = expanded(&query);
        let answers = prometheus.answers(&promql, steps);
        Self { query, answers, promql, steps }
    }

    /// Both answers at a time, which have the same elements; `None` if Prometheus was not asked
    /// then.
    fn both(&self, series: &Series, at: i64) -> Option<(Answer, &Answer)> {
        let theirs = &self.answers[self.steps.number(at)?];
        let found = self.query.try_evaluate(series, time(at)).unwrap();
        let ours: Answer = found.into_iter().map(|element| (element.labels, element.value)).collect();
        let is_same = ours.keys().eq(theirs.keys());
        assert!(is_same, "{} at {at}: {ours:?}, and in Prometheus {theirs:?}", self.promql);
        Some((ours, theirs))
    }

    /// Both answers have the same elements with the same values, but for rounding.
    pub(crate) fn assert_equal(&self, series: &Series, at: i64) {
        let Some((ours, theirs)) = self.both(series, at) else { return };
        for ((labels, ours), theirs) in ours.iter().zip(theirs.values()) {
            assert!(is_near(*ours, *theirs), "{} at {at}, {labels:?}: {ours}, not {theirs}", self.promql);
        }
    }

    /// The answers to an increase over more than two hours have the same elements, whose values
    /// differ by no more than thinning allows. `recorded` are the points of each series.
    pub(crate) fn assert_thinned(&self, series: &Series, at: i64, recorded: &BTreeMap<Labels, Vec<Point>>) {
        let Query::Increase { of, over } = &self.query else { panic!("{} is no increase", self.promql) };
        let Some((ours, theirs)) = self.both(series, at) else { return };
        let from = at - i64::try_from(over.as_millis()).unwrap();
        for ((labels, ours), theirs) in ours.iter().zip(theirs.values()) {
            let mut of_series = labels.clone();
            of_series.insert("__name__".to_owned(), of.metric().to_owned());
            let within = recorded[&of_series].iter().filter(|point| (from..=at).contains(&point.at));
            let most = allowed(within, *theirs);
            let is_allowed = is_near(*ours, *theirs) || (ours - theirs).abs() <= most;
            assert!(is_allowed, "{} at {at}, {labels:?}: {ours}, not {theirs} within {most}", self.promql);
        }
    }
}

/// Whether two values are equal to nine digits.
fn is_near(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// How far thinning may move an increase. Of thinned points the first in the range can be up to
/// five minutes later. So two things are missing or too much: what the counter grew in the first
/// five minutes, and the mean growth of the time by which the extrapolation goes less or more far
/// beyond the first point, which is not above five minutes either.
fn allowed<'a>(within: impl Iterator<Item = &'a Point>, increase: f64) -> f64 {
    let points: Vec<_> = within.filter(|point| point.bits != STALE).collect();
    let [first, .., last] = points[..] else { return 0.0 };
    let early: Vec<_> = points.iter().take_while(|point| point.at <= first.at + THINNED).collect();
    let grown = early.windows(2).map(|pair| {
        let [before, after] = [pair[0], pair[1]].map(|point| f64::from_bits(point.bits));
        if after < before { after } else { after - before }
    });
    grown.sum::<f64>() + increase * seconds(THINNED) / seconds(last.at - first.at)
}

//! [`Spans`]: when alerts fire, by the number of the evaluation.

use std::collections::{BTreeMap, BTreeSet};

use sqal_alerts::AlertRule;
use sqal_alerts::query::Element;
use sqal_alerts::state::{Evaluation, Finding, RuleState};

use crate::prometheus::Answer;
use crate::recording::{Steps, time};

/// The times at which each alert fires.
#[derive(Debug, Default)]
pub(crate) struct Spans(BTreeMap<String, Vec<Span>>);

/// The evaluations from which on and until which an alert fires; without an end, it does so at the
/// last one still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    begin: usize,
    end: Option<usize>,
}

/// The rule and the labels of an alert.
fn name(finding: &Finding) -> String {
    format!("{} {} {:?}", finding.rule, finding.severity.as_str(), finding.labels)
}

impl Spans {
    /// Takes what fires at an evaluation.
    pub(crate) fn take(&mut self, evaluation: &Evaluation, number: usize) {
        let firing: BTreeSet<_> = evaluation.firing.iter().map(name).collect();
        let open = self.0.iter().filter(|(_, spans)| spans.last().is_some_and(|span| span.end.is_none()));
        let open: BTreeSet<_> = open.map(|(alert, _)| alert.clone()).collect();
        for alert in firing.difference(&open) {
            self.begin(alert.clone(), number);
        }
        for alert in open.difference(&firing) {
            self.end(alert, number);
        }
    }

    /// When the alerts of a rule fire, by the answers to its query at steps.
    pub(crate) fn of_answers(rule: &AlertRule, answers: &[Answer], steps: Steps) -> Self {
        let (mut spans, mut states) = (Self::default(), BTreeMap::<String, RuleState>::new());
        for ((number, at), elements) in steps.times().enumerate().zip(answers) {
            let found: BTreeSet<_> = elements
                .iter()
                .map(|(labels, &value)| Element { labels: labels.clone(), value })
                .map(|element| name(&Finding::of(rule, element, time(at))))
                .collect();
            for alert in &found {
                states.entry(alert.clone()).or_default();
            }
            for (alert, state) in &mut states {
                let before = *state;
                *state = before.after(found.contains(alert), rule.hold(), time(at));
                match (before.is_firing(), state.is_firing()) {
                    (false, true) => spans.begin(alert.clone(), number),
                    (true, false) => spans.end(alert, number),
                    _ => {}
                }
            }
        }
        spans
    }

    fn begin(&mut self, alert: String, number: usize) {
        self.0.entry(alert).or_default().push(Span { begin: number, end: None });
    }

    fn end(&mut self, alert: &str, number: usize) {
        let last = self.0.get_mut(alert).and_then(|spans| spans.last_mut());
        last.unwrap().end = Some(number);
    }

    /// Whether no alert fires.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the alerts of another rule.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Both have equal alerts that fire equally often, and each begins and ends at the same
    /// evaluation or at a neighbouring one.
    pub(crate) fn assert_near(&self, theirs: &Self, steps: Steps) {
        let alerts = |spans: &Self| spans.0.keys().cloned().collect::<Vec<_>>();
        assert_eq!(alerts(self), alerts(theirs));
        let is_next = |a: usize, b: usize| a.abs_diff(b) <= 1;
        let end = |span: &Span| span.end.unwrap_or(steps.count());
        for ((alert, ours), theirs) in self.0.iter().zip(theirs.0.values()) {
            let mut pairs = ours.iter().zip(theirs);
            let is_near = pairs.all(|(a, b)| is_next(a.begin, b.begin) && is_next(end(a), end(b)));
            assert!(is_near && ours.len() == theirs.len(), "{alert}: {ours:?}, and in Prometheus {theirs:?}");
        }
    }
}

//! [`Evaluator`]: asks every rule and keeps a state for each label set.

use std::collections::BTreeMap;
use std::time::Duration;

use sqal_core::Timestamp;

use super::alert::Alert;
use super::finding::Finding;
use super::key::AlertKey;
use super::rule_state::RuleState;
use crate::query::Series;
use crate::times::{between, later};
use crate::{AlertRule, Hold, RuleName};

/// The most label sets that an evaluator keeps for one rule. A plant has a few hundred stations; a
/// rule that finds more than this groups by a label that strangers can fill.
pub const MOST_ALERTS: usize = 1_000;

/// A step of the wall clock back that is ignored: the next evaluations catch up with it. After a
/// longer step the evaluator goes on from the earlier time.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// How long a restored alert goes on firing before its condition is found again: the range of the
/// rates in most rules, which have no value until the process has scraped itself for a while.
const RESTORED_FOR: Duration = Duration::from_mins(5);

/// The result of one evaluation of all rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The time of the evaluation.
    pub at: Timestamp,
    /// The conditions for which there is an alert, by key.
    pub firing: Vec<Finding>,
    /// The conditions that hold and for which there is no alert yet, by key.
    pub pending: Vec<Finding>,
    /// The rules whose query has no answer at this time, with the reason. Their alerts stay as they
    /// were, as in Prometheus.
    pub failed: Vec<(RuleName, String)>,
    /// The number of label sets above [`MOST_ALERTS`] of a rule, which are left out.
    pub left_out: usize,
    /// Whether the evaluation was ignored because its time is not after the last. What fires and is
    /// pending is then as it was.
    pub ignored: bool,
}

/// A rule with its state for each label set that does not stand still.
#[derive(Clone, Debug)]
struct Watch {
    rule: AlertRule,
    tracked: BTreeMap<AlertKey, Tracked>,
}

/// The state of a rule for one label set.
#[derive(Clone, Debug)]
struct Tracked {
    state: RuleState,
    finding: Finding,
}

/// Asks rules at one time after the other, and keeps the state of each for every label set that it
/// has found.
///
/// The caller evaluates every 15 seconds. An evaluation that comes late or twice does no harm. A
/// wall clock that was set back by up to a minute is waited for: the evaluations until then are
/// [ignored](Evaluation::ignored). After a longer step back, conditions that wait begin to wait
/// again at the earlier time.
///
/// ```
/// use sqal_alerts::query::{Query, Selector, Series};
/// use sqal_alerts::state::Evaluator;
/// use sqal_alerts::{AlertRule, Hold, Severity, Words};
/// use sqal_core::Timestamp;
///
/// let silent = Query::from(Selector::new("station_silent")).equal_to(1.0);
/// let summary = Words::new("{device} is silent", "{device} se tait");
/// let rule = AlertRule::new(
///     "StationSilent", Severity::Warning, silent, Hold::minutes(1), summary, Words::default(), "station-silent",
/// )?;
/// let mut evaluator = Evaluator::new(vec![rule]);
/// let mut series = Series::keeping(evaluator.rules().map(AlertRule::query));
///
/// let found = [0, 1].map(|minute| {
///     let at = Timestamp::from_micros(1_794_000_000_000_000 + 60_000_000 * minute).unwrap();
///     series.scrape("station_silent{device=\"POSTE1\"} 1\n", &[], at);
///     evaluator.evaluate(&series, at)
/// });
/// assert_eq!((found[0].pending.len(), found[0].firing.len()), (1, 0));
/// assert_eq!((found[1].pending.len(), found[1].firing.len()), (0, 1));
/// assert_eq!(found[1].firing[0].labels["device"], "POSTE1");
/// # Ok::<(), sqal_alerts::InvalidRule>(())
/// ```
#[derive(Clone, Debug)]
pub struct Evaluator {
    watches: Vec<Watch>,
    last: Option<Timestamp>,
}

impl Evaluator {
    /// An evaluator that has not yet found anything.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = AlertRule>) -> Self {
        let watches = rules.into_iter().map(|rule| Watch { rule, tracked: BTreeMap::new() }).collect();
        Self { watches, last: None }
    }

    /// The rules.
    pub fn rules(&self) -> impl Iterator<Item = &AlertRule> {
        self.watches.iter().map(|watch| &watch.rule)
    }

    /// Takes over alerts of the book after a restart, so that they neither end nor wait again. Give
    /// the alerts that this server had confirmed: see [`Alert::is_confirmed_by`]. An alert that has
    /// ended, or whose rule no longer exists, is left out.
    ///
    /// A restored alert fires for at least 5 minutes, because the rates of a process that was just
    /// started have no value yet. Conditions that were pending wait again from the beginning.
    pub fn restore<'a>(&mut self, alerts: impl IntoIterator<Item = &'a Alert>, now: Timestamp) {
        for alert in alerts.into_iter().filter(|alert| alert.resolved.is_none()) {
            let Some(watch) = self.watches.iter_mut().find(|watch| watch.is_of(alert)) else { continue };
            let since = alert.began.min(now);
            let finding = Finding::with_labels(&watch.rule, alert.labels.clone(), alert.value, since);
            let state = RuleState::restored(since, later(now, RESTORED_FOR));
            watch.tracked.entry(finding.key).or_insert(Tracked { state, finding });
        }
    }

    /// Asks every rule at a time.
    pub fn evaluate(&mut self, series: &Series, at: Timestamp) -> Evaluation {
        let mut evaluation = Evaluation {
            at,
            firing: Vec::new(),
            pending: Vec::new(),
            failed: Vec::new(),
            left_out: 0,
            ignored: !self.advance(at),
        };
        if !evaluation.ignored {
            for watch in &mut self.watches {
                watch.ask(series, &mut evaluation);
            }
        }
        (evaluation.firing, evaluation.pending) = self.holding();
        evaluation
    }

    /// Moves the time on; `false` if the evaluation is to be ignored.
    fn advance(&mut self, at: Timestamp) -> bool {
        if let Some(last) = self.last.filter(|last| at <= *last) {
            if between(at, last) <= LONGEST_WAIT {
                return false;
            }
            for tracked in self.watches.iter_mut().flat_map(|watch| watch.tracked.values_mut()) {
                tracked.state = tracked.state.no_later_than(at);
            }
        }
        self.last = Some(at);
        true
    }

    /// What fires and what is pending. If two rules find one alert, it fires if one of them fires.
    fn holding(&self) -> (Vec<Finding>, Vec<Finding>) {
        let (mut firing, mut pending) = (BTreeMap::new(), BTreeMap::new());
        for (key, tracked) in self.watches.iter().flat_map(|watch| &watch.tracked) {
            let among = if tracked.state.is_firing() { &mut firing } else { &mut pending };
            among.entry(*key).or_insert_with(|| tracked.finding.clone());
        }
        pending.retain(|key, _| !firing.contains_key(key));
        (firing.into_values().collect(), pending.into_values().collect())
    }
}

impl Watch {
    /// Whether an alert is of the rule.
    fn is_of(&self, alert: &Alert) -> bool {
        let mut own = self.rule.labels().iter();
        self.rule.name() == &alert.rule
            && self.rule.severity() == alert.severity
            && own.all(|(name, value)| alert.labels.get(name) == Some(value))
    }

    /// Asks the rule, and moves the state of each label set.
    fn ask(&mut self, series: &Series, evaluation: &mut Evaluation) {
        let (rule, at) = (&self.rule, evaluation.at);
        let elements = match rule.query().try_evaluate(series, at) {
            Ok(elements) => elements,
            Err(error) => return evaluation.failed.push((rule.name().clone(), error.to_string())),
        };
        let mut found = BTreeMap::new();
        for finding in elements.into_iter().map(|element| Finding::of(rule, element, at)) {
            // Elements that differ only in labels that an alert leaves out are one alert.
            found.entry(finding.key).or_insert(finding);
        }
        for (key, tracked) in &mut self.tracked {
            let finding = found.remove(key);
            let holds = finding.is_some();
            if let Some(finding) = finding {
                tracked.finding = finding;
            }
            tracked.advance(holds, rule.hold(), at);
        }
        self.tracked.retain(|_, tracked| tracked.state != RuleState::Inactive);
        let room = MOST_ALERTS.saturating_sub(self.tracked.len());
        evaluation.left_out = evaluation.left_out.saturating_add(found.len().saturating_sub(room));
        for (key, finding) in found.into_iter().take(room) {
            let mut tracked = Tracked { state: RuleState::Inactive, finding };
            tracked.advance(true, rule.hold(), at);
            self.tracked.insert(key, tracked);
        }
    }
}

impl Tracked {
    /// Moves the state on.
    fn advance(&mut self, holds: bool, hold: Hold, at: Timestamp) {
        self.state = self.state.after(holds, hold, at);
        if let Some(since) = self.state.since() {
            self.finding.since = since;
        }
    }
}

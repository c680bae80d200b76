//! How conditions become alerts and end: the state of one label set as in Prometheus, and the
//! evaluator of many rules.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use sqal_alerts::query::{Arithmetic, Query, Selector, Series};
use sqal_alerts::state::{Alert, Evaluation, Evaluator, Finding, MOST_ALERTS, RuleState, ServerName};
use sqal_alerts::{AlertRule, Hold, Severity, Words};
use sqal_core::{Name, Timestamp};

/// The time some seconds after the tests begin.
fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_794_000_000_000_000 + 1_000_000 * second).unwrap()
}

fn hold(before: u64, after: u64) -> Hold {
    Hold { before: Duration::from_secs(before), after: Duration::from_secs(after) }
}

fn rule(name: &str, query: Query, hold: Hold) -> AlertRule {
    let summary = Words::new("{device}: {value}", "{device} : {value}");
    AlertRule::new(name, Severity::Warning, query, hold, summary, Words::default(), "station-silent").unwrap()
}

fn silent() -> Query {
    Query::from(Selector::new("station_silent")).equal_to(1.0)
}

fn server() -> ServerName {
    Name::new("server-1").unwrap()
}

/// An evaluator with the series that it asks.
struct Plant {
    evaluator: Evaluator,
    series: Series,
}

impl Plant {
    fn new(rules: impl IntoIterator<Item = AlertRule>) -> Self {
        let evaluator = Evaluator::new(rules);
        let series = Series::keeping(evaluator.rules().map(AlertRule::query));
        Self { evaluator, series }
    }

    /// Scrapes a page and evaluates at the same time.
    fn evaluate(&mut self, page: &str, second: i64) -> Evaluation {
        self.series.scrape(page, &[], at(second));
        self.evaluator.evaluate(&self.series, at(second))
    }
}

fn devices(findings: &[Finding]) -> Vec<&str> {
    let mut devices: Vec<_> = findings.iter().map(|finding| finding.labels["device"].as_str()).collect();
    devices.sort_unstable();
    devices
}

/// The states that Prometheus 2.42 keeps for one label set, as `AlertingRule.Eval` of its
/// `rules/alerting.go` moves them, in seconds.
#[derive(Default)]
struct Prometheus {
    alert: Option<PrometheusAlert>,
}

#[derive(PartialEq)]
enum PrometheusState {
    Inactive,
    Pending,
    Firing,
}

struct PrometheusAlert {
    state: PrometheusState,
    active_at: i64,
    keep_firing_since: Option<i64>,
}

impl Prometheus {
    fn evaluate(&mut self, holds: bool, ts: i64, hold_duration: i64, keep_firing_for: i64) {
        let is_active = self.alert.as_ref().is_some_and(|alert| alert.state != PrometheusState::Inactive);
        if holds && !is_active {
            let state = PrometheusState::Pending;
            self.alert = Some(PrometheusAlert { state, active_at: ts, keep_firing_since: None });
        }
        let Some(alert) = &mut self.alert else { return };
        if holds {
            alert.keep_firing_since = None;
        } else {
            let mut keep_firing = false;
            if alert.state == PrometheusState::Firing && keep_firing_for > 0 {
                let since = *alert.keep_firing_since.get_or_insert(ts);
                keep_firing = ts - since < keep_firing_for;
            }
            if alert.state == PrometheusState::Pending {
                self.alert = None;
                return;
            }
            if !keep_firing {
                alert.state = PrometheusState::Inactive;
                return;
            }
        }
        if alert.state == PrometheusState::Pending && ts - alert.active_at >= hold_duration {
            alert.state = PrometheusState::Firing;
        }
    }

    /// Whether there is an alert, and since when the condition has held.
    fn shown(&self) -> (bool, Option<i64>) {
        let active = self.alert.as_ref().filter(|alert| alert.state != PrometheusState::Inactive);
        let fires = active.is_some_and(|alert| alert.state == PrometheusState::Firing);
        (fires, active.map(|alert| alert.active_at))
    }
}

/// Evaluations: the seconds since the one before, and whether the condition holds.
fn evaluations() -> impl Strategy<Value = Vec<(i64, bool)>> {
    prop::collection::vec((1..90_i64, prop::bool::weighted(0.7)), 1..60)
}

proptest! {
    #[test]
    fn a_state_moves_as_in_prometheus(
        evaluations in evaluations(),
        before in prop_oneof![Just(0_u64), 1..200_u64],
        after in prop_oneof![Just(0_u64), 1..200_u64],
    ) {
        let (mut prometheus, mut state, mut now) = (Prometheus::default(), RuleState::default(), 0);
        for (step, holds) in evaluations {
            now += step;
            prometheus.evaluate(holds, now, i64::try_from(before).unwrap(), i64::try_from(after).unwrap());
            state = state.after(holds, hold(before, after), at(now));
            let (fires, since) = prometheus.shown();
            prop_assert_eq!((state.is_firing(), state.since()), (fires, since.map(at)), "after {} s", now);
        }
    }

    #[test]
    fn an_alert_begins_only_after_the_condition_held_at_every_evaluation_for_the_whole_time(
        evaluations in evaluations(), before in 0..200_u64,
    ) {
        let (mut state, mut now, mut held_since) = (RuleState::default(), 0, None);
        for (step, holds) in evaluations {
            now += step;
            held_since = if holds { held_since.or(Some(now)) } else { None };
            let was_firing = state.is_firing();
            state = state.after(holds, hold(before, 0), at(now));
            let has_held = held_since.is_some_and(|since| now - since >= i64::try_from(before).unwrap());
            prop_assert_eq!(state.is_firing(), has_held);
            prop_assert!(!was_firing || state.is_firing() || !holds, "an alert ends only if the condition does not hold");
        }
    }

    #[test]
    fn a_restored_alert_outlasts_the_time_without_values_and_then_ends_as_any_other(
        kept in 0..600_i64, steps in prop::collection::vec(1..90_i64, 1..40),
    ) {
        let (mut state, mut now) = (RuleState::restored(at(-100), at(kept)), 0);
        for step in &steps {
            now += step;
            state = state.after(false, hold(60, 0), at(now));
            prop_assert_eq!(state.is_firing(), now < kept);
            if !state.is_firing() {
                return Ok(());
            }
        }
        let found = state.after(true, hold(60, 0), at(now + 1));
        prop_assert_eq!(found.since(), Some(at(-100)));
        prop_assert!(!found.after(false, hold(60, 0), at(now + 2)).is_firing(), "a confirmed alert is kept no longer");
    }
}

#[test]
fn each_label_set_is_an_alert_of_its_own_with_its_own_waiting_time() {
    let mut plant = Plant::new([rule("StationSilent", silent(), hold(60, 0))]);
    plant.evaluate("station_silent{device=\"D1\"} 1\nstation_silent{device=\"D2\"} 0\n", 0);
    let second = plant.evaluate("station_silent{device=\"D1\"} 1\nstation_silent{device=\"D2\"} 1\n", 30);
    assert_eq!((devices(&second.pending), second.firing.len()), (vec!["D1", "D2"], 0));
    let third = plant.evaluate("station_silent{device=\"D1\"} 1\nstation_silent{device=\"D2\"} 1\n", 60);
    assert_eq!((devices(&third.firing), devices(&third.pending)), (vec!["D1"], vec!["D2"]));
    assert_eq!((third.firing[0].since, third.firing[0].value), (at(0), Some(1.0)));
    let fourth = plant.evaluate("station_silent{device=\"D1\"} 0\nstation_silent{device=\"D2\"} 0\n", 75);
    assert!(fourth.firing.is_empty() && fourth.pending.is_empty());
}

#[test]
fn an_alert_has_the_labels_of_the_element_and_of_the_rule_and_no_name_of_a_metric() {
    let labelled = rule("StationSilent", silent(), Hold::default()).labelled("line", "rule").unwrap();
    let mut plant = Plant::new([labelled]);
    let page = "station_silent{device=\"D1\",line=\"element\",severity=\"none\",alertname=\"x\",empty=\"\"} 1\n";
    let found = plant.evaluate(page, 0);
    let wanted = [("device", "D1"), ("line", "rule")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(found.firing[0].labels, BTreeMap::from(wanted));
    assert_eq!((found.firing[0].rule.as_str(), found.firing[0].severity), ("StationSilent", Severity::Warning));
}

#[test]
fn two_rules_that_find_one_alert_make_one_finding_that_fires_if_one_of_them_fires() {
    let slow = rule("StationSilent", Query::from(Selector::new("a")).above(0.0), hold(600, 0));
    let fast = rule("StationSilent", Query::from(Selector::new("b")).above(0.0), Hold::default());
    let mut plant = Plant::new([slow, fast]);
    let found = plant.evaluate("a{device=\"D1\"} 1\nb{device=\"D1\"} 2\n", 0);
    assert_eq!((devices(&found.firing), found.pending.len()), (vec!["D1"], 0));
    let slow_alone = plant.evaluate("a{device=\"D1\"} 1\n", 15);
    assert_eq!((slow_alone.firing.len(), devices(&slow_alone.pending)), (0, vec!["D1"]));
}

#[test]
fn elements_that_differ_only_in_labels_that_an_alert_leaves_out_are_one_alert() {
    let mut plant = Plant::new([rule("StationSilent", silent(), Hold::default())]);
    let page = "station_silent{device=\"D1\",severity=\"a\"} 1\nstation_silent{device=\"D1\",severity=\"b\"} 1\n";
    assert_eq!(devices(&plant.evaluate(page, 0).firing), ["D1"]);
}

#[test]
fn an_evaluation_that_comes_twice_or_from_a_clock_that_was_set_back_a_little_changes_nothing() {
    let mut plant = Plant::new([rule("StationSilent", silent(), hold(60, 0))]);
    plant.evaluate("station_silent{device=\"D1\"} 1\n", 0);
    let firing = plant.evaluate("station_silent{device=\"D1\"} 1\n", 60);
    assert!(!firing.ignored && firing.firing.len() == 1);
    for second in [60, 59, 0] {
        let again = plant.evaluator.evaluate(&plant.series, at(second));
        assert!(again.ignored, "{second}");
        assert_eq!((again.firing, again.pending), (firing.firing.clone(), Vec::new()), "{second}");
    }
    assert!(!plant.evaluate("station_silent{device=\"D1\"} 1\n", 75).ignored);
}

#[test]
fn a_clock_that_was_set_back_by_a_day_does_not_stop_the_evaluation_for_a_day() {
    let day = 86_400;
    let mut plant = Plant::new([rule("StationSilent", silent(), hold(60, 0))]);
    plant.evaluate("station_silent{device=\"D1\"} 1\n", day);
    // The series of the process before the step lie in the future; only the state is looked at.
    let mut evaluator = plant.evaluator.clone();
    let mut series = Series::keeping(evaluator.rules().map(AlertRule::query));
    let mut evaluate = |second| {
        series.scrape("station_silent{device=\"D1\"} 1\n", &[], at(second));
        evaluator.evaluate(&series, at(second))
    };
    let earlier = evaluate(0);
    assert!(!earlier.ignored);
    assert_eq!((earlier.pending.len(), earlier.pending[0].since), (1, at(0)));
    assert_eq!(evaluate(60).firing.len(), 1);
}

#[test]
fn a_late_evaluation_counts_the_time_and_not_the_evaluations() {
    let mut plant = Plant::new([rule("StationSilent", silent(), hold(600, 0))]);
    plant.evaluate("station_silent{device=\"D1\"} 1\n", 0);
    assert_eq!(plant.evaluate("station_silent{device=\"D1\"} 1\n", 700).firing.len(), 1);
}

#[test]
fn a_rule_without_an_answer_keeps_its_alerts_as_in_prometheus() {
    let (left, right) = (Query::from(Selector::new("a")), Query::from(Selector::new("b")));
    let ratio = left.combined(Arithmetic::Divide, right, Some(&["device"])).above(0.5);
    let mut plant =
        Plant::new([rule("Ratio", ratio, Hold::default()), rule("StationSilent", silent(), Hold::default())]);
    let sound = "a{device=\"D1\"} 1\nb{device=\"D1\"} 1\n";
    assert_eq!(plant.evaluate(sound, 0).firing.len(), 1);
    // Two partners on the right: PromQL has no answer to this.
    let ambiguous =
        "a{device=\"D1\"} 1\nb{device=\"D1\"} 1\nb{device=\"D1\",side=\"l\"} 1\nstation_silent{device=\"D2\"} 1\n";
    let found = plant.evaluate(ambiguous, 15);
    assert_eq!(found.failed.iter().map(|(rule, _)| rule.as_str()).collect::<Vec<_>>(), ["Ratio"]);
    assert_eq!(devices(&found.firing), ["D1", "D2"], "only the other rule has found another alert");
}

#[test]
fn a_value_that_is_no_finite_number_is_left_out() {
    let (left, right) = (Query::from(Selector::new("a")), Query::from(Selector::new("b")));
    let mut plant = Plant::new([rule("Ratio", left.divided_by(right).above(0.5), Hold::default())]);
    let found = plant.evaluate("a{device=\"D1\"} 1\nb{device=\"D1\"} 0\n", 0);
    assert_eq!((found.firing.len(), found.firing[0].value), (1, None));
}

#[test]
fn the_label_sets_of_a_rule_are_bounded_and_those_that_are_watched_stay() {
    let page = |from: usize, count: usize| {
        let lines = (from..from + count).map(|device| format!("station_silent{{device=\"D{device:05}\"}} 1\n"));
        lines.collect::<String>()
    };
    let mut plant = Plant::new([rule("StationSilent", silent(), Hold::default())]);
    let first = plant.evaluate(&page(500, MOST_ALERTS), 0);
    assert_eq!((first.firing.len(), first.left_out), (MOST_ALERTS, 0));
    let second = plant.evaluate(&page(0, MOST_ALERTS + 500), 15);
    assert_eq!((second.firing.len(), second.left_out), (MOST_ALERTS, 500));
    assert_eq!(devices(&second.firing), devices(&first.firing));
}

/// The alert of the first finding, as the book has it.
fn alert(evaluation: &Evaluation) -> Alert {
    Alert::found(&evaluation.firing[0], &server(), evaluation.at)
}

#[test]
fn an_alert_of_the_book_fires_on_after_a_restart_and_does_not_wait_again() {
    let rules = || [rule("StationSilent", silent(), hold(600, 0)).labelled("line", "1").unwrap()];
    let mut before = Plant::new(rules());
    before.evaluate("station_silent{device=\"D1\"} 1\n", 0);
    let known = alert(&before.evaluate("station_silent{device=\"D1\"} 1\n", 600));

    let mut after = Plant::new(rules());
    after.evaluator.restore([&known], at(700));
    // The first page of the new process does not have the series yet.
    let first = after.evaluate("", 700);
    assert_eq!((first.firing.len(), first.firing[0].key, first.firing[0].since), (1, known.key, at(0)));
    let found = after.evaluate("station_silent{device=\"D1\"} 1\n", 715);
    assert_eq!((found.firing.len(), found.firing[0].since), (1, at(0)));
    assert!(after.evaluate("station_silent{device=\"D1\"} 0\n", 730).firing.is_empty());
}

#[test]
fn alerts_that_have_ended_or_whose_rule_is_gone_are_not_restored() {
    let mut plant = Plant::new([rule("StationSilent", silent(), Hold::default())]);
    let known = alert(&plant.evaluate("station_silent{device=\"D1\"} 1\n", 0));
    let ended = Alert { resolved: Some(at(1)), ..known.clone() };
    let mut other = Plant::new([rule("Other", silent(), Hold::default())]);
    other.evaluator.restore([&known], at(10));
    assert!(other.evaluate("", 10).firing.is_empty());
    let mut same = Plant::new([rule("StationSilent", silent(), Hold::default())]);
    same.evaluator.restore([&ended], at(10));
    assert!(same.evaluate("", 10).firing.is_empty());
    same.evaluator.restore([&known], at(20));
    assert_eq!(same.evaluate("", 20).firing.len(), 1);
}

#[test]
fn a_restored_alert_that_is_not_found_ends_after_five_minutes() {
    let mut plant = Plant::new([rule("StationSilent", silent(), Hold::default())]);
    let known = alert(&plant.evaluate("station_silent{device=\"D1\"} 1\n", 0));
    let mut after = Plant::new([rule("StationSilent", silent(), Hold::default())]);
    after.evaluator.restore([&known], at(100));
    let fires = [100, 250, 399, 400].map(|second| after.evaluate("", second).firing.len());
    assert_eq!(fires, [1, 1, 1, 0]);
}

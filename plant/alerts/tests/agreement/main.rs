//! The built-in evaluator and a real Prometheus 2.42 agree on the same recorded hour: on the
//! answers to the query of every rule, and on when its alerts begin and end.
//!
//! The recording is seeded: three quiet days and an hour with 28 faults of two servers, with
//! counters that are reset, scrapes that fail, series that vanish and come back, and a server with
//! hardly any traffic. The built-in evaluator scrapes its pages, and Prometheus gets their points.
//!
//! Prometheus gets them through its remote-write receiver, because `promtool tsdb
//! create-blocks-from openmetrics` cannot import staleness markers: with them, the answers are
//! compared in the minutes after a series has ended too. No rule is evaluated live, because the
//! time of the recording is past. So the queries of rules are asked with the query of each
//! recording in place of its name. How a recording every minute delays an alert is not compared.
//!
//! What the built-in evaluator thins, ranges of more than two hours, it cannot answer to nine
//! digits. Such a rule is compared in three ways: with its ranges cut to two hours, to nine digits;
//! each increase that it reads, within what thinning allows; its alerts, within one evaluation.
//! Thinning lets an event leave a long range up to five minutes early. So the hour has no alert
//! that ends because one event leaves such a range: it could end that much earlier than in
//! Prometheus.
#![allow(
    clippy::suboptimal_flops,
    clippy::unwrap_used,
    reason = "the plain formulas; a test shows what it did not expect"
)]

mod faults;
mod page;
mod plant;
mod prometheus;
mod question;
mod recording;
mod remote_write;
mod rewriting;
mod server;
mod spans;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqal_alerts::query::{Labels, Query, Series};
use sqal_alerts::state::Evaluator;
use sqal_alerts::{AlertRule, catalogue, objective};

use prometheus::Prometheus;
use question::Question;
use recording::{Point, Recording, Steps, time};
use rewriting::{is_long, long_increases, shortened};
use spans::Spans;

/// Rules that are evaluated together, and when.
struct Group {
    rules: Vec<AlertRule>,
    steps: Steps,
}

/// The rules of the catalogue, every 15 seconds, and those of the objectives, every minute: the
/// intervals of the file of rules for Prometheus.
fn groups() -> [Group; 2] {
    let of_objectives = objective::documented().iter().flat_map(|objective| objective.rules().unwrap()).collect();
    [
        Group { rules: catalogue::documented(), steps: Steps::every(15) },
        Group { rules: of_objectives, steps: Steps::every(60) },
    ]
}

/// The queries of all rules.
fn queries(groups: &[Group]) -> impl Iterator<Item = &Query> {
    groups.iter().flat_map(|group| &group.rules).map(AlertRule::query)
}

/// The recording of a seed, with what rules read over long ranges in the days before the hour.
fn recorded(seed: u64, groups: &[Group]) -> Recording {
    let long: BTreeSet<_> = queries(groups).filter(|query| is_long(query)).flat_map(Query::metrics).collect();
    Recording::seeded(seed, &long)
}

/// What Prometheus was asked: the query of each rule at the times of its group; those that look
/// back more than two hours with their ranges cut, every five minutes; and the increases that they
/// read.
struct Questions {
    of_rules: [Vec<Question>; 2],
    cut: Vec<Question>,
    increases: Vec<Question>,
}

impl Questions {
    fn ask(prometheus: &Prometheus, groups: &[Group; 2]) -> Self {
        let ask = |query: Query, steps| Question::ask(prometheus, query, steps);
        let rarely = Steps::every(300);
        let of_rules = groups.each_ref().map(|group| {
            let rules = group.rules.iter();
            rules.map(|rule| ask(rule.query().clone(), group.steps)).collect::<Vec<_>>()
        });
        let long = queries(groups).filter(|query| is_long(query));
        let cut = long.map(|query| ask(shortened(query), rarely)).collect();
        let increases = long_increases(queries(groups)).into_iter().map(|query| ask(query, rarely)).collect();
        Self { of_rules, cut, increases }
    }

    /// Compares the answers of the built-in evaluator at a time.
    fn compare(&self, series: &Series, at: i64, points: &BTreeMap<Labels, Vec<Point>>) {
        if Steps::every(60).number(at).is_some() {
            let exact = self.of_rules.iter().flatten().filter(|question| !is_long(&question.query));
            for question in exact.chain(&self.cut) {
                question.assert_equal(series, at);
            }
        }
        for question in &self.increases {
            question.assert_thinned(series, at, points);
        }
    }

    /// When the alerts of a group fire by the answers of Prometheus. Rules that fire are told apart
    /// in `fired`.
    fn spans(&self, groups: &[Group; 2], fired: &mut BTreeSet<[String; 4]>) -> [Spans; 2] {
        let mut all = [Spans::default(), Spans::default()];
        for ((group, questions), spans) in groups.iter().zip(&self.of_rules).zip(&mut all) {
            for (rule, question) in group.rules.iter().zip(questions) {
                let of_rule = Spans::of_answers(rule, &question.answers, group.steps);
                if !of_rule.is_empty() {
                    fired.insert(told_apart(rule));
                }
                spans.extend(of_rule);
            }
        }
        all
    }
}

/// Compares both evaluators over the recording of a seed.
fn agree(seed: u64) {
    let groups = groups();
    let recording = recorded(seed, &groups);
    let points = recording.series();
    let folder = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start(folder.path());
    prometheus.write(&points);
    let questions = Questions::ask(&prometheus, &groups);

    let mut replay = recording.replay(queries(&groups));
    let mut evaluators = groups.each_ref().map(|group| Evaluator::new(group.rules.clone()));
    let mut ours = [Spans::default(), Spans::default()];
    for at in Steps::every(15).times() {
        let series = replay.until(at);
        questions.compare(series, at, &points);
        for ((group, evaluator), spans) in groups.iter().zip(&mut evaluators).zip(&mut ours) {
            let Some(number) = group.steps.number(at) else { continue };
            let evaluation = evaluator.evaluate(series, time(at));
            assert!(evaluation.failed.is_empty() && !evaluation.ignored, "{:?}", evaluation.failed);
            assert_eq!(evaluation.left_out, 0);
            spans.take(&evaluation, number);
        }
    }

    let mut fired = BTreeSet::new();
    let theirs = questions.spans(&groups, &mut fired);
    for ((group, ours), theirs) in groups.iter().zip(&ours).zip(&theirs) {
        ours.assert_near(theirs, group.steps);
    }
    assert_eventful(&groups, &questions.of_rules, &fired);
}

/// What tells rules of one name apart that must all have fired: the severity, the window of a burn
/// rate, and whether the rule is for few events.
fn told_apart(rule: &AlertRule) -> [String; 4] {
    let label = |name: &str| rule.labels().get(name).cloned().unwrap_or_default();
    let severity = if rule.name().as_str() == objective::ERROR_BUDGET_BURN { "" } else { rule.severity().as_str() };
    [rule.name().to_string(), severity.to_owned(), label("window"), label("traffic")]
}

/// A comparison of rules that find nothing would show nothing: each rule of the catalogue finds
/// something, and each fires that does not wait longer than the hour. Of the objectives, each
/// window of burn rates does, and so do the rules for few events and for metrics that are gone.
fn assert_eventful(groups: &[Group; 2], asked: &[Vec<Question>; 2], fired: &BTreeSet<[String; 4]>) {
    let [of_catalogue, of_objectives] = groups;
    for (rule, question) in of_catalogue.rules.iter().zip(&asked[0]) {
        let name = rule.name();
        assert!(question.answers.iter().any(|answer| !answer.is_empty()), "the recording has no fault for {name}");
    }
    let wait = Duration::from_hours(1);
    let must = of_catalogue.rules.iter().filter(|rule| rule.hold().before < wait).chain(&of_objectives.rules);
    let silent: Vec<_> = must.map(told_apart).filter(|rule| !fired.contains(rule)).collect();
    assert!(silent.is_empty(), "the recording has no fault for {silent:?}");
}

#[test]
fn the_recording_has_every_metric_that_a_rule_reads() {
    let groups = groups();
    let recording = recorded(1, &groups);
    let (read, exposed): (BTreeSet<_>, _) = (queries(&groups).flat_map(Query::metrics).collect(), recording.metrics());
    assert_eq!(read, exposed);
}

#[test]
fn both_agree_on_a_recorded_hour() {
    agree(1);
}

#[test]
fn both_agree_on_the_hour_of_a_second_seed() {
    agree(2);
}

#[test]
fn both_agree_on_the_hour_of_a_third_seed() {
    agree(3);
}

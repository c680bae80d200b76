//! Plans: what a plant may write, and what is found wrong, all at once and with its place.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use sqal_alerts::notify::{AlertView, NotifyPlan, read_plan};
use sqal_alerts::{Severity, Words};
use sqal_core::Timestamp;
use sqal_work::outbox::Language;

const PLAN: &str = include_str!("notify/plan.yaml");

/// A plan that is as small as a plan can be.
const SMALL: &str = "
base_url: https://sqal.example
receivers: {all: {webhook: true}}
routes: [{to: [all]}]
";

/// The mistakes of a text, one a line.
fn mistakes(text: &str) -> Vec<String> {
    let refused = read_plan(text).unwrap_err();
    assert_eq!(refused.to_string().lines().count(), refused.mistakes().len(), "{refused}");
    refused.mistakes().iter().map(ToString::to_string).collect()
}

fn warnings(plan: &NotifyPlan) -> Vec<String> {
    plan.warnings().iter().map(ToString::to_string).collect()
}

fn alert(name: &str, severity: Severity) -> AlertView {
    AlertView {
        key: name.to_owned(),
        alertname: name.to_owned(),
        severity,
        labels: BTreeMap::from([("device".to_owned(), "POSTE1".to_owned())]),
        summary: Words::default(),
        description: Words::default(),
        runbook: String::new(),
        began: at("2026-01-05T00:00:00Z"),
        resolved: None,
        acknowledged_by: None,
        value: None,
    }
}

fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_micros(instant.as_microsecond()).unwrap()
}

#[test]
fn the_plan_of_a_plant_is_read_as_it_is_written() {
    let plan = read_plan(PLAN).unwrap();
    assert_eq!((warnings(&plan), plan.language()), (Vec::<String>::new(), Language::French));
    assert_eq!((plan.receivers().len(), plan.routes().len(), plan.has_mail()), (5, 4, true));
    let channels: Vec<_> = plan.notice_channels().into_iter().map(ToString::to_string).collect();
    assert_eq!(channels, ["pagerduty", "slack-line"]);
    let on_call = &plan.receivers()["on-call"];
    assert_eq!((on_call.language(), on_call.mail().len(), on_call.has_webhook()), (Some(Language::English), 1, false));
    let [first, second] = plan.routes()[0].escalation() else { panic!("two steps") };
    assert_eq!((first.after().as_secs(), second.after().as_secs()), (900, 3_600));
    assert!(second.to().contains("manager"));
    assert_eq!(plan.routes()[1].shift().unwrap().name(), "day");
    assert_eq!(plan.alerts_url(), "https://sqal.example/#alerts");
    assert_eq!(plan.runbook_url("station-silent"), "https://sqal.example/runbook/station-silent");
}

#[test]
fn the_first_route_that_takes_an_alert_decides() {
    let plan = read_plan(PLAN).unwrap();
    let (monday, saturday, night) = ("2026-01-05T10:00:00Z", "2026-01-10T10:00:00Z", "2026-01-05T22:00:00Z");
    for (name, severity, time, to) in [
        ("StationSilent", Severity::Critical, monday, "on-call"),
        ("StationSilent", Severity::Warning, monday, "line"),
        ("StationFault", Severity::Warning, monday, "line"),
        ("StationSilent", Severity::Warning, saturday, "on-call"),
        ("StationSilent", Severity::Warning, night, "quality"),
        ("DatabaseSlow", Severity::Warning, monday, "quality"),
    ] {
        let route = plan.route_of(&alert(name, severity), at(time)).unwrap();
        assert!(route.to().contains(to), "{name} {time}: {:?}", route.to());
    }
}

#[test]
fn a_label_that_an_alert_does_not_have_is_empty() {
    let plan = read_plan(&SMALL.replace("{to: [all]}", "{match: {cluster: ''}, to: [all]}")).unwrap();
    let mut with = alert("StationSilent", Severity::Warning);
    assert!(plan.route_of(&with, with.began).is_some());
    with.labels.insert("cluster".to_owned(), "north".to_owned());
    assert!(plan.route_of(&with, with.began).is_none());
}

#[test]
fn every_mistake_of_a_plan_is_found_at_once() {
    let text = "
base_url: nowhere
language: de
zone: Europe/Pariss
group_wait: 2h
group_interval: 5
repeat_interval: 1m
group_by: [cluster, 1]
receivers:
  Team: {notice: [Slack]}
  empty: {}
  odd: {mail: nowhere, webhook: maybe, fax: 1}
shifts:
  late: {days: [mo], from: '6:00'}
routes:
  - {to: [team], shift: lat}
  - {match: {a-b: x, severity: error}, to: []}
  - {match: {device: []}, escalate: [{to: [empty]}]}
surprise: 1
";
    let found = mistakes(text);
    let expected = [
        "surprise: unknown, expected one of base_url, group_by,",
        "base_url: url: expected a scheme",
        "language: \"de\": expected en or fr",
        "zone: \"Europe/Pariss\" is not a time zone",
        "group_by[1]: 1: expected text",
        "group_wait: \"2h\": expected 0s to 1h",
        "group_interval: 5: expected text",
        "repeat_interval: 1m: expected at least group_interval, 5m",
        "receivers.Team: the name is not",
        "receivers.Team.notice[0]: channel name: expected",
        "receivers.empty: nothing is sent to it",
        "receivers.odd.fax: unknown, expected one of language, mail, notice, webhook",
        "receivers.odd.mail: \"nowhere\": expected a list",
        "receivers.odd.webhook: \"maybe\": expected true or false",
        "shifts.late.from: \"6:00\": expected a time of the day",
        "shifts.late.days[0]: \"mo\": expected mon, tue,",
        "routes[0].shift: \"lat\": expected the name of a shift",
        "routes[1].match.a-b: not the name of a label",
        "routes[1].match.severity: \"error\": expected warning or critical",
        "routes[1].to: []: expected the name of at least one receiver",
        "routes[2].match.device: []: expected at least one value",
        "routes[2].to: missing, expected the names of receivers",
        "routes[2].escalate[0].after: missing, expected a time",
        "routes[0].to: \"team\": expected the name of a receiver of this plan",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}, expected {expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
}

#[test]
fn a_text_that_is_not_a_plan_says_what_is_missing_or_where_it_ends() {
    for text in ["", "null", "[]", "x"] {
        assert!(mistakes(text)[0].starts_with("the file: "), "{text}: {:?}", mistakes(text));
    }
    let found = mistakes("base_url: https://sqal.example");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(mistakes("routes: [").join(" ").contains("line"), "{:?}", mistakes("routes: ["));
    assert!(mistakes(&" ".repeat(262_145))[0].contains("262145 bytes"));
    assert_eq!(mistakes(&format!("{SMALL}language: fr\nlanguage: en\n")).len(), 1, "one key twice");
}

#[test]
fn no_mistake_shows_a_mail_address() {
    let text = SMALL.replace("{webhook: true}", "{mail: [hunter2@-, 'hunter2@a b'], notice: hunter2@b, webhook: x}");
    let found = mistakes(&text);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.iter().all(|mistake| !mistake.contains("hunter2")), "{found:?}");
}

#[test]
fn an_escalation_goes_to_others_and_its_times_rise() {
    let plan = |steps: &str| {
        format!(
            "{{base_url: 'https://sqal.example', receivers: {{a: {{webhook: true}}, b: {{webhook: true}}, \
             c: {{webhook: true}}}}, routes: [{{to: [a], escalate: {steps}}}]}}"
        )
    };
    assert!(read_plan(&plan("[{after: 15m, to: [b]}, {after: 1h, to: [c]}]")).is_ok());
    for (steps, expected) in [
        ("[{after: 15m, to: [a, b]}]", "routes[0].escalate[0].to: \"a\" is told before"),
        ("[{after: 15m, to: [b]}, {after: 1h, to: [b]}]", "routes[0].escalate[1].to: \"b\" is told before"),
        ("[{after: 1h, to: [b]}, {after: 1h, to: [c]}]", "routes[0].escalate[1].after: 1h: expected more than the 1h"),
        ("[{after: 30s, to: [b]}]", "routes[0].escalate[0].after: \"30s\": expected 1m to 7d"),
        ("[{after: 15m, to: [d]}]", "routes[0].escalate[0].to: \"d\": expected the name of a receiver"),
    ] {
        let found = mistakes(&plan(steps));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{steps}: {found:?}");
    }
}

#[test]
fn a_route_behind_one_that_takes_everything_is_refused_unless_that_has_a_shift() {
    let routes = |routes: &str| {
        let receivers = "receivers: {all: {webhook: true}}\nshifts: {day: {from: '06:00', until: '22:00'}}";
        format!("base_url: https://sqal.example\n{receivers}\nroutes: {routes}\n")
    };
    for hidden in [
        "[{to: [all]}, {match: {severity: critical}, to: [all]}]",
        "[{match: {device: [a, b]}, to: [all]}, {match: {device: b, severity: warning}, to: [all]}]",
        "[{shift: day, to: [all]}, {shift: day, match: {device: a}, to: [all]}]",
    ] {
        let found = mistakes(&routes(hidden));
        assert!(found.len() == 1 && found[0].starts_with("routes[1]: is never used"), "{hidden}: {found:?}");
    }
    for open in [
        "[{shift: day, to: [all]}, {to: [all]}]",
        "[{match: {device: b}, to: [all]}, {match: {device: [a, b]}, to: [all]}]",
        "[{match: {device: b}, to: [all]}, {match: {severity: warning}, to: [all]}]",
    ] {
        assert!(read_plan(&routes(open)).is_ok(), "{open}");
    }
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let plan = read_plan(
        "
base_url: https://sqal.example
zone: Europe/Paris
receivers: {day: {webhook: true}, forgotten: {webhook: true}}
shifts: {day: {from: '06:00', until: '22:00'}, unused: {}}
routes: [{match: {severity: critical}, shift: day, to: [day]}, {match: {severity: warning}, to: [day]}]
",
    );
    let found = warnings(&plan.unwrap());
    assert_eq!(
        found[..2],
        ["receivers.forgotten: is not used by any route", "shifts.unused: is not used by any route"]
    );
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[2].contains("severity critical") && found[2].ends_with("on mon at 01:00"), "{}", found[2]);
}

/// Two shifts that take the whole day leave no gap.
#[test]
fn shifts_that_cover_the_week_are_no_warning() {
    let plan = |until: &str| {
        let text = format!(
            "
base_url: https://sqal.example
zone: Europe/Paris
receivers: {{all: {{webhook: true}}}}
shifts: {{day: {{from: '06:00', until: '22:00'}}, night: {{from: '22:00', until: '{until}'}}}}
routes: [{{shift: day, to: [all]}}, {{shift: night, to: [all]}}]
"
        );
        warnings(&read_plan(&text).unwrap())
    };
    assert_eq!(plan("06:00"), Vec::<String>::new());
    let gaps = plan("05:59");
    assert!(gaps.len() == 2 && gaps.iter().all(|gap| gap.ends_with("on mon at 05:59")), "{gaps:?}");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), at in 0..PLAN.len(), length in 0..40_usize) {
        let _ = read_plan(&text);
        let floor = |at: usize| PLAN.floor_char_boundary(at);
        let (begin, end) = (floor(at), floor(at + length));
        let _ = read_plan(&format!("{}{text}{}", &PLAN[..begin], &PLAN[end..]));
    }
}

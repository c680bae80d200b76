//! When the alerts of an objective fire and when they must not: evaluated over counters that are
//! scraped once a minute.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sqal_alerts::objective::{
    BurnRate, Indicator, Objective, RateWindow, Target, documented, read_objectives, read_openslo, read_sloth,
};
use sqal_alerts::query::{Query, Selector, Series};
use sqal_alerts::{AlertRule, Severity, Words};
use sqal_core::Timestamp;

const HOUR: u64 = 60;
const DAY: u64 = 24 * HOUR;

fn objective(target: f64) -> Objective {
    let of = |metric| vec![Selector::new(metric)];
    let indicator = Indicator::of_bad(of("bad_total"), of("calls_total")).unwrap();
    let words = Words::new("Calls succeed.", "Les appels aboutissent.");
    let objective = Objective::new("calls", words, indicator, Target::new(target).unwrap()).unwrap();
    let reachable = objective.reachable();
    objective.with_burn_rates(reachable)
}

fn at(minute: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + 60_000_000 * i64::try_from(minute).unwrap()).unwrap()
}

/// What a rule is known by: its window, its traffic, and its severity.
fn key(rule: &AlertRule) -> (String, Severity) {
    let label = |name: &str| rule.labels().get(name).cloned().unwrap_or_default();
    (format!("{}{}", label("window"), label("traffic")), rule.severity())
}

/// The minutes at which each rule fires, by its window, its traffic and its severity.
type Fired = BTreeMap<(String, Severity), Vec<u64>>;

/// The minutes at which each rule fires. `counters` gives the calls and the bad calls of each
/// minute; the rules are evaluated each `every` minutes.
fn fires(objective: &Objective, minutes: u64, every: u64, counters: impl Fn(u64) -> (u64, u64)) -> Fired {
    let rules = objective.burn_rules().unwrap();
    let mut series = Series::keeping(rules.iter().map(AlertRule::query));
    let mut fired = Fired::new();
    for minute in 0..minutes {
        let (calls, bad) = counters(minute);
        series.scrape(&format!("calls_total {calls}\nbad_total {bad}\n"), &[], at(minute));
        if minute % every == 0 {
            for rule in rules.iter().filter(|rule| !rule.query().evaluate(&series, at(minute)).is_empty()) {
                fired.entry(key(rule)).or_default().push(minute);
            }
        }
    }
    fired
}

/// Counters that grow by what `of_minute` gives for each minute.
fn growing(minutes: u64, of_minute: impl Fn(u64) -> (u64, u64)) -> Vec<(u64, u64)> {
    let sums = (0..minutes).scan((0_u64, 0_u64), |sum, minute| {
        let (calls, bad) = of_minute(minute);
        *sum = (sum.0 + calls, sum.1 + bad);
        Some(*sum)
    });
    sums.collect()
}

fn minute_of(counters: &[(u64, u64)]) -> impl Fn(u64) -> (u64, u64) {
    move |minute| counters[usize::try_from(minute).unwrap()]
}

fn calls_anyone(fired: &Fired) -> bool {
    fired.keys().any(|(_, severity)| *severity == Severity::Critical)
}

#[test]
fn of_three_calls_a_day_one_that_is_bad_tells_no_one() {
    for target in [0.75, 0.9, 0.99, 0.999, 0.999_999] {
        let bad = DAY + 16 * HOUR;
        let counters = growing(4 * DAY, |minute| (u64::from(minute % (8 * HOUR) == 10), u64::from(minute == bad + 10)));
        assert_eq!(counters.last(), Some(&(12, 1)));
        let fired = fires(&objective(target), 4 * DAY, 10, minute_of(&counters));
        assert_eq!(fired, BTreeMap::new(), "target {target}");
    }
}

#[test]
fn of_three_calls_a_day_all_bad_the_shift_is_told_and_no_person_is_called() {
    let counters = growing(4 * DAY, |minute| {
        let is_call = minute % (8 * HOUR) == 10;
        (u64::from(is_call), u64::from(is_call && minute > DAY))
    });
    let fired = fires(&objective(0.99), 4 * DAY, 10, minute_of(&counters));
    assert!(!calls_anyone(&fired), "{fired:?}");
    let minutes = &fired[&("3dlow".to_owned(), Severity::Warning)];
    assert_eq!(fired.len(), 1, "{fired:?}");
    let third = DAY + 16 * HOUR + 10;
    assert!(minutes[0] >= third && minutes[0] <= third + 10, "from the third bad call on: {minutes:?}");
    assert_eq!(minutes.last(), Some(&(4 * DAY - 10)), "as long as calls are bad");
}

#[test]
fn an_outage_calls_a_person_within_ten_minutes_and_ends_soon_after_it() {
    let (begin, end) = (4 * HOUR, 4 * HOUR + 30);
    let counters = growing(8 * HOUR, |minute| (20, if (begin..end).contains(&minute) { 20 } else { 0 }));
    let fired = fires(&objective(0.99), 8 * HOUR, 1, minute_of(&counters));
    let page = &fired[&("1h".to_owned(), Severity::Critical)];
    // 14.4 % of an hour are 8.6 minutes; to be certain with 1200 calls takes one more.
    assert!((begin + 8..=begin + 11).contains(&page[0]), "{page:?}");
    assert!((end..=end + 6).contains(page.last().unwrap()), "the window of 5 minutes ends it: {page:?}");
    assert!(page.windows(2).all(|pair| pair[1] == pair[0] + 1), "one alert without a gap: {page:?}");
    assert!(fired.contains_key(&("6h".to_owned(), Severity::Critical)), "30 minutes are 8 % of 6 hours: {fired:?}");
}

#[test]
fn what_the_objective_allows_fires_nothing_and_twice_as_much_is_for_the_shift() {
    // Two calls of a block of 250 are bad, then four: 0.8 % and 1.6 %.
    for (bad, expected) in [(2, vec![]), (4, vec![("3d".to_owned(), Severity::Warning)])] {
        let counters = growing(4 * DAY, |minute| (25, u64::from(minute % 10 < bad)));
        let fired = fires(&objective(0.99), 4 * DAY, 30, minute_of(&counters));
        assert_eq!(fired.keys().cloned().collect::<Vec<_>>(), expected, "{bad} in 250");
    }
}

#[test]
fn a_server_without_calls_has_no_share_and_no_alert() {
    let objective = objective(0.99);
    assert_eq!(fires(&objective, 6 * HOUR, 5, |_| (1000, 500)), BTreeMap::new());
    let share = objective.bad_share(RateWindow::M5);
    let mut series = Series::keeping([&share]);
    for minute in 0..10 {
        series.scrape("calls_total 1000\nbad_total 500\n", &[], at(minute));
    }
    assert!(share.evaluate(&series, at(9)).is_empty(), "and no NaN, which would spoil sums over time");
}

#[test]
fn a_restart_of_the_server_is_no_bad_call() {
    // Each hour the counters begin again at 0, and five of a thousand calls are bad.
    let counters = |minute: u64| {
        let since = minute % HOUR;
        (20 * since, since / 10)
    };
    assert_eq!(fires(&objective(0.99), DAY, 5, counters), BTreeMap::new());
}

#[test]
fn only_the_route_that_fails_is_told() {
    let split = objective(0.99).split_by(&["endpoint"]).unwrap();
    let rules = split.burn_rules().unwrap();
    let mut series = Series::keeping(rules.iter().map(AlertRule::query));
    for minute in 0..2 * HOUR {
        let page: String = [("/a", 0), ("/b", 10)]
            .map(|(path, bad)| {
                let label = format!("{{endpoint=\"{path}\"}}");
                format!("calls_total{label} {}\nbad_total{label} {}\n", 20 * minute, bad * minute)
            })
            .concat();
        series.scrape(&page, &[("instance", "one")], at(minute));
    }
    let found = rules[0].query().evaluate(&series, at(2 * HOUR - 1));
    assert_eq!(found.len(), 1);
    let labels = &found[0].labels;
    assert_eq!((labels["endpoint"].as_str(), labels["sloth_slo"].as_str()), ("/b", "calls"));
    assert!(!labels.contains_key("instance"), "an objective is of all servers");
    assert!((found[0].value - 0.5).abs() < 1e-9, "the value is the share of bad calls");
    assert!(rules[0].summary().en.contains("{endpoint}") && rules[0].summary().fr.contains("{endpoint}"));
}

#[test]
fn an_objective_whose_metrics_are_not_there_is_told_and_an_idle_one_is_not() {
    let rule = objective(0.99).without_data_rule();
    assert_eq!((rule.name().as_str(), rule.labels()["objective"].as_str()), ("ObjectiveWithoutData", "calls"));
    let mut series = Series::keeping([rule.query()]);
    series.scrape("other_total 1\n", &[], at(0));
    assert_eq!(rule.query().evaluate(&series, at(0)).len(), 1);
    series.scrape("calls_total 0\n", &[], at(1));
    assert!(rule.query().evaluate(&series, at(1)).is_empty(), "no call yet, and none is bad yet");
}

/// A budget of a quarter cannot be used up 6 times too fast.
#[test]
fn a_burn_rate_that_needs_more_bad_events_than_events_is_refused() {
    let cheap = objective(0.75);
    assert_eq!(cheap.reachable().len(), 2);
    let refused = cheap.clone().with_burn_rates(BurnRate::USUAL.to_vec()).burn_rules().unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("objective calls: a burn of 14.4 would be an error ratio of 3.6; at most 1 can be"),
        "{refused}"
    );
    assert_eq!(cheap.burn_rules().unwrap().len(), 3);
}

/// Names that rules use and no recording has would be empty for ever.
#[test]
fn every_recorded_name_in_a_rule_or_a_recording_is_recorded_before() {
    for objective in documented() {
        let mut recorded = BTreeSet::new();
        let names = |query: &Query| -> BTreeSet<String> {
            let text = query.promql();
            text.match_indices("slo:")
                .map(|(at, _)| text[at..].split(['{', '[', ' ']).next().unwrap_or_default().to_owned())
                .collect()
        };
        for recording in objective.recordings() {
            let used = names(&recording.query);
            assert!(used.is_subset(&recorded), "{}: {used:?}", recording.record);
            assert_eq!(recording.labels["sloth_id"], objective.id());
            recorded.insert(recording.record);
        }
        for rule in objective.burn_rules().unwrap() {
            let used = names(rule.query());
            assert!(!used.is_empty() && used.is_subset(&recorded), "{}: {used:?}", rule.name());
        }
        for name in ["slo:sli_error:ratio_rate30d", "slo:period_error_budget_remaining:ratio", "slo:objective:ratio"] {
            assert!(recorded.contains(name), "{name}");
        }
    }
}

#[test]
fn what_is_recorded_is_written_as_sloth_names_it() {
    let recordings = objective(0.99).recordings();
    let text = |name: &str| recordings.iter().find(|recording| recording.record == name).unwrap().query.promql();
    let id = "{sloth_id=\"sqal-calls\",sloth_service=\"sqal\",sloth_slo=\"calls\"}";
    assert_eq!(text("slo:sli_error:ratio_rate5m"), "sum(rate(bad_total[5m])) / (sum(rate(calls_total[5m])) > 0)");
    assert_eq!(text("slo:sli_events:increase3d"), "sum(increase(calls_total[3d]))");
    assert_eq!(text("slo:objective:ratio"), "vector(0.99)");
    assert_eq!(text("slo:current_burn_rate:ratio"), format!("slo:sli_error:ratio_rate5m{id} / 0.01"));
    assert_eq!(
        text("slo:sli_error:ratio_rate30d"),
        format!(
            "sum_over_time(slo:sli_bad_events:rate5m{id}[30d]) / (sum_over_time(slo:sli_events:rate5m{id}[30d]) > 0)"
        )
    );
    assert_eq!(text("slo:period_error_budget_remaining:ratio"), format!("1 - slo:period_burn_rate:ratio{id}"));
    let page = &objective(0.99).burn_rules().unwrap()[0];
    assert_eq!(
        page.query().promql(),
        format!(
            "slo:sli_error:ratio_rate1h{id} > 0.144 + 0.688124 / sqrt(slo:sli_events:increase1h{id}) \
             and slo:sli_error:ratio_rate5m{id} > 0.144 \
             and slo:sli_error:ratio_rate1h{id} * slo:sli_events:increase1h{id} >= 2.9 \
             and slo:sli_events:increase1h{id} >= 20"
        )
    );
}

/// The documented objectives for a path, by their names without what follows the first `-`.
fn objectives_of(path: &str) -> BTreeMap<String, Vec<f64>> {
    let mut found = BTreeMap::<String, Vec<f64>>::new();
    for objective in
        documented().iter().filter(|objective| objective.labels_of_split().any(|label| label == "endpoint"))
    {
        let events = objective.events(RateWindow::M5);
        let mut series = Series::keeping([&events]);
        for minute in 0..3 {
            let page = format!("api_slo_request_duration_seconds_count{{endpoint=\"{path}\"}} {minute}\n");
            series.scrape(&page, &[], at(minute));
        }
        if !events.evaluate(&series, at(2)).is_empty() {
            let kind = objective.name().split('-').next().unwrap_or_default().to_owned();
            found.entry(kind).or_default().push(objective.target().share());
        }
    }
    found
}

#[test]
fn slo_02_the_documented_targets_are_the_objectives() {
    for (path, errors, availability) in [
        ("/api/v1/samples", 0.99, 0.99),
        ("/api/v1/samples/{id}", 0.99, 0.99),
        ("/api/v1/samples/latest", 0.99, 0.99),
        ("/api/v1/session", 0.98, 0.995),
        ("/api/v1/samples:batch", 0.95, 0.95),
        ("/api/v1/profiles/{name}/dry-run", 0.95, 0.95),
        ("/api/health", 0.999, 0.999),
        ("/api/ready", 0.999, 0.999),
    ] {
        let expected = [("availability", availability), ("errors", errors), ("latency", 0.95)]
            .map(|(kind, share)| (kind.to_owned(), vec![share]));
        assert_eq!(objectives_of(path), BTreeMap::from(expected), "{path}");
    }
    assert_eq!(objectives_of("unknown").keys().collect::<Vec<_>>(), ["latency"], "a path that is no route");
}

#[test]
fn each_documented_objective_has_its_rules_and_both_languages() {
    let mut names = BTreeSet::new();
    for objective in documented() {
        let rules = objective.burn_rules().unwrap();
        assert!(names.insert(objective.id()), "{} is there twice", objective.id());
        for rule in rules.iter().chain([&objective.without_data_rule()]) {
            for words in [rule.summary(), rule.description()] {
                assert!(!words.en.is_empty() && words.en != words.fr, "{}: {words:?}", objective.name());
            }
            assert_eq!(rule.labels()["objective"], objective.name());
        }
        let keys: BTreeSet<_> = rules.iter().map(key).collect();
        assert_eq!(keys.len(), rules.len(), "no two rules of an objective are alike");
    }
    assert!(
        ["sqal-judged-in-time", "sqal-samples-with-colour", "sqal-cache-hits"].iter().all(|id| names.contains(*id))
    );
}

const SLOTH: &str = r#"
version: "prometheus/v1"
service: "myservice"
labels: { owner: "myteam" }
slos:
  - name: "requests-availability"
    objective: 99.9
    description: "Common SLO based on availability for HTTP request responses."
    labels: { category: availability }
    sli:
      events:
        error_query: sum(rate(http_request_duration_seconds_count{job="myservice",code=~"(5..|429)"}[{{.window}}]))
        total_query: sum(rate(http_request_duration_seconds_count{job="myservice"}[{{.window}}]))
    alerting:
      name: MyServiceHighErrorRate
      annotations: { summary: "High error rate" }
      page_alert: { labels: { severity: pageteam } }
      ticket_alert: { disable: true }
"#;

#[test]
fn a_file_for_sloth_is_read_as_sloth_reads_it() {
    let objectives = read_sloth(SLOTH).unwrap();
    let [objective] = objectives.as_slice() else { panic!("{objectives:?}") };
    assert_eq!((objective.id().as_str(), objective.target().budget()), ("myservice-requests-availability", 0.001));
    assert_eq!(
        objective.bad_share(RateWindow::H1).promql(),
        "sum(rate(http_request_duration_seconds_count{code=~\"5..|429\",job=\"myservice\"}[1h])) \
         / (sum(rate(http_request_duration_seconds_count{job=\"myservice\"}[1h])) > 0)"
    );
    let windows: Vec<_> = objective.burn_rates().iter().map(|rate| rate.long()).collect();
    assert_eq!(windows, [RateWindow::H1, RateWindow::H6], "its tickets are disabled");
    assert_eq!(objective.burn_rules().unwrap().len(), 2);
}

#[test]
fn every_mistake_of_a_file_for_sloth_is_told_with_its_line() {
    let second = SLOTH.replace("99.9", "0.999").replace("(5..|429)", "[45]..");
    let third = SLOTH.replace("requests-availability", "Requests");
    let fixed = SLOTH.replacen("[{{.window}}]", "[5m]", 1).replace("requests-availability", "fixed");
    let refused = read_sloth(&[SLOTH, &second, &third, &fixed].join("---")).unwrap_err();
    let told = refused.mistakes();
    assert_eq!(told.len(), 3, "{refused}");
    assert!(told[0].starts_with("document 2, line 24, objective requests-availability: error_query"), "{}", told[0]);
    assert!(told[0].contains("[45].."), "{}", told[0]);
    assert!(told[1].contains("name \"Requests\": expected 1 to 64 letters"), "{}", told[1]);
    assert!(told[2].contains("expected the range [{{.window}}]"), "{}", told[2]);
    let raw = read_sloth(&SLOTH.replace("events:", "raw:")).unwrap_err().to_string();
    assert!(raw.contains("sli: expected events with error_query and total_query"), "{raw}");
    let share = read_sloth(&SLOTH.replace("99.9", "0.999")).unwrap_err().to_string();
    assert!(share.contains("target 0.999") && share.contains("looks like a share"), "{share}");
    let twice = read_sloth(&[SLOTH, SLOTH].join("---")).unwrap_err().to_string();
    assert!(twice.contains("myservice-requests-availability is there twice"), "{twice}");
    let version = read_sloth(&SLOTH.replace("prometheus/v1", "sloth.slok.dev/v1")).unwrap_err().to_string();
    assert!(version.contains("line 2") && version.contains("prometheus/v1"), "{version}");
}

const OPENSLO: &str = r#"
apiVersion: openslo/v1
kind: Service
metadata: { name: orders }
spec: { description: "Takes orders." }
---
apiVersion: openslo/v1
kind: SLI
metadata: { name: orders-answered }
spec:
  ratioMetric:
    counter: true
    good:
      metricSource:
        type: Prometheus
        metricSourceRef: ours
        spec: { query: 'sum by (path) (rate(http_requests_total{job="orders",status!~"5.."}[5m]))' }
    total:
      metricSource:
        type: Prometheus
        spec: { query: 'sum by (path) (rate(http_requests_total{job="orders"}[5m]))' }
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: availability, displayName: "Orders are answered" }
spec:
  description: Orders are answered.
  service: orders
  indicatorRef: orders-answered
  timeWindow: [{ duration: 30d, isRolling: true }]
  budgetingMethod: Occurrences
  objectives:
    - displayName: most
      target: 0.95
    - displayName: nearly all
      targetPercent: 99.9
"#;

#[test]
fn a_file_in_openslo_gives_an_objective_for_each_of_its_targets() {
    let objectives = read_openslo(OPENSLO).unwrap();
    let ids: Vec<_> = objectives.iter().map(|objective| (objective.id(), objective.target().share())).collect();
    assert_eq!(ids, [("orders-availability-1".to_owned(), 0.95), ("orders-availability-2".to_owned(), 0.999)]);
    assert_eq!(objectives[0].labels_of_split().collect::<Vec<_>>(), ["path"]);
    assert_eq!(
        objectives[0].bad_share(RateWindow::M5).promql(),
        "1 - sum by (path) (rate(http_requests_total{job=\"orders\",status!~\"5..\"}[5m])) \
         / (sum by (path) (rate(http_requests_total{job=\"orders\"}[5m])) > 0)"
    );
}

#[test]
fn what_an_objective_cannot_mean_is_refused_with_its_place_and_not_left_out() {
    for (from, to, part) in [
        ("kind: SLO\n", "kind: Budget\n", "kind \"Budget\": expected \"SLO\""),
        ("kind: Service", "kind: AlertPolicy", "kind \"AlertPolicy\""),
        ("openslo/v1\nkind: SLO", "openslo/v2\nkind: SLO", "apiVersion \"openslo/v2\""),
        ("ratioMetric", "thresholdMetric", "thresholdMetric: expected a ratioMetric"),
        ("    good:", "    raw:", "ratioMetric.raw"),
        ("counter: true", "counter: false", "counter false: expected true"),
        ("type: Prometheus", "type: Datadog", "metricSource.type \"Datadog\""),
        ("Occurrences", "Timeslices", "budgetingMethod \"Timeslices\""),
        ("duration: 30d", "duration: 2w", "timeWindow \"2w\": expected \"30d\""),
        ("isRolling: true", "isRolling: false", "timeWindow"),
        ("target: 0.95", "target: 95", "spec.objectives[0]: target 95: expected a share"),
        ("target: 0.95", "op: lt", "unknown field `op`"),
        ("indicatorRef: orders-answered", "indicatorRef: other", "indicatorRef \"other\""),
        ("service: orders", "service: Orders", "service \"Orders\""),
        ("sum by (path) (rate(http_requests_total{job=\"orders\"}", "(rate(x{", "total \"(rate(x{"),
        ("budgetingMethod", "alertPolicies: [a]\n  budgetingMethod", "alertPolicies: expected none"),
    ] {
        assert!(OPENSLO.contains(from), "{from}");
        let refused = read_openslo(&OPENSLO.replacen(from, to, 1)).unwrap_err();
        let told = refused.to_string();
        assert!(told.contains(part) && told.starts_with("document "), "{to}: {told}");
    }
    let late = read_openslo(&OPENSLO.replace("30d", "1M")).unwrap_err();
    assert!(late.mistakes()[0].starts_with("document 3, line 24, SLO availability"), "{late}");
}

#[test]
fn every_mistake_of_our_own_file_is_told() {
    let item = |name: &str, rest: &str| format!("  - {{ name: {name}, description: {{ en: a, fr: b }}, {rest} }}\n");
    let good = "target: 0.99, bad: bad_total, total: calls_total";
    let text = [
        "objectives:\n".to_owned(),
        item("fine", good),
        item("percent", &good.replace("0.99", "99")),
        item("gauge", &good.replace("calls_total", "queue")),
        item("itself", &good.replace("bad_total", "calls_total")),
        item("cheap", &good.replace("0.99", "0.5")),
        item("window", &format!("{good}, burn_rates: [2h]")),
        item("both", &format!("{good}, good: c_total")),
        item("nothing", &format!("{good}, only: {{ a: [] }}")),
        item("label", &format!("{good}, split_by: [severity]")),
        item("fine", good),
    ]
    .concat();
    let refused = read_objectives(&text).unwrap_err();
    for (told, (line, name, part)) in refused.mistakes().iter().zip([
        (3, "percent", "target 99: expected a share"),
        (4, "gauge", "total \"queue\": expected a counter"),
        (5, "itself", "bad \"calls_total\": expected other counters"),
        (6, "cheap", "a burn of 14.4 would be an error ratio of 7.2"),
        (7, "window", "burn_rates \"2h\": expected 1h, 6h, 1d or 3d"),
        (8, "both", "either bad or good"),
        (9, "nothing", "only: a: expected at least one value"),
        (10, "label", "split_by \"severity\""),
        (11, "fine", "sqal-fine is there twice"),
    ]) {
        let begin = format!("document 1, line {line}, objective {name}: ");
        assert!(told.starts_with(&begin) && told.contains(part), "{told}");
    }
    assert_eq!(refused.mistakes().len(), 9, "{refused}");
    let unknown = read_objectives(&format!("objectives:\n{}", item("a", &format!("{good}, targets: 1")))).unwrap_err();
    assert!(unknown.to_string().contains("targets"), "{unknown}");
}

#[test]
fn only_restricts_every_counter_of_an_objective() {
    let text = "
service: dairy
objectives:
  - name: hits
    description: { en: a, fr: b }
    target: 0.9
    good: hits_total
    total: hits_total + misses_total
    only: { cache: [x, y.z], site: [north] }
    burn_rates: [3d]
";
    let objectives = read_objectives(text).unwrap();
    let only = r#"{cache=~"x|y\\.z",site="north"}"#;
    assert_eq!(
        objectives[0].events(RateWindow::H1).promql(),
        format!("sum(increase(hits_total{only}[1h])) + sum(increase(misses_total{only}[1h]))")
    );
    assert_eq!(objectives[0].burn_rates().len(), 1);
}

#[test]
fn an_objective_that_ignores_few_events_has_no_rule_for_them() {
    let file = |few_events: &str| {
        let keys = "target: 0.9, good: hits_total, total: reads_total, burn_rates: [3d]";
        let text = format!("objectives: [{{ name: a, description: {{ en: a, fr: b }}, {keys}{few_events} }}]");
        read_objectives(&text).map(|objectives| objectives[0].burn_rules().unwrap().len())
    };
    assert_eq!((file(""), file(", few_events: tell"), file(", few_events: ignore")), (Ok(2), Ok(2), Ok(1)));
    assert!(file(", few_events: never").unwrap_err().to_string().contains("never"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// One bad call, or two, is what can happen to any server, however many calls it has.
    #[test]
    fn two_bad_calls_in_six_hours_fire_nothing(
        target in prop::sample::select(vec![0.9, 0.99, 0.999, 0.999_9]),
        of_minute in prop::collection::vec(0_u64..3, 7),
        bad in prop::collection::vec(HOUR..6 * HOUR, 0..=2),
    ) {
        let counters = growing(6 * HOUR, |minute| {
            let hour = usize::try_from(minute / HOUR).unwrap_or_default();
            let bad: u64 = bad.iter().map(|&of| u64::from(of == minute)).sum();
            (of_minute[hour] + bad, bad)
        });
        prop_assert_eq!(fires(&objective(target), 6 * HOUR, 3, minute_of(&counters)), BTreeMap::new());
    }

    /// A call that is bad never makes an alert end, at the same number of calls.
    #[test]
    fn what_fires_fires_too_if_more_calls_are_bad(
        bad in prop::collection::vec((0_u64..20, 0_u64..20), 120),
    ) {
        let fired = |of_pair: fn(u64, u64) -> u64| {
            let counters = growing(2 * HOUR, |minute| {
                let (one, other) = bad[usize::try_from(minute).unwrap_or_default()];
                (20, of_pair(one, other))
            });
            // The counters begin far from zero: close to it, a counter is extrapolated less.
            fires(&objective(0.95), 2 * HOUR, 7, |minute| {
                let (calls, bad) = minute_of(&counters)(minute);
                (1000 + calls, 1000 + bad)
            })
        };
        let (less, more) = (fired(u64::min), fired(u64::max));
        for (rule, minutes) in less {
            let all: BTreeSet<_> = more.get(&rule).into_iter().flatten().collect();
            prop_assert!(minutes.iter().all(|minute| all.contains(minute)), "{:?}", rule);
        }
    }

    #[test]
    fn any_text_is_a_file_or_refused_with_its_mistakes(
        text in any::<String>(), cut in 0_usize..700, with in r#"[ a-z:{}\[\]"'&*|-]{0,8}"#,
    ) {
        for whole in [text, altered(SLOTH, cut, &with), altered(OPENSLO, cut, &with)] {
            let read = [read_objectives(&whole), read_openslo(&whole), read_sloth(&whole)];
            for refused in read.into_iter().filter_map(Result::err) {
                prop_assert!(!refused.mistakes().is_empty() && !refused.to_string().is_empty());
            }
        }
    }
}

/// A text with a few characters replaced.
fn altered(text: &str, cut: usize, with: &str) -> String {
    let cut = cut.min(text.len());
    let rest = text.get(cut + with.len()..).unwrap_or_default();
    [text.get(..cut).unwrap_or_default(), with, rest].concat()
}

/// The value of an alert is what its description shows.
#[test]
fn the_value_of_an_alert_is_the_share_of_bad_events_of_the_long_window() {
    let objective = objective(0.9);
    let rules = objective.burn_rules().unwrap();
    let share = objective.bad_share(RateWindow::H6);
    let mut series = Series::keeping(rules.iter().map(AlertRule::query).chain([&share]));
    for minute in 0..7 * HOUR {
        series.scrape(&format!("calls_total {}\nbad_total {}\n", 10 * minute, 7 * minute), &[], at(minute));
    }
    let value = |query: &Query| query.evaluate(&series, at(7 * HOUR - 1)).first().map(|element| element.value);
    let six_hours = rules.iter().find(|rule| key(rule).0 == "6h").unwrap();
    assert_eq!(value(six_hours.query()), value(&share));
    assert!((value(&share).unwrap() - 0.7).abs() < 1e-9);
}

//! What `promtool test rules` of Prometheus 2.42 finds is what a query finds.
//!
//! `points.txt` has a series a line with its value of each minute: `_` where it has no point, and
//! `stale` where it ends. `answers.txt` has each expression, and below it the elements that
//! Prometheus finds at 600 and 630 seconds.

use std::collections::BTreeMap;

use sqal_alerts::query::{Arithmetic, Comparison, EvaluationError, Labels, Over, Query, Selector, Series};

use crate::{at, is_near, text};

fn requests() -> Selector {
    Selector::new("requests_total")
}

fn temperature() -> Selector {
    Selector::new("temperature")
}

fn threshold() -> Selector {
    Selector::new("threshold")
}

/// The points of `points.txt`, scraped once a minute.
fn scraped(query: &Query) -> Series {
    let mut series = Series::keeping([query]);
    for (minute, column) in (0..).zip(0..=10_usize) {
        let lines = include_str!("points.txt").lines().filter_map(|line| {
            let (name, values) = line.split_once(' ')?;
            let value = values.split(' ').nth(column).filter(|value| !["_", "stale"].contains(value))?;
            Some(format!("{name} {value}\n"))
        });
        let page: String = lines.collect();
        assert_eq!(series.scrape(&page, &[], at(60 * minute)).bad_lines, 0);
    }
    series
}

/// Compares the answers to queries with those of Prometheus in `answers.txt`.
fn agree<const N: usize>(queries: &[Query; N]) {
    for query in queries {
        let (promql, series) = (query.promql(), scraped(query));
        let mut expected = BTreeMap::<i64, Vec<(String, f64)>>::new();
        for line in include_str!("answers.txt")
            .lines()
            .skip_while(|line| *line != promql)
            .skip(1)
            .take_while(|line| line.starts_with(' '))
        {
            let words: Vec<_> = line.split_whitespace().collect();
            let of_time = expected.entry(words[0].parse().unwrap()).or_default();
            if let [_, labels, value] = words[..] {
                of_time.push((labels.to_owned(), value.parse().unwrap()));
            }
        }
        assert!(!expected.is_empty(), "no answer to {promql}");
        for (seconds, mut expected) in expected {
            let found = query.try_evaluate(&series, at(seconds)).unwrap();
            let mut found: Vec<_> = found.iter().map(|element| (text(element), element.value)).collect();
            found.sort_by(|a, b| a.0.cmp(&b.0));
            expected.sort_by(|a, b| a.0.cmp(&b.0));
            let is_equal = found.len() == expected.len()
                && found
                    .iter()
                    .zip(&expected)
                    .all(|(found, expected)| found.0 == expected.0 && is_near(found.1, expected.1));
            assert!(is_equal, "{promql} at {seconds}: {found:?}, expected {expected:?}");
        }
    }
}

#[test]
fn an_instant_selection_gives_the_newest_points_with_their_names() {
    agree(&[
        requests().into(),
        requests().without("status", "200").into(),
        requests().matching("endpoint", &["a", "c"]).status_class("status", 2).into(),
        Selector::new("on").into(),
        Query::seconds_since(Selector::new("started")),
        Query::seconds_since(Selector::new("started")).divided_by(60.0),
    ]);
}

#[test]
fn a_rate_is_extrapolated_and_knows_resets_and_ends() {
    agree(&[
        Query::rate(requests(), 5),
        Query::increase(requests(), 5),
        Query::increase(requests(), 3),
        Query::increase(requests(), 10),
        Query::rate(requests().with("endpoint", "e"), 5),
    ]);
}

#[test]
fn points_of_a_range_become_one_number() {
    agree(&[
        Query::over_time(Over::Max, temperature(), 5),
        Query::over_time(Over::Min, temperature(), 5),
        Query::over_time(Over::Avg, temperature(), 5),
        Query::over_time(Over::Sum, temperature(), 5),
        Query::over_time(Over::Count, temperature(), 10),
        Query::over_time(Over::Max, temperature(), 10),
        Query::over_time(Over::Avg, temperature(), 10),
    ]);
}

#[test]
fn groups_become_one_element_each() {
    agree(&[
        Query::rate(requests(), 5).sum(),
        Query::rate(requests(), 5).sum_by(&["endpoint"]),
        Query::from(requests()).count_by(&["endpoint"]),
        Query::from(temperature()).max_by(&[]),
        Query::from(temperature()).min_by(&["device"]),
        Query::from(temperature()).avg_by(&[]),
        Query::from(temperature()).sum_by(&["__name__"]),
        Query::from(requests().with("endpoint", "zzz")).sum().above(0.0),
    ]);
}

#[test]
fn arithmetic_drops_names_and_matches_by_labels() {
    let by_endpoint = |of: Selector| Query::rate(of, 5).sum_by(&["endpoint"]);
    let [bad, good] = ["500", "200"].map(|status| Query::rate(requests().with("status", status), 10));
    agree(&[
        Query::from(threshold()).times(temperature()),
        Query::from(temperature()).times(2.0),
        Query::from(temperature()).minus(8.0).abs(),
        Query::from(temperature()).sqrt(),
        Query::from(temperature()).clamp_min(7.0),
        Query::from(temperature()).clamp_max(7.0),
        by_endpoint(requests().status_class("status", 5)).divided_by(by_endpoint(requests())),
        bad.combined(Arithmetic::Divide, good, Some(&["endpoint"])),
        Query::from(0.0).divided_by(0.0),
        Query::from(2.0).times(3.0).minus(1.0),
    ]);
}

#[test]
fn a_comparison_filters_and_keeps_the_name() {
    agree(&[
        Query::from(temperature()).above(threshold()),
        Query::from(threshold()).below(temperature()),
        Query::from(temperature()).above(5.0),
        Query::from(5.0).below(temperature()),
        Query::from(temperature()).compared(Comparison::Above, threshold(), Some(&["device"])),
        Query::from(temperature()).unequal_to(6.0),
        Query::from(1.0).above(0.0),
        Query::from(1.0).above(2.0),
    ]);
}

#[test]
fn sets_are_joined_by_labels() {
    agree(&[
        Query::from(temperature()).and(threshold()),
        Query::from(temperature()).and_on(&["device"], Selector::new("started")),
        Query::from(temperature()).unless_on(&["device"], Selector::new("started")),
        Query::from(Selector::new("started")).or(threshold()),
        Query::from(temperature()).above(7.0).or(Query::from(threshold()).above(5.0)),
        Query::from(temperature()).and(Query::from(threshold()).sum()),
        Query::from(temperature()).and_on(&[], Query::from(threshold()).sum()),
    ]);
}

#[test]
fn what_is_absent_has_the_labels_that_were_asked_for() {
    agree(&[
        Query::absent(Selector::new("missing").with("device", "x").without("kind", "y")),
        Query::absent(temperature().with("device", "x")),
        Query::absent(temperature().with("device", "z").matching("kind", &["a", "b"])),
        Query::absent(Selector::new("missing").with("a", "b").with("a", "b").with("c", "")),
        Query::absent(Selector::new("missing").with("a", "b").without("a", "c")),
    ]);
}

#[test]
fn quantiles_are_interpolated_in_buckets() {
    let by_bucket = Query::rate(Selector::new("slow_bucket"), 5).sum_by(&["endpoint", "le"]);
    agree(&[
        by_bucket.quantile(0.25),
        Query::rate(Selector::new("slow_bucket"), 5).quantile(0.4),
        Query::rate(Selector::new("slow_bucket"), 5).quantile(0.9),
        Query::from(temperature()).quantile(0.5),
    ]);
}

#[test]
fn a_recorded_query_has_the_name_and_the_labels_of_its_recording() {
    let labels: Labels = [("slo".to_owned(), "reads".to_owned()), ("device".to_owned(), String::new())].into();
    let query = Query::from(temperature().with("device", "x")).recorded_with("job:temperature", labels);
    let found = query.evaluate(&scraped(&query), at(600));
    assert_eq!(found.iter().map(text).collect::<Vec<_>>(), [r#"job:temperature{slo="reads"}"#]);
    let ambiguous = Query::from(temperature()).recorded_with("a", [("device".to_owned(), "z".to_owned())].into());
    assert!(matches!(
        ambiguous.try_evaluate(&scraped(&ambiguous), at(600)),
        Err(EvaluationError::SameLabels(labels)) if labels["device"] == "z"
    ));
}

#[test]
fn what_prometheus_cannot_match_has_no_answer() {
    let two_on_the_right =
        Query::from(Selector::new("started")).compared(Comparison::Unequal, temperature(), Some(&[]));
    let two_on_the_left = Query::from(temperature()).combined(Arithmetic::Add, Selector::new("started"), Some(&[]));
    for query in [two_on_the_right, two_on_the_left] {
        let series = scraped(&query);
        assert!(matches!(query.try_evaluate(&series, at(600)), Err(EvaluationError::SeveralPartners(_))));
        assert!(query.evaluate(&series, at(600)).is_empty());
    }
    // 6 and 8 are above 4, but only 8 is above 7.
    let limit = || Query::from(threshold().with("device", "x"));
    let above = |limit: Query| Query::from(temperature()).compared(Comparison::Above, limit, Some(&[]));
    let (both, one) = (above(limit()), above(limit().plus(3.0)));
    assert!(both.try_evaluate(&scraped(&both), at(600)).is_err());
    assert_eq!(one.try_evaluate(&scraped(&one), at(600)).map(|found| found.len()), Ok(1));
}

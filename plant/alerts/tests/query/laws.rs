//! Laws that hold for all points and all queries.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sqal_alerts::query::{Aggregation, Arithmetic, Comparison, Function, Over, Query, Selector, Series};

use crate::{at, at_millis, is_near};

/// Values of a counter, and a page for each.
fn counter(values: &[f64], interval: i64) -> (Series, i64) {
    let rate = Query::rate(Selector::new("events_total"), 5);
    let mut series = Series::keeping([&rate]);
    let mut seconds = 1_700_000_000;
    for value in values {
        series.scrape(&format!("events_total {value}"), &[], at(seconds));
        seconds += interval;
    }
    (series, seconds - interval)
}

/// Pages of gauges with two labels.
fn gauges() -> impl Strategy<Value = Vec<((u8, u8), f64)>> {
    proptest::collection::btree_map((0_u8..4, 0_u8..4), -100.0_f64..100.0, 0..12)
        .prop_map(|gauges| gauges.into_iter().collect())
}

fn page(gauges: &[((u8, u8), f64)]) -> String {
    let lines: Vec<_> = gauges.iter().map(|((a, b), value)| format!("g{{a=\"{a}\",b=\"{b}\"}} {value}\n")).collect();
    lines.concat()
}

fn selector() -> impl Strategy<Value = Selector> {
    let metric = prop::sample::select(vec!["g", "h_bucket", "on", "a b", "g"]);
    (metric, prop::option::of(("[ab]", "[0-3]?"))).prop_map(|(metric, label)| match label {
        Some((label, value)) => Selector::new(metric).with(&label, &value),
        None => Selector::new(metric),
    })
}

fn leaf() -> impl Strategy<Value = Query> {
    let over = prop::sample::select(vec![Over::Max, Over::Min, Over::Avg, Over::Sum, Over::Count]);
    prop_oneof![
        selector().prop_map(Query::from),
        (selector(), 0_u64..9).prop_map(|(of, minutes)| Query::rate(of, minutes)),
        (selector(), 0_u64..9).prop_map(|(of, minutes)| Query::increase(of, minutes)),
        (over, selector(), 0_u64..9).prop_map(|(how, of, minutes)| Query::over_time(how, of, minutes)),
        any::<f64>().prop_map(Query::Number),
        selector().prop_map(Query::Absent),
        selector().prop_map(Query::SecondsSince),
    ]
}

/// Any query.
fn query() -> impl Strategy<Value = Query> {
    let on =
        || prop::option::of(proptest::collection::vec(prop::sample::select(vec!["a", "b", "le", "not a label"]), 0..3));
    leaf().prop_recursive(4, 16, 2, move |inner| {
        let aggregation = prop::sample::select(vec![
            Aggregation::Sum,
            Aggregation::Max,
            Aggregation::Min,
            Aggregation::Avg,
            Aggregation::Count,
        ]);
        let arithmetic =
            prop::sample::select(vec![Arithmetic::Add, Arithmetic::Subtract, Arithmetic::Multiply, Arithmetic::Divide]);
        let comparison = prop::sample::select(vec![Comparison::Above, Comparison::AtMost, Comparison::Unequal]);
        let function = prop::sample::select(vec![Function::Sqrt, Function::Abs, Function::ClampMin(0.0)]);
        let pair = || (inner.clone(), inner.clone(), on());
        prop_oneof![
            (inner.clone(), aggregation, on()).prop_map(|(of, how, by)| of.aggregated(how, &by.unwrap_or_default())),
            (inner.clone(), any::<f64>()).prop_map(|(of, q)| of.quantile(q)),
            (inner.clone(), function).prop_map(|(of, how)| of.mapped(how)),
            inner.clone().prop_map(|of| of.recorded("a:b")),
            (pair(), arithmetic).prop_map(|((left, right, on), op)| left.combined(op, right, on.as_deref())),
            (pair(), comparison).prop_map(|((left, right, on), op)| left.compared(op, right, on.as_deref())),
            pair().prop_map(|(left, right, on)| left.and_on(&on.unwrap_or_default(), right)),
            pair().prop_map(|(left, right, on)| left.or_on(&on.unwrap_or_default(), right)),
            pair().prop_map(|(left, right, _)| left.unless(right)),
        ]
    })
}

proptest! {
    #[test]
    fn the_rate_of_a_constant_slope_is_the_slope(
        slope in 0.01_f64..1000.0,
        interval in 5_i64..60,
        late in 0_i64..60_000,
        begin in 2_u32..1000,
    ) {
        let step = slope * f64::from(u32::try_from(interval).unwrap());
        let values: Vec<_> = (begin..begin + 200).map(|at| step * f64::from(at)).collect();
        let (series, last) = counter(&values, interval);
        let now = at_millis(1000 * last + late % (1000 * interval));
        let found = Query::rate(Selector::new("events_total"), 5).evaluate(&series, now);
        prop_assert_eq!(found.len(), 1);
        prop_assert!((found[0].value / slope - 1.0).abs() < 1e-6, "{} for {}", found[0].value, slope);
        let found = Query::increase(Selector::new("events_total"), 5).evaluate(&series, now);
        prop_assert!((found[0].value / (300.0 * slope) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn no_reset_makes_a_rate_negative(values in proptest::collection::vec(0.0_f64..1e9, 0..40), late in 0_i64..400) {
        let (series, last) = counter(&values, 15);
        for element in Query::rate(Selector::new("events_total"), 5).evaluate(&series, at(last + late)) {
            prop_assert!(element.value >= 0.0);
        }
    }

    #[test]
    fn a_comparison_and_its_opposite_share_the_elements(gauges in gauges(), limit in -100.0_f64..100.0) {
        let all = Query::from(Selector::new("g"));
        let (above, rest) = (all.clone().above(limit), all.clone().at_most(limit));
        let unless = all.clone().unless(above.clone());
        let mut series = Series::keeping([&all]);
        series.scrape(&page(&gauges), &[], at(0));
        let answer = |query: &Query| query.try_evaluate(&series, at(0)).unwrap();
        prop_assert_eq!(answer(&all).len(), gauges.len());
        prop_assert_eq!(answer(&unless), answer(&rest));
        prop_assert_eq!(answer(&all.clone().and(above.clone())), answer(&above));
        let mut both = answer(&above);
        both.extend(answer(&rest));
        both.sort_by(|a, b| a.labels.cmp(&b.labels));
        prop_assert_eq!(&both, &answer(&all));
        prop_assert_eq!(answer(&above.or(rest)), both);
    }

    #[test]
    fn the_sums_of_groups_add_up(gauges in gauges()) {
        let all = || Query::from(Selector::new("g"));
        let (whole, parts) = (all().sum(), all().sum_by(&["a"]).sum());
        let counted = all().count_by(&["b"]).sum();
        let mut series = Series::keeping([&whole]);
        series.scrape(&page(&gauges), &[], at(0));
        let number = |query: &Query| query.evaluate(&series, at(0)).first().map(|first| first.value);
        prop_assert_eq!(number(&whole).is_some(), !gauges.is_empty());
        prop_assert!(number(&whole).zip(number(&parts)).is_none_or(|(whole, parts)| (whole - parts).abs() < 1e-9));
        let count = u32::try_from(gauges.len()).unwrap();
        prop_assert!(number(&counted).is_none_or(|counted| is_near(counted, f64::from(count))));
        let mean = number(&all().avg_by(&[]));
        let pair = mean.zip(number(&whole));
        prop_assert!(pair.is_none_or(|(mean, whole)| (mean * f64::from(count) - whole).abs() < 1e-9));
    }

    #[test]
    fn a_page_that_is_scraped_twice_at_a_time_counts_once(gauges in gauges()) {
        let all = Query::from(Selector::new("g"));
        let mut series = Series::keeping([&all]);
        series.scrape(&page(&gauges), &[], at(60));
        let once = (series.points(), all.evaluate(&series, at(60)));
        series.scrape(&page(&gauges), &[], at(60));
        prop_assert_eq!((series.points(), all.evaluate(&series, at(60))), once);
    }

    #[test]
    fn no_page_and_no_label_makes_a_scrape_panic(
        pages in proptest::collection::vec(
            (any::<String>(), r#"(g[{]a="[a-z\\"\n]{0,3}"[}] [0-9.eN+-]{0,4}\n){0,3}"#, any::<i32>()),
            0..4,
        ),
        label in any::<String>(),
        value in any::<String>(),
        query in query(),
    ) {
        let mut series = Series::keeping([&query]);
        for (text, near, seconds) in pages {
            let scraped = series.scrape(&(near + &text), &[(label.as_str(), value.as_str())], at(seconds.into()));
            prop_assert!(scraped.kept <= series.points());
            _ = query.try_evaluate(&series, at(seconds.into()));
        }
    }

    #[test]
    fn an_answer_is_sorted_and_no_label_set_stands_twice(query in query(), early in gauges(), late in gauges()) {
        let mut series = Series::keeping([&query]);
        for (seconds, gauges) in [(0, &early), (60, &late), (120, &early)] {
            let buckets = page(gauges).replace("g{", "h_bucket{").replace("b=", "le=");
            series.scrape(&(page(gauges) + &buckets), &[], at(seconds));
        }
        let found = query.evaluate(&series, at(150));
        prop_assert!(found.windows(2).all(|pair| pair[0].labels < pair[1].labels));
        let labels: BTreeSet<_> = found.iter().flat_map(|element| element.labels.keys()).collect();
        prop_assert!(labels.into_iter().all(|label| ["__name__", "a", "b", "le"].contains(&&**label)));
        prop_assert!(!query.promql().is_empty());
    }
}

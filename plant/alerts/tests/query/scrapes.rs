//! What a scrape keeps, ends and leaves out.

use sqal_alerts::query::{Query, Selector, Series};

use crate::{at, at_millis, is_near, text};

#[test]
fn a_point_counts_for_five_minutes_and_a_series_that_has_ended_for_none() {
    let query = Query::from(Selector::new("up"));
    let mut series = Series::keeping([&query]);
    series.scrape("up 1", &[("instance", "a")], at(0));
    series.scrape("up 1", &[("instance", "b")], at(0));
    assert_eq!(query.evaluate(&series, at(300)).len(), 2);
    assert_eq!(query.evaluate(&series, at_millis(300_001)).len(), 0);
    series.scrape("", &[("instance", "a")], at(15));
    let found = query.evaluate(&series, at(15));
    assert_eq!(found.iter().map(text).collect::<Vec<_>>(), [r#"up{instance="b"}"#]);
    assert_eq!(query.evaluate(&series, at(14)).len(), 2, "it had not ended then");
    series.scrape("up 0", &[("instance", "a")], at(30));
    assert_eq!(query.evaluate(&series, at(30)).len(), 2);
}

#[test]
fn a_scrape_tells_what_it_has_left_out() {
    let query = Query::from(Selector::new("a")).or(Query::from(Selector::new("b")));
    let mut series = Series::keeping([&query]).with_limit(2);
    let page = "# TYPE a gauge\na{x=\"1\"} 1\na{x=\"1\"} 2\nnonsense\nother 1\nb 1\nb{x=\"2\"} 1\n";
    let scraped = series.scrape(page, &[], at(0));
    assert_eq!((scraped.kept, scraped.left_out, scraped.bad_lines, series.points()), (2, 2, 1, 2));
    let first = query.evaluate(&series, at(0));
    assert!(is_near(first[0].value, 1.0), "the first of two samples of one series");
    // When a series is forgotten, another has its place.
    for seconds in [600, 615] {
        series.scrape("b{x=\"2\"} 1\n", &[], at(seconds));
    }
    assert_eq!(query.evaluate(&series, at(615)).iter().map(text).collect::<Vec<_>>(), [r#"b{x="2"}"#]);
}

#[test]
fn a_label_of_the_page_gives_way_to_that_of_the_target() {
    let query = Query::from(Selector::new("up"));
    let mut series = Series::keeping([&query]);
    series.scrape("up{job=\"a\",exported_job=\"b\"} 1", &[("job", "sqal"), ("empty", "")], at(0));
    let found = query.evaluate(&series, at(0));
    assert_eq!(text(&found[0]), r#"up{exported_exported_job="a",exported_job="b",job="sqal"}"#);
}

#[test]
fn three_days_of_a_counter_take_a_few_kilobytes_and_keep_its_increase() {
    let day = 86_400;
    let query = Query::increase(Selector::new("events_total"), 3 * 24 * 60);
    let mut series = Series::keeping([&query]);
    for seconds in (0..=3 * day).step_by(15) {
        // The server starts again once a day: the counter begins at zero.
        let count = (1_000_000 + seconds) % day;
        series.scrape(&format!("events_total {count}"), &[], at(seconds));
    }
    let points = series.points();
    assert!((1300..1400).contains(&points), "{points}");
    let found = query.evaluate(&series, at(3 * day));
    let expected = 3.0 * 86_400.0;
    // Up to five minutes are missing at the beginning; each start hides up to one interval.
    assert!((found[0].value - expected).abs() < 400.0, "{}", found[0].value);
}

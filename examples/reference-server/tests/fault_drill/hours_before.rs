//! [`HoursBefore`]: the hours that a server has run before its first page, as far as its healthy
//! pages tell of them.

use std::collections::BTreeMap;

/// What each counter of a server gains from one healthy page to the next.
pub(crate) struct HoursBefore(BTreeMap<String, f64>);

impl HoursBefore {
    /// Takes it from healthy pages, of which there are at least two.
    pub(crate) fn of(pages: &[String]) -> Self {
        let [first, .., last] = pages else { panic!("{} healthy pages", pages.len()) };
        let first: BTreeMap<_, _> = counters(first).collect();
        let steps = f64::from(u32::try_from(pages.len() - 1).unwrap());
        let gained = counters(last).map(|(series, value)| {
            (series.to_owned(), (value - first.get(series).copied().unwrap_or_default()) / steps)
        });
        Self(gained.collect())
    }

    /// A page as it would be if the server had scraped this number of pages more before.
    pub(crate) fn put_before(&self, page: &str, pages: u32) -> String {
        let counters: BTreeMap<_, _> = counters(page).collect();
        let line = |line: &str| {
            let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
            match (counters.get(series), self.0.get(series)) {
                (Some(value), Some(gained)) => format!("{series} {}\n", value + gained * f64::from(pages)),
                _ => format!("{line}\n"),
            }
        };
        page.lines().map(line).collect()
    }
}

/// The series of counters and of histograms with their values.
fn counters(page: &str) -> impl Iterator<Item = (&str, f64)> {
    let mut is_counter = false;
    page.lines().filter_map(move |line| {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            is_counter = family.ends_with(" counter") || family.ends_with(" histogram");
        }
        let (series, value) = line.rsplit_once(' ').filter(|_| is_counter && !line.starts_with('#'))?;
        Some((series, value.parse().ok()?))
    })
}

/// A page in which one series has another value.
pub(crate) fn with(page: &str, series: &str, change: impl Fn(f64) -> f64) -> String {
    let value = value(page, series).unwrap_or_else(|| panic!("the server has no {series}"));
    let old = page.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
    page.replace(&format!("{}\n", old.unwrap()), &format!("{series} {}\n", change(value)))
}

/// The value of a series, which is written as in the page.
pub(crate) fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn counters_have_risen_before_as_they_rise_and_gauges_stay() {
    let page = |count: u32, waiting: u32| {
        format!(
            "# HELP a_total A\n# TYPE a_total counter\na_total{{x=\"y z\"}} {count}\n# TYPE b gauge\nb {waiting}\n\
             # TYPE c histogram\nc_bucket{{le=\"1\"}} {count}\nc_sum 0.5\nc_count {count}\n"
        )
    };
    let before = HoursBefore::of(&[page(10, 1), page(12, 3), page(16, 2)]);
    let shown = before.put_before(&page(20, 7), 10);
    assert_eq!(shown, page(50, 7));
    assert_eq!(value(&shown, "a_total{x=\"y z\"}"), Some(50.0));
    assert_eq!(with(&page(1, 7), "b", |value| value + 1.0), page(1, 8));
}

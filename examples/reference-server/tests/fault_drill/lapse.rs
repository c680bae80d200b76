//! [`Lapse`]: the rules of the server over its pages, each 15 seconds after the one before.

use serde_json::Value;
use sqal_alerts::query::Series;
use sqal_alerts::state::Evaluator;
use sqal_alerts::{AlertRule, catalogue, objective};
use sqal_core::Timestamp;

use crate::findings::Findings;
use crate::hours_before::{HoursBefore, value};
use crate::plant::Plant;
use crate::seconds::Seconds;
use crate::traffic::Readers;

/// Pages in a minute of the lapse.
pub(crate) const SCRAPES_A_MINUTE: u32 = 4;

/// The pages before a fault that are real.
const HEALTHY: usize = 10;

/// The seconds in which these must come: on a busy machine a tray may be judged late.
const AT_MOST: usize = 60;

/// The minutes that lie before the first real page.
const MINUTES_BEFORE: u32 = 6 * 60;

/// The labels that Prometheus gives to the series of a server.
const TARGET: [(&str, &str); 2] = [("instance", "line-1"), ("job", catalogue::JOBS[0])];

/// Every rule that a server evaluates.
fn rules() -> Vec<AlertRule> {
    let of_objectives = objective::documented().into_iter().flat_map(|objective| objective.rules().unwrap());
    catalogue::documented().into_iter().chain(of_objectives).collect()
}

/// The metrics of a server.
pub(crate) fn page(plant: &Plant) -> String {
    match plant.ask("/metrics") {
        (200, Value::String(page)) => page,
        (status, other) => panic!("{status} {other}"),
    }
}

/// The trays that were judged too late for the objective.
fn late(page: &str) -> f64 {
    let of = |series: &str| value(page, series).unwrap_or_else(|| panic!("the server has no {series}"));
    of("sample_judged_age_seconds_count") - of("sample_judged_age_seconds_bucket{le=\"1\"}")
}

/// The pages of a server at work, a second apart, in which no tray is judged late.
pub(crate) fn healthy_pages(plant: &Plant, seconds: &mut Seconds, readers: &Readers) -> Vec<String> {
    let mut pages = Vec::<String>::new();
    for _ in 0..AT_MOST {
        seconds.next();
        readers.tick();
        let page = page(plant);
        if pages.last().is_some_and(|last| late(last) < late(&page)) {
            pages.clear();
        }
        pages.push(page);
        if pages.len() == HEALTHY {
            return pages;
        }
    }
    panic!("trays are judged late on this machine, without a fault");
}

/// The rules with all pages up to now.
pub(crate) struct Lapse {
    evaluator: Evaluator,
    series: Series,
    before: HoursBefore,
    /// Pages up to now, with those before the first real one.
    pages: u32,
    findings: Findings,
}

impl Lapse {
    /// The time at which a fault begins, after healthy pages. No alert may call a person in them.
    pub(crate) fn after(healthy: &[String]) -> Self {
        let evaluator = Evaluator::new(rules());
        let series = Series::keeping(evaluator.rules().map(AlertRule::query));
        let before = HoursBefore::of(healthy);
        let mut lapse = Self { evaluator, series, before, pages: 0, findings: Findings::default() };
        // A page a minute is enough for each window.
        for minute in 0..MINUTES_BEFORE {
            lapse.pages = minute * SCRAPES_A_MINUTE;
            let page = lapse.before.put_before(&healthy[0], lapse.pages);
            lapse.scrape(&page);
        }
        lapse.pages = MINUTES_BEFORE * SCRAPES_A_MINUTE;
        for page in healthy {
            lapse.see(page);
        }
        let calls: Vec<_> = lapse.findings.calls().collect();
        assert!(calls.is_empty(), "{calls:?} call a person before there is a fault");
        lapse.findings.fault_begins();
        lapse
    }

    /// Takes the next page, and asks every rule.
    pub(crate) fn see(&mut self, page: &str) {
        let shown = self.before.put_before(page, MINUTES_BEFORE * SCRAPES_A_MINUTE);
        self.scrape(&shown);
        let evaluation = self.evaluator.evaluate(&self.series, self.now());
        assert!(evaluation.failed.is_empty() && !evaluation.ignored, "{:?}", evaluation.failed);
        self.findings.take(&evaluation);
        self.pages += 1;
    }

    pub(crate) const fn findings(&self) -> &Findings {
        &self.findings
    }

    fn scrape(&mut self, shown: &str) {
        let at = self.now();
        let scraped = self.series.scrape(shown, &TARGET, at);
        assert_eq!((scraped.left_out, scraped.bad_lines), (0, 0));
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000 + 15_000_000 * i64::from(self.pages)).unwrap()
    }
}

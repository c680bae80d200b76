//! Lists, summary and days of trackers with a thousand to a million bugs, and how their times grow.
//!
//! A list by status, severity and category, and the summary, may take 1.5 times as long with a
//! million bugs as with a thousand. Full text, tags and days are measured. PostgreSQL is needed:
//! `cargo xtask bench bugs` starts one. `SQAL_BENCH_BUGS=1000,100000` makes a short run. A million
//! bugs take 2 GB in SQLite, and then 4 GB in PostgreSQL.
#![allow(clippy::print_stdout, reason = "ratios of two times")]

mod tracker;

use std::hint::black_box;
use std::num::NonZeroU16;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use sqal_core::{Name, Timestamp};
use sqal_resilience::{Clock, SystemClock};
use sqal_storage::Bugs;
use sqal_storage::bugs::{BugQuery, BugSeverity, BugStatus, COUNTED_BUGS};
use tokio::runtime::{Builder, Runtime};
use tracker::{END, Tracker};

/// The bugs of a page.
const PAGE: u16 = 20;

/// How many times as long a bounded question may take with the most bugs as with the fewest.
const MOST_GROWTH: f64 = 1.5;

/// What is asked.
enum Asked {
    /// A page of a list, with its total.
    Page(Box<BugQuery>),
    /// The summary, with the last day.
    Summary,
    /// The last thirty days.
    Days,
}

/// A question, with the condition by which the bugs that it is about are counted.
struct Question {
    name: &'static str,
    asked: Asked,
    condition: &'static str,
    /// Whether its growth is bounded by [`MOST_GROWTH`].
    is_bounded: bool,
}

impl Question {
    /// A list whose time is bounded.
    fn bounded(name: &'static str, query: BugQuery, condition: &'static str) -> Self {
        Self { name, asked: Asked::Page(Box::new(query)), condition, is_bounded: true }
    }

    /// A list whose time is measured.
    fn measured(name: &'static str, query: BugQuery, condition: &'static str) -> Self {
        Self { is_bounded: false, ..Self::bounded(name, query, condition) }
    }

    /// Asks it once.
    async fn ask(&self, store: &dyn Bugs) {
        match &self.asked {
            Asked::Page(query) => drop(black_box(store.bugs(query).await.expect("it answers"))),
            Asked::Summary => drop(black_box(store.bug_summary(day(1)..day(0)).await.expect("it answers"))),
            Asked::Days => {
                let bounds: Vec<_> = (0..=30).rev().map(day).collect();
                drop(black_box(store.bug_days(&bounds).await.expect("it answers")));
            }
        }
    }
}

/// The time this many days before the newest bug.
fn day(before: i64) -> Timestamp {
    Timestamp::from_micros(END - before * 86_400_000_000).expect("in range")
}

fn newest() -> BugQuery {
    BugQuery::newest(NonZeroU16::new(PAGE).expect("not zero"))
}

/// All questions, those with a bound first.
fn questions() -> Vec<Question> {
    let whole = |name, asked, is_bounded| Question { name, asked, condition: "true", is_bounded };
    let mut questions = everyday();
    questions.push(whole("summary", Asked::Summary, true));
    questions.push(whole("thirty days", Asked::Days, false));
    questions.extend(searches());
    questions
}

/// The lists that are asked for every day.
///
/// At least a page of a thousand bugs meets each condition, so that pages of equal length are
/// compared.
fn everyday() -> Vec<Question> {
    let (status, severity) = (Some(BugStatus::Closed), Some(BugSeverity::Medium));
    let category = Name::new("hardware").ok();
    vec![
        Question::bounded("the newest", newest(), "true"),
        Question::bounded("by status", BugQuery { status, ..newest() }, "status = 'closed'"),
        Question::bounded(
            "by the status of a few",
            BugQuery { status: Some(BugStatus::Open), ..newest() },
            "status = 'open'",
        ),
        Question::bounded("by severity", BugQuery { severity, ..newest() }, "severity = 'medium'"),
        Question::bounded("by category", BugQuery { category, ..newest() }, "category = 'hardware'"),
        Question::bounded(
            "by status and severity",
            BugQuery { status, severity, ..newest() },
            "status = 'closed' AND severity = 'medium'",
        ),
        Question::bounded(
            "by status and category",
            BugQuery { status, category, ..newest() },
            "status = 'closed' AND category = 'hardware'",
        ),
        Question::bounded(
            "by severity and category",
            BugQuery { severity, category, ..newest() },
            "severity = 'medium' AND category = 'hardware'",
        ),
        Question::bounded(
            "by status, severity and category",
            BugQuery { status, severity, category, ..newest() },
            "status = 'closed' AND severity = 'medium' AND category = 'hardware'",
        ),
    ]
}

/// Lists by words and tags, which cost more the more bugs have them.
fn searches() -> Vec<Question> {
    let words = |words: &[&str]| -> Vec<String> { words.iter().map(|word| (*word).to_owned()).collect() };
    let tag = |tag: &str| Name::new(tag).ok();
    vec![
        Question::measured(
            "a word of 20 bugs",
            BugQuery { words: words(&["e12"]), ..newest() },
            "description LIKE '%, e12.%'",
        ),
        Question::measured(
            "a word of every twelfth bug",
            BugQuery { words: words(&["lamp"]), ..newest() },
            "title LIKE 'lamp %'",
        ),
        Question::measured(
            "two words",
            BugQuery { words: words(&["lamp", "dark"]), ..newest() },
            "title LIKE 'lamp dark %'",
        ),
        Question::measured(
            "a word of every bug",
            BugQuery { words: words(&["line"]), ..newest() },
            "title LIKE '% line %'",
        ),
        Question::measured(
            "a tag of every fortieth bug",
            BugQuery { tag: tag("t7"), ..newest() },
            "tags LIKE '%\"t7\"%'",
        ),
        Question::measured(
            "a tag of every tenth bug, and a word",
            BugQuery { tag: tag("night"), words: words(&["dark"]), ..newest() },
            "tags LIKE '%\"night\"%' AND title LIKE '% dark %'",
        ),
    ]
}

#[expect(clippy::disallowed_methods, reason = "a bench is told where its server is, and how long it may run")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How many bugs the trackers have, the fewest first.
fn sizes() -> Vec<u32> {
    let told = told("SQAL_BENCH_BUGS").unwrap_or_else(|| "1000,100000,1000000".to_owned());
    let size = |text: &str| -> u32 { text.trim().parse().expect("SQAL_BENCH_BUGS is a list such as 1000,100000") };
    let sizes: Vec<u32> = told.split(',').map(size).collect();
    let is_measurable = |size: &u32| (1000..=1_000_000).contains(size);
    assert!(sizes.is_sorted() && sizes.iter().all(is_measurable), "sizes from 1000 to 1000000, the fewest bugs first");
    sizes
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn conditions(questions: &[Question]) -> Vec<&'static str> {
    questions.iter().map(|question| question.condition).collect()
}

fn sqlite(c: &mut Criterion) {
    let (folder, runtime, questions) = (tempfile::tempdir().expect("a folder"), runtime(), questions());
    let mut trackers = Vec::new();
    for bugs in sizes() {
        let path = folder.path().join(format!("{bugs}.db"));
        trackers.push(runtime.block_on(tracker::in_sqlite(&path, bugs, &conditions(&questions))));
    }
    grow(c, "SQLite", &runtime, &trackers, &questions);
}

fn postgres(c: &mut Criterion) {
    let url = told("SQAL_TEST_POSTGRES_URL").expect("run `cargo xtask bench bugs`, which starts PostgreSQL");
    let (runtime, questions) = (runtime(), questions());
    let mut trackers = Vec::new();
    for bugs in sizes() {
        trackers.push(runtime.block_on(tracker::in_postgres(&url, bugs, &conditions(&questions))));
    }
    grow(c, "PostgreSQL", &runtime, &trackers, &questions);
}

/// Checks the answers, measures each question at each size, and tells how the times grow.
fn grow(c: &mut Criterion, engine: &str, runtime: &Runtime, trackers: &[Tracker], questions: &[Question]) {
    for tracker in trackers {
        runtime.block_on(check(tracker, questions));
    }
    let mut group = c.benchmark_group(format!("{engine}, bugs"));
    group.sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(200));
    group.measurement_time(Duration::from_secs(1));
    for question in questions {
        group.sample_size(if question.is_bounded { 50 } else { 10 });
        for tracker in trackers {
            group.bench_function(format!("{}, {} bugs", question.name, tracker.bugs), |b| {
                b.iter(|| runtime.block_on(question.ask(&*tracker.store)));
            });
        }
    }
    group.finish();
    println!("{engine}: medians with {} bugs, and the growth", listed(trackers.iter().map(|tracker| tracker.bugs)));
    for question in questions {
        println!("  {}", runtime.block_on(growth(question, trackers)));
    }
}

/// Values with commas between them.
fn listed<T: ToString>(values: impl Iterator<Item = T>) -> String {
    values.map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}

/// Checks that each list has the page and the total that a count of the bugs expects.
async fn check(tracker: &Tracker, questions: &[Question]) {
    for (question, &counted) in questions.iter().zip(&tracker.counted) {
        let what = format!("{}, {} bugs", question.name, tracker.bugs);
        if let Asked::Page(query) = &question.asked {
            let page = tracker.store.bugs(query).await.expect("it answers");
            let is_total = query.is_counted() || counted <= COUNTED_BUGS;
            let total = if is_total { counted } else { COUNTED_BUGS };
            assert_eq!((page.total, page.is_total), (total, is_total), "{what}");
            let bugs = u64::try_from(page.bugs.len()).expect("a page");
            assert_eq!(bugs, counted.min(PAGE.into()), "{what}");
            assert!(bugs == u64::from(PAGE) || !question.is_bounded, "{what}: a page of {bugs} bugs");
        } else {
            let summary = tracker.store.bug_summary(day(1)..day(0)).await.expect("it answers");
            assert_eq!(summary.total(), counted, "{what}");
        }
    }
}

/// Asks a question of all trackers in turns, so that other work of the machine affects them
/// equally, and tells the medians and their ratio.
async fn growth(question: &Question, trackers: &[Tracker]) -> String {
    let rounds = if question.is_bounded { 301 } else { 7 };
    let mut times = vec![Vec::new(); trackers.len()];
    for round in 0..=rounds {
        for (tracker, times) in trackers.iter().zip(&mut times) {
            let begun = SystemClock.now();
            question.ask(&*tracker.store).await;
            let time = SystemClock.now().saturating_duration_since(begun);
            // The first round fills caches, so its times are dropped.
            if round > 0 {
                times.push(time);
            }
        }
    }
    let medians: Vec<f64> = times.into_iter().map(|times| median(times).as_secs_f64()).collect();
    let growth = medians.last().expect("a size") / medians.first().expect("a size");
    let told = match (question.is_bounded, growth <= MOST_GROWTH) {
        (false, _) => "measured",
        (true, true) => "at most 1.5",
        (true, false) => "MORE THAN 1.5",
    };
    let millis = listed(medians.iter().map(|median| format!("{:.3}", median * 1e3)));
    format!("{}: {millis} ms: {growth:.2} times ({told})", question.name)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

criterion_group!(benches, sqlite, postgres);
criterion_main!(benches);

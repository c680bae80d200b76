//! Exemplars are of sampled traces, the newest of their bucket, and cost nothing without a trace.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::{Key, Label, Level, Metadata, NoopRecorder, Recorder, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use proptest::prelude::*;
use sqal_telemetry::exemplars::{ExemplarHandle, MOST_SERIES, WithExemplars};
use sqal_telemetry::held::{FinishedTrace, HeadSampling, HeldTraces, TraceSink};
use sqal_telemetry::openmetrics::render;
use tracing_subscriber::prelude::*;

const SECONDS: [f64; 3] = [0.1, 1.0, 10.0];

/// The seconds since 1970 of the last exemplar.
static TICKS: AtomicU64 = AtomicU64::new(1_700_000_000);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(TICKS.fetch_add(1, Ordering::SeqCst))
}

/// Takes finished traces and keeps none.
struct Unkept;

impl TraceSink for Unkept {
    fn take(&self, _: FinishedTrace) {}
}

/// Follows the traces of this thread while `act` runs; only those are sampled that begin elsewhere
/// and are sampled there.
fn followed<T>(act: impl FnOnce() -> T) -> T {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    let random = || DRAWN.fetch_add(1, Ordering::SeqCst);
    let held = HeldTraces::new(Arc::new(Unkept), HeadSampling::Never, &["exemplars"], random);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(held.layer()), act)
}

/// Runs `act` in a span of the trace with this number.
fn in_trace<T>(number: u64, is_sampled: bool, act: impl FnOnce() -> T) -> T {
    let parent = format!("00-{number:032x}-00f067aa0ba902b7-0{}", u8::from(is_sampled));
    tracing::debug_span!(target: "exemplars", "work", traceparent = parent.as_str()).in_scope(act)
}

/// A recorder with the histograms `took` (with exemplars) and `plain` (without).
fn recorder() -> (WithExemplars<PrometheusRecorder>, PrometheusHandle, ExemplarHandle) {
    let builder = ["took", "plain"].into_iter().fold(PrometheusBuilder::new(), |builder, name| {
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), &SECONDS).unwrap()
    });
    let recorder = builder.build_recorder();
    let prometheus = recorder.handle();
    let recorder = WithExemplars::new(recorder, [("took", &SECONDS[..])], now);
    let exemplars = recorder.handle();
    (recorder, prometheus, exemplars)
}

/// The exemplars of a text: by series and bound, the number of the trace and the value.
fn exemplars(text: &str) -> BTreeMap<(String, String), (u64, f64)> {
    let lines = text.lines().filter_map(|line| line.split_once(" # "));
    lines
        .map(|(sample, exemplar)| {
            let (series, bound) = sample.split_once("le=\"").unwrap();
            let (labels, rest) = exemplar.split_once("} ").unwrap();
            let trace = labels.strip_prefix("{trace_id=\"").unwrap().split('"').next().unwrap();
            let (value, at) = rest.split_once(' ').unwrap();
            assert!(at.parse::<f64>().unwrap() >= 1_700_000_000.0, "{exemplar}");
            let count: u64 = sample.rsplit_once(' ').unwrap().1.parse().unwrap();
            assert!(count > 0, "{sample} counts its exemplar");
            let (bound, value) = (bound.split('"').next().unwrap().to_owned(), value.parse().unwrap());
            ((series.to_owned(), bound), (u64::from_str_radix(&trace[16..], 16).unwrap(), value))
        })
        .collect()
}

fn read(prometheus: &PrometheusHandle, handle: &ExemplarHandle) -> BTreeMap<(String, String), (u64, f64)> {
    let snapshot = handle.snapshot();
    exemplars(&render(&prometheus.render(), &snapshot))
}

/// The bound of the bucket of a value, as OpenMetrics writes it.
fn bound(value: f64) -> &'static str {
    match value {
        _ if value <= 0.1 => "0.1",
        _ if value <= 1.0 => "1.0",
        _ if value <= 10.0 => "10.0",
        _ => "+Inf",
    }
}

proptest! {
    /// What is recorded in a sampled trace becomes the exemplar of its bucket, and what is recorded
    /// in none, or in one that is not sampled, leaves the exemplar that was there.
    #[test]
    fn the_newest_measurement_of_a_sampled_trace_is_the_exemplar_of_its_bucket(
        measured in prop::collection::vec((0..2_usize, 0.0..20.0_f64, 1..u64::MAX, 0..3_u8, any::<bool>()), 0..40),
    ) {
        const LINES: [&str; 2] = ["C:\\dir \"one\"", "two\n"];
        let (recorder, prometheus, handle) = recorder();
        let mut wanted = BTreeMap::new();
        followed(|| metrics::with_local_recorder(&recorder, || {
            for (line, value, trace, how, many) in measured {
                let record = || {
                    let took = histogram!("took", "line" => LINES[line], "kind" => "a");
                    if many { took.record_many(value, 3) } else { took.record(value) }
                    histogram!("plain").record(value);
                };
                match how {
                    0 => record(),
                    1 => in_trace(trace, false, record),
                    _ => {
                        in_trace(trace, true, record);
                        let label = ["C:\\\\dir \\\"one\\\"", "two\\n"][line];
                        let series = format!("took_bucket{{line=\"{label}\",kind=\"a\",");
                        wanted.insert((series, bound(value).to_owned()), (trace, value));
                    }
                }
            }
        }));
        prop_assert_eq!(read(&prometheus, &handle), wanted);
    }
}

#[test]
fn without_a_sampled_trace_there_is_no_exemplar() {
    let (recorder, prometheus, handle) = recorder();
    metrics::with_local_recorder(&recorder, || {
        // Nothing follows traces here.
        in_trace(7, true, || histogram!("took").record(0.5));
        followed(|| {
            histogram!("took").record(0.5);
            in_trace(7, false, || histogram!("took").record(0.5));
            tracing::debug_span!(target: "exemplars", "root").in_scope(|| histogram!("took").record(0.5));
            // NaN is in no bucket, and nothing was measured without a count.
            in_trace(7, true, || {
                histogram!("took").record(f64::NAN);
                histogram!("took").record_many(0.5, 0);
                histogram!("plain").record(0.5);
            });
        });
    });
    assert_eq!(read(&prometheus, &handle), BTreeMap::new());
}

/// A trace that others adopt (the commit of many samples) is not exported under its own id.
#[test]
fn an_adopted_trace_leaves_no_exemplar() {
    let (recorder, prometheus, handle) = recorder();
    let held = HeldTraces::new(Arc::new(Unkept), HeadSampling::Always, &["exemplars"], || {
        static DRAWN: AtomicU64 = AtomicU64::new(1);
        DRAWN.fetch_add(1, Ordering::SeqCst)
    });
    let subscriber = tracing_subscriber::registry().with(held.layer());
    tracing::subscriber::with_default(subscriber, || {
        metrics::with_local_recorder(&recorder, || {
            let store = tracing::debug_span!(target: "exemplars", "store");
            let commit = tracing::debug_span!(target: "exemplars", parent: None, "commit");
            commit.follows_from(&store);
            commit.in_scope(|| histogram!("took").record(0.5));
            assert_eq!(read(&prometheus, &handle), BTreeMap::new(), "the id of the commit leads to no trace");
            store.in_scope(|| histogram!("took").record(0.5));
            assert_eq!(read(&prometheus, &handle).len(), 1);
        });
    });
}

/// A handle that was made outside of a trace observes what is recorded with it in a trace.
#[test]
fn a_handle_that_is_kept_has_exemplars_too() {
    let (recorder, prometheus, handle) = recorder();
    let took = metrics::with_local_recorder(&recorder, || histogram!("took"));
    followed(|| in_trace(7, true, || took.record(0.5)));
    let wanted = [(("took_bucket{".to_owned(), "1.0".to_owned()), (7, 0.5))];
    assert_eq!(read(&prometheus, &handle), BTreeMap::from(wanted));
}

/// While threads record and a scraper reads, an exemplar is always a measurement of its trace, and
/// no measurement is lost.
#[test]
fn threads_and_scrapes_do_not_mix_exemplars_up() {
    const THREADS: u64 = 4;
    const EACH: u64 = 500;
    let (recorder, prometheus, handle) = recorder();
    // The trace of a measurement is the number of its thousandths.
    let is_whole = |((_, upper), (trace, value)): (&(String, String), &(u64, f64))| {
        assert_eq!(u64::try_from(Duration::from_secs_f64(*value).as_millis()).unwrap(), *trace);
        assert_eq!(bound(*value), upper);
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let recorder = &recorder;
            scope.spawn(move || {
                followed(|| {
                    metrics::with_local_recorder(recorder, || {
                        for k in 0..EACH {
                            let trace = 1 + (k * THREADS + thread) * 10;
                            let value = Duration::from_millis(trace).as_secs_f64();
                            in_trace(trace, true, || histogram!("took").record(value));
                        }
                    });
                });
            });
        }
        for _ in 0..50 {
            read(&prometheus, &handle).iter().for_each(is_whole);
        }
    });
    let last = read(&prometheus, &handle);
    last.iter().for_each(is_whole);
    assert_eq!(last.len(), SECONDS.len() + 1);
    // The count of a histogram is the exporter's; it loses some when it is rendered meanwhile.
    let rendered = prometheus.render();
    let count = rendered.lines().find_map(|line| line.strip_prefix("took_count ")).unwrap();
    assert!((1..=THREADS * EACH).contains(&count.parse().unwrap()), "{count}");
}

/// Labels can be of any number, and the memory of exemplars is bounded.
#[test]
fn a_series_beyond_the_most_has_no_exemplar_and_is_counted() {
    let (recorder, prometheus, handle) = recorder();
    followed(|| {
        metrics::with_local_recorder(&recorder, || {
            for number in 0..MOST_SERIES + 3 {
                in_trace(7, true, || histogram!("took", "number" => number.to_string()).record(0.5));
            }
            // A series that has a place keeps it.
            in_trace(8, true, || histogram!("took", "number" => "0").record(0.5));
        });
    });
    let read = read(&prometheus, &handle);
    assert_eq!(read.len(), MOST_SERIES);
    assert_eq!(read[&("took_bucket{number=\"0\",".to_owned(), "1.0".to_owned())].0, 8);
    let counted = prometheus.render().lines().filter(|line| line.starts_with("took_count{")).count();
    assert_eq!(counted, MOST_SERIES + 3);
}

/// Only the text of a trace costs something, and it is written at a scrape.
#[test]
fn a_measurement_without_a_trace_allocates_nothing() {
    static LABELS: [Label; 1] = [Label::from_static_parts("kind", "a")];
    static KEY: Key = Key::from_static_parts("took", &LABELS);
    let metadata = Metadata::new("exemplars", Level::INFO, None);
    let recorder = WithExemplars::new(NoopRecorder, [("took", &SECONDS[..])], now);
    let record = || recorder.register_histogram(&KEY, &metadata).record(0.5);
    record();
    followed(|| {
        record();
        let allocated = allocation_counter::measure(|| (0..1000).for_each(|_| record()));
        assert_eq!(allocated.count_total, 0);
    });
    assert_eq!(recorder.handle().snapshot(), sqal_telemetry::exemplars::Exemplars::default());
}

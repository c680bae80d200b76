//! The scenarios of events, metrics and configuration (EV-02, EV-04 to EV-08).
#![cfg(all(feature = "metrics", feature = "serde", feature = "tokio", feature = "tracing"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "counts are whole numbers")]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use proptest::prelude::*;
use sqal_resilience::{
    Backoff, Breaker, BreakerConfig, BulkheadConfig, ManualClock, Outcome, Quota, RetryPolicy, ShutdownConfig,
    SystemClock,
    backoff::Jitter,
    breaker::{Breakers, Event, OpenFor, Rates, SlowCalls, Window},
    bulkhead::Shed,
    health::CheckConfig,
    log::{LogChanges, log_retry},
    metered::MeteredBreaker,
};

const MINUTE: Duration = Duration::from_secs(60);

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

/// All series, each with its labels as text.
fn series(recorder: &DebuggingRecorder) -> BTreeMap<String, f64> {
    let all = recorder.snapshotter().snapshot().into_vec().into_iter();
    all.map(|(key, _, _, value)| {
        let mut labels: Vec<_> = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        labels.sort();
        let value = match value {
            DebugValue::Counter(n) => f64::from(u32::try_from(n).unwrap()),
            DebugValue::Gauge(value) => value.0,
            DebugValue::Histogram(_) => panic!("there are none"),
        };
        (format!("{}{{{}}}", key.key().name(), labels.join(",")), value)
    })
    .collect()
}

#[test]
fn ev_02_every_call_is_counted_once() {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        let clock = ManualClock::new();
        let breaker = MeteredBreaker::new("database", BreakerConfig::default(), clock.clone()).unwrap();
        let names = ["success", "failure", "ignored", "rejected", "abandoned"];
        let of = |name: &str| format!("circuit_breaker_calls_total{{name=database,outcome={name}}}");
        let before = series(&recorder);
        assert_eq!(before["circuit_breaker_state{name=database}"], 0.0, "EV-01: it exists from the beginning");
        assert!(names.iter().all(|name| before[&of(name)] == 0.0));

        let calls = 1_000_000;
        for k in 0..calls {
            if k % 10_000 == 0 {
                clock.advance(MINUTE);
            }
            let Ok(permit) = breaker.acquire() else { continue };
            match k % 7 {
                0 => drop(permit),
                1 => permit.report(Outcome::Ignored),
                2 if k % 3 == 0 => permit.report(Outcome::Success),
                _ if k % 20_000 < 500 => permit.report(Outcome::Failure),
                _ => permit.report(Outcome::Success),
            }
        }
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let _permit = breaker.acquire();
            panic!("the call");
        }));
        let after = series(&recorder);
        let counts = names.map(|name| after[&of(name)]);
        assert_eq!(counts.iter().sum::<f64>(), f64::from(calls + 1));
        assert!(counts.iter().all(|count| *count > 0.0), "{counts:?}");
        breaker.breaker().force_open();
        assert_eq!(series(&recorder)["circuit_breaker_state{name=database}"], 4.0);
    });
}

#[test]
fn ev_04_a_plain_breaker_carries_nothing_for_metrics_or_logs() {
    // Another type counts. Neither the breaker nor its permit has a field for it, so there is no
    // code to run.
    let clock = ManualClock::new();
    let breaker = Breaker::new(BreakerConfig::default(), clock).unwrap();
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        let info = allocation_counter::measure(|| {
            for _ in 0..1000 {
                breaker.acquire().unwrap().report(Outcome::Success);
            }
        });
        assert_eq!(info.count_total, 0);
    });
    assert!(series(&recorder).is_empty());
    assert!(size_of_val(&breaker.acquire().unwrap()) <= 24, "a permit stays in registers");
}

#[test]
fn ev_05_a_registry_makes_no_series_per_key() {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        let breakers = Breakers::new(BreakerConfig::default(), SystemClock, 100).unwrap();
        for key in 0..100 {
            breakers.get(key).unwrap().force_open();
        }
        let _named = MeteredBreaker::new("weather", BreakerConfig::default(), SystemClock).unwrap();
    });
    assert!(series(&recorder).keys().all(|key| key.contains("name=weather")), "a name is fixed when it is made");
}

/// The error message for a mistake in a configuration.
fn complaint<'a, T: serde::Deserialize<'a> + std::fmt::Debug>(text: &'a str) -> String {
    serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_str(text)).unwrap_err().to_string()
}

#[test]
fn ev_06_configuration_is_read_as_people_write_it_and_mistakes_are_named() {
    let documented = r#"{"failure_threshold": 5, "success_threshold": 2, "timeout": "60s", "half_open_max_calls": 3}"#;
    assert_eq!(serde_json::from_str::<BreakerConfig>(documented).unwrap(), BreakerConfig::default());
    assert_eq!(serde_json::from_str::<BreakerConfig>("{}").unwrap(), BreakerConfig::default());
    let grows = r#"{"open_for": {"base": "1s", "factor": 2, "max": "10m"}}"#;
    let grows = serde_json::from_str::<BreakerConfig>(grows).unwrap().open_for;
    assert_eq!(grows, OpenFor::doubling(Duration::from_secs(1), 10 * MINUTE));
    assert_eq!(
        serde_json::from_str::<Quota>(r#"{"burst": 100, "refill": 100, "period": "60s"}"#).unwrap(),
        Quota::default()
    );
    assert_eq!(serde_json::from_str::<BulkheadConfig>("{}").unwrap(), BulkheadConfig::default());
    assert_eq!(serde_json::from_str::<CheckConfig>("{}").unwrap(), CheckConfig::critical());
    assert_eq!(serde_json::from_str::<ShutdownConfig>(r#"{"drain": "30s"}"#).unwrap(), ShutdownConfig::default());
    let policy = r#"{"max_retries": 3, "backoff": {"base": "250ms", "cap": "30s"}}"#;
    let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30)).unwrap();
    assert_eq!(serde_json::from_str::<RetryPolicy>(policy).unwrap(), RetryPolicy::new(3, backoff));

    for (said, expected) in [
        (complaint::<BreakerConfig>(r#"{"failure_treshold": 5}"#), "unknown field `failure_treshold`"),
        (complaint::<BreakerConfig>(r#"{"success_threshold": 0}"#), "success_threshold: invalid value: integer `0`"),
        (complaint::<BreakerConfig>(r#"{"open_for": "a minute"}"#), "open_for: a time such as \"60s\""),
        (
            complaint::<BulkheadConfig>(r#"{"max_wait": "100"}"#),
            "max_wait: invalid value: string \"100\", expected a time such as",
        ),
        (
            complaint::<RetryPolicy>(r#"{"max_retries": 3, "backoff": {"base": "2s", "cap": "1s"}}"#),
            "backoff: base 2s and cap 1s",
        ),
        (
            complaint::<RetryPolicy>(
                r#"{"max_retries": 3, "backoff": {"base": "1s", "cap": "1s", "jitter": {"proportional": 7}}}"#,
            ),
            "jitter 7",
        ),
        (complaint::<ShutdownConfig>(r#"{"drain": 30}"#), "drain: invalid type: integer `30`"),
    ] {
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    }
}

fn some_time() -> impl Strategy<Value = Duration> {
    (any::<u32>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds.into(), nanos))
}

fn written_and_read<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn ev_06_what_is_written_is_read_back(
        times in prop::collection::vec(some_time(), 6), count in 1..1000_u32, share in 0.01..1.0_f64, wait in any::<bool>(),
    ) {
        let breaker = BreakerConfig {
            failure_threshold: wait.then(|| n(count)),
            rates: Some(Rates {
                window: if wait { Window::Calls(n(count)) } else { Window::Time(times[0]) },
                min_calls: n(count),
                failure_rate: share,
                slow: wait.then_some(SlowCalls { from: times[1], rate: share }),
            }),
            open_for: OpenFor { jitter: share, ..OpenFor::doubling(times[2], times[3]) },
            half_open_max_wait: wait.then_some(times[4]),
            abandoned: sqal_resilience::breaker::Abandoned::RateAbove(share),
            ..BreakerConfig::default()
        };
        prop_assert_eq!(written_and_read(&breaker), breaker);
        let mut bulkhead = BulkheadConfig::default();
        bulkhead.max_wait = times[0];
        bulkhead.shed = Shed::Oldest;
        bulkhead.slow_after = wait.then_some(times[1]);
        prop_assert_eq!(written_and_read(&bulkhead), bulkhead);
        let base = times[0] + Duration::from_nanos(1);
        let backoff = Backoff::new(base, base + times[1]).unwrap().with_jitter(Jitter::Proportional(share)).unwrap();
        let mut policy = RetryPolicy::new(count, backoff);
        policy.deadline = wait.then_some(times[2]);
        prop_assert_eq!(written_and_read(&policy), policy);
    }
}

/// Log lines of one thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The only test here that logs, so that no other thread switches the log lines off for lack of a
/// subscriber.
#[test]
fn ev_07_changes_and_retries_are_logged_as_documented() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().without_time().with_target(false).with_ansi(false).with_writer({
        let lines = lines.clone();
        move || lines.clone()
    });
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let one = BreakerConfig { failure_threshold: Some(n(1)), ..BreakerConfig::default() };
    let breaker = Breaker::new(one, ManualClock::new()).unwrap().observed_by(LogChanges("gemini_api"));
    breaker.acquire().unwrap().report(Outcome::Failure);
    // A probe and its failure are logged at level debug, so an outage has two lines.
    breaker.force_half_open();
    breaker.acquire().unwrap().report(Outcome::Failure);
    breaker.reset();
    log_retry("app.services")(1, &"connection reset", Duration::from_secs(1));
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "INFO Circuit breaker 'gemini_api': état open from=\"closed\" cause=\"failures\" generation=1",
            "INFO Circuit breaker 'gemini_api': état closed from=\"open\" cause=\"by_hand\" generation=4",
            "INFO Retrying app.services in 1.0 seconds attempt=1 error=connection reset",
        ]
    );
}

#[test]
fn ev_08_nothing_is_told_while_a_thread_unwinds_and_nothing_is_lost() {
    let told = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&told);
    let observer = move |_: &Event| {
        assert!(!std::thread::panicking(), "a panic in here would end the process");
        seen.fetch_add(1, Ordering::SeqCst);
    };
    let one = BreakerConfig { failure_threshold: Some(n(1)), ..BreakerConfig::default() };
    let breaker = Breaker::new(one, ManualClock::new()).unwrap().observed_by(observer);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _permit = breaker.acquire().unwrap();
        panic!("the call");
    }));
    assert!(panicked.is_err());
    assert_eq!(told.load(Ordering::SeqCst), 0);
    let _ = breaker.snapshot();
    assert_eq!(told.load(Ordering::SeqCst), 1, "it is told by whoever comes next");
}

//! The scenarios of the health registry: HR-01 to HR-14; the bodies of HR-15 are the server's.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use sqal_resilience::{
    Breaker, BreakerConfig, Clock, HealthRegistry, ManualClock, Outcome, Shutdown, TokioClock,
    breaker::Event,
    health::{CheckConfig, InvalidComponent, Status},
};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

fn registry() -> HealthRegistry<TokioClock> {
    HealthRegistry::new(TokioClock, Shutdown::default())
}

/// A component that a test breaks and repairs, and that counts its checks.
#[derive(Clone, Default)]
struct Part {
    broken: Arc<AtomicBool>,
    checks: Arc<AtomicU32>,
}

impl Part {
    fn check(&self) -> impl Fn() -> std::future::Ready<Result<(), String>> + Send + Sync + 'static {
        let part = self.clone();
        move || {
            part.checks.fetch_add(1, Ordering::SeqCst);
            let broken = part.broken.load(Ordering::SeqCst);
            std::future::ready(if broken { Err("connection refused".to_owned()) } else { Ok(()) })
        }
    }

    fn broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    fn checks(&self) -> u32 {
        self.checks.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn hr_01_02_03_liveness_runs_no_check_and_readiness_runs_the_critical_ones() {
    let (health, database, cache) = (registry(), Part::default(), Part::default());
    health.register("database", CheckConfig::critical(), database.check()).unwrap();
    health.register("cache", CheckConfig::optional(), cache.check()).unwrap();
    assert!(health.is_live() && !health.is_ready());
    assert_eq!((health.report().status, database.checks()), (Status::Unknown, 0), "whoever asks makes no check");
    health.look().await;
    assert!(health.is_ready());
    assert_eq!(health.report().status, Status::Up);

    cache.broken(true);
    health.look().await;
    let report = health.report();
    assert!(report.ready && health.is_ready());
    assert_eq!(report.status, Status::Degraded);
    assert_eq!((report.components[0].name.as_str(), report.components[0].status), ("cache", Status::Down));
    assert_eq!(report.components[0].complaint.as_deref(), Some("connection refused"));

    database.broken(true);
    health.look().await;
    assert!(!health.is_ready() && !health.report().ready && health.is_live());
    assert_eq!(health.report().status, Status::Down);
}

#[test]
fn hr_04_starting_ends_once_and_for_good() {
    let clock = ManualClock::new();
    let health = HealthRegistry::new(clock.clone(), Shutdown::default());
    assert_eq!(health.started(), None, "nothing has been marked");
    health.expect("metrics");
    health.expect("database");
    clock.advance(SECOND);
    health.mark_started("metrics");
    assert_eq!((health.started(), health.missing()), (None, vec!["database".to_owned()]));
    clock.advance(SECOND);
    health.mark_started("database");
    assert_eq!(health.started(), Some(2 * SECOND));
    clock.advance(SECOND);
    health.expect("a latecomer");
    health.mark_started("another");
    assert_eq!((health.started(), health.missing()), (Some(2 * SECOND), vec![]));
    assert_eq!(health.uptime(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn hr_05_a_check_that_hangs_is_cut_off_and_delays_no_other() {
    let (health, other) = (registry(), Part::default());
    health.register("hangs", CheckConfig::critical(), std::future::pending::<Result<(), String>>).unwrap();
    health.register("works", CheckConfig::critical(), other.check()).unwrap();
    let running = tokio::spawn({
        let health = health.clone();
        async move { health.run(SECOND / 10).await }
    });
    sleep(SECOND).await;
    let seen = |name: &str| health.report().components.into_iter().find(|component| component.name == name).unwrap();
    assert_eq!((seen("hangs").status, seen("works").status), (Status::Unknown, Status::Up));
    assert!(health.is_live());
    sleep(SECOND + SECOND / 5).await;
    assert_eq!(seen("hangs").status, Status::Down);
    assert_eq!(seen("hangs").complaint.as_deref(), Some("no answer in 2s"));
    assert!(!health.is_ready());
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn hr_06_a_check_runs_once_in_its_interval_for_any_number_of_calls() {
    let (health, database) = (registry(), Part::default());
    health.register("database", CheckConfig::critical(), database.check()).unwrap();
    let running = tokio::spawn({
        let health = health.clone();
        async move { health.run(SECOND / 10).await }
    });
    for _ in 0..10_000 {
        sleep(Duration::from_millis(1)).await;
        let _ = (health.is_ready(), health.report());
    }
    assert_eq!(database.checks(), 2, "ten seconds: at 0 and at 5");
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn hr_07_a_check_that_panics_is_down_and_the_others_go_on() {
    let (health, other) = (registry(), Part::default());
    health
        .register("panics", CheckConfig::optional(), || async { panic!("on purpose") as Result<(), String> })
        .unwrap();
    health
        .register("panics at once", CheckConfig::optional(), || -> std::future::Ready<Result<(), String>> {
            panic!("on purpose")
        })
        .unwrap();
    health.register("works", CheckConfig::critical(), other.check()).unwrap();
    health.look().await;
    health.look().await;
    let statuses: Vec<_> = health.report().components.into_iter().map(|component| component.status).collect();
    assert_eq!((statuses, other.checks()), (vec![Status::Down, Status::Down, Status::Up], 2));
}

#[tokio::test(start_paused = true)]
async fn hr_08_a_check_that_flaps_does_not_make_readiness_flap() {
    let (health, part) = (registry(), Part::default());
    let mut config = CheckConfig::critical();
    config.down_after = 3;
    config.up_after = 2;
    health.register("flaps", config, part.check()).unwrap();
    let mut ready = Vec::new();
    for works in [true, false, false, true, false, false, false, true, false, true, true] {
        part.broken(!works);
        health.look().await;
        ready.push(health.is_ready());
    }
    let t = true;
    assert_eq!(ready, [t, t, t, t, t, t, false, false, false, false, t]);
}

#[tokio::test(start_paused = true)]
async fn hr_09_what_is_not_heard_of_any_more_is_unknown() {
    let (health, part) = (registry(), Part::default());
    health.register("database", CheckConfig::critical(), part.check()).unwrap();
    let checker = tokio::spawn({
        let health = health.clone();
        async move { health.run(SECOND).await }
    });
    sleep(12 * SECOND).await;
    assert!(health.is_ready());
    checker.abort(); // it died; the last check was at 10 seconds
    sleep(28 * SECOND).await;
    assert!(health.is_ready());
    sleep(SECOND).await;
    assert!(!health.is_ready());
    assert_eq!(health.report().components[0].status, Status::Unknown);
    assert!(health.is_live(), "nobody looks any more: that is no reason to kill the process");
}

#[tokio::test(start_paused = true)]
async fn what_was_known_long_ago_does_not_outvote_what_is_heard_now() {
    let (health, part) = (registry(), Part::default());
    let mut config = CheckConfig::critical();
    config.down_after = 3;
    health.register("database", config, part.check()).unwrap();
    health.look().await;
    assert!(health.is_ready());
    sleep(600 * SECOND).await; // the checker stalled
    part.broken(true);
    health.look().await;
    assert!(!health.is_ready(), "one failure is all that is known");
}

#[tokio::test(start_paused = true)]
async fn an_interval_must_be_shorter_than_belief_and_one_for_ever_is_once() {
    let (health, part) = (registry(), Part::default());
    let mut long = CheckConfig::critical();
    long.interval = 60 * SECOND;
    let refused = health.register("database", long, part.check()).unwrap_err();
    assert!(matches!(&refused, InvalidComponent::Stale { least, .. } if *least == 62 * SECOND), "{refused}");
    let mut once = CheckConfig::critical();
    once.interval = Duration::MAX;
    once.stale_after = Duration::MAX;
    health.register("license", once, part.check()).unwrap();
    let running = tokio::spawn({
        let health = health.clone();
        async move { health.run(SECOND).await }
    });
    sleep(100 * SECOND).await;
    assert_eq!((part.checks(), health.is_ready()), (1, true));
    running.abort();
}

#[test]
fn an_observer_of_a_breaker_may_ask_the_registry() {
    let clock = ManualClock::new();
    let health = HealthRegistry::new(clock.clone(), Shutdown::default());
    let asks = health.clone();
    let one = BreakerConfig { failure_threshold: NonZeroU32::new(1), ..BreakerConfig::default() };
    let breaker = Breaker::new(one, clock.clone()).unwrap().observed_by(move |_: &Event| {
        let _ = (asks.is_ready(), asks.report());
    });
    let breaker = Arc::new(breaker);
    health.register_breaker("database", true, Arc::clone(&breaker)).unwrap();
    breaker.acquire().unwrap().report(Outcome::Failure);
    clock.advance(60 * SECOND);
    assert!(health.is_ready(), "half open: the look itself made it so, and told");
}

#[tokio::test(start_paused = true)]
async fn hr_10_a_runtime_that_does_not_get_on_is_not_alive() {
    let clock = ManualClock::new();
    let health = HealthRegistry::new(clock.clone(), Shutdown::default());
    let beating = tokio::spawn({
        let health = health.clone();
        async move { health.run(SECOND).await }
    });
    tokio::task::yield_now().await;
    clock.advance(10 * SECOND);
    assert!(health.is_live());
    clock.advance(Duration::from_nanos(1)); // eleven beats, and the task has not been polled
    assert!(!health.is_live());
    sleep(2 * SECOND).await;
    assert!(health.is_live(), "it got on");
    beating.abort();
}

#[test]
fn hr_11_an_open_breaker_is_known_to_be_down_without_asking() {
    let clock = ManualClock::new();
    let one = BreakerConfig { failure_threshold: NonZeroU32::new(1), ..BreakerConfig::default() };
    let breaker = Arc::new(Breaker::new(one, clock.clone()).unwrap());
    let health = HealthRegistry::new(clock.clone(), Shutdown::default());
    health.register_breaker("database", true, Arc::clone(&breaker)).unwrap();
    health.register_breaker("cache", false, Arc::clone(&breaker)).unwrap();
    assert!(health.is_ready());
    breaker.acquire().unwrap().report(Outcome::Failure);
    assert!(!health.is_ready());
    assert_eq!(health.report().status, Status::Down);
    clock.advance(60 * SECOND);
    assert_eq!((health.is_ready(), health.report().status), (true, Status::Degraded), "half open");
}

#[test]
fn hr_12_two_parts_of_one_name_are_refused() {
    let health = registry();
    health.register("database", CheckConfig::critical(), || async { Ok::<_, String>(()) }).unwrap();
    let twice = health.register("database", CheckConfig::optional(), || async { Ok::<_, String>(()) });
    assert_eq!(twice, Err(InvalidComponent::Duplicate("database".to_owned())));
    assert!(health.report().components[0].critical, "the first stays");
}

#[test]
fn hr_13_a_report_is_of_one_moment() {
    let health = HealthRegistry::new(ManualClock::new(), Shutdown::default());
    let flip = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&flip);
    let check = move || {
        let broken = shared.load(Ordering::SeqCst);
        async move { if broken { Err("broken".to_owned()) } else { Ok(()) } }
    };
    health.register("part", CheckConfig::critical(), check).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            for k in 0..20_000 {
                flip.store(k % 2 == 0, Ordering::SeqCst);
                runtime.block_on(health.look());
            }
        });
        while !writer.is_finished() {
            let report = health.report();
            let part = &report.components[0];
            // Status and complaint are of one check, never of two.
            assert_eq!(part.complaint.is_some(), part.status == Status::Down, "{part:?}");
            assert_eq!(report.ready, part.status == Status::Up);
            std::thread::yield_now();
        }
        writer.join().unwrap();
    });
}

#[tokio::test(start_paused = true)]
async fn hr_14_when_the_end_begins_readiness_says_no_first() {
    let shutdown = Shutdown::default();
    let health = HealthRegistry::new(TokioClock, shutdown.clone());
    health.register("database", CheckConfig::critical(), || async { Ok::<_, String>(()) }).unwrap();
    health.look().await;
    assert!(health.is_ready());
    shutdown.begin("SIGTERM");
    let report = health.report();
    assert!(!health.is_ready() && !report.ready && report.ending);
    assert_eq!((report.status, health.is_live()), (Status::Up, true), "its parts still work, and it lives");
}

#[test]
fn a_clock_that_the_registry_was_born_by_counts_from_there() {
    let clock = ManualClock::new();
    let born = clock.now();
    let health = HealthRegistry::new(clock.clone(), Shutdown::default());
    clock.advance(SECOND);
    assert_eq!(health.uptime(), clock.now() - born);
}

/// A component can be removed, and another one can take its name, for example one that is no longer
/// critical.
#[tokio::test(start_paused = true)]
async fn a_part_that_was_removed_makes_room_for_another_of_its_name() {
    let (health, part) = (registry(), Part::default());
    part.broken(true);
    health.register("database", CheckConfig::critical(), part.check()).unwrap();
    health.look().await;
    assert!(!health.is_ready());
    assert!(health.remove("database") && !health.remove("database"));
    assert!(health.report().components.is_empty());
    health.register("database", CheckConfig::optional(), part.check()).unwrap();
    health.look().await;
    assert_eq!((health.is_ready(), health.report().status), (true, Status::Degraded));
}

/// A registry that was made before the shutdown of its process was known ends with it all the same,
/// and keeps its components.
#[tokio::test(start_paused = true)]
async fn a_registry_that_is_told_of_its_end_later_keeps_its_parts() {
    let (first, shutdown) = (Shutdown::default(), Shutdown::default());
    let health = HealthRegistry::new(TokioClock, first.clone());
    health.register("database", CheckConfig::critical(), || async { Ok::<_, String>(()) }).unwrap();
    let clone = health.clone();
    health.end_with(&shutdown);
    health.look().await;
    first.begin("the shutdown that it was made with");
    assert!(clone.is_ready() && !clone.report().ending);
    shutdown.begin("SIGTERM");
    assert!(!clone.is_ready() && clone.report().ending);
    assert_eq!(clone.report().components.len(), 1);
}

/// HLT-09: the latency of a component is the time of its last check, whether that worked, failed or
/// was cut off. It is unknown before the first check, and for a component that a breaker watches.
#[tokio::test(start_paused = true)]
async fn the_latency_of_a_component_is_the_time_of_its_last_check() {
    let (health, takes) = (registry(), Arc::new(AtomicU32::new(45)));
    let slow = Arc::clone(&takes);
    let check = move || {
        let millis = slow.load(Ordering::SeqCst);
        async move {
            sleep(Duration::from_millis(millis.into())).await;
            if millis.is_multiple_of(2) { Ok(()) } else { Err("odd") }
        }
    };
    health.register("database", CheckConfig::critical(), check).unwrap();
    health.register("quick", CheckConfig::critical(), || async { Ok::<_, String>(()) }).unwrap();
    health
        .register("broken", CheckConfig::optional(), || async { panic!("on purpose") as Result<(), String> })
        .unwrap();
    let breaker = Arc::new(Breaker::new(BreakerConfig::default(), ManualClock::new()).unwrap());
    health.register_breaker("watched", false, breaker).unwrap();
    let latency = |name: &str| {
        let components = health.report().components;
        components.into_iter().find(|component| component.name == name).unwrap().latency
    };
    for name in ["database", "quick", "broken", "watched"] {
        assert_eq!(latency(name), None, "{name} was not checked yet");
    }
    // A failure, a success, and a check that its limit of 2 s cuts off.
    for (millis, took) in [(45, 45), (120, 120), (60_000, 2000)] {
        takes.store(millis, Ordering::SeqCst);
        health.look().await;
        assert_eq!(latency("database"), Some(Duration::from_millis(took)));
        assert_eq!(latency("quick"), Some(Duration::ZERO));
        assert_eq!((latency("broken"), latency("watched")), (Some(Duration::ZERO), None));
    }
}

//! The scenarios of the shutdown: SD-01 to SD-27.
//!
//! The scenarios of HTTP and `WebSockets` are tested with the server.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::io::Write;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Waker};
use std::time::Duration;

use sqal_resilience::{
    Backoff, Bulkhead, BulkheadConfig, Quota, RetryPolicy, Shutdown, ShutdownConfig, TokenBucket, TokioClock,
    bucket::FairBucket,
    rejected::Reason,
    retry::Retryable,
    shutdown::{Closed, HowClosed, Kind, Phase, Stage},
};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

thread_local! {
    /// The log lines of this thread, and therefore of the test that runs on it.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Log lines as the subscriber of another program sees them. There is one subscriber for all tests:
/// the lines of a thread belong to its test.
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn listen() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .without_time()
                .with_target(false)
                .with_ansi(false)
                .with_writer(|| Self)
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        LINES.take();
    }

    fn read() -> Vec<String> {
        let text = LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap());
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

async fn tidy() -> Result<(), String> {
    Ok(())
}

async fn ran(shutdown: &Shutdown) -> tokio::task::JoinHandle<sqal_resilience::shutdown::Report> {
    let running = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.run().await }
    });
    tokio::task::yield_now().await;
    running
}

#[cfg(unix)]
fn kill(signal: &str) {
    let me = std::process::id().to_string();
    assert!(std::process::Command::new("kill").args([signal, &me]).status().unwrap().success());
}

/// One test for all signals, because they belong to the process and not to a test.
#[cfg(unix)]
#[tokio::test]
async fn sd_01_02_03_a_signal_begins_the_end_and_a_second_forces_it() {
    use sqal_resilience::shutdown::Signals;
    for (signal, name) in [("-TERM", "SIGTERM"), ("-INT", "SIGINT"), ("-HUP", "SIGHUP")] {
        Lines::listen();
        let shutdown = Shutdown::default();
        let signals = Signals::install().unwrap().and_hangup().unwrap();
        kill(signal); // before a task listens: the handlers are there, so it is not lost
        let stuck = shutdown.track_named(Kind::Request, "GET /slow").unwrap();
        let listening = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.listen(signals).await }
        });
        shutdown.reached(Phase::Draining).await;
        assert_eq!(Lines::read()[0], format!("INFO Shutdown signal received ({name})"));
        let running = ran(&shutdown).await;
        kill("-TERM");
        let report = running.await.unwrap();
        listening.await.unwrap();
        assert!(report.forced && report.exit_code() != 0, "{report:?}");
        assert_eq!(report.abandoned, ["GET /slow"]);
        drop(stuck);
    }
}

#[tokio::test(start_paused = true)]
async fn sd_04_phases_go_forward_one_by_one_and_each_can_be_seen() {
    let mut config = ShutdownConfig::default();
    config.ready_delay = SECOND;
    let shutdown = Shutdown::new(config);
    let seen = Arc::new(Mutex::new(vec![shutdown.phase()]));
    for phase in [Phase::NotReady, Phase::Draining, Phase::Closing, Phase::Done] {
        let (shutdown, seen) = (shutdown.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            shutdown.reached(phase).await;
            seen.lock().unwrap().push(shutdown.phase());
        });
    }
    shutdown
        .on_close(Stage::STORES, "store", || async {
            sleep(SECOND).await;
            Ok::<_, String>(())
        })
        .unwrap();
    let request = shutdown.track().unwrap();
    let running = ran(&shutdown).await;
    shutdown.begin("SIGTERM");
    shutdown.begin("SIGTERM");
    sleep(2 * SECOND).await;
    shutdown.begin("SIGTERM");
    assert_eq!(shutdown.phase(), Phase::Draining, "to begin again changes nothing");
    drop(request);
    let report = running.await.unwrap();
    tokio::task::yield_now().await;
    let all = [Phase::Running, Phase::NotReady, Phase::Draining, Phase::Closing, Phase::Done];
    assert_eq!(*seen.lock().unwrap(), all);
    assert_eq!(shutdown.run().await, report, "whoever runs it again gets the same report");
}

#[tokio::test(start_paused = true)]
async fn sd_05_first_readiness_says_no_and_work_is_still_done() {
    let mut config = ShutdownConfig::default();
    config.ready_delay = 3 * SECOND;
    let shutdown = Shutdown::new(config);
    let running = ran(&shutdown).await;
    assert!(shutdown.is_ready());
    shutdown.begin("SIGTERM");
    assert!(!shutdown.is_ready() && !shutdown.is_draining());
    sleep((3 * SECOND).checked_sub(Duration::from_millis(1)).unwrap()).await;
    assert!(shutdown.track().is_ok(), "until the very end of the delay");
    sleep(Duration::from_millis(2)).await;
    assert_eq!(shutdown.track().unwrap_err().reason, Reason::ShuttingDown);
    assert_eq!(running.await.unwrap().took, 3 * SECOND);
}

#[test]
fn sd_08_what_comes_while_the_end_begins_is_counted_or_refused() {
    for _ in 0..100 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (shutdown, served, over) = (Shutdown::default(), AtomicU32::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let worker = || {
                let mut begun = 0;
                // The thread goes on asking after a refusal: a refusal must not be counted
                // anywhere.
                while !over.load(Ordering::SeqCst) {
                    if let Ok(active) = shutdown.track() {
                        begun += 1;
                        served.fetch_add(1, Ordering::SeqCst);
                        drop(active);
                    }
                }
                begun
            };
            let workers = [scope.spawn(worker), scope.spawn(worker)];
            while served.load(Ordering::SeqCst) < 100 {
                std::thread::yield_now();
            }
            shutdown.begin("SIGTERM");
            let report = runtime.block_on(shutdown.run());
            let at_the_end = served.load(Ordering::SeqCst);
            assert_eq!((report.exit_code(), report.abandoned_requests), (0, 0));
            assert_eq!(shutdown.active_requests(), 0);
            over.store(true, Ordering::SeqCst);
            let begun: u32 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
            assert_eq!(begun, at_the_end, "nothing was served after the drain had ended");
        });
    }
}

#[tokio::test(start_paused = true)]
async fn sd_09_a_task_after_the_beginning_is_refused() {
    let shutdown = Shutdown::default();
    assert!(shutdown.spawn("worker", async {}).is_ok());
    shutdown.begin("SIGTERM");
    assert_eq!(shutdown.spawn("late", async {}).unwrap_err().reason, Reason::ShuttingDown);
    assert_eq!(shutdown.spawn_blocking("late", || ()).unwrap_err().reason, Reason::ShuttingDown);
    assert_eq!(shutdown.run().await.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn sd_10_what_runs_may_begin_more_and_that_is_waited_for_too() {
    let shutdown = Shutdown::default();
    let parent = shutdown.track().unwrap();
    let running = ran(&shutdown).await;
    shutdown.begin("SIGTERM");
    let child = parent.child();
    drop(parent);
    sleep(SECOND).await;
    assert!(!running.is_finished());
    drop(child);
    assert_eq!(running.await.unwrap().took, SECOND);
}

#[tokio::test(start_paused = true)]
async fn sd_11_the_lines_are_those_that_are_documented() {
    Lines::listen();
    let shutdown = Shutdown::default();
    shutdown.on_close(Stage::CACHES, "Redis cache", tidy).unwrap();
    shutdown.on_close(Stage::STORES, "database pool", tidy).unwrap();
    shutdown.on_close_counted(Stage::CONNECTIONS, "WebSocket connections", || 5, tidy).unwrap();
    let requests: Vec<_> = (0..3).map(|_| shutdown.track().unwrap()).collect();
    let running = ran(&shutdown).await;
    shutdown.begin("SIGTERM");
    for request in requests {
        sleep(Duration::from_millis(1400)).await;
        drop(request);
    }
    running.await.unwrap();
    let expected = [
        "INFO Shutdown signal received (SIGTERM)",
        "INFO Rejecting new requests (503)",
        "INFO Waiting for 3 active requests to complete...",
        "INFO 2 active requests remaining...",
        "INFO 1 active request remaining...",
        "INFO All requests completed",
        "INFO Closing WebSocket connections (5 active)",
        "INFO Closing database pool",
        "INFO Closing Redis cache",
        "INFO Graceful shutdown completed in 4.2s",
    ];
    assert_eq!(Lines::read(), expected);
}

#[tokio::test(start_paused = true)]
async fn sd_12_27_thirty_seconds_are_thirty_seconds_and_what_is_left_is_named() {
    Lines::listen();
    let shutdown = Shutdown::default();
    let stuck = shutdown.track_named(Kind::Request, "POST /api/v1/samples").unwrap();
    let worker = shutdown.spawn("exporter", std::future::pending::<()>()).unwrap();
    shutdown.begin("SIGINT");
    let begun = Instant::now();
    let report = shutdown.run().await;
    // Tokio's clock is the machine's monotonic one; no wall clock is read.
    assert_eq!((begun.elapsed(), report.took), (30 * SECOND, 30 * SECOND));
    assert_eq!((report.abandoned_requests, report.abandoned_tasks), (1, 1));
    assert_eq!(report.abandoned, ["POST /api/v1/samples", "exporter"]);
    assert_ne!(report.exit_code(), 0);
    let said = Lines::read().into_iter().find(|line| line.starts_with("WARN abandoned")).unwrap();
    assert_eq!(
        said,
        r#"WARN abandoned: the work under way did not end in time requests=1 tasks=1 named="POST /api/v1/samples, exporter""#
    );
    worker.abort();
    drop(stuck);
    let mut config = ShutdownConfig::default();
    config.drain = Duration::MAX;
    let forever = Shutdown::new(config);
    forever.begin("SIGINT");
    assert_eq!(forever.run().await.exit_code(), 0, "no limit at all");
}

#[tokio::test(start_paused = true)]
async fn sd_13_with_nothing_under_way_nothing_is_waited_for() {
    Lines::listen();
    let shutdown = Shutdown::default();
    shutdown.begin("SIGTERM");
    assert_eq!(shutdown.run().await.took, Duration::ZERO);
    assert!(!Lines::read().iter().any(|line| line.contains("Waiting")));
}

#[tokio::test(start_paused = true)]
async fn sd_18_closers_run_in_order_and_none_stops_the_others() {
    let shutdown = Shutdown::default();
    let order = Arc::new(Mutex::new(Vec::new()));
    let closer = |name: &'static str, how: u32| {
        let order = Arc::clone(&order);
        move || {
            order.lock().unwrap().push(name);
            async move {
                match how {
                    0 => Ok(()),
                    1 => Err("no".to_owned()),
                    2 => panic!("{name}"),
                    _ => std::future::pending().await,
                }
            }
        }
    };
    for (stage, name, how) in [
        (Stage::CACHES, "cache", 0),
        (Stage::STORES, "first store", 1),
        (Stage::STORES, "second store", 3),
        (Stage::CONNECTIONS, "connections", 2),
        (Stage::WORKERS, "writer", 0),
    ] {
        shutdown.on_close(stage, name, closer(name, how)).unwrap();
    }
    shutdown.begin("SIGTERM");
    let report = shutdown.run().await;
    assert_eq!(*order.lock().unwrap(), ["connections", "writer", "second store", "first store", "cache"]);
    let closed = |name: &str, how| Closed { name: name.to_owned(), how };
    assert_eq!(
        report.closed,
        [
            closed("connections", HowClosed::Panicked),
            closed("writer", HowClosed::Well),
            closed("second store", HowClosed::TimedOut),
            closed("first store", HowClosed::Failed("no".to_owned())),
            closed("cache", HowClosed::Well),
        ]
    );
    assert_eq!((report.took, report.exit_code()), (5 * SECOND, 1), "each has its own time");
}

#[tokio::test(start_paused = true)]
async fn sd_19_a_closer_that_comes_late_runs_or_is_refused() {
    let shutdown = Shutdown::default();
    let ran = Arc::new(AtomicU32::new(0));
    let late = {
        let (shutdown, ran) = (shutdown.clone(), Arc::clone(&ran));
        move || async move {
            let ran_too = Arc::clone(&ran);
            let close = move || async move {
                ran_too.fetch_add(1, Ordering::SeqCst);
                Ok::<_, String>(())
            };
            shutdown.on_close(Stage::CONNECTIONS, "found while closing", close).map_err(|refused| refused.to_string())
        }
    };
    shutdown.on_close(Stage::CACHES, "cache", late).unwrap();
    shutdown.begin("SIGTERM");
    let report = shutdown.run().await;
    assert_eq!((ran.load(Ordering::SeqCst), report.closed.len()), (1, 2));
    let refused = shutdown.on_close(Stage::CACHES, "too late", tidy);
    assert_eq!(refused.unwrap_err().reason, Reason::ShuttingDown);
}

#[tokio::test(start_paused = true)]
async fn sd_20_a_panic_is_reported_and_the_end_goes_on() {
    let shutdown = Shutdown::default();
    let task = shutdown.spawn("grader", async { panic!("on purpose") }).unwrap();
    assert!(task.await.unwrap_err().is_panic());
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _request = shutdown.track().unwrap();
        panic!("on purpose");
    }));
    shutdown.begin("SIGTERM");
    let report = shutdown.run().await;
    assert_eq!(report.panicked, ["grader", "unnamed"]);
    assert_eq!(report.exit_code(), 0, "it ended, if badly: nothing was abandoned");
}

#[tokio::test]
async fn sd_21_a_blocking_job_is_waited_for_and_named() {
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let mut config = ShutdownConfig::default();
    config.drain = Duration::ZERO;
    let shutdown = Shutdown::new(config);
    let job = shutdown.spawn_blocking("backup", move || wait.recv().is_ok()).unwrap();
    shutdown.begin("SIGTERM");
    let report = shutdown.run().await;
    assert_eq!((report.abandoned, report.abandoned_tasks), (vec!["backup".to_owned()], 1));
    go_on.send(()).unwrap();
    assert!(job.await.unwrap());
    let patient = Shutdown::default();
    let _job = patient.spawn_blocking("quick", || ()).unwrap();
    patient.begin("SIGTERM");
    assert_eq!(patient.run().await.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn sd_22_work_that_is_cancelled_anywhere_gives_back_what_it_held() {
    let bulkhead = Arc::new(Bulkhead::new(BulkheadConfig::default(), TokioClock).unwrap());
    for cancelled_after in 0..6 {
        let shutdown = Shutdown::default();
        let work = async {
            let _active = shutdown.track().unwrap();
            tokio::task::yield_now().await;
            let _connection = bulkhead.acquire().await.unwrap();
            tokio::task::yield_now().await;
            let _row = bulkhead.try_acquire_owned().unwrap();
            tokio::task::yield_now().await;
        };
        {
            let mut work = pin!(work);
            for _ in 0..cancelled_after {
                if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
            }
        }
        assert_eq!((shutdown.active_requests(), bulkhead.occupancy().running), (0, 0), "after {cancelled_after} steps");
    }
}

#[tokio::test(start_paused = true)]
async fn sd_23_an_end_before_the_start_is_over_closes_what_was_opened() {
    let shutdown = Shutdown::default();
    let start = async {
        shutdown.on_close(Stage::STORES, "database pool", tidy).unwrap();
        sleep(SECOND).await;
        shutdown.on_close(Stage::CACHES, "Redis cache", tidy).unwrap();
        sleep(60 * SECOND).await;
        "listening"
    };
    let (started, ()) = tokio::join!(shutdown.unless_begun(start), async {
        sleep(2 * SECOND).await;
        shutdown.begin("SIGTERM");
    });
    assert_eq!(started.unwrap_err().reason, Reason::ShuttingDown);
    let closed: Vec<_> = shutdown.run().await.closed.into_iter().map(|closed| closed.name).collect();
    assert_eq!(closed, ["database pool", "Redis cache"]);
}

#[tokio::test(start_paused = true)]
async fn sd_24_a_coordinator_that_is_never_run_is_no_burden() {
    let shutdown = Shutdown::default();
    let active = shutdown.track().unwrap();
    shutdown.on_close(Stage::STORES, "store", tidy).unwrap();
    drop(shutdown);
    drop(active);
    let begun = Shutdown::default();
    begun.begin("SIGTERM");
    drop(begun);
}

#[tokio::test(start_paused = true)]
async fn sd_26_waiting_calls_are_released_when_the_end_begins() {
    let shutdown = Shutdown::default();
    let one = NonZeroU32::MIN;
    let bucket = FairBucket::new(TokenBucket::new(Quota::new(one, 3600 * SECOND), TokioClock).unwrap());
    let _ = bucket.acquire(1).await.unwrap();
    let mut config = BulkheadConfig::default();
    config.max_concurrent = one;
    config.max_queued = 9;
    config.max_wait = 3600 * SECOND;
    let bulkhead = Bulkhead::new(config, TokioClock).unwrap();
    let _taken = bulkhead.try_acquire().unwrap();
    let policy = RetryPolicy::new(9, Backoff::new(3600 * SECOND, 3600 * SECOND).unwrap());
    let begun = Instant::now();
    let (token, place, retried, ()) = tokio::join!(
        shutdown.unless_draining(bucket.acquire(1)),
        shutdown.unless_draining(bulkhead.acquire()),
        shutdown.unless_draining((|| async { Err::<(), _>("down") }).retry(policy).run()),
        async {
            sleep(SECOND).await;
            shutdown.begin("SIGTERM");
        }
    );
    let reasons = [token.unwrap_err().reason, place.unwrap_err().reason, retried.unwrap_err().reason];
    assert_eq!(reasons, [Reason::ShuttingDown; 3]);
    assert_eq!((begun.elapsed(), bulkhead.occupancy().waiting), (SECOND, 0));
}

#[tokio::test(start_paused = true)]
async fn a_count_that_panics_keeps_nothing_from_closing() {
    let shutdown = Shutdown::default();
    shutdown.on_close_counted(Stage::CONNECTIONS, "sockets", || panic!("on purpose"), tidy).unwrap();
    shutdown.on_close(Stage::STORES, "store", tidy).unwrap();
    shutdown.begin("SIGTERM");
    let report = shutdown.run().await;
    assert_eq!((report.closed.len(), report.exit_code()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn sd_02_19_what_is_forced_names_what_was_not_closed_and_takes_no_more() {
    let shutdown = Shutdown::default();
    let half_way = Arc::new(AtomicBool::new(false));
    let guard = half_way.clone();
    shutdown
        .on_close(Stage::CONNECTIONS, "hangs", move || async move {
            let _dropped = Dropped(guard);
            std::future::pending::<Result<(), String>>().await
        })
        .unwrap();
    shutdown.on_close(Stage::STORES, "store", tidy).unwrap();
    let running = ran(&shutdown).await;
    shutdown.begin("SIGTERM");
    sleep(SECOND).await;
    shutdown.force();
    let report = running.await.unwrap();
    let closed = |name: &str| Closed { name: name.to_owned(), how: HowClosed::Forced };
    assert_eq!((report.closed, report.forced), (vec![closed("hangs"), closed("store")], true));
    tokio::task::yield_now().await;
    assert!(half_way.load(Ordering::SeqCst), "the closer under way was dropped, not left behind");
    assert!(shutdown.on_close(Stage::STORES, "late", tidy).is_err());
}

/// Notes that it was dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_without_a_waiter_goes_on_and_gives_every_caller_the_same_report() {
    let shutdown = Shutdown::default();
    shutdown
        .on_close(Stage::WORKERS, "fails", || async {
            sleep(3 * SECOND).await;
            Err("no")
        })
        .unwrap();
    shutdown.begin("SIGTERM");
    assert!(tokio::time::timeout(SECOND, shutdown.run()).await.is_err(), "given up after a second");
    let report = shutdown.run().await;
    assert_eq!(report.took, 3 * SECOND);
    assert_eq!(report.closed, [Closed { name: "fails".to_owned(), how: HowClosed::Failed("no".to_owned()) }]);
}

#[tokio::test(start_paused = true)]
async fn what_outlives_the_drain_is_reported_though_it_ends_while_closing() {
    Lines::listen();
    let shutdown = Shutdown::default();
    let request = shutdown.track_named(Kind::Request, "GET /slow").unwrap();
    let closes_slowly = || async {
        sleep(4 * SECOND).await;
        Ok::<_, String>(())
    };
    shutdown.on_close(Stage::STORES, "store", closes_slowly).unwrap();
    let running = ran(&shutdown).await;
    shutdown.begin("SIGTERM");
    sleep(31 * SECOND).await;
    drop(request);
    let report = running.await.unwrap();
    assert_eq!((report.abandoned_requests, report.exit_code()), (1, 1));
    assert_eq!(report.abandoned, ["GET /slow"]);
    assert!(!Lines::read().iter().any(|line| line.contains("Graceful")), "it was not");
}

#[tokio::test(start_paused = true)]
async fn what_was_left_under_way_is_no_good_end_and_what_ended_well_did_not_panic() {
    let mut config = ShutdownConfig::default();
    config.drain = SECOND;
    let shutdown = Shutdown::new(config);
    drop(shutdown.track_named(Kind::Request, "well").unwrap());
    let task = shutdown.track_named(Kind::Task, "slow").unwrap();
    shutdown.begin("SIGTERM");
    let report = shutdown.run().await;
    assert_eq!((report.abandoned_requests, report.abandoned_tasks, report.exit_code()), (0, 1, 1));
    assert!(report.panicked.is_empty(), "{:?}", report.panicked);
    drop(task);
    // A shutdown that is over cannot be forced.
    assert_eq!(shutdown.phase(), Phase::Done);
    shutdown.force();
    assert_eq!(shutdown.phase(), Phase::Done);
}

#[tokio::test]
async fn a_bounded_number_of_panics_is_remembered() {
    let shutdown = Shutdown::new(ShutdownConfig::default());
    for _ in 0..102 {
        let active = shutdown.track_named(Kind::Task, "worker").unwrap();
        let panics = tokio::spawn(async move {
            let _active = active;
            panic!("on purpose");
        });
        assert!(panics.await.is_err());
    }
    shutdown.begin("SIGTERM");
    assert_eq!(shutdown.run().await.panicked.len(), 100);
}

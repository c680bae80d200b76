//! Scenarios of single-flight, each by its id.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::{pending, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use sqal_resilience::{SingleFlight, single_flight::FlightResult};
use tokio::sync::Notify;
use tokio::task::yield_now;

type Flights = Arc<SingleFlight<&'static str, u32>>;

/// A flight that counts itself and lands when the test says so.
fn fly(
    flights: &Flights,
    begun: &Arc<AtomicU32>,
    land: &Arc<Notify>,
    value: u32,
) -> tokio::task::JoinHandle<FlightResult<u32>> {
    let (flights, begun, land) = (Arc::clone(flights), Arc::clone(begun), Arc::clone(land));
    tokio::spawn(async move {
        flights
            .run("key", || async move {
                begun.fetch_add(1, Ordering::Relaxed);
                land.notified().await;
                value
            })
            .await
    })
}

async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

fn new() -> (Flights, Arc<AtomicU32>, Arc<Notify>) {
    (Arc::default(), Arc::default(), Arc::default())
}

#[tokio::test]
async fn sf_01_02_a_hundred_ask_and_one_fetches_and_the_next_fetches_again() {
    let (flights, begun, land) = new();
    let tasks: Vec<_> = (0..100).map(|value| fly(&flights, &begun, &land, value)).collect();
    settle().await;
    assert_eq!((begun.load(Ordering::Relaxed), flights.len()), (1, 1));
    land.notify_one();
    let mut shared = 0;
    for task in tasks {
        let landed = task.await.unwrap();
        assert_eq!(landed.value, 0, "the leader's");
        shared += u32::from(landed.shared);
    }
    assert_eq!((shared, flights.is_empty()), (99, true));
    land.notify_one();
    let alone = fly(&flights, &begun, &land, 7).await.unwrap();
    assert_eq!((alone.value, alone.shared), (7, false));
}

#[tokio::test]
async fn sf_03_a_leader_that_gives_up_is_followed_by_one_waiter_with_its_own_closure() {
    let (flights, begun, land) = new();
    let tasks: Vec<_> = (0..10).map(|value| fly(&flights, &begun, &land, value)).collect();
    settle().await;
    tasks[0].abort();
    settle().await;
    assert_eq!(begun.load(Ordering::Relaxed), 2, "one took over");
    land.notify_one();
    let mut fetched = 0;
    for (k, task) in tasks.into_iter().enumerate().skip(1) {
        let landed = task.await.unwrap();
        assert_eq!(landed.value, 1, "task {k}");
        fetched += u32::from(!landed.shared);
    }
    assert_eq!((fetched, flights.is_empty()), (1, true));
}

#[tokio::test]
async fn sf_04_a_panic_is_the_leaders_alone() {
    let (flights, begun, land) = new();
    let other = Arc::clone(&flights);
    let panics = tokio::spawn(async move {
        other
            .run("key", || async {
                yield_now().await;
                panic!("on purpose")
            })
            .await
    });
    yield_now().await;
    let tasks: Vec<_> = (1..5).map(|value| fly(&flights, &begun, &land, value)).collect();
    assert!(panics.await.is_err());
    settle().await;
    land.notify_one();
    for task in tasks {
        assert_eq!(task.await.unwrap().value, 1);
    }
    assert!(flights.is_empty());
}

#[tokio::test]
async fn sf_05_when_all_leave_nothing_stays() {
    let (flights, begun, land) = new();
    for round in 0..100 {
        let tasks: Vec<_> = (0..5).map(|value| fly(&flights, &begun, &land, value)).collect();
        settle().await;
        // In an order that differs from round to round, and with the caller that was woken to take
        // over among them.
        for k in 0..5 {
            tasks[(k * (round % 4 + 1) + round) % 5].abort();
            if round % 3 == 0 {
                settle().await;
            }
        }
        for task in tasks {
            task.abort();
        }
        settle().await;
        assert!(flights.is_empty(), "round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn sf_06_a_waiter_sleeps_until_it_is_woken() {
    let (flights, begun, land) = new();
    let leader = fly(&flights, &begun, &land, 1);
    settle().await;
    let polls = Arc::new(AtomicU32::new(0));
    let (counted, joined) = (Arc::clone(&polls), Arc::clone(&flights));
    let waiter = tokio::spawn(async move {
        let mut waiting = Box::pin(joined.run("key", || async { 2 }));
        std::future::poll_fn(move |context| {
            counted.fetch_add(1, Ordering::Relaxed);
            waiting.as_mut().poll(context)
        })
        .await
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    land.notify_one();
    assert!(waiter.await.unwrap().shared && !leader.await.unwrap().shared);
    assert_eq!(polls.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sf_07_a_call_at_the_landing_gets_the_result_or_flies_anew() {
    let flights: Arc<SingleFlight<u32, u32>> = Arc::default();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let flights = Arc::clone(&flights);
            tokio::spawn(async move {
                for k in 0..5000_u32 {
                    assert_eq!(flights.run(k % 3, || async move { k % 3 }).await.value, k % 3);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(flights.is_empty());
}

#[tokio::test]
async fn sf_08_an_error_is_everybodys_and_is_not_kept() {
    let flights: SingleFlight<u8, Result<u32, &str>> = SingleFlight::new();
    let (a, b) = tokio::join!(
        flights.run(1, || async {
            yield_now().await;
            Err("down")
        }),
        flights.run(1, || async { Ok(1) })
    );
    assert_eq!((a.value, b.value, b.shared), (Err("down"), Err("down"), true));
    assert_eq!(flights.run(1, || async { Ok(2) }).await.value, Ok(2));
}

#[tokio::test]
async fn sf_09_a_forgotten_flight_serves_its_waiters_and_no_later_call() {
    let (flights, begun, land) = new();
    let (old_leader, old_waiter) = (fly(&flights, &begun, &land, 1), fly(&flights, &begun, &land, 2));
    settle().await;
    flights.forget("key");
    let later = Arc::new(Notify::new());
    let new_leader = fly(&flights, &begun, &later, 3);
    settle().await;
    assert_eq!(begun.load(Ordering::Relaxed), 2);
    land.notify_one();
    assert_eq!((old_leader.await.unwrap().value, old_waiter.await.unwrap().value), (1, 1));
    assert_eq!(flights.len(), 1, "the old landing left the new flight alone");
    later.notify_one();
    assert_eq!(new_leader.await.unwrap().value, 3);
}

#[tokio::test]
async fn sf_12_13_different_keys_share_nothing() {
    let flights: SingleFlight<(u32, &str), u32> = SingleFlight::new();
    let (a, b) = tokio::join!(flights.run((1, "tray"), || async { 1 }), flights.run((2, "tray"), || async { 2 }));
    assert_eq!((a.value, b.value, a.shared || b.shared), (1, 2, false));
    for tenant in 0..10_000 {
        assert!(!flights.run((tenant, "tray"), || async move { tenant }).await.shared);
    }
    assert!(flights.is_empty());
}

#[cfg(feature = "tokio")]
#[tokio::test(start_paused = true)]
async fn sf_11_what_is_detached_is_finished_though_everybody_has_left() {
    use sqal_resilience::{Shutdown, rejected::Reason};
    let (flights, shutdown) = (Arc::new(SingleFlight::<&str, u32>::new()), Shutdown::default());
    let finished = Arc::new(AtomicU32::new(0));
    let save = || {
        let finished = Arc::clone(&finished);
        move || async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            finished.fetch_add(1, Ordering::SeqCst);
            42
        }
    };
    let asks = || Arc::clone(&flights).run_detached(&shutdown, "save", "tray", save());
    let left = tokio::time::timeout(Duration::from_secs(1), async { tokio::join!(asks(), asks()) }).await;
    assert!(left.is_err(), "both have given up");
    shutdown.begin("SIGTERM");
    let report = shutdown.run().await;
    assert_eq!((report.took, report.exit_code()), (Duration::from_secs(4), 0), "the end waits for it");
    assert_eq!((finished.load(Ordering::SeqCst), flights.len()), (1, 0), "once, and nothing stays");
    assert_eq!(asks().await.unwrap_err().reason, Reason::ShuttingDown);
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn a_panic_of_a_detached_flight_goes_on_in_its_caller() {
    let (flights, shutdown) = (Arc::new(SingleFlight::<&str, u32>::new()), sqal_resilience::Shutdown::default());
    let asks = tokio::spawn(async move {
        flights.run_detached(&shutdown, "save", "tray", || async { panic!("on purpose") }).await
    });
    assert!(asks.await.unwrap_err().is_panic());
}

/// A value whose first copy panics.
struct Brittle(Arc<AtomicU32>);

impl Clone for Brittle {
    fn clone(&self) -> Self {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "on purpose");
        Self(Arc::clone(&self.0))
    }
}

#[cfg(feature = "tokio")]
#[tokio::test(start_paused = true)]
async fn a_copy_that_panics_is_the_leaders_alone() {
    let (flights, copies) = (Arc::new(SingleFlight::<&str, Brittle>::new()), Arc::new(AtomicU32::new(0)));
    let ask = || {
        let (flights, copies) = (Arc::clone(&flights), Arc::clone(&copies));
        tokio::spawn(async move {
            let fetch = || async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Brittle(copies)
            };
            flights.run("tray", fetch).await.shared
        })
    };
    let (leader, waits, also) = (ask(), ask(), ask());
    assert!(leader.await.unwrap_err().is_panic());
    assert!(!waits.await.unwrap(), "one who waited flies itself");
    assert!(also.await.unwrap(), "and the other one shares that");
    assert!(flights.is_empty());
}

fn once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A waker that counts.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn times(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A caller that is woken to take over and leaves instead wakes the next one.
#[test]
fn a_place_that_is_left_goes_to_the_next() {
    let flights: SingleFlight<&str, u8> = SingleFlight::new();
    let wakers: [Arc<Woken>; 3] = Default::default();
    let mut leader = Box::pin(flights.run("a", pending));
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(flights.run("a", || ready(7)))).collect();
    assert!(once(leader.as_mut()).is_pending());
    for (flight, woken) in waiting.iter_mut().zip(&wakers) {
        let waker = Waker::from(Arc::clone(woken));
        assert!(flight.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    // A waiting caller that leaves wakes no other caller.
    drop(waiting.remove(2));
    assert_eq!(wakers.each_ref().map(|woken| woken.times()), [0, 0, 0]);
    drop(leader);
    assert_eq!(wakers.each_ref().map(|woken| woken.times()), [1, 0, 0]);
    drop(waiting.remove(0));
    assert_eq!(wakers.each_ref().map(|woken| woken.times()), [1, 1, 0]);
    assert!(matches!(once(waiting[0].as_mut()), Poll::Ready(landed) if landed.value == 7));
    drop(waiting);
    assert!(flights.is_empty());
}

#[test]
fn a_flight_that_everybody_left_is_gone() {
    let flights: SingleFlight<&str, u8> = SingleFlight::new();
    let mut leader = Box::pin(flights.run("a", pending));
    assert!(once(leader.as_mut()).is_pending());
    let mut waiting = Box::pin(flights.run("a", pending));
    assert!(once(waiting.as_mut()).is_pending());
    drop(waiting);
    assert_eq!(flights.len(), 1, "somebody flies");
    drop(leader);
    assert!(flights.is_empty());
}

//! What happens exactly at a limit, and in the moments that no scenario names: each of these was once a change of the code that no test saw.
#![cfg(all(feature = "metrics", feature = "tower"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;
use std::future::{Ready, pending, poll_fn, ready};
use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use sqal_resilience::body::{ReplayBody, TimedBody};
use sqal_resilience::layer::{BreakerLayer, BulkheadLayer, RetryLayer, ShutdownLayer, SingleFlightLayer, TimeoutLayer};
use sqal_resilience::{
    Abandoned, AdaptiveBulkhead, Answer, AnsweredBy, Backoff, Breaker, BreakerConfig, Breakers, BucketBackend,
    Bulkhead, BulkheadConfig, CallError, GaveUp, Jitter, KeyedBuckets, Kind, Limit, ManualClock, MeteredBreaker,
    Observation, OnOutage, OpenFor, Outcome, Phase, Quota, Rates, RetryError, RetryPolicy, Retryable, SharedBuckets,
    SharedConfig, Shutdown, ShutdownConfig, SingleFlight, SlowCalls, Stage, State, StateGauge, TimedOut, TokenBucket,
    TokioClock, Window, take_all,
};
use tokio::time::Instant;
use tower::{Layer, Service, service_fn};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

type Failure = CallError<&'static str>;

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn shows(value: &dyn Debug, part: &str) {
    let shown = format!("{value:?}");
    assert!(shown.contains(part), "{part} is not in {shown}");
}

fn once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn asked<S: Service<()>>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
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

// Breaker

fn windowed(window: Window, abandoned: Abandoned) -> BreakerConfig {
    let slow = Some(SlowCalls { from: SECOND, rate: 0.9 });
    let rates = Rates { window, min_calls: n(5), failure_rate: 0.9, slow };
    BreakerConfig { failure_threshold: None, rates: Some(rates), abandoned, ..BreakerConfig::default() }
}

fn tripped<C: sqal_resilience::Clock>(breaker: &Breaker<C>) {
    while breaker.state() == State::Closed {
        breaker.acquire().unwrap().report(Outcome::Failure);
    }
}

#[test]
fn a_second_back_is_no_step_of_the_clock_and_more_is_one() {
    let last = Duration::from_millis(1);
    for (back, still_open) in [(SECOND, true), (SECOND + Duration::from_nanos(1), false)] {
        let clock = ManualClock::new();
        let breaker = Breaker::new(BreakerConfig::default(), clock.clone()).unwrap();
        clock.advance(MINUTE);
        tripped(&breaker);
        clock.rewind(back);
        assert!(breaker.acquire().is_err());
        clock.advance(MINUTE.abs_diff(last));
        assert!(breaker.acquire().is_err());
        clock.advance(last);
        assert_eq!(breaker.acquire().is_err(), still_open, "{back:?}");
    }
}

#[test]
fn what_is_done_by_hand_is_no_recovery_that_failed() {
    let clock = ManualClock::new();
    let open_for = OpenFor::doubling(MINUTE, 8 * MINUTE);
    let breaker = Breaker::new(BreakerConfig { open_for, ..BreakerConfig::default() }, clock.clone()).unwrap();
    tripped(&breaker);
    clock.advance(MINUTE);
    let probe = breaker.acquire().unwrap();
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker.force_half_open();
    drop(probe);
    assert_eq!(breaker.snapshot().level, 0);
}

#[test]
fn an_abandoned_call_is_in_the_window_only_if_somebody_asks_for_it() {
    let window = Window::Calls(n(10));
    let calls = |abandoned, act: fn(&Breaker<ManualClock>)| {
        let breaker = Breaker::new(windowed(window, abandoned), ManualClock::new()).unwrap();
        act(&breaker);
        breaker.snapshot().window.unwrap().calls
    };
    let dropped: fn(&Breaker<ManualClock>) = |breaker| drop(breaker.acquire().unwrap());
    let ignored: fn(&Breaker<ManualClock>) = |breaker| breaker.acquire().unwrap().report(Outcome::Ignored);
    assert_eq!(calls(Abandoned::Ignore, dropped), 0);
    assert_eq!(calls(Abandoned::RateAbove(0.5), dropped), 1);
    assert_eq!(calls(Abandoned::RateAbove(0.5), ignored), 0);
}

#[test]
fn a_call_leaves_the_window_when_it_is_as_old_as_the_window_is_long() {
    let clock = ManualClock::new();
    let breaker = Breaker::new(windowed(Window::Time(16 * SECOND), Abandoned::Ignore), clock.clone()).unwrap();
    breaker.acquire().unwrap().report(Outcome::Failure);
    let calls = || breaker.snapshot().window.unwrap().calls;
    // It is forgotten in steps of a sixteenth: not before fifteen of them, and never after sixteen.
    clock.advance(15 * SECOND);
    assert_eq!(calls(), 1);
    clock.advance(SECOND);
    assert_eq!(calls(), 0);
}

#[test]
fn the_largest_settings_are_settings() {
    let largest = BreakerConfig { failure_threshold: Some(n(65_535)), ..BreakerConfig::default() };
    assert!(largest.check().is_ok());
    assert!(BreakerConfig { failure_threshold: Some(n(65_536)), ..largest }.check().is_err());
    assert!(BreakerConfig { success_threshold: n(3), half_open_max_calls: n(3), ..largest }.check().is_ok());
}

/// Without a seed each breaker draws its own; the same seed gives the same time, and another one at the next opening.
#[test]
fn open_times_vary_from_breaker_to_breaker_and_from_opening_to_opening() {
    let waits = |seed: Option<u64>| {
        let open_for = OpenFor { jitter: 0.5, seed, max: 2 * MINUTE, ..OpenFor::always(MINUTE) };
        let clock = ManualClock::new();
        let breaker = Breaker::new(BreakerConfig { open_for, ..BreakerConfig::default() }, clock.clone()).unwrap();
        let mut waits = [Duration::ZERO; 3];
        for wait in &mut waits {
            tripped(&breaker);
            *wait = breaker.acquire().unwrap_err().retry_after.unwrap();
            breaker.reset();
        }
        waits
    };
    assert_eq!(waits(Some(7)), waits(Some(7)));
    assert_ne!(waits(None), waits(None));
    let [first, second, third] = waits(Some(0));
    assert!(first != second && second != third, "{first:?} {second:?} {third:?}");
    for wait in waits(None) {
        assert!(wait >= MINUTE / 2 && wait <= MINUTE * 3 / 2, "{wait:?}");
    }
}

type Act = fn(&Breaker<ManualClock>, &ManualClock);

/// A breaker that remembers anything but successes is not forgotten to make room.
#[test]
fn a_registry_forgets_only_breakers_that_are_like_new() {
    let config = windowed(Window::Calls(n(20)), Abandoned::RateAbove(0.9));
    let history: [(&str, Act); 5] = [
        ("a failure", |breaker, _| breaker.acquire().unwrap().report(Outcome::Failure)),
        ("a slow call", |breaker, clock| {
            let call = breaker.acquire().unwrap();
            clock.advance(2 * SECOND);
            call.report(Outcome::Success);
        }),
        ("an abandoned call", |breaker, _| drop(breaker.acquire().unwrap())),
        ("a slow failure", |breaker, clock| {
            let call = breaker.acquire().unwrap();
            clock.advance(2 * SECOND);
            call.report(Outcome::Failure);
        }),
        ("a slow abandoned call", |breaker, clock| {
            let call = breaker.acquire().unwrap();
            clock.advance(2 * SECOND);
            drop(call);
            let call = breaker.acquire().unwrap();
            clock.advance(2 * SECOND);
            call.report(Outcome::Success);
        }),
    ];
    for (what, act) in history {
        let clock = ManualClock::new();
        let breakers = Breakers::new(config, clock.clone(), 1).unwrap();
        let breaker = breakers.get("a").unwrap();
        act(&breaker, &clock);
        breaker.acquire().unwrap().report(Outcome::Success);
        assert_eq!(breaker.snapshot().failures_in_a_row, 0);
        drop(breaker);
        assert!(breakers.get("b").is_err(), "{what} was forgotten");
    }
    let breakers = Breakers::new(config, ManualClock::new(), 1).unwrap();
    breakers.get("a").unwrap().acquire().unwrap().report(Outcome::Success);
    assert!(breakers.get("b").is_ok(), "nothing but a success is like new");
}

// Buckets

#[test]
fn of_several_buckets_also_those_that_were_not_asked_say_how_long_to_wait() {
    let clock = ManualClock::new();
    let bucket = |period: Duration| TokenBucket::new(Quota::new(n(1), period), clock.clone()).unwrap();
    let (short, long) = (bucket(SECOND), bucket(MINUTE));
    assert!(take_all(&[(&short, 1), (&long, 1)]).unwrap().allowed);
    // The first refuses, the second was not asked.
    let answer = take_all(&[(&short, 1), (&long, 1)]).unwrap();
    assert_eq!((answer.allowed, answer.retry_after), (false, Some(MINUTE)));
    let answer = take_all(&[(&long, 1), (&short, 1)]).unwrap();
    assert_eq!((answer.allowed, answer.retry_after), (false, Some(MINUTE)));
}

#[test]
fn a_stranger_who_finds_no_room_is_told_when_to_come_back() {
    let start = some_instant();
    let buckets = KeyedBuckets::new(Quota::new(n(10), 10 * SECOND), 1).unwrap();
    assert!(buckets.take("a", 10, start).allowed);
    // All that a bucket holds is not too much for any time.
    let refused = buckets.take("b", 10, start).answer();
    assert!(!refused.allowed);
    assert_eq!(refused.retry_after, Some(10 * SECOND));
    assert_eq!(buckets.take("b", 11, start).answer().retry_after, None);
}

/// Sweeping costs a look at every key: at most once in a sixty-fourth of the time in which a bucket fills.
#[test]
fn a_full_table_is_not_swept_for_every_stranger() {
    let start = some_instant();
    let tenths = |count: u32| start + count * SECOND / 10;
    let buckets = KeyedBuckets::new(Quota::new(n(640), 64 * SECOND), 1).unwrap();
    assert!(buckets.take("a", 1, start).allowed);
    assert!(buckets.take("b", 1, tenths(1)).allowed, "the first is full again and makes room");
    let refused = buckets.take("c", 1, tenths(3)).answer();
    assert_eq!((refused.allowed, refused.retry_after), (false, Some(SECOND * 8 / 10)), "not swept yet");
    assert!(buckets.take("c", 1, tenths(11)).allowed);
}

/// One who slept after it read the clock gives nobody's tokens back.
#[test]
fn an_old_time_mints_no_tokens() {
    let start = some_instant();
    let buckets = KeyedBuckets::new(Quota::new(n(1), 10 * SECOND), 10).unwrap();
    assert!(buckets.take("other", 1, start).allowed);
    assert!(buckets.take("a", 1, start + 10 * SECOND).allowed);
    assert!(!buckets.take("a", 1, start + 5 * SECOND).allowed);
    assert!(!buckets.take("a", 1, start + 16 * SECOND).allowed);
    assert!(buckets.take("a", 1, start + 20 * SECOND).allowed);
}

#[expect(clippy::disallowed_methods, reason = "some instant to count from; none can be made otherwise")]
fn some_instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// A backend that refuses everything for a minute, and counts.
#[derive(Clone, Default)]
struct Refuses(Arc<AtomicU32>);

impl BucketBackend for Refuses {
    type Error = TimedOut;

    async fn take(&self, _: &str, _: u32) -> Result<Answer, TimedOut> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Answer { allowed: false, limit: 3, remaining: 0, retry_after: Some(MINUTE), reset_after: 3 * MINUTE })
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_remembered_grows_shorter_and_ends_at_its_time() {
    let quota = Quota::new(n(3), Duration::from_hours(1));
    let config = SharedConfig { on_outage: OnOutage::Deny, ..SharedConfig::new(quota) };
    let limits = SharedBuckets::new(Refuses::default(), config, TokioClock).unwrap();
    assert_eq!(limits.take("a", 1).await.1, AnsweredBy::Backend);
    tokio::time::advance(20 * SECOND).await;
    let (answer, by) = limits.take("a", 1).await;
    assert_eq!(by, AnsweredBy::Memory);
    assert_eq!((answer.retry_after, answer.reset_after), (Some(40 * SECOND), 160 * SECOND));
    tokio::time::advance(40 * SECOND).await;
    assert_eq!(limits.take("a", 1).await.1, AnsweredBy::Backend, "its time is over");
}

// Adaptive limit

/// A limit that jumps when it learns.
struct Jumps(NonZeroU32);

impl Limit for Jumps {
    fn current(&self) -> NonZeroU32 {
        self.0
    }

    fn learn(&mut self, _: &Observation) {
        self.0 = n(3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_grows_lets_in_who_waits() {
    let config = BulkheadConfig { max_queued: 5, max_wait: MINUTE, ..BulkheadConfig::default() };
    let bulkhead = AdaptiveBulkhead::new(config, Jumps(n(1)), TokioClock).unwrap();
    let first = bulkhead.try_acquire().unwrap();
    let (mut second, mut third) = (pin!(bulkhead.acquire()), pin!(bulkhead.acquire()));
    let mut fourth = pin!(bulkhead.acquire());
    assert!(once(second.as_mut()).is_pending() && once(third.as_mut()).is_pending());
    assert!(once(fourth.as_mut()).is_pending());
    tokio::time::advance(SECOND).await;
    assert_eq!(first.elapsed(), SECOND);
    first.report(Outcome::Success);
    // One place became free and two are new.
    assert_eq!(bulkhead.occupancy().waiting, 0);
    let mut places = Vec::new();
    for waiting in [second, third, fourth] {
        let mut waiting = waiting;
        match once(waiting.as_mut()) {
            Poll::Ready(place) => places.push(place.unwrap()),
            Poll::Pending => panic!("there is a place"),
        }
    }
    assert_eq!(bulkhead.occupancy().running, 3);
}

// Retry

#[test]
fn delays_are_those_of_the_backoff() {
    let backoff = Backoff::new(SECOND, MINUTE).unwrap().with_jitter(Jitter::None).unwrap();
    let delays: Vec<_> = backoff.delays(|| 0.5).take(8).map(|delay| delay.as_secs()).collect();
    assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_begin_at_the_deadline_is_not_waited_for() {
    let backoff = Backoff::new(SECOND, MINUTE).unwrap().with_jitter(Jitter::None).unwrap();
    for (deadline, attempts, waited) in [(SECOND, 1, Duration::ZERO), (SECOND + SECOND / 2, 2, SECOND)] {
        let begun = Instant::now();
        let policy = RetryPolicy { deadline: Some(deadline), ..RetryPolicy::new(5, backoff) };
        let result = (|| async { Err::<(), _>("away") }).retry(policy).run().await;
        let RetryError::Failed { attempts: made, why, .. } = result.unwrap_err() else { panic!("it failed") };
        assert_eq!((made, why, begun.elapsed()), (attempts, GaveUp::Deadline, waited));
    }
}

// Single flight

/// Who is woken to take over and leaves instead, wakes the next.
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
    // One who waits and leaves wakes nobody.
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

// Shutdown

#[tokio::test(start_paused = true)]
async fn what_was_left_under_way_is_no_good_end_and_what_ended_well_did_not_panic() {
    let shutdown = Shutdown::new(ShutdownConfig { drain: SECOND, ..ShutdownConfig::default() });
    drop(shutdown.track_named(Kind::Request, "well").unwrap());
    let task = shutdown.track_named(Kind::Task, "slow").unwrap();
    shutdown.begin("SIGTERM");
    let report = shutdown.run().await;
    assert_eq!((report.abandoned_requests, report.abandoned_tasks, report.exit_code()), (0, 1, 1));
    assert!(report.panicked.is_empty(), "{:?}", report.panicked);
    drop(task);
    // What is over cannot be forced.
    assert_eq!(shutdown.phase(), Phase::Done);
    shutdown.force();
    assert_eq!(shutdown.phase(), Phase::Done);
}

#[tokio::test]
async fn only_so_many_panics_are_remembered() {
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

// Bodies

/// A body of so many frames of one byte.
struct Crumbs(u32);

impl Body for Crumbs {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let left = self.0.checked_sub(1);
        if let Some(left) = left {
            self.0 = left;
        }
        Poll::Ready(left.map(|_| Ok(Frame::data(Bytes::from_static(b"x")))))
    }

    fn is_end_stream(&self) -> bool {
        self.0 == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.into())
    }
}

#[tokio::test]
async fn a_body_with_a_limit_says_of_its_size_what_it_is_told() {
    let body = TimedBody::new(Crumbs(3), SECOND);
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false));
    let body = TimedBody::new(Crumbs(0), SECOND);
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
}

/// Each frame costs memory beside its bytes: 16, and one for each 64 bytes of the cap, are kept.
#[tokio::test]
async fn a_body_of_crumbs_outgrows_its_cap_by_their_number() {
    for (frames, whole) in [(16 + 100, true), (16 + 101, false)] {
        let body = ReplayBody::new(Crumbs(frames), 6400);
        let copy = body.again();
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), frames as usize);
        assert_eq!(copy.is_whole(), whole, "{frames}");
    }
}

/// A body of trailers alone.
struct Trailing(Option<HeaderMap>);

impl Body for Trailing {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.0.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

/// A trailer costs its value and 32 bytes.
#[tokio::test]
async fn a_body_of_trailers_outgrows_its_cap_by_their_size() {
    for (cap, whole) in [(42, true), (41, false)] {
        let trailers =
            HeaderMap::from_iter([(HeaderName::from_static("x-sum"), HeaderValue::from_static("0123456789"))]);
        let body = ReplayBody::new(Trailing(Some(trailers)), cap);
        let copy = body.again();
        assert_eq!(body.collect().await.unwrap().trailers().unwrap().len(), 1);
        assert_eq!(copy.is_whole(), whole, "{cap}");
    }
}

// Layers

/// A service that is ready when somebody says so, and counts how often it was asked.
#[derive(Clone, Debug, Default)]
struct Gate {
    ready: Arc<AtomicU32>,
    asked: Arc<AtomicU32>,
}

impl Service<()> for Gate {
    type Response = ();
    type Error = Failure;
    type Future = Ready<Result<(), Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.ready.load(Ordering::Relaxed) == 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

#[test]
fn a_service_behind_an_open_breaker_is_not_asked_whether_it_is_ready() {
    let breaker = Arc::new(Breaker::new(BreakerConfig::default(), ManualClock::new()).unwrap());
    let gate = Gate::default();
    let mut service = BreakerLayer::new(Arc::clone(&breaker)).layer(gate.clone());
    tripped(&breaker);
    assert!(matches!(asked(&mut service), Poll::Ready(Ok(()))));
    assert_eq!(gate.asked.load(Ordering::Relaxed), 0);
}

/// A service whose making ready opens the breaker above it.
#[derive(Clone)]
struct Trips(Arc<Breaker<ManualClock>>);

impl Service<()> for Trips {
    type Response = ();
    type Error = Failure;
    type Future = Ready<Result<(), Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        tripped(&self.0);
        Poll::Pending
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

#[test]
fn a_breaker_that_opens_while_it_is_asked_refuses_at_once() {
    let breaker = Arc::new(Breaker::new(BreakerConfig::default(), ManualClock::new()).unwrap());
    let mut service = BreakerLayer::new(Arc::clone(&breaker)).layer(Trips(breaker));
    assert!(matches!(asked(&mut service), Poll::Ready(Ok(()))));
}

/// Somebody else asks long after the one who waited gave up: the waiting begins anew, also for the call.
#[tokio::test(start_paused = true)]
async fn a_wait_that_nobody_continued_costs_the_next_nothing() {
    // Shorter than the limit: it counts. As long or longer: that was somebody else's.
    for (passed, left) in [(SECOND / 2, SECOND / 2), (SECOND, SECOND), (3 * SECOND, SECOND)] {
        let gate = Gate::default();
        let slow = service_fn(|()| async {
            tokio::time::sleep(MINUTE).await;
            Ok::<_, Failure>(())
        });
        let mut service = TimeoutLayer::new(SECOND).layer(Behind(gate.clone(), slow));
        assert!(asked(&mut service).is_pending());
        tokio::time::advance(passed).await;
        gate.ready.store(1, Ordering::Relaxed);
        assert!(matches!(asked(&mut service), Poll::Ready(Ok(()))));
        let begun = Instant::now();
        assert!(service.call(()).await.is_err());
        assert_eq!(begun.elapsed(), left, "{passed:?}");
    }
}

/// A gate before another service.
#[derive(Clone)]
struct Behind<S>(Gate, S);

impl<S: Service<(), Error = Failure>> Service<()> for Behind<S> {
    type Response = S::Response;
    type Error = Failure;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, (): ()) -> Self::Future {
        self.1.call(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_somebody_elses_after_twice_its_limit() {
    let service = || TimeoutLayer::new(SECOND).layer(Gate::default());
    // At twice the limit it is still the same wait, and over; then a new one begins.
    for (passed, over) in [(2 * SECOND, true), (2 * SECOND + Duration::from_millis(1), false)] {
        let mut service = service();
        assert!(asked(&mut service).is_pending());
        tokio::time::advance(passed).await;
        assert_eq!(asked(&mut service).is_ready(), over, "{passed:?}");
    }
    // Over once, it stays so for as long as the limit.
    for (passed, over) in [(SECOND, true), (SECOND + Duration::from_millis(1), false)] {
        let mut service = service();
        poll_fn(|context| service.poll_ready(context)).await.unwrap();
        tokio::time::advance(passed).await;
        assert_eq!(asked(&mut service).is_ready(), over, "{passed:?}");
    }
}

/// The last try needs no copy of its request: the service below gets the one that there is.
#[tokio::test(start_paused = true)]
async fn no_copy_is_made_of_a_request_that_is_tried_for_the_last_time() {
    #[derive(Debug)]
    struct Counted(Arc<AtomicU32>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::Relaxed);
            Self(Arc::clone(&self.0))
        }
    }
    let copies = Arc::new(AtomicU32::new(0));
    let policy = RetryPolicy::new(2, Backoff::new(SECOND, MINUTE).unwrap());
    let mut service = RetryLayer::new(policy).layer(service_fn(|_: Counted| async { Err::<(), _>("away") }));
    assert!(service.call(Counted(Arc::clone(&copies))).await.is_err());
    assert_eq!(copies.load(Ordering::Relaxed), 2);
}

// What a log sees

#[tokio::test]
async fn every_future_and_layer_shows_its_name() {
    let breaker = Arc::new(Breaker::new(BreakerConfig::default(), TokioClock).unwrap());
    let mut service = BreakerLayer::new(breaker).layer(Gate { ready: Arc::new(AtomicU32::new(1)), ..Gate::default() });
    assert!(asked(&mut service).is_ready());
    shows(&service.call(()), "BreakerFuture");
    let bulkhead = Arc::new(Bulkhead::new(BulkheadConfig::default(), TokioClock).unwrap());
    shows(&BulkheadLayer::new(bulkhead).layer(Gate::default()).call(()), "BulkheadFuture");
    let policy = RetryPolicy::new(2, Backoff::new(SECOND, MINUTE).unwrap());
    shows(&RetryLayer::new(policy).layer(Gate::default()).call(()), "RetryFuture");
    let shutdown = Shutdown::new(ShutdownConfig::default());
    shows(&ShutdownLayer::new(shutdown.clone()).layer(Gate::default()), "ShutdownService");
    let flights: SingleFlightLayer<u8, (), Failure, _> = SingleFlightLayer::by_key(|(): &()| Some(7));
    shows(&flights, "SingleFlightLayer");
    let metered = MeteredBreaker::new("database", BreakerConfig::default(), TokioClock).unwrap();
    shows(&metered, "MeteredBreaker");
    shows(&metered.acquire().unwrap(), "MeteredPermit");
    let breakers: Breakers<&str, _> = Breakers::new(BreakerConfig::default(), TokioClock, 10).unwrap();
    shows(&breakers.observed_by(|_| Arc::new(StateGauge::new("one"))), "Observe");
    shutdown.on_close(Stage::STORES, "database pool", || async { Ok::<_, String>(()) }).unwrap();
    shows(&shutdown, "database pool");
    shows(&sqal_resilience::timeout(SECOND, pending::<()>()), "Alarm");
}

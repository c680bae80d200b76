//! Scenarios of bodies, of requests that may be repeated, and of the address of a client.
//!
//! RT-16 to RT-18 and TO-06 are about bodies, RT-14 about requests that may be repeated, RL-24
//! about the address of a client.
#![cfg(all(feature = "http-body", feature = "tower"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::ready;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use proptest::prelude::*;
use sqal_resilience::body::{BodyError, HeldBody, ReplayBody, TimedBody};
use sqal_resilience::layer::{CallErrors, Replay, RetryLayer};
use sqal_resilience::{
    Backoff, CallError, Idempotency, RetryPolicy, TimeoutError,
    address::{client_address, limited_as},
    idempotency::Sent,
};
use tower::{ServiceBuilder, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// A body of these pieces; it is pending once before each.
struct Pieces {
    pieces: VecDeque<Bytes>,
    paused: bool,
}

impl Pieces {
    fn of(pieces: &[&'static str]) -> Self {
        Self { pieces: pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect(), paused: false }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.paused = !self.paused;
        if self.paused {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

struct Post {
    body: ReplayBody<Pieces>,
}

/// Sends the body again as long as all of it is kept.
#[derive(Clone)]
struct Again;

impl Replay<Post> for Again {
    fn replay(&self, post: &Post) -> Option<Post> {
        Some(Post { body: post.body.again() })
    }

    fn is_whole(&self, kept: &Post) -> bool {
        kept.body.is_whole()
    }
}

fn policy() -> RetryPolicy {
    RetryPolicy::new(2, Backoff::new(SECOND, SECOND).unwrap())
}

/// What a server received in each try.
type Received = Arc<Mutex<Vec<Result<Bytes, String>>>>;

async fn sent(body: ReplayBody<Pieces>) -> (Result<(), CallError<&'static str>>, Vec<Result<Bytes, String>>) {
    let received = Received::default();
    let target = {
        let received = Arc::clone(&received);
        service_fn(move |post: Post| {
            let received = Arc::clone(&received);
            async move {
                let body = post.body.collect().await.map(http_body_util::Collected::to_bytes);
                received.lock().unwrap().push(body.map_err(|error| error.to_string()));
                Err::<(), _>("503")
            }
        })
    };
    let service =
        ServiceBuilder::new().layer(RetryLayer::new(policy()).replayed_by(Again)).layer(CallErrors).service(target);
    let answer = service.oneshot(Post { body }).await;
    let received = received.lock().unwrap().clone();
    (answer, received)
}

#[tokio::test(start_paused = true)]
async fn rt_16_every_try_sends_the_whole_body() {
    let (answer, received) = sent(ReplayBody::new(Pieces::of(&["a tr", "ay of ", "foie gras"]), 64)).await;
    assert!(answer.is_err());
    assert_eq!(received, vec![Ok(Bytes::from("a tray of foie gras")); 3]);
}

#[tokio::test(start_paused = true)]
async fn rt_17_a_body_over_the_cap_streams_on_and_is_sent_once() {
    let (answer, received) = sent(ReplayBody::new(Pieces::of(&["a tr", "ay of ", "foie gras"]), 12)).await;
    assert_eq!(answer, Err(CallError::Inner("503")));
    assert_eq!(received, [Ok(Bytes::from("a tray of foie gras"))], "whole, and once");
    let long = ReplayBody::new(Pieces::of(&["0123456789"; 100]), 50);
    let copy = long.again();
    let mut long = pin!(long);
    while let Some(frame) = long.frame().await {
        frame.unwrap();
        assert!(!format!("{long:?}").contains("kept: 51"), "no more than the cap is kept");
    }
    assert!(!copy.is_whole());
    assert_eq!(copy.collect().await.unwrap_err(), BodyError::Outgrown, "never a part for the whole");
}

#[tokio::test(start_paused = true)]
async fn rt_18_an_early_answer_leaves_a_half_read_body_and_the_next_try_reads_all() {
    let first = ReplayBody::new(Pieces::of(&["a tr", "ay of ", "foie gras"]), 64);
    let second = first.again();
    let mut first = pin!(first);
    assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "a tr");
    // The server has answered; the connection still holds the first body and waits for more of it.
    assert!(first.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(second.collect().await.unwrap().to_bytes(), "a tray of foie gras");
    assert_eq!(
        first.collect().await.unwrap().to_bytes(),
        "ay of foie gras",
        "and the first can still be read to its end"
    );
}

#[tokio::test]
async fn two_tries_at_once_wake_each_other() {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let data = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(data)), receiver))
    });
    let first = ReplayBody::new(StreamBody::new(stream), 10_000);
    let read = |body: ReplayBody<_>| tokio::spawn(async move { body.collect().await.unwrap().to_bytes() });
    let tasks = [read(first.again()), read(first.again()), read(first)];
    for k in 0..50_u8 {
        sender.send(Bytes::from(vec![k])).unwrap();
        tokio::task::yield_now().await;
    }
    drop(sender);
    for task in tasks {
        assert_eq!(task.await.unwrap(), (0..50).collect::<Vec<u8>>());
    }
}

#[tokio::test]
async fn an_empty_body_and_trailers_are_kept_too() {
    let empty = ReplayBody::new(Empty::<Bytes>::new(), 10);
    assert!(empty.is_end_stream() && empty.size_hint().exact() == Some(0));
    let full = ReplayBody::new(Full::new(Bytes::from("twelve bytes")), 100);
    let again = full.again();
    assert_eq!((full.size_hint().exact(), full.is_end_stream()), (Some(12), false));
    full.collect().await.unwrap();
    assert_eq!((again.size_hint().exact(), again.is_end_stream()), (Some(12), false), "all of it is still to be read");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "42".parse().unwrap());
    let with = ReplayBody::new(Full::new(Bytes::from("data")).with_trailers(ready(Some(Ok(trailers.clone())))), 100);
    let again = with.again();
    for body in [with, again] {
        let collected = body.collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(collected.to_bytes(), "data");
    }
}

#[tokio::test(start_paused = true)]
async fn to_06_a_body_that_is_slower_than_its_time_breaks_off() {
    let slow = futures_util::stream::unfold(0, |k| async move {
        tokio::time::sleep(SECOND).await;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(vec![k]))), k + 1))
    });
    let begun = tokio::time::Instant::now();
    let mut body = pin!(TimedBody::new(StreamBody::new(slow), 3 * SECOND + SECOND / 2));
    for k in 0..3 {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), vec![k]);
    }
    let late = body.frame().await.unwrap().unwrap_err();
    assert_eq!(late, BodyError::TimedOut(TimeoutError { after: 3 * SECOND + SECOND / 2 }));
    assert_eq!(begun.elapsed(), 3 * SECOND + SECOND / 2, "the time is for all of it");
    let quick = TimedBody::new(Full::new(Bytes::from("quick")), SECOND);
    assert_eq!(quick.collect().await.unwrap().to_bytes(), "quick");
}

proptest! {
    /// However a body is cut and whichever copy reads first, each copy reads all of it or reports
    /// that it cannot.
    #[test]
    fn every_copy_reads_the_same_or_says_that_it_cannot(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..12),
        cap in 0..150_usize, order in prop::collection::vec(0..3_usize, 0..60),
    ) {
        let whole: Vec<u8> = pieces.concat();
        let body = ReplayBody::new(Pieces { pieces: pieces.into_iter().map(Bytes::from).collect(), paused: false }, cap);
        let mut copies = [Box::pin(body.again()), Box::pin(body.again()), Box::pin(body)];
        let mut read = [const { Vec::new() }; 3];
        let mut ended = [None; 3];
        for who in order.into_iter().chain((0..3).flat_map(|who| std::iter::repeat_n(who, 60))) {
            if ended[who].is_some() {
                continue;
            }
            match copies[who].as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => {}
                Poll::Ready(None) => ended[who] = Some(Ok(())),
                Poll::Ready(Some(Ok(frame))) => read[who].extend_from_slice(&frame.into_data().unwrap()),
                Poll::Ready(Some(Err(error))) => ended[who] = Some(Err(error)),
            }
        }
        for (read, ended) in read.iter().zip(ended) {
            match ended {
                Some(Ok(())) => prop_assert_eq!(read, &whole),
                Some(Err(error)) => {
                    prop_assert_eq!(error, BodyError::Outgrown);
                    prop_assert!(whole.len() > cap, "all of it could have been kept");
                }
                None => prop_assert!(false, "a copy never ended"),
            }
        }
    }
}

#[test]
fn rt_13_14_15_what_may_be_repeated() {
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        assert!(Idempotency::of_method(method, None).may_repeat(Sent::Perhaps), "{method}");
    }
    for method in ["POST", "PATCH", "post", "BREW"] {
        let plain = Idempotency::of_method(method, None);
        assert!(!plain.may_repeat(Sent::Perhaps), "RT-13: {method} may have been seen");
        assert!(plain.may_repeat(Sent::No), "RT-14: {method} was provably not sent");
        assert!(Idempotency::of_method(method, Some("4f2a")).may_repeat(Sent::Perhaps), "RT-15: it has a key");
    }
}

#[test]
fn rl_24_a_client_is_its_64_and_not_what_it_says() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(limited_as(ip("2001:db8:1:2::1")), limited_as(ip("2001:db8:1:2:ffff:ffff:ffff:ffff")));
    assert_ne!(limited_as(ip("2001:db8:1:2::1")), limited_as(ip("2001:db8:1:3::1")));
    assert_eq!(limited_as(ip("::ffff:192.0.2.7")), ip("192.0.2.7"));
    assert_ne!(limited_as(ip("192.0.2.7")), limited_as(ip("192.0.2.8")));

    let trusted = |address: IpAddr| address == ip("10.0.0.1") || address == ip("10.0.0.2");
    let client = |peer: &str, said: Option<&str>| client_address(ip(peer), said, trusted);
    assert_eq!(client("192.0.2.7", Some("203.0.113.1")), ip("192.0.2.7"), "a stranger is not believed");
    assert_eq!(client("10.0.0.1", None), ip("10.0.0.1"));
    assert_eq!(client("10.0.0.1", Some("203.0.113.1")), ip("203.0.113.1"));
    assert_eq!(
        client("10.0.0.1", Some("1.2.3.4, 203.0.113.1, 10.0.0.2")),
        ip("203.0.113.1"),
        "what it put in front is not"
    );
    assert_eq!(client("10.0.0.1", Some("unknown, 10.0.0.2")), ip("10.0.0.2"));
    assert_eq!(client("::ffff:10.0.0.1", Some(" [2001:db8::1] ")), ip("2001:db8::1"));
}

/// A body that fails after one piece, and then reports its end.
struct BreaksOff(u8);

impl Body for BreaksOff {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.0 += 1;
        Poll::Ready(match self.0 {
            1 => Some(Ok(Frame::data(Bytes::from("abc")))),
            2 => Some(Err("connection reset")),
            _ => None,
        })
    }
}

#[tokio::test]
async fn a_part_is_never_sent_again_as_the_whole() {
    let first = ReplayBody::new(BreaksOff(0), 100);
    let second = first.again();
    assert_eq!(first.collect().await.unwrap_err(), BodyError::Inner("connection reset"));
    assert!(!second.is_whole());
    assert_eq!(second.collect().await.unwrap_err(), BodyError::Outgrown);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_dropped_wakes_the_other_one() {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let data = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(data)), receiver))
    });
    let first = ReplayBody::new(StreamBody::new(stream), 1000);
    let second = first.again();
    let reads = tokio::spawn(async move { first.collect().await.unwrap().to_bytes() });
    tokio::task::yield_now().await;
    let gives_up = tokio::spawn(async move { second.collect().await.unwrap().to_bytes() });
    tokio::task::yield_now().await;
    gives_up.abort(); // the source knows its waker, and not that of the first
    tokio::task::yield_now().await;
    sender.send(Bytes::from("all")).unwrap();
    drop(sender);
    assert_eq!(tokio::time::timeout(SECOND, reads).await.unwrap().unwrap(), "all");
}

#[tokio::test]
async fn crumbs_are_not_kept_without_end() {
    let crumbs = |n: usize, piece: &'static [u8]| {
        let pieces = std::iter::repeat_n(Bytes::from_static(piece), n).collect();
        ReplayBody::new(Pieces { pieces, paused: false }, 1 << 20)
    };
    let nothing = crumbs(100_000, b"");
    let again = nothing.again();
    assert_eq!(nothing.collect().await.unwrap().to_bytes().len(), 0);
    assert!(again.is_whole() && format!("{again:?}").contains("kept: 0"));
    let bytes = crumbs(100_000, b"x");
    let again = bytes.again();
    assert_eq!(bytes.collect().await.unwrap().to_bytes().len(), 100_000);
    assert!(!again.is_whole(), "a hundred thousand frames cost more than their bytes");
}

/// A body of this number of frames, each of one byte.
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

/// Each frame costs memory besides its bytes: 16 frames are kept, and one more for each 64 bytes of
/// the cap.
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

/// A body of this number of frames, which then fails or ends.
fn broken_or_whole(pieces: usize, breaks: bool) -> impl Body<Data = Bytes, Error = &'static str> {
    let good = (0..pieces).map(|_| Ok(Frame::data(Bytes::from_static(b"tray"))));
    let end = breaks.then_some(Err("reset"));
    StreamBody::new(futures_util::stream::iter(good.chain(end).collect::<Vec<_>>()))
}

proptest! {
    /// The guard exists as long as a frame can still come. It is gone after the end, after an
    /// error, and after a drop of the reader.
    #[test]
    fn a_held_body_gives_its_permit_back_at_its_end_its_error_or_its_drop(
        pieces in 0_usize..6, breaks: bool, read in 0_usize..8,
    ) {
        let guard = Arc::new(());
        let mut body = Box::pin(HeldBody::new(broken_or_whole(pieces, breaks), Arc::clone(&guard)));
        let held = || Arc::strong_count(&guard) == 2;
        for turn in 0..read {
            let polled = body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()));
            let whole = matches!(polled, Poll::Ready(Some(Ok(_))));
            prop_assert_eq!(whole, turn < pieces);
            prop_assert_eq!(held(), whole, "after frame {}", turn);
            if !whole {
                break;
            }
        }
        drop(body);
        prop_assert!(!held(), "a reader that leaves holds nothing");
    }
}

#[tokio::test]
async fn a_body_whose_end_is_known_gives_its_permit_back_with_its_last_frame() {
    let guard = Arc::new(());
    let mut body = HeldBody::new(Full::new(Bytes::from("a tray")), Arc::clone(&guard));
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(6), false));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "a tray");
    assert!(body.is_end_stream(), "a server asks no further");
    assert_eq!(Arc::strong_count(&guard), 1);
}

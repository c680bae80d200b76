//! The scenarios of limits that several processes share (DX-01 to DX-10), against Redis servers
//! that each test starts, freezes and kills.
#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use fred::prelude::{Client, ClientLike, ConfigInterface, Expiration, KeysInterface, LuaInterface, ServerInterface};
use servers::RedisServer as Server;
use sqal_resilience::{
    Clock, ManualClock, Quota, SharedBuckets, SystemClock,
    bucket::{AnsweredBy, BucketBackend, OnOutage, SharedConfig},
};
use sqal_storage::{Redis, redis::RedisBuckets};

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

const HOUR: Duration = Duration::from_hours(1);

/// A quota that refills no token during a test.
fn hundred() -> Quota {
    Quota::new(n(100), HOUR)
}

fn patient(quota: Quota) -> SharedConfig {
    let mut config = SharedConfig::new(quota);
    config.patience = Duration::from_secs(5);
    config
}

fn shared<C: Clock + Clone>(redis: &Redis, config: SharedConfig, clock: C) -> SharedBuckets<RedisBuckets, C> {
    SharedBuckets::new(RedisBuckets::new(redis, "sqal:limit", config.quota).unwrap(), config, clock).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn dx_01_the_clocks_of_the_clients_do_not_matter() {
    let redis = Server::start();
    let (early, late) = (ManualClock::new(), ManualClock::new());
    late.advance(Duration::from_secs(10));
    let quota = Quota::new(n(10), HOUR);
    let a = shared(&redis.connection().await, patient(quota), early);
    let b = shared(&redis.connection().await, patient(quota), late);
    let mut left = Vec::new();
    for k in 0..10 {
        let (answer, _) = if k % 2 == 0 { a.take("tray", 1).await } else { b.take("tray", 1).await };
        assert!(answer.allowed);
        left.push(answer.remaining);
    }
    assert_eq!(left, (0..10).rev().collect::<Vec<_>>(), "one bucket for all processes");
    for client in [a.take("tray", 1).await.0, b.take("tray", 1).await.0] {
        let wait = client.retry_after.unwrap();
        assert!(!client.allowed && wait > Duration::from_mins(5) && wait <= Duration::from_mins(6), "{wait:?}");
    }
}

#[test]
fn dx_02_four_who_ask_a_thousand_times_get_a_hundred() {
    let redis = Server::start();
    // Each with a runtime, a connection and a memory of its own, like a process.
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let buckets = RedisBuckets::new(&redis.connection().await, "sqal:limit", hundred()).unwrap();
            let mut allowed = 0;
            for _ in 0..1000 {
                allowed += u32::from(buckets.take("tray", 1).await.unwrap().allowed);
            }
            allowed
        })
    };
    let allowed: u32 = std::thread::scope(|scope| {
        let four: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        four.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(allowed, 100);
}

/// The number of commands that the server has executed, including those that read this number.
async fn commands(client: &Client) -> u64 {
    let info: String = client.info(Some(fred::types::InfoKind::Stats)).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn dx_03_who_was_refused_is_not_asked_for_again() {
    let redis = Server::start();
    let (watcher, clock) = (redis.watcher().await, ManualClock::new());
    let limits = shared(&redis.connection().await, patient(Quota::new(n(5), HOUR)), clock.clone());
    assert!(limits.take("tray", 5).await.0.allowed);
    assert_eq!(limits.take("tray", 1).await.1, AnsweredBy::Backend);
    let before = commands(&watcher).await;
    for _ in 0..1000 {
        let (answer, by) = limits.take("tray", 1).await;
        assert_eq!((answer.allowed, by), (false, AnsweredBy::Memory));
    }
    assert_eq!(commands(&watcher).await - before, 1, "no round trip but the question for their number");
    let (memory, by) = limits.take("other", 1).await;
    assert_eq!((memory.allowed, by), (true, AnsweredBy::Backend));
    let wait = limits.take("tray", 1).await.0.retry_after.unwrap();
    clock.advance(wait);
    assert_eq!(limits.take("tray", 1).await.1, AnsweredBy::Backend, "when the time is over it is asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_one_says_nothing_of_ten() {
    let server = Server::start();
    let quota = Quota::new(n(10), Duration::from_hours(10));
    let limits = shared(&server.connection().await, patient(quota), ManualClock::new());
    assert!(limits.take("tray", 10).await.0.allowed);
    let one = limits.take("tray", 1).await.0.retry_after.unwrap();
    let ten = limits.take("tray", 10).await.0.retry_after.unwrap();
    assert!(ten > 9 * one, "{one:?} and {ten:?}");
    assert_eq!(limits.take("tray", 11).await.0.retry_after, None);
    assert_eq!(limits.take("tray", 1).await.1, AnsweredBy::Backend, "the last refusal is the one that is remembered");
    let connection = server.connection().await;
    for impossible in [Quota::new(n(u32::MAX), Duration::from_millis(1)), Quota::new(n(1), Duration::MAX)] {
        assert!(RedisBuckets::new(&connection, "sqal:limit", impossible).is_err(), "{impossible:?}");
    }
    // Half a microsecond per token: the fastest rate that the script counts precisely enough.
    let fast = RedisBuckets::new(&connection, "sqal:limit", Quota::new(n(2_000_000), Duration::from_secs(1))).unwrap();
    let first = fast.take("fast", 2_000_000).await.unwrap();
    assert!(first.allowed && !fast.take("fast", 2_000_000).await.unwrap().allowed, "{first:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dx_04_while_the_server_is_away_the_setting_answers_without_a_wait() {
    let mut redis = Server::start();
    let policies = [OnOutage::Allow, OnOutage::Deny, OnOutage::Local];
    let mut all = Vec::new();
    for on_outage in policies {
        let mut config = SharedConfig::new(Quota::new(n(3), HOUR));
        config.on_outage = on_outage;
        let limits = shared(&redis.connection().await, config, SystemClock);
        // The script is loaded and the connection is warm, so only the outage follows.
        while limits.take(&format!("{on_outage:?}"), 0).await.1 != AnsweredBy::Backend {}
        all.push((on_outage, limits));
    }
    redis.signal("-STOP");
    for (on_outage, limits) in &all {
        let mut allowed = 0;
        for k in 0..8 {
            // A frozen Redis never answers. (The longest wait is tested to the millisecond where
            // time can be paused.)
            let (answer, by) = limits.take("tray", 1).await;
            assert_eq!(by, AnsweredBy::Outage, "the {k}th");
            allowed += u32::from(answer.allowed);
        }
        assert_eq!(
            allowed,
            match on_outage {
                OnOutage::Allow => 8,
                OnOutage::Deny => 0,
                OnOutage::Local => 3,
            }
        );
        assert_eq!(limits.outages(), 8);
    }
    redis.signal("-CONT");
    let port = redis.url.rsplit(':').next().unwrap().trim_end_matches("/0").parse().unwrap();
    drop(std::mem::replace(&mut redis, Server::start())); // killed: connection refused
    let (_, deny) = &all[1];
    assert_eq!(deny.take("tray", 1).await.1, AnsweredBy::Outage);
    let _again = Server::start_on(port);
    while deny.take("tray", 1).await.1 != AnsweredBy::Backend {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dx_05_every_key_expires_when_its_bucket_is_full() {
    let redis = Server::start();
    let client = redis.watcher().await;
    let limits =
        RedisBuckets::new(&redis.connection().await, "sqal:limit", Quota::new(n(10), Duration::from_secs(100)))
            .unwrap();
    let _ = limits.take("tray", 3).await.unwrap();
    let left: i64 = client.pttl("sqal:limit:{tray}").await.unwrap();
    assert!((29_000..=30_001).contains(&left), "{left} ms for three tokens of ten seconds");
    let _ = limits.take("tray", 11).await.unwrap();
    let _ = limits.take("nobody", 0).await.unwrap();
    let all: i64 = client.dbsize().await.unwrap();
    assert_eq!(all, 1, "neither a refusal nor a look makes a key");
}

#[tokio::test(flavor = "multi_thread")]
async fn dx_06_a_script_that_was_flushed_is_loaded_again() {
    let redis = Server::start();
    let client = redis.watcher().await;
    let limits = RedisBuckets::new(&redis.connection().await, "sqal:limit", hundred()).unwrap();
    assert_eq!(limits.take("tray", 1).await.unwrap().remaining, 99);
    let () = client.script_flush(false).await.unwrap();
    assert_eq!(limits.take("tray", 1).await.unwrap().remaining, 98);
    assert_eq!(limits.take("tray", 1).await.unwrap().remaining, 97);
}

#[tokio::test(flavor = "multi_thread")]
async fn dx_07_the_answer_is_rounded_up_and_never_means_never() {
    let redis = Server::start();
    let limits =
        RedisBuckets::new(&redis.connection().await, "sqal:limit", Quota::new(n(7), Duration::from_mins(1))).unwrap();
    let all = limits.take("tray", 7).await.unwrap();
    assert_eq!((all.allowed, all.limit, all.remaining, all.retry_after), (true, 7, 0, Some(Duration::ZERO)));
    let refused = limits.take("tray", 1).await.unwrap();
    // 60 s / 7 = 8.571428… s, less the time that has passed: a client that waits this time is let
    // in.
    let wait = refused.retry_after.unwrap();
    assert!(
        !refused.allowed && wait <= Duration::from_nanos(8_571_428_572 + 1000) && wait > Duration::from_secs(6),
        "{wait:?}"
    );
    assert_eq!(refused.retry_after_seconds(), Some(wait.as_secs() + 1));
    let never = limits.take("tray", 8).await.unwrap();
    assert_eq!((never.allowed, never.retry_after), (false, None));
    // The answers equal those of the bucket of one process, compared on separate keys.
    for tokens in [0, 1, 3, 7] {
        let there = limits.take(&format!("key {tokens}"), tokens).await.unwrap();
        let here =
            sqal_resilience::TokenBucket::new(Quota::new(n(7), Duration::from_mins(1)), ManualClock::new()).unwrap();
        let here = here.take(tokens).answer();
        let difference = there.reset_after.abs_diff(here.reset_after);
        assert_eq!((there.allowed, there.limit, there.remaining), (here.allowed, here.limit, here.remaining));
        assert!(difference < Duration::from_micros(2), "{difference:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dx_08_a_server_that_has_forgotten_lets_one_more_burst_pass() {
    let redis = Server::start();
    let client = redis.watcher().await;
    let limits = RedisBuckets::new(&redis.connection().await, "sqal:limit", hundred()).unwrap();
    let mut allowed = 0;
    for k in 0..400 {
        if k == 200 {
            // A replica that has received nothing takes over.
            let () = client.flushall(false).await.unwrap();
        }
        allowed += u32::from(limits.take("tray", 1).await.unwrap().allowed);
    }
    assert_eq!(allowed, 200, "two bursts, and not one token more");
    // Then a replica whose clock is far behind: no client is locked out for longer than a full
    // bucket takes.
    let seconds = std::time::SystemTime::UNIX_EPOCH;
    #[expect(clippy::disallowed_methods, reason = "the server's time is wall time")]
    let ahead = std::time::SystemTime::now().duration_since(seconds).unwrap() + 1000 * HOUR;
    let () =
        client.set("sqal:limit:{far}", ahead.as_micros().to_string(), None::<Expiration>, None, false).await.unwrap();
    let refused = limits.take("far", 1).await.unwrap();
    assert!(!refused.allowed && refused.reset_after <= HOUR, "{:?}", refused.reset_after);
    let kept: i64 = client.pttl("sqal:limit:{far}").await.unwrap();
    assert!(kept > 0, "what was cut is written, and expires");
}

#[tokio::test(flavor = "multi_thread")]
async fn dx_09_a_server_that_may_forget_limits_is_found_out_at_start() {
    let redis = Server::start();
    let client = redis.watcher().await;
    let limits = RedisBuckets::new(&redis.connection().await, "sqal:limit", hundred()).unwrap();
    for (policy, keeps) in [
        ("noeviction", true),
        ("volatile-ttl", true),
        ("allkeys-lru", false),
        ("allkeys-lfu", false),
        ("volatile-lru", false),
    ] {
        let () = client.config_set("maxmemory-policy", policy).await.unwrap();
        let said = limits.check_eviction().await.unwrap();
        assert_eq!(said.is_ok(), keeps, "{policy}");
        if let Err(evicts) = said {
            assert!(evicts.to_string().contains(policy));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dx_10_nothing_is_held_while_a_request_is_under_way() {
    let redis = Server::start();
    let limits = Arc::new(shared(&redis.connection().await, patient(hundred()), SystemClock));
    assert!(limits.take("tray", 1).await.0.allowed);
    // The request that took the token continues; another request and another process get their
    // answers meanwhile.
    let (goes_on, end) = tokio::sync::oneshot::channel::<()>();
    let request = tokio::spawn({
        let limits = Arc::clone(&limits);
        async move {
            assert!(limits.take("tray", 1).await.0.allowed);
            end.await.unwrap();
        }
    });
    let other = shared(&redis.connection().await, patient(hundred()), SystemClock);
    for _ in 0..20 {
        assert!(limits.take("tray", 1).await.0.allowed && other.take("tray", 1).await.0.allowed);
    }
    goes_on.send(()).unwrap();
    request.await.unwrap();
    assert_eq!(other.take("tray", 0).await.0.remaining, 100 - 42);
}

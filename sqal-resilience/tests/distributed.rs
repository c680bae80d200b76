//! What shared buckets do with a backend that is slow, fails or forgets (DX-01 to DX-10).
//!
//! The backend itself is tested in its own crate.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqal_resilience::{
    Quota, SharedBuckets, TimeoutError, TokioClock,
    bucket::{Answer, AnsweredBy, BucketBackend, OnOutage, SharedConfig},
};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// A backend that counts its requests, and either never answers or refuses everything for a minute.
#[derive(Clone, Default)]
struct Backend {
    frozen: bool,
    asked: Arc<AtomicU32>,
}

impl BucketBackend for Backend {
    type Error = TimeoutError;

    async fn take(&self, _: &str, n: u32) -> Result<Answer, TimeoutError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.frozen {
            std::future::pending::<()>().await;
        }
        let minute = Duration::from_secs(60);
        Ok(Answer { allowed: n == 0, limit: 3, remaining: 0, retry_after: Some(minute), reset_after: 3 * minute })
    }
}

fn config(on_outage: OnOutage) -> SharedConfig {
    let quota = Quota::new(NonZeroU32::new(3).unwrap(), Duration::from_secs(3600));
    {
        let mut config = SharedConfig::new(quota);
        config.on_outage = on_outage;
        config
    }
}

#[tokio::test(start_paused = true)]
async fn dx_04_a_frozen_backend_costs_its_patience_five_times_and_then_nothing() {
    for (on_outage, allowed) in [(OnOutage::Allow, 8), (OnOutage::Deny, 0), (OnOutage::Local, 3)] {
        let backend = Backend { frozen: true, ..Backend::default() };
        let limits = SharedBuckets::new(backend.clone(), config(on_outage), TokioClock).unwrap();
        let mut passed = 0;
        for k in 0..8 {
            let begun = Instant::now();
            let (answer, by) = limits.take("tray", 1).await;
            let patience = if k < 5 { Duration::from_millis(50) } else { Duration::ZERO };
            assert_eq!((begun.elapsed(), by), (patience, AnsweredBy::Outage), "the {k}th");
            passed += u32::from(answer.allowed);
        }
        assert_eq!((passed, limits.outages(), backend.asked.load(Ordering::SeqCst)), (allowed, 8, 5));
        tokio::time::advance(Duration::from_secs(1)).await;
        let _ = limits.take("tray", 1).await;
        assert_eq!(backend.asked.load(Ordering::SeqCst), 6, "and is tried again when the breaker says so");
    }
}

#[tokio::test(start_paused = true)]
async fn dx_03_a_memory_that_is_full_forgets_what_is_over_and_is_not_swept_for_every_stranger() {
    let backend = Backend::default();
    let mut config = config(OnOutage::Deny);
    config.most_keys = 10;
    let limits = SharedBuckets::new(backend.clone(), config, TokioClock).unwrap();
    for key in 0..20 {
        assert_eq!(limits.take(&key.to_string(), 1).await.1, AnsweredBy::Backend);
    }
    for (key, by) in [(0, AnsweredBy::Memory), (9, AnsweredBy::Memory), (10, AnsweredBy::Backend)] {
        assert_eq!(limits.take(&key.to_string(), 1).await.1, by, "{key}");
    }
    assert_eq!(limits.take("0", 2).await.1, AnsweredBy::Backend, "of two it has not been asked");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(limits.take("15", 1).await.1, AnsweredBy::Backend);
    assert_eq!(limits.take("15", 1).await.1, AnsweredBy::Memory, "there is room again");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_remembered_grows_shorter_and_ends_at_its_time() {
    let limits = SharedBuckets::new(Backend::default(), config(OnOutage::Deny), TokioClock).unwrap();
    assert_eq!(limits.take("a", 1).await.1, AnsweredBy::Backend);
    tokio::time::advance(20 * SECOND).await;
    let (answer, by) = limits.take("a", 1).await;
    assert_eq!(by, AnsweredBy::Memory);
    assert_eq!((answer.retry_after, answer.reset_after), (Some(40 * SECOND), 160 * SECOND));
    tokio::time::advance(40 * SECOND).await;
    assert_eq!(limits.take("a", 1).await.1, AnsweredBy::Backend, "its time is over");
}

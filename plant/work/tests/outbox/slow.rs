//! Destinations that succeed and are slow: they leave places to the others.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sqal_work::{Work, WorkError};
use tokio::sync::Semaphore;

use crate::line::{Line, wide};
use crate::receiver::{Receiver, Step, ok};
use crate::storms::People;
use crate::webhooks::Hook;

/// Five deliveries are begun at once: four to a slow endpoint and one to a fast one.
#[tokio::test]
async fn a_slow_endpoint_leaves_places_to_the_others() {
    let permits = Arc::new(Semaphore::new(0));
    let hook = Hook::on(Line::new(), [Step::After(permits.clone())]).await;
    for name in ["one", "two", "three"] {
        hook.send(name).await;
    }
    let fast = Receiver::new([ok()]).await;
    hook.add("fast", fast.url("/")).await;
    hook.send("four").await;
    let (jobs, running) = (hook.line.jobs().await, hook.line.running());
    let mut runs: FuturesUnordered<_> = jobs.iter().map(|job| hook.work.run(job, &running)).collect();
    let mut ended = Vec::new();
    while ended.len() < 3 {
        ended.extend(runs.next().await);
    }
    // Two of the four to the slow endpoint wait for a second, and the fast one has its message.
    assert_eq!(ended.iter().filter(|ended| matches!(ended, Err(WorkError::Postponed { .. }))).count(), 2, "{ended:?}");
    assert_eq!(fast.received().len(), 1);
    permits.add_permits(2);
    while let Some(ended) = runs.next().await {
        assert!(ended.is_ok(), "{ended:?}");
    }
}

#[tokio::test]
async fn a_slow_channel_has_two_notices_under_way_and_the_others_wait_for_a_second() {
    let permits = Arc::new(Semaphore::new(0));
    let people = People::new(wide(), [Step::After(permits.clone())]).await;
    for name in ["one", "two", "three", "four", "five"] {
        people.send(name).await;
    }
    let (jobs, running) = (people.line.jobs().await, people.line.running());
    let mut runs: FuturesUnordered<_> = jobs.iter().map(|job| people.work.run(job, &running)).collect();
    for _ in 0..3 {
        let Some(Err(WorkError::Postponed { retry_after, .. })) = runs.next().await else { panic!("not postponed") };
        assert_eq!(retry_after, Duration::from_secs(1));
    }
    permits.add_permits(2);
    while let Some(ended) = runs.next().await {
        assert_eq!(ended.unwrap(), "127.0.0.1 answered 204");
    }
    assert_eq!(people.receiver.received().len(), 2);
}

//! [`FairBucket`]: waiting for tokens, first come, first served.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::{Decision, TokenBucket};
use crate::Clock;

/// A bucket whose tokens can be waited for. The first caller in the queue sleeps until its tokens
/// are there; the others sleep behind it. So there is one timer however many callers wait, and
/// small requests do not overtake a large one.
#[derive(Debug)]
pub struct FairBucket<C> {
    bucket: Arc<TokenBucket<C>>,
    /// One permit: the head of the queue. Tokio's semaphore is first come, first served. If a
    /// waiting caller is dropped, the next one gets its place.
    head: Semaphore,
}

/// How long the first caller in the queue sleeps at most before it looks again.
const LOOK: Duration = Duration::from_secs(1);

/// A request for more tokens than the bucket can ever hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{asked} tokens at once: the bucket holds at most {limit}")]
#[non_exhaustive]
pub struct CapacityError {
    /// The number of tokens that were asked for.
    pub asked: u32,
    /// The maximum number of tokens that the bucket holds.
    pub limit: u32,
}

impl<C: Clock> FairBucket<C> {
    /// A queue before a bucket. The bucket may be shared with others.
    pub fn new(bucket: impl Into<Arc<TokenBucket<C>>>) -> Self {
        Self { bucket: bucket.into(), head: Semaphore::const_new(1) }
    }

    /// The bucket itself. A caller that takes from it directly does not stand in the queue.
    #[must_use]
    pub const fn bucket(&self) -> &Arc<TokenBucket<C>> {
        &self.bucket
    }

    /// Waits for `n` tokens and takes them. If the future is dropped, it leaves the queue and takes
    /// no tokens.
    ///
    /// # Errors
    ///
    /// [`CapacityError`] at once if the bucket can never hold `n` tokens, or later if the quota
    /// is lowered below `n` during the wait.
    pub async fn acquire(&self, n: u32) -> Result<Decision, CapacityError> {
        let limit = self.bucket.peek(0).limit();
        if n > limit {
            return Err(CapacityError { asked: n, limit });
        }
        // The semaphore is never closed.
        let _first_in_line = self.head.acquire().await;
        loop {
            let decision = self.bucket.take(n);
            match decision.retry_after() {
                _ if decision.allowed => return Ok(decision),
                // Sleeps at most `LOOK`, because tokens may be put back or the quota may be raised.
                Some(time) => sleep(time.min(LOOK)).await,
                // The quota was lowered during the wait.
                None => return Err(CapacityError { asked: n, limit: decision.limit() }),
            }
        }
    }
}

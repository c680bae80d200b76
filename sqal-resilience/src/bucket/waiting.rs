//! [`FairBucket`]: waiting for tokens, first come, first served.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::{Decision, TokenBucket};
use crate::Clock;

/// A bucket whose tokens can be waited for. The first in line sleeps until its tokens are there; the others sleep behind it, so there is one timer
/// however many wait, and a large request is not overtaken by small ones.
#[derive(Debug)]
pub struct FairBucket<C> {
    bucket: Arc<TokenBucket<C>>,
    /// One permit: the head of the line. Tokio's semaphore is first come, first served, and gives a dropped place to the next.
    head: Semaphore,
}

/// How long the first in line sleeps at most before it looks again.
const LOOK: Duration = Duration::from_secs(1);

/// More tokens than the bucket can ever hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{asked} tokens at once: the bucket holds at most {limit}")]
pub struct ExceedsCapacity {
    /// How many were asked for.
    pub asked: u32,
    /// How many the bucket holds.
    pub limit: u32,
}

impl<C: Clock> FairBucket<C> {
    /// A line before a bucket, which others may share.
    pub fn new(bucket: impl Into<Arc<TokenBucket<C>>>) -> Self {
        Self { bucket: bucket.into(), head: Semaphore::const_new(1) }
    }

    /// The bucket itself; who takes from it directly does not stand in line.
    #[must_use]
    pub const fn bucket(&self) -> &Arc<TokenBucket<C>> {
        &self.bucket
    }

    /// Waits for `n` tokens and takes them. A future that is dropped leaves the line, and takes nothing with it.
    ///
    /// # Errors
    ///
    /// [`ExceedsCapacity`] at once if the bucket can never hold so many.
    pub async fn acquire(&self, n: u32) -> Result<Decision, ExceedsCapacity> {
        let limit = self.bucket.peek(0).limit();
        if n > limit {
            return Err(ExceedsCapacity { asked: n, limit });
        }
        // The semaphore is never closed.
        let _first_in_line = self.head.acquire().await;
        loop {
            let decision = self.bucket.take(n);
            match decision.retry_after() {
                _ if decision.allowed => return Ok(decision),
                // Not longer than a look: somebody may put tokens back, or raise the quota.
                Some(time) => sleep(time.min(LOOK)).await,
                // The quota was lowered while we waited.
                None => return Err(ExceedsCapacity { asked: n, limit: decision.limit() }),
            }
        }
    }
}

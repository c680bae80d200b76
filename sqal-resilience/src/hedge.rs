//! [`hedge`]: a second call before the first has failed, against slow outliers.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use crate::{Clock, RetryBudget};

/// The result of a hedged call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the call may have failed: look at `result`"]
#[non_exhaustive]
pub struct HedgeResult<T, E> {
    /// The first success, or the last error.
    pub result: Result<T, E>,
    /// The number of calls that were begun: 1 or 2.
    pub begun: u32,
    /// Whether the second call won.
    pub second_won: bool,
}

/// Calls `operation`. If there is no answer after `delay` and the budget allows it, calls again,
/// and takes the first success. The other call is dropped.
///
/// Use it only for what may be done twice. The call earns its share of the budget, and the second
/// call costs a token, as a retry does. So a target that is slow for all callers does not get every
/// call twice. A first call that *fails* is not hedged; for that, use [`Retry`](crate::Retry).
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use sqal_resilience::{RetryBudget, SystemClock, hedge};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let budget = RetryBudget::new(0.2, NonZeroU32::MIN, NonZeroU32::MIN, SystemClock)?;
/// let mut replicas = [Duration::from_secs(9), Duration::from_millis(10)].into_iter();
/// let answer = hedge(Duration::from_millis(100), &budget, || {
///     let takes = replicas.next().unwrap_or_default();
///     async move { tokio::time::sleep(takes).await; Ok::<_, std::io::Error>(42) }
/// });
/// let answer = answer.await;
/// assert_eq!((answer.result?, answer.begun, answer.second_won), (42, 2, true));
/// # Ok(())
/// # }
/// ```
pub async fn hedge<T, E, F, C>(
    delay: Duration,
    budget: &RetryBudget<C>,
    mut operation: impl FnMut() -> F,
) -> HedgeResult<T, E>
where
    F: Future<Output = Result<T, E>>,
    C: Clock,
{
    let mut call = budget.begin();
    let mut first = pin!(operation());
    tokio::select! {
        biased;
        result = &mut first => return HedgeResult { result, begun: 1, second_won: false },
        () = sleep(delay) => {}
    }
    if !call.retry() {
        return HedgeResult { result: first.await, begun: 1, second_won: false };
    }
    let mut second = pin!(operation());
    let (result, second_won) = tokio::select! {
        biased;
        result = &mut first => (result, false),
        result = &mut second => (result, true),
    };
    if result.is_ok() {
        return HedgeResult { result, begun: 2, second_won };
    }
    // One call has failed, so the result is that of the other one.
    let result = if second_won { first.await } else { second.await };
    HedgeResult { second_won: !second_won && result.is_ok(), result, begun: 2 }
}

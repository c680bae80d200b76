//! [`while_held`]: polls a future only while a right to go on is held.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Polls a future on; returns `None` instead of a poll once `is_held` is false.
///
/// The right is looked at before every poll. So a future that is woken late, for example after its
/// machine was suspended, makes no step without the right. Later calls with the same future go on
/// where it stands.
pub(crate) async fn while_held<F: Future>(mut future: Pin<&mut F>, is_held: impl Fn() -> bool) -> Option<F::Output> {
    poll_fn(|context| if is_held() { future.as_mut().poll(context).map(Some) } else { Poll::Ready(None) }).await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_future_makes_no_step_while_nothing_is_held_and_goes_on_after_that() {
        let (steps, held) = (Cell::new(0), Cell::new(true));
        let mut future = pin!(poll_fn(|_| {
            steps.set(steps.get() + 1);
            if steps.get() < 3 { Poll::Pending } else { Poll::Ready("done") }
        }));
        let mut step = |is_held: bool| {
            held.set(is_held);
            while_held(future.as_mut(), || held.get()).now_or_never()
        };
        assert_eq!([step(true), step(false), step(false), step(true)], [None, Some(None), Some(None), None]);
        assert_eq!(step(true), Some(Some("done")));
        assert_eq!(steps.get(), 3);
    }
}

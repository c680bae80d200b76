//! [`Checks`]: several checks at the same time, each with its own time limit and its own failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::Check;
use super::component::Answer;
use crate::{deadline::Timeout, timeout};

type Asked = Timeout<Pin<Box<dyn Future<Output = Result<(), String>> + Send>>>;

struct UnderWay {
    name: String,
    begun: Instant,
    asked: Pin<Box<Asked>>,
}

/// Checks under way. Each answer is reported as soon as it is there, so a slow check does not delay
/// the answers of the others. The future ends when no check is left.
pub(super) struct Checks<T> {
    under_way: Vec<UnderWay>,
    tell: T,
}

impl<T: FnMut(&str, Answer)> Checks<T> {
    pub(super) const fn new(tell: T) -> Self {
        Self { under_way: Vec::new(), tell }
    }

    /// Begins a check, unless one of this name is under way.
    pub(super) fn begin(&mut self, name: String, check: &Check, limit: Duration) {
        if self.under_way.iter().any(|under_way| under_way.name == name) {
            return;
        }
        let begun = Instant::now();
        // Making the future runs foreign code too, which may panic.
        match catch_unwind(AssertUnwindSafe(|| check())) {
            Ok(future) => self.under_way.push(UnderWay { name, begun, asked: Box::pin(timeout(limit, future)) }),
            Err(_) => (self.tell)(&name, panicked(Duration::ZERO)),
        }
    }
}

fn panicked(took: Duration) -> Answer {
    Answer { result: Err("the check panicked".to_owned()), took }
}

impl<T: FnMut(&str, Answer) + Unpin> Future for Checks<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { under_way, tell } = &mut *self;
        under_way.retain_mut(|UnderWay { name, begun, asked }| {
            let answer = match catch_unwind(AssertUnwindSafe(|| asked.as_mut().poll(context))) {
                Ok(Poll::Pending) => return true,
                Ok(Poll::Ready(Ok(result))) => Answer { result, took: begun.elapsed() },
                Ok(Poll::Ready(Err(late))) => Answer { result: Err(late.to_string()), took: begun.elapsed() },
                Err(_) => panicked(begun.elapsed()),
            };
            tell(name, answer);
            false
        });
        if under_way.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

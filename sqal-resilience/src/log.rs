//! [`LogChanges`], [`log_retry`] and [`Causes`]: the documented log lines (CBR-05, RTY-05) through
//! `tracing`, and errors as such lines show them.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tracing::{debug, info};

use crate::breaker::{Event, Observer, State};

/// Logs each change of a breaker: `Circuit breaker 'database': état open`, with the state before
/// and the cause as fields.
///
/// While a dependency is away, its breaker is half open at each probe, and open again after it.
/// These changes are logged at level debug, all others at level info. So an outage has one line at
/// its beginning and one at its end, and `generation` counts the changes in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogChanges(pub &'static str);

impl Observer for LogChanges {
    fn changed(&self, event: &Event) {
        let Event { from, to, cause, generation } = *event;
        let (name, from, cause, state) = (self.0, from.as_str(), cause.as_str(), to.as_str());
        if is_probe(event) {
            debug!(from, cause, generation, "Circuit breaker '{name}': état {state}");
        } else {
            info!(from, cause, generation, "Circuit breaker '{name}': état {state}");
        }
    }
}

/// Whether a change begins a probe, or is the change back after a probe that failed.
const fn is_probe(event: &Event) -> bool {
    matches!((event.from, event.to), (State::Open, State::HalfOpen) | (State::HalfOpen, State::Open | State::HalfOpen))
}

/// Logs a try that is followed by another one: `Retrying weather in 1.0 seconds`, with its number
/// and its error as fields. Made for the `notify` of a retry:
///
/// ```
/// use std::time::Duration;
/// use sqal_resilience::log::log_retry;
///
/// let notify = log_retry("weather");
/// notify(1, &"connection reset", Duration::from_secs(1));
/// ```
pub fn log_retry<E: fmt::Display>(what: &'static str) -> impl Fn(u32, &E, Duration) {
    move |attempt, error, delay| info!(attempt, %error, "Retrying {what} in {:.1} seconds", delay.as_secs_f64())
}

/// An error with its causes, in words, for a line of the log: `postgres: the store does not answer:
/// connection refused`.
///
/// The debug form of an error shows how a program is built, and may show what its texts do not.
///
/// ```
/// use sqal_resilience::log::Causes;
///
/// let error = "x".parse::<u8>().unwrap_err();
/// assert_eq!(Causes::of(&error).to_string(), "invalid digit found in string");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Causes<'a>(&'a (dyn Error + 'static));

impl<'a> Causes<'a> {
    /// The causes of an error.
    #[must_use]
    pub fn of(error: &'a (dyn Error + 'static)) -> Self {
        Self(error)
    }
}

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let causes = std::iter::successors(self.0.source(), |cause| (**cause).source());
        for cause in causes.map(ToString::to_string) {
            // A transparent error repeats the text of its cause, which is then left out.
            if !text.ends_with(&cause) {
                text = format!("{text}: {cause}");
            }
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Layered {
        #[error("the store does not answer")]
        Store(#[source] Box<Self>),
        #[error(transparent)]
        Transparent(Box<Self>),
        #[error("connection refused")]
        Refused,
    }

    #[test]
    fn an_error_is_told_with_its_causes_and_each_text_once() {
        let error = Layered::Store(Box::new(Layered::Transparent(Box::new(Layered::Refused))));
        assert_eq!(Causes::of(&error).to_string(), "the store does not answer: connection refused");
        assert_eq!(Causes::of(&Layered::Refused).to_string(), "connection refused");
    }
}

//! [`LogChanges`] and [`log_retry`]: the documented log lines (CBR-05, RTY-05), through `tracing`.

use std::fmt;
use std::time::Duration;

use tracing::info;

use crate::breaker::{Event, Observer};

/// Logs each change of a breaker: `Circuit breaker 'database': état open`, with the state before
/// and the cause as fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogChanges(pub &'static str);

impl Observer for LogChanges {
    fn changed(&self, event: &Event) {
        info!(
            from = event.from.as_str(),
            cause = ?event.cause,
            generation = event.generation,
            "Circuit breaker '{}': état {}",
            self.0,
            event.to.as_str()
        );
    }
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

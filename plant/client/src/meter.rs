//! [`Meter`]: the metrics of a destination, through the `metrics` facade.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use metrics::{Counter, Histogram, counter, histogram};
use sqal_resilience::Clock;

use super::SendError;

/// The possible outcomes of a request, as the label `outcome`. A request is counted once, for any
/// number of attempts.
const OUTCOMES: [&str; 13] = [
    "2xx",
    "3xx",
    "4xx",
    "5xx",
    "address_refused",
    "rejected",
    "timed_out",
    "not_sent",
    "untrusted",
    "broken",
    "too_large",
    "invalid",
    "abandoned",
];

/// The series of one destination, which exist from the beginning.
pub(super) struct Meter {
    outcomes: [Counter; OUTCOMES.len()],
    durations: Histogram,
    pub(super) retries: Counter,
    pub(super) budget_exhausted: Counter,
}

impl Meter {
    pub(super) fn new(destination: &'static str) -> Self {
        let zero = |counter: Counter| {
            counter.increment(0);
            counter
        };
        Self {
            outcomes: OUTCOMES.map(|outcome| {
                zero(counter!("outgoing_http_requests_total", "destination" => destination, "outcome" => outcome))
            }),
            durations: histogram!("outgoing_http_request_duration_seconds", "destination" => destination),
            retries: zero(counter!("outgoing_http_retries_total", "destination" => destination)),
            budget_exhausted: zero(
                counter!("outgoing_http_retry_budget_exhausted_total", "destination" => destination),
            ),
        }
    }

    /// Begins a request. If [`Begun::end`] is not called, the request is counted as abandoned.
    pub(super) fn begin<'a, C: Clock>(&'a self, clock: &'a C) -> Begun<'a, C> {
        Begun { meter: self, clock, began: clock.now(), outcome: "abandoned" }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

/// A request that is under way.
pub(super) struct Begun<'a, C: Clock> {
    meter: &'a Meter,
    clock: &'a C,
    began: Instant,
    outcome: &'static str,
}

impl<C: Clock> Begun<'_, C> {
    /// Sets the outcome of the request, which is counted on drop.
    pub(super) fn end(mut self, result: &Result<Response<Bytes>, SendError>) {
        self.outcome = outcome(result);
    }
}

/// The outcome of a request that has ended, one of [`OUTCOMES`].
pub(super) fn outcome(result: &Result<Response<Bytes>, SendError>) -> &'static str {
    match result {
        Ok(answer) => match answer.status().as_u16() {
            ..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        },
        Err(SendError::AddressRefused(_)) => "address_refused",
        Err(SendError::Rejected(_)) => "rejected",
        Err(SendError::TimedOut { .. }) => "timed_out",
        Err(SendError::NotSent { .. }) => "not_sent",
        Err(SendError::Untrusted { .. }) => "untrusted",
        Err(SendError::Broken { .. }) => "broken",
        Err(SendError::AnswerTooLarge { .. }) => "too_large",
        Err(SendError::InvalidRequest(_)) => "invalid",
    }
}

impl<C: Clock> Drop for Begun<'_, C> {
    fn drop(&mut self) {
        let took = self.clock.now().saturating_duration_since(self.began);
        self.meter.durations.record(took.as_secs_f64());
        if let Some(place) = OUTCOMES.iter().position(|outcome| *outcome == self.outcome) {
            self.meter.outcomes[place].increment(1);
        }
    }
}

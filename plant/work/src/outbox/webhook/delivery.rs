//! [`Delivery`]: what has become of one message to one endpoint, attempt by attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_storage::queue::JobId;

use super::endpoint::EndpointId;
use super::event::EventType;

/// Whether a message has reached its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Another attempt follows.
    Pending,
    /// The endpoint has answered 2xx.
    Delivered,
    /// No other attempt follows.
    Failed,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryAttempt {
    /// When the attempt was made, by the clock of the server that made it.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// The status of the answer; `None` if there was none.
    pub status: Option<u16>,
    /// Why the attempt has failed; `None` if it has succeeded.
    pub error: Option<String>,
}

/// One message to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The job, which names the delivery.
    pub job: JobId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The value of `webhook-id`, which a replay sends again.
    pub message: String,
    /// The type of the event.
    pub kind: EventType,
    /// Whether the message has reached its endpoint.
    pub state: DeliveryState,
    /// Why the delivery has failed last; `None` if it has succeeded.
    pub why: Option<String>,
    /// The attempts, the first one first.
    pub attempts: Vec<DeliveryAttempt>,
}

/// A delivery as a record holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Written {
    job: u64,
    endpoint: EndpointId,
    message: String,
    kind: EventType,
    state: DeliveryState,
    why: Option<String>,
    attempts: Vec<WrittenAttempt>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WrittenAttempt {
    at: Timestamp,
    took_ms: u64,
    status: Option<u16>,
    error: Option<String>,
}

impl From<Written> for Delivery {
    fn from(written: Written) -> Self {
        let Written { job, endpoint, message, kind, state, why, attempts } = written;
        let attempt = |WrittenAttempt { at, took_ms, status, error }: WrittenAttempt| {
            let took = Duration::from_millis(took_ms);
            DeliveryAttempt { at, took, status, error }
        };
        let attempts = attempts.into_iter().map(attempt).collect();
        Self { job: JobId::from_number(job), endpoint, message, kind, state, why, attempts }
    }
}

impl From<Delivery> for Written {
    fn from(delivery: Delivery) -> Self {
        let Delivery { job, endpoint, message, kind, state, why, attempts } = delivery;
        let attempt = |DeliveryAttempt { at, took, status, error }: DeliveryAttempt| {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            WrittenAttempt { at, took_ms, status, error }
        };
        let attempts = attempts.into_iter().map(attempt).collect();
        Self { job: job.number(), endpoint, message, kind, state, why, attempts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database may hold this text from an earlier version: it is read for ever.
    #[test]
    fn the_first_form_of_a_delivery_is_read_for_ever() {
        let text = r#"{"job":7,"endpoint":"erp","message":"msg_a","kind":"a.b","state":"pending","why":"answered 500",
            "attempts":[{"at":1,"took_ms":20,"status":500,"error":"answered 500"}]}"#;
        let delivery = Delivery::from(serde_json::from_str::<Written>(text).unwrap());
        assert_eq!((delivery.job.number(), delivery.state), (7, DeliveryState::Pending));
        assert_eq!(delivery.attempts[0].took, Duration::from_millis(20));
        let again = serde_json::to_string(&Written::from(delivery.clone())).unwrap();
        assert_eq!(Delivery::from(serde_json::from_str::<Written>(&again).unwrap()), delivery);
    }
}

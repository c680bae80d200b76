//! Webhooks as [Standard Webhooks 1.0.0](https://www.standardwebhooks.com) has them: signed,
//! repeated at documented times, and told in a log.
//!
//! A delivery is a POST of `{"type", "timestamp", "data"}` with three header fields:
//!
//! - `webhook-id`: names the message, and is equal in all attempts and replays. A receiver that
//!   keeps the ids of the last days processes each message once.
//! - `webhook-timestamp`: the time of the attempt in seconds since 1970.
//! - `webhook-signature`: `v1,` and the base64 of the HMAC-SHA-256 of `id.timestamp.body`. While a
//!   secret is replaced there are two signatures, separated by a space, and either is enough.
//!
//! # How a receiver checks a signature
//!
//! The official libraries do it, for example the one for Python (`pip install standardwebhooks`):
//!
//! ```text
//! from standardwebhooks.webhooks import Webhook
//! event = Webhook("whsec_…").verify(body, headers)   # the bytes of the body, not parsed JSON
//! ```
//!
//! # What an answer means
//!
//! | answer | what follows |
//! |---|---|
//! | 2xx | delivered |
//! | 410 | the endpoint is disabled, and nothing more is sent to it |
//! | 429, 503 with `Retry-After` | the next attempt is made no earlier, and other messages wait as well |
//! | 3xx | a failure: redirects are not followed |
//! | everything else, or no answer in 15 seconds | a failure: tried again at the [documented times](super::RETRY_WAITS) |
//!
//! An endpoint to which no delivery has succeeded for [three days](DISABLED_AFTER) is disabled when
//! a message to it has had its last attempt, or when this process has seen it fail for an hour.

mod deliveries;
mod delivery;
mod endpoint;
mod endpoints;
mod event;
mod signature;
mod webhook_secret;
mod work;

pub use deliveries::{Deliveries, ReplayError};
pub use delivery::{Delivery, DeliveryAttempt, DeliveryState};
pub use endpoint::{Disabled, EndpointId, EventFilter, InvalidEndpoint, WebhookEndpoint};
pub(crate) use endpoints::subscribed;
pub use endpoints::{EndpointError, Endpoints, WebhookSecrets};
pub(crate) use event::Posting;
pub use event::{EventType, InvalidEvent, WebhookEvent};
pub use signature::sign;
pub use webhook_secret::{InvalidWebhookSecret, WebhookSecret};
pub use work::{DISABLED_AFTER, WebhookWork};

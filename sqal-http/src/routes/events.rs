//! `GET /api/v1/events`: samples as they are stored, for pages that watch the line (server-sent events).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};

use sqal_resilience::Phase;

use crate::Services;
use crate::access::Caller;

/// How often it is asked whether who watches still may.
const ASK_EVERY: Duration = Duration::from_secs(20);

/// Streams until the page leaves, the server ends, or the token of who watches was taken back.
pub(super) async fn stream(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
) -> impl IntoResponse {
    let receiver = services.events.subscribe();
    let stream = samples(receiver, services, caller);
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

type Receiver = tokio::sync::broadcast::Receiver<Arc<str>>;

fn samples(
    receiver: Receiver,
    services: Arc<Services>,
    caller: Caller,
) -> impl futures_util::Stream<Item = Result<Event, Infallible>> {
    let mut asking = interval(ASK_EVERY);
    asking.set_missed_tick_behavior(MissedTickBehavior::Delay);
    futures_util::stream::unfold((receiver, services, asking), move |(mut receiver, services, mut asking)| async move {
        loop {
            let event = tokio::select! {
                biased;
                () = services.shutdown.reached(Phase::Draining) => return None,
                _ = asking.tick() => {
                    if services.access.still_knows(&caller, (services.now)()) {
                        continue;
                    }
                    return None;
                }
                received = receiver.recv() => match received {
                    Ok(text) => Event::default().event("sample").data(&*text),
                    // A slow page is told how much it missed; it fetches the list again.
                    Err(RecvError::Lagged(missed)) => Event::default().event("missed").data(missed.to_string()),
                    Err(RecvError::Closed) => return None,
                },
            };
            return Some((Ok(event), (receiver, services, asking)));
        }
    })
}

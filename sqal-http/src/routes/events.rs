//! `GET /api/v1/events`: samples as they are stored, for pages that watch the line (server-sent events).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use tokio::sync::broadcast::error::RecvError;

use sqal_resilience::Phase;

use crate::Services;

/// Streams until the page leaves or the server ends.
pub(super) async fn stream(State(services): State<Arc<Services>>) -> impl IntoResponse {
    let receiver = services.events.subscribe();
    let stream = samples(receiver, services);
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

type Receiver = tokio::sync::broadcast::Receiver<Arc<str>>;

fn samples(receiver: Receiver, services: Arc<Services>) -> impl futures_util::Stream<Item = Result<Event, Infallible>> {
    futures_util::stream::unfold((receiver, services), |(mut receiver, services)| async move {
        let event = tokio::select! {
            () = services.shutdown.reached(Phase::Draining) => return None,
            received = receiver.recv() => match received {
                Ok(text) => Event::default().event("sample").data(&*text),
                // A slow page is told how much it missed; it fetches the list again.
                Err(RecvError::Lagged(missed)) => Event::default().event("missed").data(missed.to_string()),
                Err(RecvError::Closed) => return None,
            },
        };
        Some((Ok(event), (receiver, services)))
    })
}

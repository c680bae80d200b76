//! `GET /api/v1/events`: samples as they are stored, as server-sent events for live pages.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use sqal_resilience::shutdown::Phase;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::door::budget::{Hold, Party, Resource};
use crate::door::caller::Caller;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::line::live::{Live, Stored};
use crate::route::{Endpoint, LAST_EVENT_ID, VIEWER, get};
use crate::services::Services;

/// The routes of events.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/events", VIEWER, Class::Read, stream)
            .described("watchSamples", "Samples", "Samples as they are stored (server-sent events)")
            .parameters(&[LAST_EVENT_ID])
            .gives_text("text/event-stream")
            .line(
                "samples as they are stored (server-sent events): `sample` with an `id`, and `missed` with the number \
                 of samples that were left out because the page is too slow. A request with `Last-Event-ID` first gets \
                 the samples that were stored since; the server keeps 256 samples for two minutes after the last page \
                 left. `missed` is `null` if the server does not know the number: after a restart, or after a change to \
                 another server",
                "0",
            ),
    ]
}

/// The interval at which the token of a watching page is checked.
const ASK_EVERY: Duration = Duration::from_secs(20);

/// Streams until the page leaves, the server ends, or the page's token is revoked. A page that
/// reconnects with `Last-Event-ID` is sent the samples that were stored meanwhile, as far as they
/// are kept.
pub(crate) async fn stream(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    Extension(party): Extension<Party>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let place = services.door.budget.take(Resource::Streams, party, 1)?;
    // A value that is not text is the id of no event.
    let last = headers.get("last-event-id").map(|last| last.to_str().unwrap_or_default());
    let (receiver, since) = services.line.live.watch(last, services.clock.now());
    // If nothing was missed, the page gets no event about it.
    let gone = since.as_ref().filter(|since| since.missed != Some(0)).map(|since| missed(since.missed));
    let before = since.map_or_else(VecDeque::new, |since| since.kept);
    let mut asking = interval(ASK_EVERY);
    asking.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watching = Watching { services, caller, receiver, gone, before, asking, _place: place };
    let stream = futures_util::stream::unfold(watching, async |mut watching| {
        watching.next().await.map(|event| (Ok::<_, Infallible>(event), watching))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

fn sample(live: &Live, stored: &Stored) -> Event {
    Event::default().event("sample").id(live.id(stored.number)).data(&*stored.text)
}

/// Tells a page the number of samples that it missed, or `null` if the number is unknown. The page
/// then fetches the list again.
fn missed(count: Option<u64>) -> Event {
    Event::default().event("missed").data(count.map_or("null".to_owned(), |count| count.to_string()))
}

/// A page that watches.
struct Watching {
    services: Arc<Services>,
    caller: Caller,
    receiver: Receiver<Stored>,
    /// The number of samples that are no longer kept, to be sent first.
    gone: Option<Event>,
    /// The kept samples, to be sent before the received ones. All pages that reconnect share them,
    /// and each is written when its turn comes.
    before: VecDeque<Stored>,
    asking: Interval,
    _place: Hold,
}

impl Watching {
    async fn next(&mut self) -> Option<Event> {
        if let Some(gone) = self.gone.take() {
            return Some(gone);
        }
        loop {
            tokio::select! {
                biased;
                () = self.services.shutdown.reached(Phase::Draining) => return None,
                _ = self.asking.tick() => {
                    if !self.services.door.access.still_knows(&self.caller, (self.services.now)()) {
                        return None;
                    }
                }
                stored = async { self.before.pop_front() }, if !self.before.is_empty() => {
                    return stored.map(|stored| sample(&self.services.line.live, &stored));
                }
                received = self.receiver.recv() => return match received {
                    Ok(stored) => Some(sample(&self.services.line.live, &stored)),
                    Err(RecvError::Lagged(count)) => Some(missed(Some(count))),
                    Err(RecvError::Closed) => None,
                },
            }
        }
    }
}

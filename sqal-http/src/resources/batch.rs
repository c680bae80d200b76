//! `POST /api/v1/samples:batch`: frames as NDJSON, each judged, stored and answered by itself.
//!
//! Each line holds one frame. The route is for gateways, and for the samples that a device kept.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use serde::Serialize;
use serde::de::IgnoredAny;
use sqal_intake::Sender;
use sqal_intake::reception::answer;
use sqal_protocol as protocol;
use sqal_protocol::answer::Answer;
use sqal_protocol::frame::sample_id_of;
use sqal_protocol::{Violation, without_mark};
use tracing::Instrument;

use crate::door::body::whole_within;
use crate::door::budget::{Hold, Party, Resource};
use crate::door::caller::Caller;
use crate::door::caught::ended;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::line::frame_span;
use crate::route::objective::Objective;
use crate::route::{DEVICE, Endpoint, post};
use crate::services::Services;

/// The routes of a batch.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        post("/api/v1/samples:batch", DEVICE, Class::Create, take)
            .objective(Objective::LONG)
            .described("putSamples", "Samples", "Frames, one a line, each judged, stored and answered by itself")
            .takes_lines("Documented frames as NDJSON: at most 1000, and 8 MiB; none is an empty batch")
            .gives::<Results>()
            .problems(&[400, 408, 413])
            .line("frames as NDJSON, see below", ""),
    ]
}

/// The largest batch in bytes.
pub(crate) const LARGEST: usize = 8 * 1024 * 1024;

/// The most frames in a batch.
pub(crate) const MOST_ROWS: usize = 1000;

/// What became of a batch, and then a result for each row, in their order; empty lines are no rows.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Results {
    persisted: usize,
    duplicate: usize,
    rejected: usize,
    /// Rejected rows to send again: the device was over its quota, or the store is unavailable.
    try_again: usize,
    /// When to send them, in seconds; null if there are none.
    retry_after: Option<u32>,
    items: Vec<Answer>,
}

impl Results {
    fn of(items: Vec<Answer>) -> Self {
        let count = |status: &str| items.iter().filter(|answer| answer.status() == status).count();
        let again = || items.iter().filter_map(Answer::again_after);
        Self {
            persisted: count("persisted"),
            duplicate: count("duplicate"),
            rejected: count("rejected"),
            try_again: again().count(),
            retry_after: again().max(),
            items,
        }
    }
}

/// Also sets the `Retry-After` field, for clients that read only the header fields.
impl IntoResponse for Results {
    fn into_response(self) -> Response {
        let after = self.retry_after.map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]);
        (after, Json(self)).into_response()
    }
}

/// Takes a batch, and answers when every accepted row is durable.
///
/// The place among the batches that are being stored is taken once the body has arrived. A client
/// that sends slowly holds the bytes that it has sent, and no place.
pub(crate) async fn take(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    Extension(party): Extension<Party>,
    body: Body,
) -> Result<Results, Problem> {
    let (text, bytes) = read(&services, party, body).await?;
    let place = services.door.budget.take(Resource::Batches, party, 1)?;
    let shutdown = services.shutdown.clone();
    // In a task of its own: if the client disconnects, the rows that were handed in are still
    // stored, and watchers of the line are still informed.
    let taking = async move {
        let _held = (place, bytes);
        rows(&services, caller, &text).await
    };
    let taking = shutdown.spawn("batch", taking.in_current_span());
    let taken = taking.map_err(|_| Problem::shutting_down())?.await;
    taken.unwrap_or_else(|error| Err(ended("batch", &error)))
}

/// Judges and stores every row.
async fn rows(services: &Services, caller: Caller, text: &str) -> Result<Results, Problem> {
    let text = without_mark(text);
    let (reception, sender) = (services.reception(), caller.sender());
    if let Some(problem) = spread_out(text) {
        reception.keep_letter(text, &problem, sender.holder);
        let refused = Answer::refused(1, sample_id_of(text), problem).at((services.now)());
        return Ok(Results::of(vec![refused]));
    }
    // Files that were joined have a byte order mark before each part.
    let rows = text.lines().map(without_mark).filter(|line| !line.trim().is_empty());
    let rows: Vec<_> = rows.take(MOST_ROWS + 1).collect();
    if rows.len() > MOST_ROWS {
        return Err(Problem::batch_too_large(&format!("more than {MOST_ROWS} frames"), &format!("{MOST_ROWS} frames")));
    }
    let sender = &sender;
    // The span of a row begins when its turn comes.
    let answers = (1..).zip(rows).map(|(number, text)| async move {
        row(services, sender, number, text).instrument(frame_span::of_row()).await
    });
    let mut results = Results::of(join_all(answers).await);
    // One row of a device passes after each token, but the batch may be sent again as it is: then
    // it needs a token for each of its rows, also for those that are duplicates by then.
    if results.items.iter().any(Answer::is_throttled) {
        let whole = services.door.quotas.seconds_for_messages(results.items.len());
        results.retry_after = results.retry_after.max(whole);
    }
    Ok(results)
}

/// Judges and stores one row.
async fn row(services: &Services, sender: &Sender, number: u64, text: &str) -> Answer {
    let reception = services.reception();
    let answer = match reception.judge(sender, text) {
        Ok(accepted) => {
            let outcome = reception.hand_in(&accepted.sample, sender.holder).await;
            answer(number, &accepted, outcome)
        }
        Err(problem) => Answer::refused(number, sample_id_of(text), problem),
    };
    frame_span::answered(&answer);
    answer.at((services.now)())
}

/// The problem of a body whose frames are written over several lines each, as a pretty printer
/// does. It is one violation for the body, instead of one for each line.
fn spread_out(text: &str) -> Option<protocol::Problem> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let is_json = |line: &str| serde_json::from_str::<IgnoredAny>(line).is_ok();
    if lines.next().is_none_or(is_json) {
        return None;
    }
    let lines = 1 + lines.count();
    let mut documents = 0_usize;
    for document in serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>() {
        document.ok()?;
        documents += 1;
    }
    if documents == 0 || documents >= lines {
        return None;
    }
    let found = if documents == 1 {
        format!("one JSON document over {lines} lines")
    } else {
        format!("{documents} JSON documents over {lines} lines")
    };
    let (limit, french) = ("each frame on one line (NDJSON)", "chaque trame sur une ligne (NDJSON)");
    let problem = protocol::Problem::invalid_frame(vec![Violation::new("", &found, limit, french)]);
    let detail = format!("a frame must be on one line (NDJSON); this body is {found}");
    Some(protocol::Problem { detail, ..problem })
}

/// The text of a body that is neither too large nor too slow, and the hold of its bytes.
async fn read(services: &Services, party: Party, body: Body) -> Result<(String, Hold), Problem> {
    let too_large = || Problem::batch_too_large(&format!("more than {LARGEST} bytes"), &format!("{LARGEST} bytes"));
    let (bytes, hold) = whole_within(&services.door.budget, party, body, LARGEST, too_large).await?;
    let text = String::from_utf8(bytes).map_err(|_| Problem::not_text())?;
    Ok((text, hold))
}

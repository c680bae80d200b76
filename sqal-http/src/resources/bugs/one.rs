//! `…/bugs/{bug_id}`: one bug, read and changed.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use sqal_bugs::{BugBook, BugBookError, BugPatch, Reporter};
use sqal_protocol::Violation;
use sqal_storage::bugs::{self, BugId};
use tracing::warn;

use super::body::{BugChange, CHANGE};
use super::document::{Bug, BugDetails};
use super::input::{Written, object};
use super::person::{person, sees_all};
use crate::door::budget::Party;
use crate::door::caller::Caller;
use crate::door::conditions::{has_seen, tag};
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_bugs::{BUG, IF_MATCH_BUG};
use crate::route::spelling::{Camel, Snake, Spelling, spelled};
use crate::route::{ENGINEER, Endpoint, VIEWER, get, patch};
use crate::services::Services;

/// The routes of one bug.
pub(super) fn routes() -> Vec<Endpoint> {
    vec![
        read_route::<Camel>("/api/bugs/{bug_id}", "getBugAsDocumented", "/api/bugs/none"),
        read_route::<Snake>("/api/v1/bugs/{bug_id}", "getBug", "/api/v1/bugs/none"),
        change_route::<Camel>("/api/bugs/{bug_id}", "changeBugAsDocumented", "/api/bugs/none"),
        change_route::<Snake>("/api/v1/bugs/{bug_id}", "changeBug", "/api/v1/bugs/none"),
    ]
}

fn read_route<S: Spelling>(path: &'static str, id: &'static str, wrong: &'static str) -> Endpoint {
    get(path, VIEWER, Class::Read, one::<S>)
        .objective(Objective::ONE)
        .queries(7)
        .described(id, "Bugs", "One bug, with its comments and attachments")
        .parameters(&[BUG])
        .gives_spelled::<BugDetails, S>()
        .problems(&[400, 404])
        .line(
            "one bug with its oldest 200 `comments` and its `attachments`; if equal faults were grouped into it, \
             `group` has the first 100 `device_ids` of the devices that reported one. Viewers see neither internal \
             comments nor who reported it. `ETag` is its revision",
            "0",
        )
        .good_call(wrong, 400)
        .bad_call("PUT", wrong, 405)
}

fn change_route<S: Spelling>(path: &'static str, id: &'static str, wrong: &'static str) -> Endpoint {
    patch(path, ENGINEER, Class::Create, change::<S>)
        .objective(Objective::LONG)
        .queries(8)
        .described(id, "Bugs", "Change a bug")
        .parameters(&[BUG, IF_MATCH_BUG])
        .takes_merge_patch::<BugChange, S>("What is changed: absent stays, null clears; both spellings are read")
        .gives_spelled::<Bug, S>()
        .problems(&[400, 404, 408, 409, 412, 413])
        .line(
            "a JSON merge patch (RFC 7396): what is absent stays, `null` clears; answers the bug. With `If-Match`, \
             412 if the bug was changed since it was read. `why` is needed to close a bug that was not resolved, and \
             to take up one that has ended; a change of status that is not allowed is 409",
            "",
        )
        .good_call(wrong, 400)
        .bad_call("PUT", wrong, 405)
}

/// The most comments that are shown with a bug.
const MOST_COMMENTS: u16 = 200;

/// The most devices that are named with a bug.
const MOST_DEVICES: u16 = 100;

/// The id in the path. A text that is no id is refused with what was expected.
pub(super) fn id_in_path(id: Result<Path<String>, PathRejection>) -> Result<BugId, Problem> {
    let Path(text) = id.map_err(|refused| Problem::not_found(refused.body_text()))?;
    parsed_id("bug_id", &text)
}

/// The id at a place of the path.
pub(super) fn parsed_id(place: &str, text: &str) -> Result<BugId, Problem> {
    text.parse().map_err(|_| {
        let (limit, french) =
            ("a UUID such as 7f2c1a9e-5b1d-4c3e-8a77-0d9e6f1b2a34", "un UUID : 7f2c1a9e-5b1d-4c3e-8a77-0d9e6f1b2a34");
        let mut problem = Problem::invalid_query(vec![Violation::new(place, format!("{text:?}"), limit, french)]);
        problem.title = "The id in the path is not valid";
        problem
    })
}

/// `GET …/bugs/{bug_id}`.
pub(crate) async fn one<S: Spelling>(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let (id, parts) = (id_in_path(id)?, services.bugs()?);
    let (book, sees_all) = (&parts.book, sees_all(&caller));
    let bug = book.get(&id).await?;
    let comments = book.comments(&id, sees_all, 0, MOST_COMMENTS).await?;
    let attachments = book.attachments(&id).await?;
    let devices = if bug.group.is_some() { book.devices(&id, MOST_DEVICES).await? } else { Vec::new() };
    let reporter = if sees_all { reporter(book, &bug).await? } else { None };
    let subject = bug.reporter.filter(|_| sees_all);
    let details = BugDetails::of(&bug, subject, reporter.as_ref(), &devices, &comments, &attachments);
    Ok(tagged(spelled::<S>(StatusCode::OK, &details), &bug))
}

/// Who has reported a bug. A bug can be read without the key of its reporter.
async fn reporter(book: &BugBook, bug: &bugs::Bug) -> Result<Option<Reporter>, Problem> {
    match book.reporter(bug).await {
        Ok(reporter) => Ok(reporter),
        Err(BugBookError::NoKey) => Ok(None),
        Err(error @ BugBookError::Unreadable { .. }) => {
            warn!(bug = %bug.id, %error, "who has reported a bug cannot be read: a key may be missing");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// An answer with the tag of a bug.
fn tagged(mut answer: Response, bug: &bugs::Bug) -> Response {
    answer.headers_mut().insert(header::ETAG, tag(&bug.revision.to_string()));
    answer
}

/// `PATCH …/bugs/{bug_id}`.
pub(crate) async fn change<S: Spelling>(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    Extension(party): Extension<Party>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (id, parts) = (id_in_path(id)?, services.bugs()?);
    reads(&headers)?;
    let (asked, written): (BugChange, Written) = object(&services, party, body, CHANGE).await?;
    let patch = BugPatch::of(asked.into()).map_err(|invalid| written.invalid(invalid))?;
    let expected = if headers.contains_key(header::IF_MATCH) {
        let found = parts.book.get(&id).await?.revision;
        has_seen(&headers, Some(&tag(&found.to_string())))?;
        Some(found)
    } else {
        None
    };
    let changed = parts.book.change(&id, expected, &patch, person(&caller), (services.now)()).await;
    let bug = changed.map_err(|error| written.refused(error))?;
    Ok(tagged(spelled::<S>(StatusCode::OK, &Bug::of(&bug)), &bug))
}

/// Checks that the body is a merge patch, or JSON of no other meaning.
fn reads(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let media = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "application/merge-patch+json" | "application/json" => Ok(()),
        _ => Err(Problem::unsupported_media(&text, "application/merge-patch+json or application/json")),
    }
}

//! `…/bugs/{bug_id}/attachments`: files that belong to a bug.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sqal_bugs::BugBookError;
use sqal_bugs::report::InvalidField;
use sqal_protocol::Violation;
use sqal_storage::bugs::{self, BugId};

use super::super::parameters::unreadable;
use super::document::BugAttachment;
use super::one::{id_in_path, parsed_id};
use super::person::person;
use super::upload::upload;
use crate::door::budget::Party;
use crate::door::caller::Caller;
use crate::door::conditions::{is_known, tag};
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_bugs::{ATTACHMENT, BUG, FILE_NAME};
use crate::route::spelling::{Camel, Snake, Spelling, spelled};
use crate::route::{ENGINEER, Endpoint, KNOWN, VIEWER, delete, get, post};
use crate::services::Services;

/// The routes of attachments.
pub(super) fn routes() -> Vec<Endpoint> {
    let (older, newer) = ("/api/bugs/{bug_id}/attachments", "/api/v1/bugs/{bug_id}/attachments");
    let (older_one, newer_one) =
        ("/api/bugs/{bug_id}/attachments/{attachment}", "/api/v1/bugs/{bug_id}/attachments/{attachment}");
    let (wrong, newer_wrong) = ("/api/bugs/none/attachments", "/api/v1/bugs/none/attachments");
    let (wrong_one, newer_wrong_one) = ("/api/bugs/none/attachments/none", "/api/v1/bugs/none/attachments/none");
    vec![
        list_route::<Camel>(older, "listBugAttachmentsAsDocumented", wrong),
        list_route::<Snake>(newer, "listBugAttachments", newer_wrong),
        attach_route::<Camel>(older, "attachToBugAsDocumented", wrong),
        attach_route::<Snake>(newer, "attachToBug", newer_wrong),
        open_route(older_one, "getBugAttachmentAsDocumented", wrong_one),
        open_route(newer_one, "getBugAttachment", newer_wrong_one),
        detach_route(older_one, "removeBugAttachmentAsDocumented", wrong_one),
        detach_route(newer_one, "removeBugAttachment", newer_wrong_one),
    ]
}

fn list_route<S: Spelling>(path: &'static str, id: &'static str, wrong: &'static str) -> Endpoint {
    get(path, VIEWER, Class::Read, list::<S>)
        .objective(Objective::MANY)
        .described(id, "Bugs", "The attachments of a bug, the oldest first")
        .parameters(&[BUG])
        .gives_spelled::<BugAttachments, S>()
        .problems(&[400, 404])
        .line("`items`: the attachments of a bug, the oldest first, at most 50", "0")
        .good_call(wrong, 400)
        .bad_call("PUT", wrong, 405)
}

fn attach_route<S: Spelling>(path: &'static str, id: &'static str, wrong: &'static str) -> Endpoint {
    post(path, ENGINEER, Class::Create, attach::<S>)
        .objective(Objective::LONG)
        .queries(6)
        .described(id, "Bugs", "Attach a file to a bug")
        .parameters(&[BUG, FILE_NAME])
        .takes_file("A form with one field `file`, or the file itself with `?name=`: at most 10 MiB")
        .makes_spelled::<BugAttachment, S>()
        .problems(&[400, 404, 408, 413])
        .line(
            "attaches a file, as `multipart/form-data` with one field `file`, or as the whole body with `?name=`; at \
             most 10 MiB (413) and 50 a bug. What it is, is found by its content; a file that is not what its name or \
             its type says is refused",
            "",
        )
        .good_call(wrong, 400)
        .bad_call("PUT", wrong, 405)
}

fn open_route(path: &'static str, id: &'static str, wrong: &'static str) -> Endpoint {
    get(path, VIEWER, Class::Read, open)
        .objective(Objective::LONG)
        .queries(4)
        .described(id, "Bugs", "The bytes of an attachment")
        .parameters(&[BUG, ATTACHMENT, KNOWN])
        .gives_file()
        .problems(&[304, 400, 404])
        .line(
            "the bytes of an attachment, to be saved and not shown (`Content-Disposition: attachment`, `nosniff`); \
             `ETag` is its SHA-256",
            "0: asked again each time",
        )
        .good_call(wrong, 400)
        .bad_call("PUT", wrong, 405)
}

fn detach_route(path: &'static str, id: &'static str, wrong: &'static str) -> Endpoint {
    delete(path, ENGINEER, Class::Create, detach)
        .objective(Objective::LONG)
        .queries(11)
        .described(id, "Bugs", "Remove an attachment")
        .parameters(&[BUG, ATTACHMENT])
        .problems(&[400, 404])
        .line("removes an attachment; the history keeps its name, and who removed it", "")
        .good_call(wrong, 400)
        .bad_call("PUT", wrong, 405)
}

/// The attachments of a bug.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugAttachments {
    items: Vec<BugAttachment>,
}

/// The parameter of a body that is a file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileName {
    name: Option<String>,
}

/// The characters that RFC 8187 lets stand for themselves: `attr-char`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `GET …/bugs/{bug_id}/attachments`.
pub(crate) async fn list<S: Spelling>(
    State(services): State<Arc<Services>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let (id, parts) = (id_in_path(id)?, services.bugs()?);
    let items = parts.book.attachments(&id).await?.iter().map(BugAttachment::of).collect();
    Ok(spelled::<S>(StatusCode::OK, &BugAttachments { items }))
}

/// `POST …/bugs/{bug_id}/attachments[?name=]`.
pub(crate) async fn attach<S: Spelling>(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    Extension(party): Extension<Party>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<FileName>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (id, parts) = (id_in_path(id)?, services.bugs()?);
    let Query(FileName { name }) = query.map_err(|refused| unreadable(&refused, "name"))?;
    let (file, _hold) = upload(&services, party, &headers, name, body).await?;
    let (by, at, is_form) = (person(&caller), (services.now)(), file.is_form);
    let attached = parts.book.attach(&id, &file.name, file.bytes, file.declared.as_deref(), by, at).await;
    let attached = attached.map_err(|error| not_attached(error, is_form))?;
    Ok(spelled::<S>(StatusCode::CREATED, &BugAttachment::of(&attached)))
}

/// The problem of a file that is not attached. What is wrong is named as the client sent it: a form
/// has one field, `file`; otherwise the body is the content, and the query has the name.
fn not_attached(error: BugBookError, is_form: bool) -> Problem {
    let invalid = match error {
        BugBookError::Invalid(invalid) => invalid,
        error => return error.into(),
    };
    let one = |InvalidField { field, value, limit, limit_fr }| {
        let place = match (is_form, field) {
            (true, _) => "/file",
            (false, "name") => "?name",
            (false, _) => "",
        };
        Violation::new(place, value, limit, limit_fr)
    };
    let violations: Vec<_> = invalid.into_iter().map(one).collect();
    if violations.iter().all(|violation| violation.pointer == "?name") {
        Problem::invalid_query(violations)
    } else {
        Problem::invalid_body(violations)
    }
}

/// `GET …/bugs/{bug_id}/attachments/{attachment}`.
pub(crate) async fn open(
    State(services): State<Arc<Services>>,
    ids: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ((bug, id), parts) = (ids_in_path(ids)?, services.bugs()?);
    let tag = tag(&parts.book.attachment(&bug, &id).await?.blob.to_string());
    let mut answer = if is_known(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (attachment, bytes) = parts.book.open_attachment(&bug, &id).await?;
        (saved_as(&attachment), bytes).into_response()
    };
    let headers = answer.headers_mut();
    headers.insert(header::ETAG, tag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(answer)
}

/// `DELETE …/bugs/{bug_id}/attachments/{attachment}`.
pub(crate) async fn detach(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    ids: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let ((bug, attachment), parts) = (ids_in_path(ids)?, services.bugs()?);
    parts.book.detach(&bug, &attachment, person(&caller), (services.now)()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The ids of the bug and of the attachment in the path.
fn ids_in_path(ids: Result<Path<(String, String)>, PathRejection>) -> Result<(BugId, BugId), Problem> {
    let Path((bug, attachment)) = ids.map_err(|refused| Problem::not_found(refused.body_text()))?;
    Ok((parsed_id("bug_id", &bug)?, parsed_id("attachment", &attachment)?))
}

/// The media type by which an attachment is served. A type that a browser runs, such as a script,
/// an SVG or a page, is served as bytes: a stranger may have sent it.
fn served_type(found: &str) -> HeaderValue {
    let is_calm = matches!(found, "text/plain" | "text/csv" | "application/json" | "application/pdf")
        || (found.starts_with("image/") && !found.contains("svg"));
    let calm = is_calm.then(|| HeaderValue::try_from(found).ok()).flatten();
    calm.unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// The header of an attachment: a browser saves it, and shows and runs nothing of it.
fn saved_as(attachment: &bugs::BugAttachment) -> HeaderMap {
    let media = served_type(attachment.media_type.as_str());
    let disposition = HeaderValue::try_from(disposition(attachment.name.as_str()));
    let disposition = disposition.unwrap_or(HeaderValue::from_static("attachment"));
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, media),
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    ])
}

/// The name of a file for `Content-Disposition` (RFC 6266): in ASCII for older clients, and whole.
fn disposition(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ';
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ENCODED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_browser_would_run_is_served_as_bytes() {
        for calm in ["text/plain", "image/png", "image/jpeg", "application/pdf", "application/json"] {
            assert_eq!(served_type(calm), calm);
        }
        for active in ["text/html", "text/javascript", "image/svg+xml", "application/xhtml+xml", "text/xml", "a\nb"] {
            assert_eq!(served_type(active), "application/octet-stream");
        }
    }

    #[test]
    fn a_name_is_written_for_older_clients_and_whole() {
        assert_eq!(disposition("log 1.txt"), "attachment; filename=\"log 1.txt\"; filename*=UTF-8''log%201.txt");
        assert_eq!(
            disposition("écran \"50%\".png"),
            "attachment; filename=\"_cran _50__.png\"; filename*=UTF-8''%C3%A9cran%20%2250%25%22.png"
        );
    }

    proptest! {
        /// No name can end the parameter that it stands in, or begin another field.
        #[test]
        fn any_name_is_a_part_of_one_field(name in "\\PC{1,60}") {
            let text = disposition(&name);
            prop_assert!(HeaderValue::try_from(text.as_str()).is_ok());
            prop_assert_eq!(text.matches('"').count(), 2);
            let whole = text.rsplit_once("''").unwrap().1;
            prop_assert_eq!(percent_encoding::percent_decode_str(whole).decode_utf8().unwrap(), name);
        }
    }
}

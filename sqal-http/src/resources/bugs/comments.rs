//! `…/bugs/{bug_id}/comments`: what people write about a bug.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqal_core::Name;
use sqal_storage::bugs::BugPerson;

use super::super::parameters::{limit_of, unreadable};
use super::document::BugComment;
use super::input::{Expected, Written, object};
use super::list::{LARGEST_PAGE, skip_of};
use super::one::id_in_path;
use super::person::{person, sees_all};
use crate::door::budget::Party;
use crate::door::caller::Caller;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_bugs::{BUG, COMMENTS};
use crate::route::spelling::{Camel, Snake, Spelling, spelled};
use crate::route::{ENGINEER, Endpoint, VIEWER, get, post};
use crate::services::Services;

/// The routes of comments.
pub(super) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/bugs/{bug_id}/comments", VIEWER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listBugComments", "Bugs", "The comments on a bug, the oldest first")
            .parameters(COMMENTS)
            .gives_spelled::<BugComments, Snake>()
            .problems(&[400, 404])
            .line(
                "`items`: the comments on a bug, the oldest first; viewers do not see internal ones. `limit` is 1 to \
                 200, by default 50",
                "0",
            )
            .good_call("/api/v1/bugs/none/comments", 400)
            .bad_call("PUT", "/api/v1/bugs/none/comments", 405),
        add_route::<Camel>("/api/bugs/{bug_id}/comments", "commentOnBugAsDocumented", "/api/bugs/none/comments"),
        add_route::<Snake>("/api/v1/bugs/{bug_id}/comments", "commentOnBug", "/api/v1/bugs/none/comments"),
    ]
}

fn add_route<S: Spelling>(path: &'static str, id: &'static str, wrong: &'static str) -> Endpoint {
    post(path, ENGINEER, Class::Create, add::<S>)
        .objective(Objective::LONG)
        .once_per_key()
        .queries(5)
        .described(id, "Bugs", "Comment on a bug")
        .parameters(&[BUG])
        .takes_spelled::<NewBugComment, S>("The comment; the names of fields may be spelled in both ways")
        .makes_spelled::<BugComment, S>()
        .problems(&[400, 404, 408, 413])
        .line(
            "`{\"comment\":\"…\",\"author\":\"…\",\"is_internal\":true}`: comments on a bug; internal comments are \
             shown to engineers and administrators only. The author is the caller; `author` counts only on a server \
             without tokens",
            "",
        )
        .good_call(wrong, 400)
        .bad_call("PUT", wrong, 405)
}

/// A comment to add.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a comment: comment, author, is_internal")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct NewBugComment {
    /// What it says.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 20000))]
    comment: String,
    /// Who writes it, on a server without tokens; otherwise the caller does.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    author: Option<String>,
    /// Whether engineers and administrators alone may read it; false if it is missing.
    is_internal: Option<bool>,
}

/// What the body of a comment should be.
const COMMENT: Expected = Expected {
    english: "a comment: comment, author, is_internal",
    french: "un commentaire : comment, author, is_internal",
    fields: &["comment", "author", "is_internal"],
};

/// The parameters of a page of comments.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentsQuery {
    skip: Option<String>,
    limit: Option<String>,
}

/// Comments on a bug, the oldest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugComments {
    items: Vec<BugComment>,
    skip: u32,
    limit: u16,
}

/// `GET /api/v1/bugs/{bug_id}/comments[?skip=&limit=]`.
pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<CommentsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let id = id_in_path(id)?;
    let Query(CommentsQuery { skip, limit }) = query.map_err(|refused| unreadable(&refused, "skip and limit"))?;
    let mut wrong = Vec::new();
    let (skip, limit) = (skip_of(skip, &mut wrong), limit_of(limit, 50, LARGEST_PAGE, &mut wrong));
    if !wrong.is_empty() {
        return Err(Problem::invalid_query(wrong));
    }
    let book = &services.bugs()?.book;
    let comments = book.comments(&id, sees_all(&caller), skip, limit).await?;
    let items = comments.iter().map(BugComment::of).collect();
    Ok(spelled::<Snake>(StatusCode::OK, &BugComments { items, skip, limit }))
}

/// `POST …/bugs/{bug_id}/comments`.
pub(crate) async fn add<S: Spelling>(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    Extension(party): Extension<Party>,
    id: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let id = id_in_path(id)?;
    let (asked, written): (NewBugComment, Written) = object(&services, party, body, COMMENT).await?;
    let by = author(&caller, asked.author.as_deref())?;
    let (book, is_internal) = (&services.bugs()?.book, asked.is_internal.unwrap_or(false));
    let added = book.comment(&id, asked.comment, is_internal, by, (services.now)()).await;
    let comment = added.map_err(|error| written.refused(error))?;
    Ok(spelled::<S>(StatusCode::CREATED, &BugComment::of(&comment)))
}

/// Who writes a comment: the caller, or the author that it names if it is not authenticated.
fn author(caller: &Caller, named: Option<&str>) -> Result<BugPerson, Problem> {
    match (caller.holder(), named) {
        (None, Some(name)) => Name::new(name).map_err(|_| {
            let (limit, french) = ("1 to 100 bytes of printable text", "1 à 100 octets de texte imprimable");
            Problem::wrong("/author", format!("{name:?}"), limit, french)
        }),
        _ => Ok(person(caller)),
    }
}

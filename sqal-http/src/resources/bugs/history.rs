//! `…/bugs/{bug_id}/history`: who changed what of a bug, when and why.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqal_protocol::Violation;

use super::super::parameters::{limit_of, unreadable};
use super::document::BugRevision;
use super::list::LARGEST_PAGE;
use super::one::id_in_path;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_bugs::HISTORY;
use crate::route::spelling::{Camel, Snake, Spelling, spelled};
use crate::route::{Endpoint, VIEWER, get};
use crate::services::Services;

/// The routes of the history.
pub(super) fn routes() -> Vec<Endpoint> {
    vec![
        declared::<Camel>("/api/bugs/{bug_id}/history", "listBugHistoryAsDocumented", "/api/bugs/none/history"),
        declared::<Snake>("/api/v1/bugs/{bug_id}/history", "listBugHistory", "/api/v1/bugs/none/history"),
    ]
}

fn declared<S: Spelling>(path: &'static str, id: &'static str, wrong: &'static str) -> Endpoint {
    get(path, VIEWER, Class::Read, history::<S>)
        .objective(Objective::MANY)
        .described(id, "Bugs", "The changes of a bug, the oldest first")
        .parameters(HISTORY)
        .gives_spelled::<BugHistory, S>()
        .problems(&[400, 404])
        .line(
            "`items`: the revisions of a bug, the oldest first: who, when, from which status to which, why, and each \
             changed field before and after. `next` is what to pass as `after` for the next page; null on the last. \
             `limit` is 1 to 200, by default 50",
            "0",
        )
        .good_call(wrong, 400)
        .bad_call("PUT", wrong, 405)
}

/// The parameters of a page of the history.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    after: Option<String>,
    limit: Option<String>,
}

/// Revisions of a bug, the oldest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugHistory {
    items: Vec<BugRevision>,
    /// What to pass as `after` for the next page; null on the last.
    next: Option<u64>,
}

/// `GET …/bugs/{bug_id}/history[?after=&limit=]`.
pub(crate) async fn history<S: Spelling>(
    State(services): State<Arc<Services>>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let id = id_in_path(id)?;
    let Query(HistoryQuery { after, limit }) = query.map_err(|refused| unreadable(&refused, "after and limit"))?;
    let mut wrong = Vec::new();
    let limit = limit_of(limit, 50, LARGEST_PAGE, &mut wrong);
    let after = after.map_or(Some(0), |text| {
        // A database has no larger number.
        let revision = text.parse::<u64>().ok().filter(|revision| i64::try_from(*revision).is_ok());
        if revision.is_none() {
            wrong.push(Violation::new("?after", text, "a whole number, 0 or more", "un entier positif ou nul"));
        }
        revision
    });
    let Some(after) = after.filter(|_: &u64| wrong.is_empty()) else { return Err(Problem::invalid_query(wrong)) };
    let book = &services.bugs()?.book;
    let entries = book.history(&id, after, limit).await?;
    let is_full = entries.len() >= usize::from(limit);
    let next = entries.last().map(|(entry, _)| entry.revision).filter(|_| is_full);
    let items = entries.iter().map(|(entry, body)| BugRevision::of(entry, body, S::CASE)).collect();
    Ok(spelled::<S>(StatusCode::OK, &BugHistory { items, next }))
}

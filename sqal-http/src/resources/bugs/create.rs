//! `POST /api/bugs/` and `POST /api/v1/bugs`: a person reports a fault.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use sqal_bugs::{BugBookError, NewBug};
use sqal_protocol::Violation;
use sqal_storage::bugs::BugSource;

use super::body::{NEW, NewBugReport};
use super::input::{Written, object};
use super::person::person;
use crate::door::budget::Party;
use crate::door::caller::Caller;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::spelling::{Camel, Snake, Spelling, spelled};
use crate::route::{Endpoint, VIEWER, post};
use crate::services::Services;

/// The routes by which a person reports a fault.
pub(super) fn routes() -> Vec<Endpoint> {
    vec![
        declared::<Camel>("/api/bugs/", "reportBugAsDocumented"),
        declared::<Camel>("/api/bugs", "reportBugAsDocumentedWithoutSlash"),
        declared::<Snake>("/api/v1/bugs", "reportBug"),
    ]
}

fn declared<S: Spelling>(path: &'static str, id: &'static str) -> Endpoint {
    post(path, VIEWER, Class::Create, report::<S>)
        .objective(Objective::LONG)
        .once_per_key()
        .queries(6)
        .described(id, "Bugs", "Report a bug")
        .takes_spelled::<NewBugReport, S>("The bug; the names of fields may be spelled in both ways")
        .makes_spelled::<BugReported, S>()
        .problems(&[400, 404, 408, 413, 422])
        .line(
            "reports a bug: `title`, `description`, `severity` and `priority` are needed. 201 with its `id`. Names of \
             fields may be spelled in camelCase or in snake_case; an unknown field is refused. `reported_by` and \
             `reported_by_email` are sealed: 422 if the server has no key",
            "",
        )
        .good_call(path, 400)
        .bad_call("PUT", path, 405)
}

/// The answer to a report, as the old system's documents have it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugReported {
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    id: String,
    message: &'static str,
    status: &'static str,
}

/// `POST …/bugs`.
pub(crate) async fn report<S: Spelling>(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    Extension(party): Extension<Party>,
    body: Body,
) -> Result<Response, Problem> {
    let (asked, written): (NewBugReport, Written) = object(&services, party, body, NEW).await?;
    let personal = asked.personal();
    let new = NewBug::of(asked.into()).map_err(|invalid| written.invalid(invalid))?;
    let parts = services.bugs()?;
    let reported = parts.book.report(new, BugSource::Person, person(&caller), (services.now)()).await;
    let bug = reported.map_err(|error| match error {
        BugBookError::NoKey => no_key(&written, &personal),
        error => written.refused(error),
    })?;
    let answer = BugReported {
        id: bug.id.to_string(),
        message: "Bug report created successfully",
        status: bug.content.status.as_str(),
    };
    Ok(spelled::<S>(StatusCode::CREATED, &answer))
}

/// The problem of personal data that cannot be kept. It does not repeat them.
fn no_key(written: &Written, personal: &[&'static str]) -> Problem {
    let (limit, french) = ("absent: this server has no key", "absent : ce serveur n'a pas de clé");
    let one = |field: &&'static str| Violation::new(written.pointer(field), "…", limit, french);
    Problem::no_key(personal.iter().map(one).collect())
}

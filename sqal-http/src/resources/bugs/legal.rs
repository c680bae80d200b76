//! `…/bugs/fields`: the values that fields of bugs may have, for pages and programs that offer
//! them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use sqal_bugs::change::Transition;
use sqal_storage::bugs::{BugPriority, BugSeverity, BugSource, BugStatus};

use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::spelling::{Camel, Snake, Spelling, spelled};
use crate::route::{Endpoint, VIEWER, get};
use crate::services::Services;

/// The routes of legal values.
pub(super) fn routes() -> Vec<Endpoint> {
    vec![
        declared::<Camel>("/api/bugs/fields", "listBugFieldsAsDocumented"),
        declared::<Snake>("/api/v1/bugs/fields", "listBugFields"),
    ]
}

fn declared<S: Spelling>(path: &'static str, id: &'static str) -> Endpoint {
    get(path, VIEWER, Class::Read, fields::<S>)
        .objective(Objective::MANY)
        .described(id, "Bugs", "The values that fields of bugs may have")
        .gives_spelled::<BugFieldValues, S>()
        .problems(&[404])
        .line(
            "the values of `severity`, `priority`, `status` and `source`, the known categories (others may be used), \
             and the changes of status that are allowed, each with whether it needs a `why`",
            "0",
        )
}

/// The categories that the documents of the old system and the intake of faults name.
const KNOWN_CATEGORIES: [&str; 9] =
    ["backend", "calibration", "documentation", "firmware", "frontend", "hardware", "network", "other", "sensor"];

/// The values that fields of bugs may have.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugFieldValues {
    /// The worst first.
    severity: Vec<&'static str>,
    /// The soonest first.
    priority: Vec<&'static str>,
    status: Vec<&'static str>,
    source: Vec<&'static str>,
    /// The known categories and those in use; others may be used.
    category: Vec<String>,
    /// The changes of status that are allowed.
    transitions: Vec<BugTransition>,
}

/// A change of status that is allowed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct BugTransition {
    from: &'static str,
    to: &'static str,
    needs_why: bool,
}

/// `GET …/bugs/fields`.
pub(crate) async fn fields<S: Spelling>(State(services): State<Arc<Services>>) -> Result<Response, Problem> {
    let mut category: BTreeSet<String> = KNOWN_CATEGORIES.into_iter().map(str::to_owned).collect();
    category.extend(services.bugs()?.book.categories().await?.iter().map(|(name, _)| name.to_string()));
    let steps = |from: BugStatus| {
        let step = move |step: Transition| BugTransition {
            from: from.as_str(),
            to: step.to().as_str(),
            needs_why: step.needs_why(),
        };
        Transition::all_from(from).map(step)
    };
    let values = BugFieldValues {
        severity: BugSeverity::ALL.map(BugSeverity::as_str).to_vec(),
        priority: BugPriority::ALL.map(BugPriority::as_str).to_vec(),
        status: BugStatus::ALL.map(BugStatus::as_str).to_vec(),
        source: BugSource::ALL.map(BugSource::as_str).to_vec(),
        category: category.into_iter().collect(),
        transitions: BugStatus::ALL.into_iter().flat_map(steps).collect(),
    };
    Ok(spelled::<S>(StatusCode::OK, &values))
}

//! `GET /problems/{name}`: what a problem's type means and what to do.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use sqal_protocol::kinds::Kind;

use crate::door::kinds::KINDS;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::{EVERYONE, Endpoint, PROBLEM, get};

/// The routes of problem types.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/problems/{name}", EVERYONE, Class::Unlimited, page)
            .described("explainProblem", "Problems", "What a problem's type means and what to do")
            .parameters(&[PROBLEM])
            .gives_text("text/plain; charset=utf-8")
            .problems(&[404])
            .line("what a problem's type means and what to do", "")
            .good_call("/problems/not-found", 200)
            .bad_call("GET", "/problems/none", 404),
    ]
}

/// The page of a problem type, as plain text.
pub(crate) async fn page(name: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Path(name) = name.map_err(|refused| Problem::not_found(refused.body_text()))?;
    let kind = KINDS.into_iter().find(|kind| kind.name == name);
    let Kind { status, title, page, .. } = kind.ok_or_else(|| Problem::not_found("no such problem type"))?;
    Ok(format!("{title} (HTTP {status})\n\n{page}\n"))
}

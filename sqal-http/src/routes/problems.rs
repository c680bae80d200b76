//! `GET /problems/{name}`: what a problem's type means and what to do.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;

use crate::Problem;
use crate::problem::KINDS;

/// The page of a problem type, as plain text.
pub(super) async fn page(name: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Path(name) = name.map_err(|refused| Problem::not_found(refused.body_text()))?;
    let kind = KINDS.into_iter().find(|(known, ..)| *known == name);
    let (_, status, title, text) = kind.ok_or_else(|| Problem::not_found("no such problem type"))?;
    Ok(format!("{title} (HTTP {status})\n\n{text}\n"))
}

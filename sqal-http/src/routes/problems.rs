//! `GET /problems/{name}`: what a problem's type means and what to do.

use axum::extract::Path;

use crate::Problem;
use crate::problem::KINDS;

/// A page of plain text.
pub(super) async fn page(Path(name): Path<String>) -> Result<String, Problem> {
    let kind = KINDS.into_iter().find(|(known, ..)| *known == name);
    let (_, status, title, text) = kind.ok_or_else(|| Problem::not_found("no such problem type"))?;
    Ok(format!("{title} (HTTP {status})\n\n{text}\n"))
}

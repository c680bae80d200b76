//! A browser names the page that asks: what changes something is refused to pages of other sites, because the operator's own browser reaches
//! loopback too.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::Problem;

/// Refuses a page of another site; whoever is no browser names none.
pub(crate) fn same(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or(""));
    match text(header::ORIGIN) {
        Some(origin) if origin.split("://").nth(1) != text(header::HOST) => Err(Problem::forbidden_origin()),
        _ => Ok(()),
    }
}

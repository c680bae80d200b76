//! `/debug/profiles`: the weekly profiles of a year, and the report on them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sqal_core::verdict::Language;
use sqal_http::{Problem, Violation};
use sqal_profiling::generate_profiling_report;

use super::admin::Admin;
use crate::wall_clock::wall_clock;

/// `GET /debug/profiles`: `items`, the weekly profiles that are kept, the oldest first.
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Result<Json<Value>, Problem> {
    let records = admin.history.all(wall_clock()).await?;
    Ok(Json(json!({ "items": records })))
}

/// `GET /debug/profiles/report?format=&language=`: the report on all of them, as JSON or as a text
/// in English or French.
pub(super) async fn report(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let language = language_of(&query)?;
    let report = generate_profiling_report(&admin.history.all(wall_clock()).await?);
    Ok(match language {
        None => Json(report.to_json()).into_response(),
        Some(language) => {
            let tag = if language == Language::French { "fr" } else { "en" };
            let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CONTENT_LANGUAGE, tag)];
            (headers, report.to_text(language)).into_response()
        }
    })
}

/// The language of the text that a query asks for; `None` if it asks for JSON.
fn language_of(query: &HashMap<String, String>) -> Result<Option<Language>, Problem> {
    let value = |name: &str| query.get(name).map(String::as_str);
    let wrong = |name: &str, limit: &str, french: &str| {
        Problem::invalid_query(vec![Violation::new(name, value(&name[1..]).unwrap_or_default(), limit, french)])
    };
    let language = match value("language") {
        None | Some("en") => Language::English,
        Some("fr") => Language::French,
        Some(_) => return Err(wrong("?language", "en or fr", "en ou fr")),
    };
    match value("format") {
        None | Some("json") => Ok(None),
        Some("text") => Ok(Some(language)),
        Some(_) => Err(wrong("?format", "json or text", "json ou text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_json_unless_a_text_is_asked_for() {
        let of = |query: &[(&str, &str)]| {
            let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            language_of(&query).map_err(|problem| (problem.status, problem.violations[0].pointer.clone()))
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[("format", "json"), ("language", "fr")]), Ok(None));
        assert_eq!(of(&[("format", "text")]), Ok(Some(Language::English)));
        assert_eq!(of(&[("format", "text"), ("language", "fr")]), Ok(Some(Language::French)));
        assert_eq!(of(&[("format", "html")]), Err((400, "?format".to_owned())));
        assert_eq!(of(&[("language", "de")]), Err((400, "?language".to_owned())));
    }
}

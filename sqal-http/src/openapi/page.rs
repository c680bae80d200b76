//! `/openapi/v1.json`, and `/docs` to try it: Swagger UI from the binary, without a network.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use utoipa_swagger_ui::{Config, serve};

use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::{EVERYONE, Endpoint, get};
use crate::services::Services;

/// The routes of the description of the interface.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/openapi/v1.json", EVERYONE, Class::Unlimited, description)
            .described("describe", "Description", "This description")
            .gives_named("Description")
            .line("this interface as OpenAPI 3.1, also in [openapi/v1.json](../openapi/v1.json)", ""),
        get("/docs", EVERYONE, Class::Unlimited, docs)
            .described("docs", "Description", "This description as a page to try it on")
            .gives_text("text/html")
            .line("the OpenAPI description as a page to try it on (Swagger UI, from the binary: no network)", "")
            .good_call("/docs", 308),
        get("/docs/{*file}", EVERYONE, Class::Unlimited, file)
            .line("the files of that page", "")
            .good_call("/docs/index.html", 200)
            .bad_call("GET", "/docs/none.html", 404),
    ]
}

/// `GET /openapi/v1.json`.
pub(crate) async fn description(State(services): State<Arc<Services>>) -> Response {
    let written = services.plant.description.map_or("", |description| description());
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], written).into_response()
}

/// `GET /docs`: redirects to the page, whose files are below this path.
pub(crate) async fn docs() -> Redirect {
    Redirect::permanent("docs/index.html")
}

/// `GET /docs/{file}`: Swagger UI, from the binary.
pub(crate) async fn file(file: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    // Swagger UI makes styles while it runs, and so needs more than the live page. Scripts are only
    // its own.
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let Path(file) = file.map_err(|refused| Problem::not_found(refused.body_text()))?;
    let config = Arc::new(Config::from("../openapi/v1.json"));
    match serve(&file, config) {
        Ok(Some(found)) => {
            let policy = HeaderValue::from_static(POLICY);
            let kind = HeaderValue::try_from(&found.content_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream"));
            let fields = [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy)];
            Ok((fields, found.bytes.into_owned()).into_response())
        }
        _ => Err(Problem::not_found("no such file")),
    }
}

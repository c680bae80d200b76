//! `/openapi/v1.json`, and `/docs` to try it: Swagger UI from the binary, without a network; each
//! further version has its own (API-02).

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use utoipa_swagger_ui::{Config, serve};

use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::{ApiVersion, EVERYONE, Endpoint, get};
use crate::services::Services;

/// The routes of the descriptions of the interface, one for each version.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/openapi/v1.json", EVERYONE, Class::Unlimited, |services: State<Arc<Services>>| {
            async { description(ApiVersion::V1, services) }
        })
        .described("describe", "Description", "This description")
        .gives_named("Description")
        .line("this interface as OpenAPI 3.1, also in [openapi/v1.json](../openapi/v1.json)", ""),
        get("/openapi/v2.json", EVERYONE, Class::Unlimited, |services: State<Arc<Services>>| {
            async { description(ApiVersion::V2, services) }
        })
        .described("describeV2", "Description", "The description of the second version")
        .gives_named("Description")
        .line("the second version of this interface ([versions.md](versions.md)), also in [openapi/v2.json](../openapi/v2.json)", ""),
        get("/docs", EVERYONE, Class::Unlimited, || async { Redirect::permanent("docs/index.html") })
            .described("docs", "Description", "This description as a page to try it on")
            .gives_text("text/html")
            .line("the OpenAPI description as a page to try it on (Swagger UI, from the binary: no network)", "")
            .good_call("/docs", 308),
        get("/docs/{*file}", EVERYONE, Class::Unlimited, |path: AskedFile| async { file("../openapi/v1.json", path) })
            .line("the files of that page", "")
            .good_call("/docs/index.html", 200)
            .bad_call("GET", "/docs/none.html", 404),
        get("/docs/v2", EVERYONE, Class::Unlimited, || async { Redirect::permanent("v2/index.html") })
            .line("the page of the second version", "")
            .good_call("/docs/v2", 308),
        get("/docs/v2/{*file}", EVERYONE, Class::Unlimited, |path: AskedFile| async { file("../../openapi/v2.json", path) })
            .line("the files of that page", "")
            .good_call("/docs/v2/index.html", 200)
            .bad_call("GET", "/docs/v2/none.html", 404),
    ]
}

/// The path of a file below the page.
type AskedFile = Result<Path<String>, PathRejection>;

/// The description of a version.
fn description(version: ApiVersion, State(services): State<Arc<Services>>) -> Response {
    let written = services.plant.description.map_or("", |description| description(version));
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], written).into_response()
}

/// A file of Swagger UI, from the binary. The page shows the description at an address that is
/// relative to the page.
fn file(description: &'static str, asked: AskedFile) -> Result<Response, Problem> {
    // Swagger UI makes styles while it runs, and so needs more than the live page. Scripts are only
    // its own.
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let Path(file) = asked.map_err(|refused| Problem::not_found(refused.body_text()))?;
    let config = Arc::new(Config::from(description));
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

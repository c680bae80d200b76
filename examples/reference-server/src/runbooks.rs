//! `/runbook/{page}`: the pages of `docs/runbook/`, so that a message about an alert leads to its
//! page also where the documents of SQAL are not at hand. `/runbook` is the index of them.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

macro_rules! page {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../docs/runbook/", $name, ".md")))
    };
}

/// The page that lists the others.
const INDEX: &str = "README";

/// The pages by their names, in the order of the names.
const PAGES: [(&str, &str); 40] = [
    page!("README"),
    page!("acknowledged-samples-lost"),
    page!("api-latency-p95-high"),
    page!("api-slo-availability-breach"),
    page!("api-slo-error-rate-breach"),
    page!("api-slo-latency-breach-critical"),
    page!("api-slo-latency-breach-repeated"),
    page!("cache-away"),
    page!("cache-breaker-open"),
    page!("circuit-breaker-open"),
    page!("clock-disagrees"),
    page!("critical-health-check-failing"),
    page!("database-pool-exhausted"),
    page!("database-slow"),
    page!("dead-letters-growing"),
    page!("deliveries-failing"),
    page!("device-storm"),
    page!("disk-nearly-full"),
    page!("error-budget-burn"),
    page!("global-slo-breaches-elevated"),
    page!("high-error-rate"),
    page!("incident"),
    page!("ingest-slo-breach-count-high"),
    page!("ingest-slo-breach-repeated"),
    page!("ingest-slo-severity-critical"),
    page!("keys"),
    page!("low-cache-hit-rate"),
    page!("objective-without-data"),
    page!("queue-stuck"),
    page!("request-panicked"),
    page!("server-absent"),
    page!("server-clock-stepped"),
    page!("server-down"),
    page!("server-memory-high"),
    page!("spool-growing"),
    page!("spool-nearly-full"),
    page!("station-fault"),
    page!("station-silent"),
    page!("stations-faulty"),
    page!("watchdog"),
];

/// The routes of the pages. They show nothing of the plant and need no token.
pub(crate) fn with_runbooks(app: Router) -> Router {
    app.route("/runbook", get(index)).route("/runbook/", get(index)).route("/runbook/{page}", get(page))
}

async fn index() -> Response {
    shown(INDEX)
}

async fn page(Path(name): Path<String>) -> Response {
    shown(name.strip_suffix(".md").unwrap_or(&name))
}

/// The page of a name; 404 if there is none.
fn shown(name: &str) -> Response {
    let Ok(at) = PAGES.binary_search_by_key(&name, |(known, _)| known) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, PAGES.get(at).map_or("", |(_, text)| text)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use sqal_alerts::catalogue::runbooks;
    use tower::ServiceExt;

    /// The status at a path, and the text.
    async fn answer(path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = with_runbooks(Router::new()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn every_page_that_an_alert_names_is_served() {
        assert!(PAGES.is_sorted_by_key(|(name, _)| *name));
        for page in runbooks() {
            assert!(PAGES.iter().any(|(name, text)| *name == page && text.starts_with("# ")), "{page}");
        }
    }

    #[tokio::test]
    async fn a_page_is_served_with_and_without_its_suffix_and_a_name_without_a_page_is_not_found() {
        let page = answer("/runbook/server-down").await;
        assert_eq!((page.0, page.1.starts_with("# ServerDown\n")), (StatusCode::OK, true));
        assert_eq!(answer("/runbook/server-down.md").await, page);
        assert_eq!(answer("/runbook/server-dow").await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn the_index_stands_where_the_pages_are_and_lists_each_of_them() {
        let (status, index) = answer("/runbook").await;
        assert_eq!(status, StatusCode::OK);
        for page in runbooks() {
            assert!(index.contains(&format!("]({page}.md)")), "{page}");
        }
        for path in ["/runbook/", "/runbook/README", "/runbook/README.md"] {
            assert_eq!(answer(path).await, (StatusCode::OK, index.clone()), "{path}");
        }
    }
}

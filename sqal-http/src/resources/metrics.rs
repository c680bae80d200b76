//! `GET /metrics`: what the recorder of the process renders, as Prometheus' text format or as
//! OpenMetrics, compressed if the scraper accepts it.

use std::io::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::accept::{self, OPEN_METRICS, OPEN_METRICS_DRAFT, TEXT};
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::{EVERYONE, Endpoint, METRICS, get};
use crate::services::Services;

/// The media types of the answers.
const MEDIA: &[&str] = &[TEXT, OPEN_METRICS, OPEN_METRICS_DRAFT];

/// The routes of metrics.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get(METRICS[0], EVERYONE, Class::Unlimited, text)
            .described("metrics", "Health", "The metrics, as Prometheus' text format or OpenMetrics")
            .gives_texts(MEDIA)
            .problems(&[404])
            .line(
                "Prometheus' text format 0.0.4; if `Accept` names OpenMetrics 1.0 and does not prefer the text format, \
                 OpenMetrics with exemplars. `Accept-Encoding: gzip` compresses either",
                "0",
            ),
        get(METRICS[1], EVERYONE, Class::Unlimited, text)
            .described("metricsOfTheSecondConvention", "Health", "The same as /metrics")
            .gives_texts(MEDIA)
            .problems(&[404])
            .line("the same as `/metrics`, for scrapers that are set up for this path", "0"),
    ]
}

/// The metrics, or 404 if the process keeps none.
pub(crate) async fn text(State(services): State<Arc<Services>>, headers: HeaderMap) -> Response {
    services.line.caches.report();
    services.line.presence.report(services.clock.now());
    services.line.recent.report(services.clock.now());
    let Some(metrics) = &services.plant.metrics else {
        return Problem::not_found("this process keeps no metrics").into_response();
    };
    let open_metrics = accept::open_metrics(&headers).and_then(|media| Some((media, metrics.open_metrics()?)));
    let (media, text) = open_metrics.unwrap_or_else(|| (TEXT, metrics.text()));
    let compressed = accept::gzip(&headers).then(|| gzip(&text)).flatten();
    let mut response = match compressed {
        Some(bytes) => ([(header::CONTENT_ENCODING, "gzip")], bytes).into_response(),
        None => text.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    response
}

/// The text as gzip, by the fastest level: a scraper is on the same network, and names and labels
/// repeat. `None` if it cannot be compressed.
fn gzip(text: &str) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text.as_bytes()).ok()?;
    encoder.finish().ok()
}

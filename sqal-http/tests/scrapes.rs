//! The metrics as scrapers get them: in the format that they prefer, compressed if they accept it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use flate2::read::GzDecoder;
use proptest::prelude::*;
use sqal_core::Timestamp;
use sqal_http::services::MetricsText;
use sqal_http::{Profile, Profiles, Services, router};
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
use tower::ServiceExt;

const PATHS: [&str; 2] = ["/metrics", "/prometheus/metrics-http"];
const TEXT: &str = "# TYPE up gauge\nup 1\n\n";
const OPEN_METRICS: &str = "# TYPE up gauge\nup 1\n# EOF\n";
/// What a Prometheus of version 2.42 sends.
const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

fn app(metrics: Option<MetricsText>) -> Router {
    let store = Arc::new(MemoryStore::new());
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    let mut services = Services::new(store, writer, profiles, || Timestamp::from_micros(0).unwrap());
    services.plant.metrics = metrics;
    router(services)
}

fn both() -> MetricsText {
    MetricsText::new(|| TEXT.to_owned()).with_open_metrics(|| OPEN_METRICS.to_owned())
}

/// The answer to a scrape with these header fields: its header, and its text after unpacking.
async fn scrape(app: &Router, method: &str, path: &str, fields: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    let mut text = String::new();
    if headers.get("content-encoding").is_some_and(|coding| coding == "gzip") && method != "HEAD" {
        GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes.to_vec()).unwrap();
    }
    (status, headers, text)
}

#[tokio::test]
async fn without_a_wish_a_scraper_gets_the_text_format_as_it_is() {
    let app = app(Some(both()));
    for path in PATHS {
        for fields in
            [&[][..], &[("accept", "*/*")], &[("accept", "text/plain;version=0.0.4")], &[("accept", "image/png")]]
        {
            let (status, headers, text) = scrape(&app, "GET", path, fields).await;
            assert_eq!((status, text.as_str()), (StatusCode::OK, TEXT), "{path} {fields:?}");
            assert_eq!(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
            assert_eq!(
                (&headers["vary"], headers.get("content-encoding")),
                (&"accept, accept-encoding".parse().unwrap(), None)
            );
        }
    }
}

#[tokio::test]
async fn a_prometheus_gets_open_metrics_and_an_older_one_its_draft() {
    let app = app(Some(both()));
    for path in PATHS {
        for (accept, version) in [
            (PROMETHEUS, "1.0.0"),
            ("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5", "0.0.1"),
        ] {
            let (_, headers, text) = scrape(&app, "GET", path, &[("accept", accept)]).await;
            assert_eq!(text, OPEN_METRICS, "{path} {accept}");
            let media = format!("application/openmetrics-text; version={version}; charset=utf-8");
            assert_eq!(
                (&headers["content-type"], &headers["vary"]),
                (&media.parse().unwrap(), &"accept, accept-encoding".parse().unwrap())
            );
        }
    }
}

/// An embedding service that renders only the text format is never said to have sent OpenMetrics.
#[tokio::test]
async fn a_process_with_the_text_format_alone_sends_it() {
    let app = app(Some(MetricsText::new(|| TEXT.to_owned())));
    let (_, headers, text) = scrape(&app, "GET", "/metrics", &[("accept", PROMETHEUS)]).await;
    assert_eq!(
        (text.as_str(), &headers["content-type"]),
        (TEXT, &HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"))
    );
    let without = self::app(None);
    assert_eq!(scrape(&without, "GET", "/metrics", &[("accept", PROMETHEUS)]).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_scrape_is_compressed_if_the_scraper_accepts_it() {
    let long = |line: &str| line.repeat(2000);
    let metrics = MetricsText::new(move || long(TEXT)).with_open_metrics(move || long(OPEN_METRICS));
    let app = app(Some(metrics));
    for (accept, wanted) in [("*/*", TEXT), (PROMETHEUS, OPEN_METRICS)] {
        let (_, headers, text) =
            scrape(&app, "GET", "/metrics", &[("accept", accept), ("accept-encoding", "gzip")]).await;
        assert_eq!(
            (&headers["content-encoding"], &headers["vary"]),
            (&"gzip".parse().unwrap(), &"accept, accept-encoding".parse().unwrap())
        );
        assert_eq!(text, wanted.repeat(2000));
        let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
        assert!(length * 20 < text.len(), "{length} of {}", text.len());
    }
    let (status, headers, text) = scrape(&app, "HEAD", "/metrics", &[("accept-encoding", "gzip")]).await;
    assert_eq!((status, text.as_str(), &headers["content-encoding"]), (StatusCode::OK, "", &"gzip".parse().unwrap()));
}

/// The description has every media type that an answer has.
#[cfg(feature = "openapi")]
#[tokio::test]
async fn every_format_is_described() {
    let whole: serde_json::Value = serde_json::from_str(&sqal_http::openapi(sqal_http::route::ApiVersion::V1)).unwrap();
    let app = app(Some(both()));
    for path in PATHS {
        let described = whole["paths"][path]["get"]["responses"]["200"]["content"].as_object().unwrap();
        let mut sent = Vec::new();
        for accept in ["*/*", PROMETHEUS, "application/openmetrics-text;version=0.0.1"] {
            let (_, headers, _) = scrape(&app, "GET", path, &[("accept", accept)]).await;
            sent.push(headers["content-type"].to_str().unwrap().to_owned());
        }
        sent.sort();
        assert_eq!(described.keys().collect::<Vec<_>>(), sent.iter().collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a client accepts, it gets one of the two texts, and is told which.
    #[test]
    fn whatever_is_accepted_an_answer_is_what_it_says_that_it_is(
        accept in prop_oneof!["[ -~]{0,60}", "(application/openmetrics-text|text/plain|\\*/\\*|,|;q=(0|0\\.5|1|x)|;version=(1\\.0\\.0|0\\.0\\.[14])){0,8}"],
        coding in prop_oneof!["[ -~]{0,30}", "(gzip|identity|\\*|br|,|;q=(0|0\\.5|1)){0,6}"],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (status, headers, text) = runtime.block_on(async {
            scrape(&app(Some(both())), "GET", "/metrics", &[("accept", &*accept), ("accept-encoding", &*coding)]).await
        });
        prop_assert_eq!(status, StatusCode::OK);
        let is_open = headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text");
        prop_assert_eq!(text, if is_open { OPEN_METRICS } else { TEXT });
        prop_assert!(!is_open || accept.to_ascii_lowercase().contains("openmetrics"));
        prop_assert!(!headers.contains_key("content-encoding") || coding.contains(['g', '*']));
    }
}

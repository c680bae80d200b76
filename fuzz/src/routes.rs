//! Fuzzing targets for HTTP requests: batches, queries, header fields, profiles.

use std::cell::RefCell;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, Uri};
use sqal_grading::Profile;
use sqal_http::routes;

use crate::line::{Line, PROFILE, TOKEN, ask};

thread_local! {
    static OPEN: RefCell<Line> = RefCell::new(Line::new(false));
    /// A line on which only one sample is stored.
    static TRIED: RefCell<Line> = RefCell::new(Line::new(false));
    static GUARDED: RefCell<Line> = RefCell::new(Line::new(true));
    static EXAMPLE: String = serde_json::to_string(&Profile::example()).expect("a profile can be written");
}

fn post(path: &str, body: &[u8]) -> Request<Body> {
    Request::post(path).body(Body::from(body.to_vec())).expect("a path")
}

/// A batch of frames: the answer has one result for each row, in their order.
pub fn ndjson(data: &[u8]) {
    let (status, answer) = ask(&OPEN, post("/api/v1/samples:batch", data));
    let Ok(text) = std::str::from_utf8(data) else { return assert_eq!(status, StatusCode::BAD_REQUEST) };
    if status == StatusCode::OK {
        let told = answer.json();
        let rows = without_mark(text).lines().map(without_mark).filter(|line| !line.trim().is_empty()).count();
        let items = told["items"].as_array().expect("a list");
        // Frames that span several lines are reported as one mistake.
        let spread = items.first().and_then(|item| item["problem"]["detail"].as_str());
        let rows =
            if spread.is_some_and(|detail| detail.starts_with("a frame must be on one line")) { 1 } else { rows };
        assert_eq!(items.len(), rows);
        assert!((1..).zip(items).all(|(row, item)| item["sequence"] == row), "{told}");
        let count = |what: &str| told[what].as_u64().expect("a number");
        assert_eq!(count("persisted") + count("duplicate") + count("rejected"), rows as u64, "{told}");
    }
}

/// A text without a byte order mark at its beginning.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The paths of all GET routes, with names filled in.
fn readable() -> Vec<String> {
    let read = routes().into_iter().filter(|route| route.method == "GET" && !route.path.starts_with("/ws/"));
    read.map(|route| {
        let known =
            [("{name}", PROFILE), ("{device_id}", "ESP32_SIM_1234"), ("{id}", "0192ccc4-62c0-7000-8000-000000000000")];
        known.iter().fold(route.path.to_owned(), |path, (name, value)| path.replace(name, value))
    })
    .collect()
}

/// A query of any GET route. The first byte selects the route. Then come the query and, after a
/// line end, the end of the path.
pub fn query(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let Ok(rest) = std::str::from_utf8(rest) else { return };
    let (query, name) = rest.split_once('\n').unwrap_or((rest, ""));
    let readable = readable();
    let path = &readable[usize::from(*which) % readable.len()];
    if let Ok(uri) = format!("{path}{name}?{query}").parse::<Uri>() {
        let _ = ask(&OPEN, Request::get(uri).body(Body::empty()).expect("a path"));
    }
}

/// The header fields that the server reads.
const FIELDS: [&str; 12] = [
    "authorization",
    "cookie",
    "origin",
    "host",
    "x-forwarded-for",
    "if-none-match",
    "if-match",
    "idempotency-key",
    "last-event-id",
    "content-type",
    "access-control-request-method",
    "sec-fetch-site",
];

/// Header fields: one per line, whose first byte selects the field. The first byte of the input
/// selects the route. The first byte of the first line also decides whether a token is sent.
pub fn headers(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let all = routes();
    let route = all[usize::from(*which) % all.len()];
    let path = route.path.replace("{name}", PROFILE).replace("{*file}", "index.css");
    let mut request = Request::builder().method(route.method).uri(path.replace(['{', '}'], "x"));
    for (at, line) in rest.split(|byte| *byte == b'\n').take(16).enumerate() {
        let Some((field, value)) = line.split_first() else { continue };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request = request.header(HeaderName::from_static(FIELDS[usize::from(*field) % FIELDS.len()]), value);
        }
        if at == 0 && *field > 127 {
            request = request.header("authorization", format!("Bearer {TOKEN}"));
        }
    }
    // If the route needs a body, a valid one is sent, so that the header fields decide the result.
    let body = if route.method == "PUT" { EXAMPLE.with(|example| Body::from(example.clone())) } else { Body::empty() };
    let _ = ask(&GUARDED, request.body(body).expect("a method, a path and fields"));
}

/// A dry run of a profile: the counts of its grades sum to the stored samples, or a refusal names
/// the fault.
pub fn profile(data: &[u8]) {
    let stored = TRIED.with_borrow_mut(|line| line.ask(post("/api/v1/samples:batch", one_frame().as_bytes())));
    assert_eq!(stored.0, StatusCode::OK);
    let (status, answer) = ask(&TRIED, post(&format!("/api/v1/profiles/{PROFILE}/dry-run"), data));
    if status == StatusCode::OK {
        let told = answer.json();
        assert_eq!(told["samples"], 1, "{told}");
        let moved: u64 =
            told["grades"].as_array().into_iter().flatten().filter_map(|one| one["samples"].as_u64()).sum();
        assert_eq!(moved, 1, "{told}");
    }
}

/// The documented frame in one line.
fn one_frame() -> String {
    fixtures::DOCUMENTED_FRAME.lines().map(str::trim).collect()
}

//! What every route keeps: a valid and an invalid call, its callers, its quota, and its metrics.
//!
//! Each route declares the two calls itself.
#![cfg(all(feature = "dashboard", feature = "openapi", feature = "ws"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use metrics_util::debugging::DebuggingRecorder;
use serde_json::Value;
use sqal_core::{Name, Timestamp};
use sqal_http::door::{Class, Legacy, Who};
use sqal_http::route::Calls;
use sqal_http::services::MetricsText;
use sqal_http::sqal_telemetry::log::LogControl;
use sqal_http::{
    Access, Grant, Profile, Profiles, Quotas, Role, Route, Services, Token, TokenFile, TokenHash, router, routes,
};
use sqal_resilience::Quota;
use sqal_storage::{BatchWriter, Custody, MemoryStore, WriterConfig};
use tower::ServiceExt;

/// 2024-10-26T23:00:10Z: ten seconds after the documented frame was measured.
const NOW: i64 = 1_729_983_610_000_000;

/// The path of the documented frame's sample.
const ID: &str = "/api/v1/samples/{id}";

/// Every route that declares its calls, with them.
fn every() -> impl Iterator<Item = (Route, Calls)> {
    routes().into_iter().map(|route| (route, route.calls))
}

/// A line on which the documented sample is stored.
async fn app(adjust: impl FnOnce(&mut Services)) -> Router {
    let store = Arc::new(MemoryStore::new());
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    let mut services = Services::new(store.clone(), writer, profiles, || Timestamp::from_micros(NOW).unwrap());
    services.storage.register = Some(store.clone());
    services.plant.log = Some(log());
    services.plant.queries = Some(Arc::default());
    services.plant.metrics = Some(MetricsText::new(|| "up 1\n".to_owned()));
    #[cfg(feature = "bugs")]
    keep_bugs(&mut services, store);
    let first = router(services.clone());
    let taken = call(&first, "POST", "/api/v1/samples:batch", &[], fixtures::DOCUMENTED_FRAME).await;
    assert_eq!(taken.0, StatusCode::OK);
    adjust(&mut services);
    router(services)
}

/// Gives services a tracker of bugs in memory.
#[cfg(feature = "bugs")]
fn keep_bugs(services: &mut Services, store: Arc<MemoryStore>) {
    use sqal_http::services::BugParts;
    use sqal_http::sqal_bugs::BugBook;
    use sqal_http::sqal_bugs::envelope::{FaultIntake, IntakeLimits};

    services.plant.bugs = Some(BugParts {
        book: BugBook::new(store, None, None, Arc::new(()), Arc::new(|| [7; 16])),
        zone: "Europe/Paris".parse().unwrap(),
        projects: Arc::default(),
        page: None,
        intake: Arc::new(FaultIntake::new(IntakeLimits::default())),
    });
}

/// The control of a log that lasts as long as the process.
fn log() -> LogControl {
    let (control, filter) = LogControl::new::<tracing_subscriber::Registry>("info".parse().unwrap(), &[]);
    let _kept = Box::leak(Box::new(filter));
    control
}

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 9);

async fn call(
    app: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (StatusCode, HeaderMap, Option<Value>) {
    let path = if path == ID { format!("/api/v1/samples/{}", sample_id(app).await) } else { path.to_owned() };
    let mut request = Request::builder().method(method).uri(&path).extension(ConnectInfo(PEER));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if path.ends_with("/commands") { r#"{"name":"simulator.pause"}"# } else { body };
    // The frame becomes one line of a batch.
    let body: String = body.split_whitespace().collect();
    let response = app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    // A stream of events has no end.
    if headers.get("content-type").is_some_and(|kind| kind == "text/event-stream") {
        return (status, headers, None);
    }
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    (status, headers, serde_json::from_slice(&bytes).ok())
}

/// The id of the sample that is there, as the list shows it.
async fn sample_id(app: &Router) -> String {
    let request = Request::get("/api/v1/samples?limit=1").header("authorization", "Bearer viewer");
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
    let page: Value = serde_json::from_slice(&bytes).unwrap();
    page["items"][0]["id"].as_str().unwrap_or("00000000-0000-7000-8000-000000000000").to_owned()
}

fn token(grant: Grant, text: &str) -> Token {
    Token { name: Name::new(text).unwrap(), grant, sha256: TokenHash::of(text), until: None }
}

/// One token of each kind. The text of each token is its name.
fn tokens() -> Access {
    let device = Grant::Device(Name::new("ESP32_SIM_1234").unwrap());
    let tokens = vec![
        token(device, "device"),
        token(Grant::Device(Name::new("ESP32_OTHER").unwrap()), "other device"),
        token(Grant::Gateway, "gateway"),
        token(Grant::Role(Role::Viewer), "viewer"),
        token(Grant::Role(Role::QualityEngineer), "engineer"),
        token(Grant::Role(Role::Administrator), "administrator"),
    ];
    Access::of(TokenFile { tokens }).unwrap()
}

/// API-10: every route answers a valid call, refuses an invalid one with a problem, and is counted
/// under its own name (MET-01).
#[tokio::test]
async fn every_route_has_a_good_call_and_a_bad_one_and_is_measured() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    let app = app(|services| services.door.quotas = Arc::new(Quotas::none())).await;
    for (route, calls) in every() {
        let (good, bad) = (calls.good, calls.bad);
        let (status, ..) = call(&app, route.method, good.0, &[], fixtures::DOCUMENTED_FRAME).await;
        assert_eq!(status.as_u16(), good.1, "{}: {}", route.path, good.0);
        let (status, headers, problem) = call(&app, bad.0, bad.1, &[], "").await;
        assert_eq!(status.as_u16(), bad.2, "{}: {} {}", route.path, bad.0, bad.1);
        assert_eq!(headers["content-type"], "application/problem+json", "{}", route.path);
        let problem = problem.unwrap();
        assert_eq!(problem["status"], bad.2, "{problem}");
        if bad.2 == 405 {
            assert!(headers.contains_key("allow"), "{}", route.path);
        }
        if bad.2 == 400 {
            assert_eq!(problem["message"], "Erreur de validation des données", "{problem}");
            assert!(!problem["errors"].as_object().unwrap().is_empty(), "{problem}");
        }
    }
    let counted: BTreeSet<(String, String)> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == "http_requests_total")
        .map(|(key, ..)| {
            let label = |name| key.key().labels().find(|label| label.key() == name).unwrap().value().to_owned();
            (label("method"), label("endpoint"))
        })
        .collect();
    for route in routes() {
        let name = (route.method.to_owned(), route.path.to_owned());
        assert!(counted.contains(&name), "{name:?} was not counted");
    }
}

/// Found by a search: a part of a path that is not valid text (`%AA`) was refused in plain words.
#[tokio::test]
async fn a_path_that_is_no_text_is_a_problem_too() {
    let app = app(|services| services.door.quotas = Arc::new(Quotas::none())).await;
    let mut count = 0;
    for route in routes() {
        let Some((start, rest)) = route.path.split_once('{') else { continue };
        let path = format!("{start}%AA{}", rest.split_once('}').unwrap().1);
        let (status, headers, _) = call(&app, route.method, &path, &[], "").await;
        assert_eq!(
            (status.as_u16(), &headers["content-type"]),
            (404, &"application/problem+json".parse().unwrap()),
            "{path}"
        );
        count += 1;
    }
    assert!(count >= 13, "{count}");
}

/// SEC: calls without a token, with a wrong one, and with a token for something else.
#[tokio::test]
async fn every_route_asks_who_one_is_and_whether_they_may() {
    let access = Arc::new(tokens());
    let app = app(|services| {
        services.door.access = access;
        services.door.quotas = Arc::new(Quotas::none());
    })
    .await;
    for (route, calls) in every() {
        let asks = async |token: &str| {
            let bearer = format!("Bearer {token}");
            let (status, headers, _) = call(&app, route.method, calls.good.0, &[("authorization", &bearer)], "").await;
            (status.as_u16(), headers)
        };
        let may: &[&str] = match route.who {
            Who::Everyone => continue,
            Who::Device => &["device", "other device", "gateway"],
            Who::Person(Role::Viewer) => &["viewer", "engineer", "administrator"],
            Who::Person(Role::QualityEngineer) => &["engineer", "administrator"],
            Who::Person(Role::Administrator) => &["administrator"],
        };
        for token in ["device", "other device", "gateway", "viewer", "engineer", "administrator"] {
            let (status, _) = asks(token).await;
            let wanted = if may.contains(&token) { calls.good.1 } else { 403 };
            assert_eq!(status, wanted, "{} as {token}", route.path);
        }
        let (status, headers) = asks("stranger").await;
        assert_eq!((status, &headers["www-authenticate"]), (401, &"Bearer".parse().unwrap()), "{}", route.path);
        let (status, ..) = call(&app, route.method, calls.good.0, &[], "").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", route.path);
        // A token in the URL is ignored, because every log on the way would record it.
        let query = format!(
            "{}{}access_token=viewer&token=viewer",
            calls.good.0,
            if calls.good.0.contains('?') { '&' } else { '?' }
        );
        if calls.good.0 != ID {
            let (status, ..) = call(&app, route.method, &query, &[], "").await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", route.path);
        }
    }
}

/// RTL-05, RTL-06: every route that does work has a quota, reports what is left of it, and refuses
/// the call after the last.
#[tokio::test]
async fn every_route_is_limited() {
    let two = Quota::new(2.try_into().unwrap(), Duration::from_hours(1));
    let limited = [Class::Read, Class::Summary, Class::Create, Class::SignIn];
    let app = app(|services| {
        let quotas = limited.into_iter().try_fold(Quotas::none(), |quotas, class| quotas.with(class, two)).unwrap();
        services.door.quotas = Arc::new(quotas);
    })
    .await;
    let mut count = 0;
    for (route, calls) in every() {
        let ask = async || call(&app, route.method, calls.good.0, &[], "").await;
        let (_, first, _) = ask().await;
        let (_, second, _) = ask().await;
        let (status, headers, problem) = ask().await;
        if route.class == Class::Unlimited {
            assert_eq!(status.as_u16(), calls.good.1, "{}", route.path);
            assert!(!headers.contains_key("ratelimit"), "{}", route.path);
            continue;
        }
        count += 1;
        let name = route.class.as_str();
        assert_eq!(first["ratelimit-policy"], format!("\"{name}\";q=2;w=3600"), "{}", route.path);
        assert_eq!(first["ratelimit"], format!("\"{name}\";r=1;t=1800"), "{}", route.path);
        assert_eq!(second["ratelimit"], format!("\"{name}\";r=0;t=3600"), "{}", route.path);
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{}", route.path);
        assert_eq!(headers["retry-after"], "1800", "{}", route.path);
        assert_eq!(problem.unwrap()["type"], "/problems/too-many-requests", "{}", route.path);
    }
    assert!(count >= 14, "{count}");
}

/// The path to which a `Link` with this relation leads from a path of the router.
fn linked(headers: &HeaderMap, from: &str, relation: &str) -> String {
    let links = headers["link"].to_str().unwrap();
    let link = links.split(", ").find(|link| link.contains(&format!("; rel=\"{relation}\""))).unwrap();
    let target = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    let mut folders: Vec<_> = from.split('/').collect();
    folders.pop();
    for part in target.split('/') {
        if part == ".." {
            folders.pop().unwrap();
        } else {
            folders.push(part);
        }
    }
    folders.join("/")
}

/// API-04, API-05, C-10, C-11: an older path answers as its successor does, and names it and the
/// page about moving there. If the older paths are switched off, they still name their successors.
/// Only a path with a successor is deprecated.
#[tokio::test]
async fn older_paths_say_what_takes_their_place() {
    let known: BTreeSet<_> = routes().into_iter().map(|route| (route.method, route.path)).collect();
    let (on, off) = (app(|_| {}).await, app(|services| services.door.legacy = Legacy::answering(false)).await);
    let mut older = 0;
    for route in routes() {
        let Some(successor) = route.successor.map(|successor| successor.path) else { continue };
        older += 1;
        assert!(known.contains(&(route.method, successor)), "{successor} is there");
        let (status, headers, body) = call(&on, route.method, route.path, &[], "").await;
        let (_, _, same) = call(&on, route.method, successor, &[], "").await;
        assert_eq!((status, body), (StatusCode::OK, same));
        assert_eq!(headers["deprecation"], "@1795219200");
        assert_eq!(linked(&headers, route.path, "successor-version"), successor);
        assert_eq!(linked(&headers, route.path, "deprecation"), "/docs/versions");
        let (status, gone, problem) = call(&off, route.method, route.path, &[], "").await;
        assert_eq!((status, problem.unwrap()["type"].as_str()), (StatusCode::GONE, Some("/problems/gone")));
        assert_eq!(gone["link"], headers["link"]);
        let (status, headers, _) = call(&off, route.method, successor, &[], "").await;
        assert_eq!((status, headers.get("deprecation")), (StatusCode::OK, None));
    }
    assert_eq!(older, 2);
}

/// API-06: the page about moving, and `docs/versions.md`, name every deprecated path beside its
/// successor. The page has the same paths in both languages, and needs nothing but itself.
#[tokio::test]
async fn api_06_the_page_about_moving_names_every_deprecated_path() {
    let app = app(|_| {}).await;
    let response = app.oneshot(Request::get("/docs/versions").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
    let page = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(!page.contains("<script") && !page.contains("://"), "it needs nothing else");
    let (english, french) = page.split_once("<section id=\"fr\" lang=\"fr\">").unwrap();
    let written = include_str!("../../docs/versions.md");
    let mut deprecated = 0;
    for route in routes() {
        let Some(successor) = route.successor else { continue };
        deprecated += 1;
        let (method, older, newer) = (route.method, route.path, successor.path);
        let row = format!("<td><code>{method} {older}</code></td><td><code>{method} {newer}</code></td>");
        assert!(english.contains(&row) && french.contains(&row), "{row}");
        assert!(written.contains(&format!("| `{method} {older}` | `{method} {newer}` |")), "{older}");
    }
    for text in [english, french] {
        assert_eq!(text.matches("<td>").count(), deprecated * 2, "no other path is said to be deprecated");
        assert_eq!(text.matches("<li><strong>").count(), 4, "the documented four steps");
    }
}

/// A device hands in its own samples, a gateway those of any device, and a person none.
#[tokio::test]
async fn no_token_speaks_for_another_device() {
    let access = Arc::new(tokens());
    let app = app(|services| services.door.access = access).await;
    let hand_in = async |token: &str| {
        let bearer = format!("Bearer {token}");
        call(&app, "POST", "/api/v1/samples:batch", &[("authorization", &bearer)], fixtures::DOCUMENTED_FRAME).await
    };
    for token in ["device", "gateway"] {
        let (status, _, answer) = hand_in(token).await;
        assert_eq!(
            (status, answer.unwrap()["items"][0]["status"].as_str()),
            (StatusCode::OK, Some("duplicate")),
            "{token}"
        );
    }
    let (status, _, answer) = hand_in("other device").await;
    let answer = answer.unwrap();
    assert_eq!((status, answer["rejected"].as_u64()), (StatusCode::OK, Some(1)));
    assert_eq!(answer["items"][0]["problem"]["type"], "/problems/not-allowed", "{answer}");
    assert_eq!(hand_in("administrator").await.0, StatusCode::FORBIDDEN);
}

/// Calls with guessed tokens are slowed down, by address. A token that was right from that address
/// is not.
#[tokio::test]
async fn guessing_is_slow() {
    let access = Arc::new(tokens());
    let app = app(|services| services.door.access = access).await;
    let ask = async |path: &str, token: &str| {
        call(&app, "GET", path, &[("authorization", &*format!("Bearer {token}"))], "").await
    };
    assert_eq!(ask("/api/v1/samples", "viewer").await.0, StatusCode::OK);
    let mut statuses = Vec::new();
    for k in 0..8 {
        // On every kind of route whose answer shows whether a token was right. A wrong token that
        // is repeated is not another guess.
        let path = ["/api/v1/samples", "/api/v1/session", "/ws/sensors"][k % 3];
        statuses.push(ask(path, &format!("guess {k}")).await.0.as_u16());
        assert_eq!(ask(path, "guess 0").await.0.as_u16(), if k < 4 { 401 } else { 429 });
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    assert_eq!(call(&app, "GET", "/api/v1/samples", &[], "").await.0, StatusCode::UNAUTHORIZED, "no token is no guess");
    let (status, headers, problem) = ask("/api/v1/samples", "engineer").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "a right guess tells nothing");
    assert!(headers.contains_key("retry-after"), "{problem:?}");
    assert_eq!(ask("/api/v1/samples", "viewer").await.0, StatusCode::OK, "who was let in from there before goes on");
    let from_elsewhere = Request::get("/api/v1/samples")
        .header("authorization", "Bearer engineer")
        .extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 2], 9))));
    let answer = app.clone().oneshot(from_elsewhere.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "and so does who calls from elsewhere");
}

/// The forwarding headers of a stranger are ignored; those of a trusted proxy are believed.
#[tokio::test]
async fn forwarding_headers_are_believed_from_trusted_proxies_only() {
    let one = Quota::new(1.try_into().unwrap(), Duration::from_hours(1));
    let quotas = || Arc::new(Quotas::none().with(Class::Read, one).unwrap());
    let strangers = app(|services| services.door.quotas = quotas()).await;
    let proxied = app(|services| {
        services.door.quotas = quotas();
        services.door.trusted_proxies = vec![PEER.ip()];
    })
    .await;
    let ask = async |app: &Router, from: &str| {
        call(app, "GET", "/api/v1/samples/latest", &[("x-forwarded-for", from)], "").await.0.as_u16()
    };
    assert_eq!([ask(&strangers, "203.0.113.1").await, ask(&strangers, "203.0.113.2").await], [200, 429]);
    assert_eq!([ask(&proxied, "203.0.113.1").await, ask(&proxied, "203.0.113.2").await], [200, 200]);
    let two = [("x-forwarded-for", "198.51.100.9"), ("x-forwarded-for", "203.0.113.1")];
    assert_eq!(call(&proxied, "GET", "/api/v1/samples/latest", &two, "").await.0.as_u16(), 429, "lines are one list");
    assert_eq!(
        ask(&proxied, "198.51.100.9, 203.0.113.2").await,
        429,
        "what the client said of itself is not believed either"
    );
    // An address with a port, with quotes, or with both is one client, in either field.
    for spelled in ["203.0.113.1:5001", "\"203.0.113.1\"", "203.0.113.1:443"] {
        assert_eq!(ask(&proxied, spelled).await, 429, "{spelled}");
    }
    for (spelled, status) in [("[2001:db8:1::7]:443", 200), ("\"[2001:db8:1::7]\"", 429), ("[2001:db8:2::7]:443", 200)]
    {
        assert_eq!(ask(&proxied, spelled).await, status, "{spelled}");
    }
    let by_field =
        async |fields: &[(&str, &str)]| call(&proxied, "GET", "/api/v1/samples/latest", fields, "").await.0.as_u16();
    assert_eq!(by_field(&[("forwarded", "for=\"[2001:db8:1::7]:443\";proto=https")]).await, 429);
    assert_eq!(by_field(&[("forwarded", "for=203.0.113.3")]).await, 200);
    // If both fields are there, one may be the client's own. Then the call is counted by the
    // proxy's address.
    let both = [("x-forwarded-for", "203.0.113.1"), ("forwarded", "for=203.0.113.4")];
    assert_eq!([by_field(&both).await, by_field(&both).await], [200, 429]);
    assert_eq!(ask(&proxied, "unknown").await, 429, "so is who cannot be known");
}

/// A browser's token is in a cookie that a script cannot read, and that does not authenticate a
/// page of another site.
#[tokio::test]
async fn a_browser_signs_in_with_a_cookie_that_only_its_own_page_uses() {
    let access = Arc::new(tokens());
    let app = app(|services| services.door.access = access).await;
    let begin = async |token: &str, origin: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("origin", origin), ("host", "sqal.example")];
        call(&app, "POST", "/api/v1/session", &headers, "").await
    };
    let (status, headers, session) = begin("viewer", "http://sqal.example").await;
    assert_eq!((status, session.unwrap()["role"].as_str()), (StatusCode::OK, Some("viewer")));
    let plain = headers["set-cookie"].to_str().unwrap().to_owned();
    let (kept, rest) = plain.split_once("; ").unwrap();
    assert_eq!(rest, "Path=/; HttpOnly; SameSite=Strict; Max-Age=43200");
    assert!(kept.starts_with("sqal_session=") && !kept.contains("viewer"), "a session is not the token: {kept}");
    let (_, headers, _) = begin("viewer", "https://sqal.example").await;
    let encrypted = headers["set-cookie"].to_str().unwrap();
    assert!(encrypted.starts_with("__Host-sqal_session=") && encrypted.ends_with("; Secure"), "{encrypted}");
    let (status, headers, _) = begin("device", "http://sqal.example").await;
    assert_eq!((status, headers.get("set-cookie")), (StatusCode::FORBIDDEN, None));
    assert_eq!(begin("stranger", "http://sqal.example").await.0, StatusCode::UNAUTHORIZED);

    // A device may ask who it is, which is how a new token is tested.
    for (token, device, gateway) in [("device", Some("ESP32_SIM_1234"), false), ("gateway", None, true)] {
        let (status, headers, session) =
            call(&app, "GET", "/api/v1/session", &[("authorization", &*format!("Bearer {token}"))], "").await;
        let session = session.unwrap();
        assert_eq!(
            (status, session["device_id"].as_str(), session["gateway"].as_bool()),
            (StatusCode::OK, device, Some(gateway))
        );
        assert_eq!(headers["cache-control"], "no-store");
    }
    let kept = format!("theme=dark; {kept}");
    let cookie = ("cookie", kept.as_str());
    let as_token = format!("Bearer {}", kept.rsplit('=').next().unwrap());
    assert_eq!(
        call(&app, "GET", "/api/v1/session", &[("authorization", &*as_token)], "").await.0,
        StatusCode::UNAUTHORIZED
    );
    let (status, _, session) = call(&app, "GET", "/api/v1/session", &[cookie], "").await;
    assert_eq!((status, session.unwrap()["name"].as_str()), (StatusCode::OK, Some("viewer")));
    assert_eq!(call(&app, "GET", "/api/v1/samples", &[cookie], "").await.0, StatusCode::OK);
    let end = async |origin: Option<&str>| {
        let origin = origin.map(|origin| ("origin", origin));
        let headers: Vec<_> = [cookie, ("host", "sqal.example")].into_iter().chain(origin).collect();
        call(&app, "DELETE", "/api/v1/session", &headers, "").await
    };
    for origin in [Some("http://evil.example"), Some("http://sqal.example.evil.example"), Some("null"), None] {
        assert_eq!(end(origin).await.0, StatusCode::FORBIDDEN, "{origin:?}");
    }
    assert_eq!(call(&app, "GET", "/api/v1/samples", &[cookie], "").await.0, StatusCode::OK);
    let (status, headers, _) = end(Some("http://sqal.example")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let forgotten: Vec<_> = headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(forgotten.len() == 2 && forgotten.iter().all(|cookie| cookie.contains("Max-Age=0")), "{forgotten:?}");
    assert_eq!(call(&app, "GET", "/api/v1/samples", &[cookie], "").await.0, StatusCode::UNAUTHORIZED, "it is over");
}

/// A page behind a proxy on any port signs in, if the proxy passes on the host under which it was
/// called.
#[tokio::test]
async fn a_page_behind_a_proxy_signs_in() {
    let access = Arc::new(tokens());
    let app = app(|services| {
        services.door.access = access;
        services.door.trusted_proxies = vec![PEER.ip()];
    })
    .await;
    let begin = async |host: &str, forwarded: Option<(&str, &str)>| {
        let own = [("authorization", "Bearer viewer"), ("origin", "https://plant:8443"), ("host", host)];
        let headers: Vec<_> = own.into_iter().chain(forwarded).collect();
        let (status, _, answer) = call(&app, "POST", "/api/v1/session", &headers, "").await;
        (status.as_u16(), answer.unwrap()["detail"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(begin("plant:8443", None).await.0, 200);
    assert_eq!(begin("plant", Some(("x-forwarded-port", "8443"))).await.0, 200);
    assert_eq!(begin("127.0.0.1:8000", Some(("x-forwarded-host", "plant:8443"))).await.0, 200);
    let (status, detail) = begin("plant", None).await;
    assert!(status == 403 && detail.contains("https://plant:8443") && detail.contains("$http_host"), "{detail}");
}

/// Any name can be made to mean this machine, so an open server shows nothing under a name that it
/// was not given.
#[tokio::test]
async fn an_open_server_answers_under_no_name_of_a_stranger() {
    let app = app(|services| services.door.allowed_hosts = vec!["line.example".to_owned()]).await;
    for route in routes().into_iter().filter(|route| route.method == "GET" && route.who != Who::Everyone) {
        let path = route.path.replace("{device_id}", "x").replace("{name}", "x").replace("{id}", "x");
        let (status, _, problem) = call(&app, "GET", &path, &[("host", "evil.example:8000")], "").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {problem:?}");
        assert!(problem.unwrap()["detail"].as_str().unwrap().contains("an allowed host name"));
        for host in ["127.0.0.1:8000", "localhost", "[::1]:8000", "line.example:8000"] {
            let (status, ..) = call(&app, "GET", &path, &[("host", host)], "").await;
            assert_ne!(status, StatusCode::FORBIDDEN, "{path} {host}");
        }
    }
    assert_eq!(call(&app, "GET", "/health/live", &[("host", "probe")], "").await.0, StatusCode::OK);
}

/// Frames that were refused for good are kept with the reason. They are accepted in a replay once
/// the fault is mended, and only for the device that brought them.
#[tokio::test]
async fn dead_letters_are_kept_and_taken_after_all() {
    let access = Arc::new(tokens());
    let letters = Arc::new(sqal_http::DeadLetters::default());
    let not_before = async |earliest: i64| {
        let (access, letters) = (Arc::clone(&access), Arc::clone(&letters));
        app(|services| {
            services.door.access = access;
            services.line.dead_letters = letters;
            let profiles =
                Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
            let clock: Arc<dyn sqal_resilience::Clock> = Arc::new(sqal_resilience::SystemClock);
            let now = Timestamp::from_micros(NOW).unwrap();
            let not_before = Timestamp::from_micros(earliest).unwrap();
            let mut limits = sqal_http::FrameLimits::default();
            limits.not_before = not_before;
            services.line.intake = Arc::new(sqal_http::Intake::new(profiles, limits, Arc::new(move || now), clock));
        })
        .await
    };
    // With a wrong limit, a sample that is measured now looks as if its device's clock was never
    // set.
    let wrong = not_before(NOW + 3_600_000_000).await;
    let hand_in = async |token: &str, name: &str, device: &str| {
        let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
        (frame["sample_id"], frame["device_id"]) = (name.into(), device.into());
        let headers = [("authorization", &*format!("Bearer {token}"))];
        let (_, _, answer) = call(&wrong, "POST", "/api/v1/samples:batch", &headers, &frame.to_string()).await;
        answer.unwrap()["items"][0]["problem"]["status"].clone()
    };
    assert_eq!(hand_in("device", "own", "ESP32_SIM_1234").await, 400);
    assert_eq!(hand_in("other device", "forged", "ESP32_SIM_1234").await, 400);
    assert_eq!(hand_in("gateway", "carried", "ESP32_ANY").await, 400);

    let mended = not_before(0).await;
    let ask = async |method: &str, path: &str, token: &str| {
        let (status, _, body) =
            call(&mended, method, path, &[("authorization", &*format!("Bearer {token}"))], "").await;
        (status.as_u16(), body.unwrap())
    };
    assert_eq!(ask("GET", "/api/v1/dead-letters", "viewer").await.0, 403);
    let (_, kept) = ask("GET", "/api/v1/dead-letters", "engineer").await;
    let names: Vec<_> =
        kept["items"].as_array().unwrap().iter().map(|letter| letter["sample_id"].as_str().unwrap()).collect();
    assert_eq!(names, ["carried", "forged", "own"]);
    assert!(kept["items"][0]["detail"].as_str().unwrap().contains("set the device's clock"), "{kept}");
    let (_, replayed) = ask("POST", "/api/v1/dead-letters:replay", "engineer").await;
    assert_eq!(replayed, serde_json::json!({ "taken": 2, "refused": 1 }));
    // A mistyped grant is corrected, and the frames of its device are accepted.
    let device = Grant::Device(Name::new("ESP32_SIM_1234").unwrap());
    let mended_grant = vec![token(device, "other device"), token(Grant::Role(Role::Administrator), "engineer")];
    access.replace(TokenFile { tokens: mended_grant }).unwrap();
    let (_, replayed) = ask("POST", "/api/v1/dead-letters:replay", "engineer").await;
    assert_eq!(replayed, serde_json::json!({ "taken": 1, "refused": 0 }));
    let (_, kept) = ask("GET", "/api/v1/dead-letters", "engineer").await;
    assert_eq!(kept["items"].as_array().unwrap().len(), 0);
    let (_, there) = ask("GET", "/api/v1/samples", "engineer").await;
    assert_eq!(there["items"].as_array().unwrap().len(), 4, "the documented one, and each that was taken after all");
}

/// A watcher is authenticated again and again: its events end when the token is removed.
#[tokio::test(start_paused = true)]
async fn events_end_with_the_token() {
    let access = Arc::new(tokens());
    let same = Arc::clone(&access);
    let app = app(|services| services.door.access = same).await;
    let request = Request::get("/api/v1/events").header("authorization", "Bearer viewer").body(Body::empty()).unwrap();
    let mut body = app.clone().oneshot(request).await.unwrap().into_body();
    // For a minute, nothing but signs of life arrives.
    let minute = tokio::time::timeout(Duration::from_mins(1), async { while body.frame().await.is_some() {} });
    assert!(minute.await.is_err(), "it goes on");
    // The holder gets another token for the same purpose. A stream that was opened with the old
    // token ends, in case the old token was stolen.
    let renewed = Token { sha256: TokenHash::of("viewer's new one"), ..token(Grant::Role(Role::Viewer), "viewer") };
    access.replace(TokenFile { tokens: vec![renewed] }).unwrap();
    tokio::time::timeout(Duration::from_secs(21), async { while body.frame().await.is_some() {} }).await.unwrap();
}

/// CFG-05: a profile is read unchanged, by its hash. Another profile is tried on earlier samples
/// before it comes into force.
#[tokio::test]
async fn a_profile_is_tried_on_history() {
    let app = app(|services| services.door.quotas = Arc::new(Quotas::none())).await;
    let path = "/api/v1/profiles/foiegras_standard_barquette";
    let (_, headers, whole) = call(&app, "GET", path, &[], "").await;
    let (whole, tag) = (whole.unwrap(), headers["etag"].to_str().unwrap().to_owned());
    assert_eq!(tag, format!("\"{}\"", whole["hash"].as_str().unwrap()));
    let (_, _, latest) = call(&app, "GET", "/api/v1/samples/latest", &[], "").await;
    assert_eq!(latest.unwrap()["meta"]["profile_hash"], whole["hash"], "the one that samples name");
    for (known, status) in [(tag.as_str(), 304), ("*", 304), ("\"other\"", 200), (&format!("\"a\", W/{tag}"), 304)] {
        let (found, headers, body) = call(&app, "GET", path, &[("if-none-match", known)], "").await;
        assert_eq!((found.as_u16(), body.is_none()), (status, status == 304), "{known}");
        assert_eq!(headers["cache-control"], "private, no-cache");
    }

    let try_it = async |profile: &Value| {
        let (status, _, body) = call(&app, "POST", &format!("{path}/dry-run"), &[], &profile.to_string()).await;
        (status.as_u16(), body.unwrap())
    };
    let (status, same) = try_it(&whole["profile"]).await;
    assert_eq!((status, &same["samples"], &same["changed"]), (200, &1.into(), &0.into()));
    assert_eq!((&same["now"], same["grades"].as_array().unwrap().len()), (&same["tried"], 1));
    // With this profile, no tray is perfect enough to be sold.
    let mut strict = whole["profile"].clone();
    strict["version"] = 2.into();
    strict["tof"]["max_tilt_deg"] = 0.001.into();
    strict["incomplete"] = "REJECT".into();
    for grade in ["a_plus", "a", "b", "c"] {
        strict["guard"][grade] = 0.999_999.into();
    }
    let (status, tried) = try_it(&strict).await;
    assert_eq!(status, 200, "{tried}");
    assert_eq!((&tried["samples"], &tried["changed"], &tried["tried"]["version"]), (&1.into(), &1.into(), &2.into()));
    let example = &tried["examples"][0];
    assert_ne!(example["tried"], example["now"]);
    assert!(example["en"].as_str().unwrap().starts_with(example["tried"].as_str().unwrap()), "{example}");
    // The profile was only tried: the one in force is unchanged.
    assert_eq!(call(&app, "GET", path, &[], "").await.2.unwrap(), whole);

    for (place, value, pointer) in [
        ("max_tilt_deg", Value::from("steep"), "/tof/max_tilt_deg"),
        ("max_tild_deg", 1.into(), "/tof/max_tild_deg"),
        ("max_tilt_deg", (-1).into(), ""),
    ] {
        let mut wrong = whole["profile"].clone();
        wrong["tof"][place] = value;
        let (status, problem) = try_it(&wrong).await;
        assert_eq!((status, problem["violations"][0]["pointer"].as_str()), (400, Some(pointer)), "{problem}");
    }
}

/// The audit log shows which caller stopped a line, erased evidence, or guessed tokens.
#[tokio::test]
async fn deeds_are_written_down() {
    let (access, store) = (Arc::new(tokens()), Arc::new(MemoryStore::new()));
    let audit = Arc::clone(&store);
    let app = app(|services| {
        services.door.access = access;
        services.storage.custody = Some(store);
    })
    .await;
    for (method, path, token) in [
        ("POST", "/api/v1/devices/ESP32_SIM_1234/commands", "administrator"),
        ("POST", "/api/v1/dead-letters:replay", "engineer"),
        ("DELETE", "/api/v1/dead-letters?device_id=ESP32_OTHER", "administrator"),
        ("DELETE", "/api/v1/dead-letters", "administrator"),
        ("GET", "/api/v1/samples", "a guess"),
        ("GET", "/api/v1/samples", "viewer"),
    ] {
        let headers = [("authorization", &*format!("Bearer {token}"))];
        call(&app, method, path, &headers, "").await;
        // The action is written beside its answer.
        tokio::task::yield_now().await;
    }
    let mut lines = Vec::new();
    while lines.len() < 5 {
        tokio::task::yield_now().await;
        lines = audit.audit(0, 100).await.unwrap();
    }
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.action.actor.as_str(), line.action.category.as_str(), line.action.what.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("administrator", "command", "command simulator.pause to ESP32_SIM_1234: away"),
            ("engineer", "dead_letters", "dead letters replayed: 0 taken, 0 refused"),
            ("administrator", "dead_letters", "0 dead letters erased, of ESP32_OTHER"),
            ("administrator", "dead_letters", "0 dead letters erased, of all devices"),
            ("anybody", "sign_in", "1 wrong tokens since the last such line"),
        ]
    );
    assert!(audit.verify_audit().await.unwrap().is_ok());
}

//! Faults that programs report as Sentry's clients do: keys, encodings, limits and broken
//! envelopes.

use std::io::Write as _;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use sqal_core::Timestamp;
use sqal_http::sqal_bugs::envelope::WriteTally;

use crate::plant::{EVENTS, KEY, NEXT_KEY, Plant, Raw, SECOND, told};

const ID: &str = "9ec79c33ec9942ab8353589fcb2e04dc";

/// An envelope with these items, each with its header and its bytes.
fn envelope(items: &[(Value, &str)]) -> String {
    let mut text = json!({ "event_id": ID }).to_string();
    for (header, payload) in items {
        text.extend(["\n", &header.to_string(), "\n", payload]);
    }
    text
}

/// An event of a device.
fn event(message: &str) -> String {
    json!({
        "event_id": ID, "message": message, "level": "error", "release": "2.3.1", "server_name": "ESP32_001",
        "user": { "email": "jean.dupont@example.com" },
    })
    .to_string()
}

fn one(message: &str) -> String {
    envelope(&[(json!({ "type": "event" }), &event(message))])
}

async fn send(plant: &Plant, body: impl Into<axum::body::Body>) -> Raw {
    plant.raw("POST", &format!("/api/1/envelope/?sentry_version=7&sentry_key={KEY}"), &[], body).await
}

async fn written(plant: &Plant) -> WriteTally {
    let now = Timestamp::from_micros(plant.clock.load(Ordering::Relaxed)).unwrap();
    plant.intake.write(&plant.book, now).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn bug_12_equal_events_are_one_bug_without_the_person() {
    let plant = Plant::new();
    for _ in 0..3 {
        let taken = send(&plant, one("valve 7 stuck")).await;
        assert_eq!((taken.status, taken.text()), (200, format!("{{\"id\":\"{ID}\"}}").as_str()));
    }
    let tally = written(&plant).await;
    assert_eq!((tally.events, tally.new_bugs), (3, 1));
    let list = plant.get("/api/v1/bugs").await;
    let bug = &list["items"][0];
    assert_eq!((&list["total"], &bug["source"], &bug["group"]["count"]), (&json!(1), &json!("device"), &json!(3)));
    assert!(!list.to_string().contains("jean.dupont"), "{list}");
}

#[tokio::test]
async fn a_fault_that_comes_back_after_it_was_resolved_has_regressed() {
    let plant = Plant::new();
    assert_eq!(send(&plant, one("valve stuck")).await.status, 200);
    written(&plant).await;
    let id = plant.get("/api/v1/bugs").await["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/bugs/{id}");
    assert_eq!(plant.marie("PATCH", &path, &json!({ "status": "resolved" })).await.status, 200);
    plant.later(SECOND);
    let again = event("valve stuck").replace("2.3.1", "2.4.0");
    assert_eq!(send(&plant, envelope(&[(json!({ "type": "event" }), &again)])).await.status, 200);
    assert_eq!(written(&plant).await.regressed_bugs, 1);
    let bug = plant.get(&path).await;
    assert_eq!((&bug["status"], &bug["group"]["regressed_in"]), (&json!("open"), &json!("2.4.0")), "{bug}");
}

#[tokio::test]
async fn a_key_is_sent_in_the_query_a_field_or_the_envelope() {
    let plant = Plant::new();
    let auth = format!("Sentry sentry_version=7, sentry_key={KEY}, sentry_client=test/1");
    let by_field = plant.raw("POST", "/api/1/envelope/", &[("x-sentry-auth", &auth)], one("a")).await;
    assert_eq!(by_field.status, 200, "{}", by_field.text());
    let with_dsn = one("a").replacen('{', &format!("{{\"dsn\":\"http://{KEY}@plant.example/1\","), 1);
    assert_eq!(plant.raw("POST", "/api/1/envelope/", &[], with_dsn.clone()).await.status, 200);
    let by_store = plant.raw("POST", &format!("/api/1/store/?sentry_key={KEY}"), &[], event("a")).await;
    assert_eq!((by_store.status, by_store.json()), (200, json!({ "id": ID })));
    let wrong_dsn = with_dsn.replace(KEY, "another");
    for (path, auth, body, status) in [
        ("/api/1/envelope/", "", one("a"), 401),
        ("/api/1/store/", "", event("a"), 401),
        ("/api/1/envelope/", "Sentry sentry_version=7", one("a"), 401),
        ("/api/1/envelope/?sentry_key=another", "", one("a"), 403),
        ("/api/1/envelope/", "", wrong_dsn, 403),
        ("/api/1/store/?sentry_key=of+the+page", "", event("a"), 403),
        ("/api/7/envelope/?sentry_key=another", "", one("a"), 403),
        ("/api/none/envelope/?sentry_key=another", "", one("a"), 404),
    ] {
        let refused = plant.raw("POST", path, &[("x-sentry-auth", auth)], body).await;
        assert_eq!(refused.status, status, "{path}: {}", refused.text());
        assert!(refused.json()["detail"].as_str().unwrap().len() > 5, "{}", refused.text());
    }
    let page = plant.raw("POST", "/api/2/store/?sentry_key=of+the+page", &[], event("a")).await;
    assert_eq!(page.status, 200, "another project has its own key");
}

#[tokio::test]
async fn an_envelope_is_read_compressed_and_a_bomb_is_refused_with_the_limit() {
    let plant = Plant::new();
    let path = format!("/api/1/envelope/?sentry_key={KEY}");
    let packed = plant.raw("POST", &path, &[("content-encoding", "gzip")], gzip(one("a").as_bytes())).await;
    assert_eq!(packed.status, 200, "{}", packed.text());
    let bomb = gzip(&vec![b'\n'; 64 * 1024 * 1024]);
    assert!(bomb.len() < 128 * 1024);
    for path in [&path, &format!("/api/1/store/?sentry_key={KEY}")] {
        let refused = plant.raw("POST", path, &[("content-encoding", "gzip")], bomb.clone()).await;
        let (pointer, value, limit) = told(&refused.json()).remove(0);
        assert_eq!((refused.status, pointer.as_str()), (413, ""), "{}", refused.text());
        let most = if path.contains("store") { 1_048_576 } else { 11_534_336 };
        assert_eq!((value, limit), (format!("more than {most} bytes"), format!("at most {most} bytes")));
    }
    let brotli = plant.raw("POST", &path, &[("content-encoding", "br")], one("a")).await;
    assert_eq!((brotli.status, &brotli.headers["accept-encoding"]), (415, &"gzip".parse().unwrap()));
}

#[tokio::test]
async fn a_broken_envelope_is_refused_with_the_item_the_value_and_the_limit() {
    let plant = Plant::new();
    let item = |header: Value, payload: &str| envelope(&[(header, payload)]);
    let many = envelope(&vec![(json!({ "type": "session" }), "{}"); 201]);
    let large = item(json!({ "type": "event" }), &format!("\"{}\"", "x".repeat(1024 * 1024)));
    for (body, status, pointer, value, limit) in [
        (String::new(), 400, "/header", "", "one JSON object"),
        ("not JSON\n".to_owned(), 400, "/header", "", "one JSON object"),
        (item(json!("event"), "{}"), 400, "/items/0/header", "", "one JSON object"),
        (item(json!({ "type": "event", "length": 100 }), "{}"), 400, "/items/0/length", "100", "at most 2"),
        (item(json!({ "type": "event", "length": 1 }), "{}"), 400, "/items/0/length", "1", "line feed"),
        (item(json!({ "type": "event" }), "[]"), 400, "/items/0", "", "an event"),
        (many, 400, "/items", "more than 200 items", "at most 200 items"),
        (large, 413, "/items/0", "bytes", "at most 1048576 bytes"),
    ] {
        let refused = send(&plant, body).await;
        let (found, shown, limits) = told(&refused.json()).remove(0);
        assert_eq!((refused.status, found.as_str()), (status, pointer), "{}", refused.text());
        assert!(shown.contains(value) && limits.contains(limit), "{}", refused.text());
    }
    let refused = plant.raw("POST", &format!("/api/1/store/?sentry_key={KEY}"), &[], "no event").await;
    assert_eq!((refused.status, told(&refused.json())[0].0.as_str()), (400, ""));
    assert_eq!(plant.intake.waiting(), 0, "nothing was taken");
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_told_when_to_come_back() {
    let plant = Plant::new();
    for _ in 0..EVENTS {
        assert_eq!(send(&plant, one("a")).await.status, 200);
    }
    let refused = send(&plant, one("a")).await;
    assert_eq!((refused.status, &refused.json()["type"]), (429, &json!("/problems/too-many-requests")));
    let seconds = refused.headers["retry-after"].to_str().unwrap();
    assert!((1..=3).contains(&seconds.parse::<u32>().unwrap()), "{seconds}");
    assert_eq!(refused.headers["x-sentry-rate-limits"], format!("{seconds}::key"));
    let next = plant.raw("POST", &format!("/api/1/store/?sentry_key={NEXT_KEY}"), &[], event("a")).await;
    assert_eq!(next.status, 200, "the next key of the project has its own limit");
    let page = plant.raw("POST", "/api/2/store/?sentry_key=of+the+page", &[], event("a")).await;
    assert_eq!(page.status, 200, "another key has its own limit");
}

#[tokio::test]
async fn sessions_are_accepted_and_a_file_comes_with_its_event() {
    let plant = Plant::new();
    let session = envelope(&[(json!({ "type": "session" }), "{\"status\":\"exited\"}")]);
    assert_eq!(send(&plant, session).await.status, 200);
    assert_eq!((plant.intake.waiting(), written(&plant).await.new_bugs), (0, 0), "and not stored");
    let header = json!({ "type": "attachment", "length": 4, "filename": "boot.log", "content_type": "text/plain" });
    let crash = envelope(&[(json!({ "type": "event" }), &event("a")), (header, "boot")]);
    assert_eq!(send(&plant, crash).await.status, 200);
    assert_eq!(written(&plant).await.files, 1);
    let id = plant.get("/api/v1/bugs").await["items"][0]["id"].as_str().unwrap().to_owned();
    let files = plant.get(&format!("/api/v1/bugs/{id}/attachments")).await;
    assert_eq!(files["items"][0]["file_name"], json!("boot.log"), "{files}");
}

/// Both pages carry the DSN under which they report their own faults, and it is a valid one.
#[cfg(feature = "dashboard")]
#[tokio::test]
async fn the_pages_are_given_a_dsn_under_which_they_can_report() {
    let plant = Plant::new();
    for path in ["/", "/bugs"] {
        let page = plant.raw("GET", path, &[], axum::body::Body::empty()).await;
        assert!(page.text().contains("<meta name=\"sqal-dsn\" content=\"of the page@/2\" "), "{path}: {}", page.text());
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("connect-src 'self';"), "{path}: {policy}");
    }
    let taken = plant.raw("POST", "/api/2/envelope/?sentry_key=of+the+page", &[], one("a")).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
}

//! Which callers may do what with bugs, and what a service answers that has none.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use serde_json::{Value, json};
use sqal_http::router;
use sqal_storage::MemoryStore;

use crate::plant::{NOON, Plant, ask, minimal, services, told, with};

#[tokio::test]
async fn a_viewer_reports_and_reads_and_changes_nothing() {
    let plant = Plant::new();
    let reported = plant.as_person("paul", "POST", "/api/v1/bugs", &minimal()).await;
    assert_eq!(reported.status, 201, "{}", reported.body);
    let path = format!("/api/v1/bugs/{}", reported.body["id"].as_str().unwrap());
    for (method, path) in [
        ("PATCH", path.clone()),
        ("POST", format!("{path}/comments")),
        ("POST", format!("{path}/attachments?name=a.txt")),
        ("DELETE", format!("{path}/attachments/{}", "00000000-0000-4000-8000-000000000000")),
    ] {
        for path in [path.replace("/api/v1/", "/api/"), path] {
            assert_eq!(plant.as_person("paul", method, &path, &json!({})).await.status, 403, "{method} {path}");
            assert_eq!(ask(&plant.app, method, &path, &[], &json!({})).await.status, 401, "{method} {path}");
        }
    }
    for beside in ["", "/history", "/attachments", "/comments"] {
        assert_eq!(
            plant.as_person("paul", "GET", &format!("{path}{beside}"), &Value::Null).await.status,
            200,
            "{beside}"
        );
    }
    for path in ["/api/bugs", "/api/bugs/metrics/trends", "/api/v1/bugs/fields"] {
        assert_eq!(ask(&plant.app, "GET", path, &[], &Value::Null).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn bug_06_internal_comments_and_reporters_are_for_engineers_and_administrators() {
    let plant = Plant::new();
    let mut bug = with("reportedBy", "Jean Dupont");
    bug["reported_by_email"] = json!("jean.dupont@example.com");
    let path = plant.reported(&bug).await;
    for (text, is_internal) in [("for all", false), ("among us", true)] {
        let comment = json!({ "comment": text, "is_internal": is_internal });
        assert_eq!(plant.marie("POST", &format!("{path}/comments"), &comment).await.status, 201);
    }
    for (person, sees) in [("anne", true), ("marie", true), ("paul", false)] {
        let shown = plant.as_person(person, "GET", &path, &Value::Null).await.body;
        let count = shown["comments"].as_array().unwrap().len();
        assert_eq!((shown["reported_by"].is_null(), count), (!sees, if sees { 2 } else { 1 }), "{person}: {shown}");
        let mail = if sees { json!("jean.dupont@example.com") } else { Value::Null };
        assert_eq!(shown["reported_by_email"], mail, "{person}");
        let subject = path.rsplit('/').next().filter(|_| sees).map(|id| format!("bug-{id}"));
        assert_eq!(shown["reporter_subject"], json!(subject), "{person}");
        let listed = plant.as_person(person, "GET", &format!("{path}/comments"), &Value::Null).await.body;
        assert_eq!(listed["items"].as_array().unwrap().len(), count, "{person}: {listed}");
        let history = plant.as_person(person, "GET", &format!("{path}/history"), &Value::Null).await.body;
        assert!(!history.to_string().contains("Dupont"), "{history}");
    }
}

#[tokio::test]
async fn without_a_key_a_report_that_names_a_person_is_refused_and_not_repeated() {
    let plant = Plant::with_key(false);
    let mut bug = with("reportedByEmail", "jean.dupont@example.com");
    bug["reported_by"] = json!("Jean Dupont");
    let refused = plant.marie("POST", "/api/bugs/", &bug).await;
    assert_eq!((refused.status, &refused.body["type"]), (422, &json!("/problems/no-key")), "{}", refused.body);
    let places: Vec<_> = told(&refused.body).into_iter().map(|(pointer, value, _)| (pointer, value)).collect();
    let wanted = [("/reported_by", "…"), ("/reportedByEmail", "…")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(places, wanted);
    assert!(!refused.body.to_string().contains("upont"), "{}", refused.body);
    assert_eq!(plant.get("/api/v1/bugs").await["total"], json!(0));
    assert_eq!(plant.marie("POST", "/api/bugs/", &minimal()).await.status, 201);
}

#[tokio::test]
async fn every_route_of_a_service_without_bugs_says_that_it_has_none() {
    let app = router(services(&Arc::new(MemoryStore::new()), &Arc::new(AtomicI64::new(NOON))));
    let one = "/00000000-0000-4000-8000-000000000000";
    let gets = ["", one, "/fields", "/metrics/summary", "/metrics/trends"];
    let beside = ["/history", "/attachments"].map(|beside| format!("{one}{beside}"));
    let gets = gets.into_iter().map(str::to_owned).chain(beside).map(|path| ("GET", path, Value::Null));
    for (method, path, body) in gets.chain([("POST", String::new(), minimal())]) {
        for path in [format!("/api/bugs{path}"), format!("/api/v1/bugs{path}")] {
            let refused = ask(&app, method, &path, &[], &body).await;
            assert_eq!(refused.status, 404, "{method} {path}: {}", refused.body);
            assert!(refused.body["detail"].as_str().unwrap().contains("no bug tracker"), "{path}: {}", refused.body);
        }
    }
}

//! Profiles are decided on by callers that have read the one before, for every server and for good.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};
use sqal_core::{Name, Timestamp};
use sqal_http::{FrameLimits, Intake, Profile, Profiles, WallClock, router};
use sqal_resilience::SystemClock;
use sqal_storage::{
    Custody, MemoryStore, Register, StorageError,
    labels::{LabelName, LabelValue, Labels},
    register::{Entry, EntryKind, EntryName},
};

use crate::line::{Answer, FOIE, NOON, Server, ask, filled, profile, server, tag};

/// `If-Match`: a caller that decides has read the profile in force. Of two callers that decide at
/// once, one is refused.
#[tokio::test]
async fn a_profile_is_decided_on_by_who_has_seen_the_one_before() {
    let store = Arc::new(MemoryStore::new());
    let Server { app, .. } = server(&store, 1);
    let first = ask(&app, "GET", FOIE, &[], &Value::Null).await;
    let put = async |fields: &[(&str, &str)], body: &Value| ask(&app, "PUT", FOIE, fields, body).await;
    assert_eq!(put(&[], &profile(2, 3.0)).await.status, 428);
    assert_eq!(put(&[("if-match", "\"00\"")], &profile(2, 3.0)).await.status, 412);
    assert_eq!(put(&[("if-none-match", "*")], &profile(2, 3.0)).await.status, 412);
    let stale = put(&[("if-match", &tag(&first))], &profile(1, 3.0)).await;
    assert_eq!((stale.status, &stale.body["violations"][0]["pointer"]), (400, &json!("/version")), "{}", stale.body);
    let wrong = put(&[("if-match", &tag(&first))], &profile(2, -3.0)).await;
    assert_eq!(wrong.status, 400);
    let decided = put(&[("if-match", &tag(&first))], &profile(2, 3.0)).await;
    assert_eq!((decided.status, &decided.body["version"]), (200, &json!(2)), "{}", decided.body);
    assert!(!decided.headers.contains_key("etag"), "what was sent is not what GET shows (RFC 9110, 9.3.4)");
    assert_ne!(tag(&decided), tag(&first));
    let now = ask(&app, "GET", FOIE, &[], &Value::Null).await;
    assert_eq!((tag(&now), &now.body), (tag(&decided), &decided.body));
    // The request is sent again because its answer was lost: it was already executed.
    let again = put(&[("if-match", &tag(&first))], &profile(2, 3.0)).await;
    assert_eq!((again.status, tag(&again)), (200, tag(&decided)));
    // A caller that has read only the first profile.
    assert_eq!(put(&[("if-match", &tag(&first))], &profile(3, 2.0)).await.status, 412);

    let truffle = "/api/v1/profiles/truffle";
    assert_eq!(ask(&app, "PUT", truffle, &[("if-match", "*")], &profile(1, 3.0)).await.status, 412);
    let made = ask(&app, "PUT", truffle, &[("if-none-match", "*")], &profile(1, 3.0)).await;
    assert_eq!((made.status, &made.body["name"]), (201, &json!("truffle")));
    for name in ["truffe%CC%81", "a%2Fb", ".hidden", "a%20b"] {
        let slip =
            ask(&app, "PUT", &format!("/api/v1/profiles/{name}"), &[("if-none-match", "*")], &profile(1, 3.0)).await;
        assert_eq!((slip.status, &slip.body["violations"][0]["pointer"]), (400, &json!("{name}")), "{}", slip.body);
    }
    let all = ask(&app, "GET", "/api/v1/profiles", &[], &Value::Null).await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 2);
}

/// A decision on one server is in force on all, also after a restart, and is in the audit log.
#[tokio::test]
async fn decisions_outlive_servers_and_are_shared_by_them() {
    let store = Arc::new(MemoryStore::new());
    let (one, other) = (server(&store, 1), server(&store, 1));
    let version =
        async |server: &Server| ask(&server.app, "GET", FOIE, &[], &Value::Null).await.body["version"].clone();
    let put = async |server: &Server, body: &Value| ask(&server.app, "PUT", FOIE, &[("if-match", "*")], body).await;
    assert_eq!(put(&one, &profile(2, 3.0)).await.status, 200);
    assert_eq!((version(&one).await, version(&other).await), (json!(2), json!(1)));
    // A server that does not know of the decision yet reads it before it decides.
    let tag_of_first = tag(&ask(&other.app, "GET", FOIE, &[], &Value::Null).await);
    let late = ask(&other.app, "PUT", FOIE, &[("if-match", &tag_of_first)], &profile(3, 3.0)).await;
    assert_eq!(late.status, 412);
    assert_eq!(version(&other).await, json!(2));
    assert_eq!(put(&one, &profile(4, 3.5)).await.status, 200);
    other.services.take_decisions().await.unwrap();
    assert_eq!(version(&other).await, json!(4));

    let restarted = server(&store, 1);
    restarted.services.take_decisions().await.unwrap();
    assert_eq!(version(&restarted).await, json!(4));
    // If the operator writes a higher version into the file, the file is in force.
    let newer = server(&store, 5);
    newer.services.take_decisions().await.unwrap();
    assert_eq!(version(&newer).await, json!(5));

    let told = ask(&one.app, "GET", &format!("{FOIE}/decisions"), &[], &Value::Null).await;
    let items = told.body["items"].as_array().unwrap();
    let versions: Vec<_> = items.iter().map(|one| (&one["number"], &one["profile"]["version"])).collect();
    assert_eq!(versions, [(&json!(2), &json!(4)), (&json!(1), &json!(2))]);
    assert_eq!(
        format!("\"{}\"", items[0]["hash"].as_str().unwrap()),
        tag(&ask(&one.app, "GET", FOIE, &[], &Value::Null).await)
    );
    assert_eq!(ask(&one.app, "GET", "/api/v1/profiles/none/decisions", &[], &Value::Null).await.status, 404);
    let log = store.audit(0, 10).await.unwrap();
    assert_eq!(log.len(), 2);
    assert!(log[1].action.what.as_str().starts_with("profile foie entry 2 sha256 "), "{log:?}");
}

/// A frame is judged by the profile that is in force when the frame arrives, and its sample names
/// that profile.
#[tokio::test]
async fn what_is_decided_judges() {
    let store = Arc::new(MemoryStore::new());
    let name = "foiegras_standard_barquette";
    let Server { mut services, .. } = server(&store, 1);
    let limits = FrameLimits::default();
    let now: WallClock = Arc::new(|| Timestamp::from_micros(NOON).unwrap());
    let profiles = Profiles::new([(name.parse().unwrap(), Profile::example())]).unwrap();
    services.line.intake = Arc::new(Intake::new(profiles, limits, now, Arc::new(SystemClock)));
    let app = router(services);
    let path = format!("/api/v1/profiles/{name}");
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    let mut judged_by = async |sample: &str| {
        frame["sample_id"] = sample.into();
        assert_eq!(ask(&app, "POST", "/api/v1/samples:batch", &[], &frame).await.body["persisted"], 1);
        let latest = ask(&app, "GET", "/api/v1/samples?limit=500", &[], &Value::Null).await.body;
        let items = latest["items"].as_array().unwrap();
        items.iter().find(|item| item["sample_id"] == sample).unwrap()["meta"]["profile_version"].clone()
    };
    assert_eq!(judged_by("before").await, 1);
    assert_eq!(ask(&app, "PUT", &path, &[("if-match", "*")], &profile(2, 3.0)).await.status, 200);
    assert_eq!(judged_by("after").await, 2);
}

/// A register whose every call yields, so that other calls come between.
#[derive(Debug)]
struct Slow(Arc<MemoryStore>);

#[async_trait::async_trait]
impl Register for Slow {
    async fn add(&self, entry: &Entry) -> Result<bool, StorageError> {
        tokio::task::yield_now().await;
        let added = self.0.add(entry).await;
        tokio::task::yield_now().await;
        added
    }

    async fn history(
        &self,
        kind: &EntryKind,
        name: &EntryName,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        tokio::task::yield_now().await;
        let history = self.0.history(kind, name, before, limit).await;
        tokio::task::yield_now().await;
        history
    }

    async fn newest(&self, kind: &EntryKind) -> Result<Vec<Entry>, StorageError> {
        tokio::task::yield_now().await;
        self.0.newest(kind).await
    }

    async fn labelled(
        &self,
        kind: &EntryKind,
        label: (&LabelName, &LabelValue),
        after: Option<&EntryName>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        self.0.labelled(kind, label, after, limit).await
    }

    async fn count_labels(&self, kind: &EntryKind, label: &LabelName) -> Result<Vec<(LabelValue, u64)>, StorageError> {
        self.0.count_labels(kind, label).await
    }
}

/// Of all callers that have read the same profile one decides, on one server or on two. The profile
/// in force is the one that they were answered.
#[tokio::test]
async fn of_several_who_decide_at_once_one_does() {
    let store = Arc::new(MemoryStore::new());
    let slow = || {
        let Server { mut services, .. } = server(&store, 1);
        services.storage.register = Some(Arc::new(Slow(Arc::clone(&store))));
        (router(services.clone()), services)
    };
    let ((one, services), (other, others)) = (slow(), slow());
    let seen = tag(&ask(&one, "GET", FOIE, &[], &Value::Null).await);
    let fields = [("if-match", seen.as_str())];
    // In every order of their versions, and some of them delayed by a few turns.
    let put = async |app: &Router, version: u32, turns: u32| {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        ask(app, "PUT", FOIE, &fields, &profile(version, 3.0)).await
    };
    let answers: [Answer; 6] = tokio::join!(
        put(&one, 3, 0),
        put(&one, 2, 1),
        put(&other, 4, 2),
        put(&other, 2, 0),
        put(&one, 5, 3),
        put(&other, 3, 1)
    )
    .into();
    let told: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    // Two of them may have decided the same; then both are answered so.
    assert!(!won.is_empty() && won.iter().all(|answer| answer.body == won[0].body), "{told:?}");
    assert!(answers.iter().all(|answer| [200, 412].contains(&answer.status)), "{told:?}");
    let newest = store.newest(&Name::new("profile").unwrap()).await.unwrap();
    assert_eq!((newest.len(), newest[0].version), (1, 1), "one decision");
    services.take_decisions().await.unwrap();
    others.take_decisions().await.unwrap();
    for app in [&one, &other, &server(&store, 1).app] {
        let is = ask(app, "GET", FOIE, &[], &Value::Null).await;
        if is.body["version"] != 1 {
            assert_eq!(is.body, won[0].body);
        }
    }
    assert_eq!(ask(&one, "GET", FOIE, &[], &Value::Null).await.body, won[0].body);
}

/// A decision of a newer program is not overwritten by a program that cannot read it.
#[tokio::test]
async fn what_cannot_be_read_was_not_seen() {
    let store = Arc::new(MemoryStore::new());
    let Server { app, services } = server(&store, 1);
    let at = Timestamp::from_micros(NOON).unwrap();
    for name in ["foie", "truffle"] {
        let (kind, name) = (Name::new("profile").unwrap(), Name::new(name).unwrap());
        let entry = Entry {
            kind,
            name,
            version: 1,
            body: r#"{"version":7,"of_tomorrow":1}"#.to_owned(),
            at,
            by: None,
            labels: Labels::new(),
        };
        assert!(store.add(&entry).await.unwrap());
    }
    services.take_decisions().await.unwrap();
    let seen = tag(&ask(&app, "GET", FOIE, &[], &Value::Null).await);
    let refused = ask(&app, "PUT", FOIE, &[("if-match", &seen)], &profile(2, 3.0)).await;
    assert_eq!((refused.status, &refused.body["type"]), (409, &json!("/problems/decision-unreadable")));
    let new = ask(&app, "PUT", "/api/v1/profiles/truffle", &[("if-none-match", "*")], &profile(2, 3.0)).await;
    assert_eq!(new.status, 409);
    let told = ask(&app, "GET", &format!("{FOIE}/decisions"), &[], &Value::Null).await;
    assert_eq!(told.body["items"][0]["profile"]["of_tomorrow"], 1, "it is shown as it was decided");
}

/// A profile of one server's file is decided on for all: the same profile, in the register.
#[tokio::test]
async fn what_a_file_says_is_made_to_hold_everywhere() {
    let store = Arc::new(MemoryStore::new());
    let (newer, older) = (server(&store, 5), server(&store, 4));
    let mut same = serde_json::to_value(Profile::example()).unwrap();
    same["version"] = 5.into();
    let decided = ask(&newer.app, "PUT", FOIE, &[("if-match", "*")], &same).await;
    assert_eq!((decided.status, store.audit(0, 10).await.unwrap().len()), (200, 1), "{}", decided.body);
    older.services.take_decisions().await.unwrap();
    assert_eq!(ask(&older.app, "GET", FOIE, &[], &Value::Null).await.body["version"], 5);
    for version in [4, 5 + 1002, u32::MAX] {
        let refused = ask(&newer.app, "PUT", FOIE, &[("if-match", "*")], &profile(version, 3.0)).await;
        assert_eq!((refused.status, &refused.body["violations"][0]["pointer"]), (400, &json!("/version")));
    }
}

/// A service without a register refuses decisions, because it would forget them.
#[tokio::test]
async fn without_a_register_nothing_is_decided() {
    let store = Arc::new(MemoryStore::new());
    filled(&store, 120).await;
    let Server { mut services, .. } = server(&store, 1);
    services.storage.register = None;
    services.take_decisions().await.unwrap();
    let app = router(services);
    let tray = json!({ "empty_tray": { "profile": "foie", "readings": { "from": "2026-11-21T11:58:00Z", "until": "2026-11-21T11:59:00Z" } } });
    for (method, path, body) in [
        ("PUT", FOIE, &profile(2, 3.0)),
        ("POST", "/api/v1/devices/ESP32_1/calibrations", &tray),
        ("GET", "/api/v1/devices/ESP32_1/calibrations", &Value::Null),
    ] {
        let refused = ask(&app, method, path, &[("if-match", "*")], body).await;
        assert!(
            refused.status == 404 && refused.body["detail"].as_str().unwrap().contains("register"),
            "{}",
            refused.body
        );
    }
}

//! Changes of a bug: merge patches, revisions, transitions and the history.

use serde_json::{Value, json};

use crate::plant::{Plant, SECOND, ask, minimal, told, with};

#[tokio::test]
async fn bug_05_a_patch_changes_what_it_names_and_null_clears() {
    let plant = Plant::new();
    let path = plant.reported(&with("category", "hardware")).await;
    plant.later(SECOND);
    let older = path.replace("/api/v1/", "/api/");
    for fields in
        [&[("content-type", "application/merge-patch+json")][..], &[("content-type", "application/json")], &[]]
    {
        let fields: Vec<_> = fields.iter().copied().chain([("authorization", "Bearer marie")]).collect();
        let patch = json!({ "assignee": "marie", "deviceId": "D1", "category": null, "tags": ["b", "a"] });
        let changed = ask(&plant.app, "PATCH", &older, &fields, &patch).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        assert_eq!((&changed.body["assignee"], &changed.body["deviceId"]), (&json!("marie"), &json!("D1")));
        assert_eq!((&changed.body["category"], &changed.body["tags"]), (&Value::Null, &json!(["a", "b"])));
        assert_eq!(changed.body["title"], minimal()["title"], "what is absent stays");
        assert_eq!(changed.body["revision"], json!(2), "a patch that changes nothing makes no revision");
        assert_eq!(changed.body["updatedAt"], json!("2026-11-21T12:00:01Z"));
    }
    for (media, status) in
        [("text/plain", 415), ("application/xml; charset=utf-8", 415), ("application/json; a=b", 200)]
    {
        let fields = [("authorization", "Bearer marie"), ("content-type", media)];
        let answer = ask(&plant.app, "PATCH", &path, &fields, &json!({})).await;
        assert_eq!(answer.status, status, "{media}");
        if status == 415 {
            assert_eq!(answer.body["type"], json!("/problems/unsupported-media-type"));
            assert!(answer.body["detail"].as_str().unwrap().contains(media), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_patch_on_a_stale_tag_is_refused() {
    let plant = Plant::new();
    let path = plant.reported(&minimal()).await;
    let read = plant.marie("GET", &path, &Value::Null).await;
    assert_eq!(read.headers["etag"], "\"1\"");
    let change = async |tag: &str, title: &str| {
        let fields = [("authorization", "Bearer marie"), ("if-match", tag)];
        ask(&plant.app, "PATCH", &path, &fields, &json!({ "title": title })).await
    };
    let changed = change("\"1\"", "one").await;
    assert_eq!((changed.status, &changed.headers["etag"]), (200, &"\"2\"".parse().unwrap()));
    for (tag, status) in [("\"1\"", 412), ("\"none\"", 412), ("W/\"2\"", 412), ("\"7\", \"2\"", 200), ("*", 200)] {
        let answer = change(tag, tag).await;
        assert_eq!(answer.status, status, "{tag}: {}", answer.body);
        if status == 412 {
            assert_eq!(answer.body["type"], json!("/problems/precondition-failed"));
        }
    }
    assert_eq!(plant.get(&path).await["title"], json!("*"));
    assert_eq!(plant.marie("PATCH", &path, &json!({ "title": "without" })).await.status, 200);
}

#[tokio::test]
async fn bug_10_only_the_steps_of_the_machine_are_allowed() {
    let plant = Plant::new();
    let path = plant.reported(&minimal()).await;
    let step = async |body: Value| plant.marie("PATCH", &path, &body).await;
    let refused = step(json!({ "status": "closed" })).await;
    assert_eq!((refused.status, &refused.body["type"]), (409, &json!("/problems/change-refused")), "{}", refused.body);
    assert_eq!(told(&refused.body)[0].0, "/why");
    assert!(told(&refused.body)[0].2.contains("closing without resolving"), "{}", refused.body);
    assert_eq!(step(json!({ "status": "closed", "why": "it is a duplicate" })).await.status, 200);
    let refused = step(json!({ "status": "resolved" })).await;
    let (pointer, value, limit) = told(&refused.body).remove(0);
    assert_eq!((refused.status, pointer.as_str(), value.as_str()), (409, "/status", "resolved"), "{}", refused.body);
    assert!(limit.contains("open or in_progress"), "{limit}");
    let reopened = step(json!({ "status": "open", "why": "it came back" })).await;
    assert_eq!((reopened.status, &reopened.body["reopened"]), (200, &json!(1)), "{}", reopened.body);
    assert_eq!(reopened.body["ended_at"], Value::Null);
    let unknown = step(json!({ "status": "done" })).await;
    assert_eq!((unknown.status, told(&unknown.body)[0].1.as_str()), (400, "done"));
    let id = path.rsplit('/').next().unwrap();
    let itself = plant.marie("PATCH", &path, &json!({ "duplicateOf": id })).await;
    assert_eq!((itself.status, told(&itself.body)[0].0.as_str()), (409, "/duplicateOf"), "{}", itself.body);
    for body in [json!({ "title": null }), json!({ "severity": null })] {
        let refused = step(body).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
    }
}

#[tokio::test]
async fn the_history_shows_each_change_as_a_difference() {
    let plant = Plant::new();
    let path = plant.reported(&minimal()).await;
    plant.later(SECOND);
    let patch = json!({ "status": "in_progress", "device_id": "D1" });
    assert_eq!(plant.as_person("anne", "PATCH", &path, &patch).await.status, 200);
    let history = plant.get(&format!("{path}/history")).await;
    let last = &history["items"][1];
    assert_eq!(
        (&last["revision"], &last["by"], &last["from"], &last["to"]),
        (&json!(2), &json!("anne"), &json!("open"), &json!("in_progress"))
    );
    let device = json!({ "field": "device_id", "before": null, "after": "D1" });
    assert!(last["changes"].as_array().unwrap().contains(&device), "{last}");
    assert_eq!((&history["items"][0]["from"], &history["next"]), (&Value::Null, &Value::Null));
    let older = plant.get(&format!("{}/history", path.replace("/api/v1/", "/api/"))).await;
    let device = json!({ "field": "deviceId", "before": null, "after": "D1" });
    assert!(older["items"][1]["changes"].as_array().unwrap().contains(&device), "{older}");
    let first = plant.get(&format!("{path}/history?limit=1")).await;
    assert_eq!((first["items"].as_array().unwrap().len(), &first["next"]), (1, &json!(1)));
    let rest = plant.get(&format!("{path}/history?after=1")).await;
    assert_eq!(rest["items"], json!([last]));
    let refused = plant.marie("GET", &format!("{path}/history?after=-1"), &Value::Null).await;
    assert_eq!((refused.status, told(&refused.body)[0].0.as_str()), (400, "?after"));
}

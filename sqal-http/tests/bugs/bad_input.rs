//! What is refused, each with its field, its value and its limit.

use serde_json::{Value, json};

use crate::plant::{Plant, minimal, told, with};

#[tokio::test]
async fn every_value_that_a_bug_cannot_have_is_named_with_its_limit() {
    let plant = Plant::new();
    let long = "é".repeat(201);
    for (body, pointer, value, limit) in [
        (with("title", ""), "/title", "", "1 to 200 characters"),
        (with("title", " \n"), "/title", "", "1 to 200 characters"),
        (with("title", long.as_str()), "/title", "éé", "1 to 200 characters"),
        (with("description", "x".repeat(3_000_000)), "/description", "xx", "1 to 20000 characters"),
        (with("reproductionSteps", "\u{0}"), "/reproductionSteps", "", "1 to 20000 characters"),
        (with("severity", "awful"), "/severity", "awful", "critical, high, medium or low"),
        (with("priority", "low!"), "/priority", "low!", "urgent, high, medium or low"),
        (with("category", "x".repeat(33)), "/category", "xx", "1 to 32 bytes"),
        (with("tags", vec!["a"; 21]), "/tags", "21 values", "at most 20 values"),
        (with("deviceId", ""), "/deviceId", "", "1 to 100 bytes"),
        (with("device_id", ""), "/device_id", "", "1 to 100 bytes"),
        (with("sampleId", "42"), "/sampleId", "42", "a UUID"),
        (with("duplicate_of", "42"), "/duplicate_of", "42", "a UUID"),
        (with("title", 7), "/title", "integer 7", "a text"),
        (with("tags", "a"), "/tags", "string \"a\"", "an array"),
        (with("tags", json!(["a", 7])), "/tags/1", "integer 7", "a text"),
    ] {
        for path in ["/api/bugs/", "/api/v1/bugs"] {
            let refused = plant.marie("POST", path, &body).await;
            let told = told(&refused.body);
            assert_eq!((refused.status, told.len(), told[0].0.as_str()), (400, 1, pointer), "{}", refused.body);
            assert!(told[0].1.starts_with(value), "{told:?}");
            assert!(told[0].2.contains(limit), "{told:?}");
            let french = refused.body["errors"][pointer.trim_start_matches('/').replace('/', ".")][0].as_str().unwrap();
            assert!(french.contains("attendu"), "{french}");
        }
    }
    assert_eq!(plant.get("/api/v1/bugs").await["total"], json!(0), "nothing was reported");
}

#[tokio::test]
async fn api_13_a_mail_address_without_a_domain_is_refused_and_not_repeated() {
    let plant = Plant::new();
    for address in ["jean.dupont", "jean.dupont@", "jean.dupont@localhost"] {
        let refused = plant.marie("POST", "/api/bugs/", &with("reportedByEmail", address)).await;
        let told = told(&refused.body);
        assert_eq!(
            (refused.status, told[0].0.as_str(), told[0].1.as_str()),
            (400, "/reportedByEmail", "…"),
            "{told:?}"
        );
        assert!(told[0].2.contains("mail address"), "{told:?}");
        assert!(!refused.body.to_string().contains("dupont"), "{}", refused.body);
    }
}

#[tokio::test]
async fn every_missing_field_is_told_at_once() {
    let plant = Plant::new();
    let refused = plant.marie("POST", "/api/v1/bugs", &json!({})).await;
    let places: Vec<_> = told(&refused.body).into_iter().map(|(pointer, ..)| pointer).collect();
    assert_eq!(
        (refused.status, places),
        (400, ["/title", "/description", "/severity", "/priority"].map(str::to_owned).to_vec())
    );
}

#[tokio::test]
async fn an_unknown_field_is_refused_with_its_name() {
    let plant = Plant::new();
    for (field, found) in [("colour", "unknown field colour"), ("deviceID", "unknown field deviceID")] {
        let refused = plant.marie("POST", "/api/bugs/", &with(field, "x")).await;
        let told = told(&refused.body);
        assert_eq!((refused.status, told[0].1.as_str()), (400, found), "{told:?}");
        assert!(told[0].2.contains("device_id"), "the known fields are named: {told:?}");
    }
    let path = plant.reported(&minimal()).await;
    let refused = plant.marie("PATCH", &path, &json!({ "reportedBy": "Jean" })).await;
    assert_eq!((refused.status, told(&refused.body)[0].1.as_str()), (400, "unknown field reportedBy"));
}

#[tokio::test]
async fn both_spellings_at_once_need_one_value() {
    let plant = Plant::new();
    let mut bug = with("deviceId", "D1");
    bug["device_id"] = json!("D1");
    let path = plant.reported(&bug).await;
    assert_eq!(plant.get(&path).await["device_id"], json!("D1"));
    bug["device_id"] = json!("D2");
    let refused = plant.marie("POST", "/api/bugs/", &bug).await;
    let wanted = ("/device_id".to_owned(), "two different values".to_owned());
    let (pointer, value, limit) = told(&refused.body).remove(0);
    assert_eq!((refused.status, (pointer, value)), (400, wanted), "{}", refused.body);
    assert_eq!(limit, "one value, under one of both names");
}

#[tokio::test]
async fn what_is_no_id_is_refused_and_what_is_unknown_is_not_found() {
    let plant = Plant::new();
    let unknown = "7f2c1a9e-5b1d-4c3e-8a77-0d9e6f1b2a34";
    for beside in ["", "/history", "/attachments", "/attachments/7f2c1a9e-5b1d-4c3e-8a77-0d9e6f1b2a34"] {
        for version in ["", "/v1"] {
            let path = |id: &str| format!("/api{version}/bugs/{id}{beside}");
            let refused = plant.marie("GET", &path("42"), &Value::Null).await;
            let (pointer, value, limit) = told(&refused.body).remove(0);
            assert_eq!((refused.status, pointer.as_str(), value.as_str()), (400, "bug_id", "\"42\""), "{beside}");
            assert!(limit.starts_with("a UUID"), "{limit}");
            assert_eq!(refused.body["title"], json!("The id in the path is not valid"), "{}", refused.body);
            assert!(refused.body["detail"].as_str().unwrap().contains("bug_id"), "{}", refused.body);
            assert_eq!(plant.marie("GET", &path(unknown), &Value::Null).await.status, 404, "{beside}");
        }
    }
    let comment = json!({ "comment": "a" });
    let path = format!("/api/v1/bugs/{unknown}");
    assert_eq!(plant.marie("POST", &format!("{path}/comments"), &comment).await.status, 404);
    assert_eq!(plant.marie("PATCH", &path, &json!({ "title": "a" })).await.status, 404);
    let missing = plant.marie("POST", "/api/v1/bugs", &with("duplicate_of", unknown)).await;
    let (pointer, value, _) = told(&missing.body).remove(0);
    assert_eq!((missing.status, pointer.as_str(), value.as_str()), (400, "/duplicate_of", unknown), "{}", missing.body);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_is_no_json_is_refused() {
    let plant = Plant::new();
    let fields = [("authorization", "Bearer marie")];
    let large = with("description", "x".repeat(5_000_000)).to_string();
    let refused = plant.raw("POST", "/api/bugs/", &fields, large).await;
    let wanted = vec![(String::new(), "more than 4194304 bytes".to_owned(), "at most 4194304 bytes".to_owned())];
    assert_eq!((refused.status, told(&refused.json())), (413, wanted));
    for (body, value) in [("{", ""), ("[]", "sequence"), ("{\"title\":\"a\",\"title\":\"b\"}", "a second value")] {
        let refused = plant.raw("POST", "/api/bugs/", &fields, body).await;
        let told = told(&refused.json());
        assert!(refused.status == 400 && told[0].1.contains(value), "{told:?}");
    }
}

#[tokio::test]
async fn a_comment_is_text_within_its_limit() {
    let plant = Plant::new();
    let path = format!("{}/comments", plant.reported(&minimal()).await);
    for (body, pointer, limit) in [
        (json!({ "comment": "" }), "/comment", "1 to 20000 characters"),
        (json!({ "comment": "x".repeat(20_001) }), "/comment", "1 to 20000 characters"),
        (json!({ "comment": "a", "isInternal": "yes" }), "/isInternal", "true or false"),
        (json!({ "comment": "a", "text": "b" }), "", "comment"),
    ] {
        let refused = plant.marie("POST", &path, &body).await;
        let told = told(&refused.body);
        assert_eq!(refused.status, 400, "{told:?}");
        assert!(told[0].0.starts_with(pointer) && told[0].2.contains(limit), "{told:?}");
    }
    assert_eq!(plant.get(&path).await["items"], json!([]));
}

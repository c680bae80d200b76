//! What lists hold: every condition, the order, and the page.

use serde_json::{Value, json};

use crate::plant::{Plant, SECOND, told, with};

fn titles(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|bug| bug["title"].as_str().unwrap()).collect()
}

/// Bugs `a` to `d`, a second apart.
async fn plant() -> Plant {
    let plant = Plant::new();
    for (title, field, value) in [
        ("a", "device_id", json!("D1")),
        ("b", "firmware_version", json!("2.4.0")),
        ("c", "assignee", json!("marie")),
        ("d", "tags", json!(["écran"])),
    ] {
        let mut bug = with(field, value);
        bug["title"] = json!(title);
        bug["severity"] = json!(if title == "b" { "critical" } else { "low" });
        bug["priority"] = json!(if title == "c" { "urgent" } else { "medium" });
        bug["category"] = json!(if title == "d" { "display" } else { "hardware" });
        plant.reported(&bug).await;
        plant.later(SECOND);
    }
    plant
}

#[tokio::test]
async fn each_condition_is_met_in_both_spellings() {
    let plant = plant().await;
    for (query, wanted) in [
        ("", vec!["d", "c", "b", "a"]),
        ("device_id=D1", vec!["a"]),
        ("deviceId=D1", vec!["a"]),
        ("firmware_version=2.4.0", vec!["b"]),
        ("firmwareVersion=2.4.0", vec!["b"]),
        ("assignee=marie", vec!["c"]),
        ("tag=%C3%A9cran", vec!["d"]),
        ("q=Ecran", vec!["d"]),
        ("q=the+RESTART+d", vec!["d"]),
        ("q=the+lamp+since+restart+at+6+00+d", vec![]),
        ("q=since+the+restart+at+6+00+d+since+D", vec!["d"]),
        ("severity=critical", vec!["b"]),
        ("priority=urgent", vec!["c"]),
        ("category=display", vec!["d"]),
        ("status=closed", vec![]),
        ("created_from=2026-11-21T12:00:02Z", vec!["d", "c"]),
        ("createdUntil=2026-11-21T12:00:02Z", vec!["b", "a"]),
        ("sort=created_at&skip=1&limit=2", vec!["b", "c"]),
        ("sort=createdAt", vec!["a", "b", "c", "d"]),
        ("sort=-severity&limit=1", vec!["b"]),
        ("sort=-priority&limit=1", vec!["c"]),
    ] {
        let list = plant.get(&format!("/api/v1/bugs?{query}")).await;
        assert_eq!(titles(&list), wanted, "{query}");
    }
    let list = plant.get("/api/v1/bugs?sort=-updatedAt&limit=1").await;
    assert_eq!((titles(&list), &list["total"], &list["limit"]), (vec!["d"], &json!(4), &json!(1)));
}

#[tokio::test]
async fn a_list_shows_no_reporter_and_no_comment() {
    let plant = Plant::new();
    plant.reported(&with("reported_by", "Jean Dupont")).await;
    let list = plant.get("/api/bugs/").await;
    assert!(!list.to_string().contains("Dupont"), "{list}");
    assert_eq!(list["bugs"][0].get("comments"), None);
}

#[tokio::test]
async fn every_wrong_parameter_is_named_with_its_limit() {
    let plant = Plant::new();
    let long = format!("q={}", "a".repeat(201));
    for (query, pointer, value, limit) in [
        ("status=done", "?status", "\"done\"", "open, in_progress, resolved or closed"),
        ("severity=Critical", "?severity", "\"Critical\"", "critical, high, medium or low"),
        ("priority=now", "?priority", "\"now\"", "urgent, high, medium or low"),
        ("deviceId=", "?device_id", "\"\"", "1 to 100 bytes of printable text"),
        ("tag=%00", "?tag", "\"\\0\"", "1 to 64 bytes of printable text"),
        ("q=!!", "?q", "no word", "words of letters and digits, at most 200 characters"),
        (long.as_str(), "?q", "201 characters", "words of letters and digits, at most 200 characters"),
        ("q=a+b+c+d+e+f+g+h+i", "?q", "9 words", "at most 8 words"),
        ("createdFrom=yesterday", "?created_from", "\"yesterday\"", "a time as RFC 3339 writes it"),
        (
            "sort=title",
            "?sort",
            "\"title\"",
            "created_at, updated_at, severity or priority, with or without - before it",
        ),
        ("skip=10001", "?skip", "10001", "a whole number from 0 to 10000"),
        ("limit=0", "?limit", "0", "a whole number from 1 to 200"),
        ("limit=201", "?limit", "201", "a whole number from 1 to 200"),
    ] {
        for path in ["/api/bugs/", "/api/v1/bugs"] {
            let refused = plant.marie("GET", &format!("{path}?{query}"), &Value::Null).await;
            let wanted = vec![(pointer.to_owned(), value.to_owned(), limit.to_owned())];
            assert_eq!((refused.status, told(&refused.body)), (400, wanted), "{query}");
        }
    }
    let refused = plant.marie("GET", "/api/v1/bugs?status=done&limit=0&colour=red", &Value::Null).await;
    assert_eq!((refused.status, told(&refused.body)[0].1.as_str()), (400, "the unknown parameter \"colour\""));
    let both = plant.marie("GET", "/api/v1/bugs?device_id=D1&deviceId=D2", &Value::Null).await;
    assert_eq!((both.status, told(&both.body)[0].1.as_str()), (400, "the parameter \"device_id\" twice"));
    let two = plant.marie("GET", "/api/v1/bugs?status=done&limit=0", &Value::Null).await;
    assert_eq!(told(&two.body).len(), 2, "every fault is told at once: {}", two.body);
}

#[tokio::test]
async fn a_long_description_is_cut_in_a_list_and_whole_in_its_bug() {
    let plant = Plant::new();
    let path = plant.reported(&with("description", "é".repeat(1500))).await;
    let listed = plant.get("/api/v1/bugs").await["items"][0]["description"].as_str().unwrap().chars().count();
    let whole = plant.get(&path).await["description"].as_str().unwrap().chars().count();
    assert_eq!((listed, whole), (1000, 1500));
}

//! The documented interface of the old system, byte for byte (BUG-01 to BUG-09).

use serde_json::{Value, json};

use crate::plant::{HOUR, Plant, minimal, with};

/// The documented report.
fn documented() -> Value {
    json!({
        "title": "AS7341 sensor not responding",
        "description": "The sensor shows no spectrum after a restart.",
        "severity": "critical",
        "priority": "urgent",
        "category": "hardware",
        "deviceId": "ESP32_001",
        "firmwareVersion": "v2.3.1",
        "reportedBy": "Jean Dupont",
        "reportedByEmail": "jean.dupont@example.com",
        "reproductionSteps": "1. Restart the device\n2. Read the spectrum",
        "tags": ["sensor", "as7341"],
    })
}

#[tokio::test]
async fn bug_03_a_report_is_answered_as_documented_on_both_paths_and_on_their_successor() {
    let plant = Plant::new();
    for (number, path) in ["/api/bugs/", "/api/bugs", "/api/v1/bugs"].into_iter().enumerate() {
        let fields = [("authorization", "Bearer marie"), ("content-type", "application/json")];
        let answer = plant.raw("POST", path, &fields, documented().to_string()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert!(id.len() == 36 && id.as_bytes()[14] == b'4', "a UUID of version 4: {id}");
        assert_eq!(
            answer.text(),
            format!("{{\"id\":\"{id}\",\"message\":\"Bug report created successfully\",\"status\":\"open\"}}")
        );
        let total = plant.get("/api/v1/bugs").await["total"].clone();
        assert_eq!(total, json!(number + 1));
        let read = plant.get(&format!("/api/bugs/{id}")).await;
        for (field, value) in documented().as_object().unwrap().iter().filter(|(field, _)| *field != "tags") {
            assert_eq!(read[field], *value, "{field}");
        }
        assert_eq!(read["tags"], json!(["as7341", "sensor"]));
        assert_eq!((&read["comments"], &read["attachments"]), (&json!([]), &json!([])));
    }
}

#[tokio::test]
async fn bug_04_four_fields_are_enough() {
    let plant = Plant::new();
    for path in ["/api/bugs/", "/api/v1/bugs"] {
        let answer = plant.marie("POST", path, &minimal()).await;
        assert_eq!((answer.status, &answer.body["status"]), (201, &json!("open")), "{}", answer.body);
    }
}

#[tokio::test]
async fn bug_01_the_documented_list_has_its_envelope_and_its_filters() {
    let plant = Plant::new();
    for severity in ["critical", "low", "critical"] {
        plant.reported(&with("severity", severity)).await;
    }
    let ask = async |path: &str| plant.raw("GET", path, &[("authorization", "Bearer paul")], "").await;
    for path in
        ["/api/bugs/?status=open&severity=critical&limit=50", "/api/bugs?status=open&severity=critical&limit=50"]
    {
        let answer = ask(path).await;
        assert_eq!((answer.status, answer.json()["bugs"].as_array().unwrap().len()), (200, 2), "{}", answer.text());
        assert!(answer.text().starts_with("{\"bugs\":[{\"id\":\""), "{}", answer.text());
        assert!(answer.text().ends_with("],\"total\":2,\"skip\":0,\"limit\":50}"), "{}", answer.text());
    }
    let none = ask("/api/bugs/?status=closed&category=hardware&skip=10&limit=7").await;
    assert_eq!(none.text(), "{\"bugs\":[],\"total\":0,\"skip\":10,\"limit\":7}");
    let successor = ask("/api/v1/bugs?status=closed").await;
    assert_eq!(successor.text(), "{\"items\":[],\"total\":0,\"total_is_exact\":true,\"skip\":0,\"limit\":50}");
}

#[tokio::test]
async fn bug_02_and_bug_06_a_bug_is_read_with_its_comments() {
    let plant = Plant::new();
    let path = plant.reported(&minimal()).await;
    let older = path.replace("/api/v1/", "/api/");
    let comment = json!({ "comment": "It is the cable.", "author": "Marie Curie", "isInternal": true });
    let added = plant.marie("POST", &format!("{older}/comments"), &comment).await;
    assert_eq!(added.status, 201, "{}", added.body);
    let id = added.body["id"].as_str().unwrap();
    let shown = json!({
        "id": id, "comment": "It is the cable.", "author": "marie", "isInternal": true,
        "createdAt": "2026-11-21T12:00:00Z",
    });
    assert_eq!(added.body, shown, "the author is the caller");
    assert_eq!(plant.get(&older).await["comments"], json!([shown]));
    let in_snake = plant.get(&path).await["comments"][0].clone();
    assert_eq!((&in_snake["is_internal"], in_snake.get("isInternal")), (&json!(true), None));
}

#[tokio::test]
async fn bug_08_the_summary_has_the_twelve_documented_fields() {
    let plant = Plant::new();
    let ask = async |path: &str| plant.raw("GET", path, &[("authorization", "Bearer paul")], "").await;
    assert_eq!(
        ask("/api/bugs/metrics/summary").await.text(),
        "{\"totalBugs\":0,\"openBugs\":0,\"inProgressBugs\":0,\"resolvedBugs\":0,\"closedBugs\":0,\"criticalBugs\":0,\
         \"highSeverityBugs\":0,\"mediumSeverityBugs\":0,\"lowSeverityBugs\":0,\"newToday\":0,\"resolvedToday\":0,\
         \"avgResolutionTimeHours\":null}"
    );
    let resolved = plant.reported(&minimal()).await;
    plant.reported(&with("severity", "critical")).await;
    let begun = plant.reported(&with("severity", "low")).await;
    assert_eq!(plant.marie("PATCH", &begun, &json!({ "status": "in_progress" })).await.status, 200);
    plant.later(48 * HOUR + HOUR / 2);
    plant.reported(&with("severity", "medium")).await;
    assert_eq!(plant.marie("PATCH", &resolved, &json!({ "status": "resolved" })).await.status, 200);
    assert_eq!(
        ask("/api/bugs/metrics/summary").await.text(),
        "{\"totalBugs\":4,\"openBugs\":2,\"inProgressBugs\":1,\"resolvedBugs\":1,\"closedBugs\":0,\"criticalBugs\":1,\
         \"highSeverityBugs\":1,\"mediumSeverityBugs\":1,\"lowSeverityBugs\":1,\"newToday\":1,\"resolvedToday\":1,\
         \"avgResolutionTimeHours\":48.5}"
    );
    let successor = ask("/api/v1/bugs/metrics/summary").await.json();
    assert_eq!((&successor["total_bugs"], &successor["avg_resolution_time_hours"]), (&json!(4), &json!(48.5)));
}

#[tokio::test]
async fn the_legal_values_of_fields_are_listed() {
    let plant = Plant::new();
    plant.reported(&with("category", "conveyor")).await;
    let fields = plant.get("/api/bugs/fields").await;
    assert_eq!(fields["severity"], json!(["critical", "high", "medium", "low"]));
    assert_eq!(fields["priority"], json!(["urgent", "high", "medium", "low"]));
    assert_eq!(fields["status"], json!(["open", "in_progress", "resolved", "closed"]));
    let categories = fields["category"].as_array().unwrap();
    for known in ["hardware", "backend", "conveyor"] {
        assert!(categories.contains(&json!(known)), "{categories:?}");
    }
    let closing = json!({ "from": "open", "to": "closed", "needsWhy": true });
    assert!(fields["transitions"].as_array().unwrap().contains(&closing), "{fields}");
    let successor = plant.get("/api/v1/bugs/fields").await;
    assert_eq!(successor["transitions"][0], json!({ "from": "open", "to": "in_progress", "needs_why": false }));
}

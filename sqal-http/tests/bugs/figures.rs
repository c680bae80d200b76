//! The trend, day by day, also where summer time ends.

use serde_json::{Value, json};

use crate::plant::{Plant, minimal, told};

#[tokio::test]
async fn bug_09_days_are_those_of_the_plant_also_when_summer_time_ends() {
    let plant = Plant::new();
    let mut paths = Vec::new();
    // In Paris: 23:59 on the 24th, 0:00 and 23:59 on the 25th, which has 25 hours, and 0:00 on the
    // 26th.
    for time in ["2026-10-24T21:59:00Z", "2026-10-24T22:00:00Z", "2026-10-25T22:59:00Z", "2026-10-25T23:00:00Z"] {
        plant.at(time);
        paths.push(plant.reported(&minimal()).await);
    }
    plant.at("2026-10-26T10:00:00Z");
    assert_eq!(plant.marie("PATCH", &paths[3], &json!({ "status": "resolved" })).await.status, 200);
    let trend = plant.get("/api/bugs/metrics/trends?days=3").await;
    let day = |date: &str, opened: u32, resolved: u32, open: u32, hours: Value| {
        json!({
            "date": date, "opened": opened, "resolved": resolved, "openAtEnd": open,
            "medianResolutionHours": hours, "p90ResolutionHours": hours,
        })
    };
    assert_eq!(
        trend,
        json!({
            "days": [
                day("2026-10-24", 1, 0, 1, Value::Null),
                day("2026-10-25", 2, 0, 3, Value::Null),
                day("2026-10-26", 1, 1, 3, json!(11.0)),
            ],
            "timeZone": "Europe/Paris",
        })
    );
    let successor = plant.get("/api/v1/bugs/metrics/trends?days=1").await;
    assert_eq!(successor["days"][0]["open_at_end"], json!(3));
    assert_eq!(successor["time_zone"], json!("Europe/Paris"));
    assert_eq!(plant.get("/api/bugs/metrics/summary").await["newToday"], json!(1));
}

#[tokio::test]
async fn a_trend_has_thirty_days_unless_it_is_asked_for_others() {
    let plant = Plant::new();
    for (query, count) in [("", 30), ("?days=1", 1), ("?days=366", 366)] {
        let trend = plant.get(&format!("/api/bugs/metrics/trends{query}")).await;
        assert_eq!(trend["days"].as_array().unwrap().len(), count, "{query}");
        assert_eq!(trend["days"][count - 1]["date"], json!("2026-11-21"));
    }
    for wrong in ["0", "367", "-1", "x", ""] {
        let refused = plant.marie("GET", &format!("/api/bugs/metrics/trends?days={wrong}"), &Value::Null).await;
        let wanted = vec![("?days".to_owned(), wrong.to_owned(), "a whole number from 1 to 366".to_owned())];
        assert_eq!((refused.status, told(&refused.body)), (400, wanted));
    }
}

//! Calibrations are computed from stored readings.

use std::sync::Arc;

use serde_json::{Value, json};
use sqal_http::{Access, Profile, TokenFile, router};
use sqal_storage::MemoryStore;

use crate::line::{FOIE, Server, ask, engineer, filled, server};

/// A calibration is computed from stored readings, names the caller that began it, and stays.
#[expect(clippy::too_many_lines, reason = "one story, in the order in which it happens")]
#[tokio::test]
async fn a_station_is_calibrated_from_stored_readings() {
    let store = Arc::new(MemoryStore::new());
    filled(&store, 120).await;
    let Server { mut services, .. } = server(&store, 1);
    services.door.access = Arc::new(Access::of(TokenFile { tokens: vec![engineer("marie")] }).unwrap());
    let app = router(services);
    let path = "/api/v1/devices/ESP32_1/calibrations";
    let marie = [("authorization", "Bearer marie")];
    let calibrate = async |body: Value| ask(&app, "POST", path, &marie, &body).await;
    // The tray was empty from 11:58 on. Readings before or after the span do not count.
    let empty = json!({ "from": "2026-11-21T11:58:10Z", "until": "2026-11-21T11:59:00Z" });
    let done = calibrate(json!({ "empty_tray": { "profile": "foie", "readings": empty } })).await;
    assert_eq!(done.status, 201, "{}", done.body);
    let found = &done.body;
    assert_eq!(
        (&found["number"], &found["kind"], &found["recorded_by"]),
        (&json!(1), &json!("empty_tray"), &json!("marie"))
    );
    assert_eq!((&found["taken_at"], &found["temperature_c"]), (&json!("2026-11-21T11:58:59Z"), &json!(4.5)));
    assert_eq!(found["found"]["frames"], 50);
    assert!((found["age_days"].as_f64().unwrap() - 61.0 / 86_400.0).abs() < 1e-9, "{found}");
    // The reference goes into a profile unchanged.
    let mut with: Value = serde_json::to_value(Profile::example()).unwrap();
    (with["tof"]["reference"], with["version"]) = (found["reference"].clone(), 2.into());
    let decided = ask(&app, "PUT", FOIE, &[marie[0], ("if-match", "*")], &with).await;
    assert_eq!(
        (decided.status, &decided.body["profile"]["tof"]["reference"]),
        (200, &found["reference"]),
        "{}",
        decided.body
    );

    for (body, pointer, what) in [
        (json!({}), "", "none or both"),
        (
            json!({ "empty_tray": { "profile": "foie", "readings": empty }, "white_tile": { "reflectance": 0.99, "white": empty, "dark": empty } }),
            "",
            "none or both",
        ),
        (json!({ "empty_tray": { "profile": "none", "readings": empty } }), "/empty_tray/profile", "none"),
        (
            json!({ "empty_tray": { "profile": "foie", "readings": { "from": "2026-11-21T11:58:00Z", "until": "2026-11-21T11:58:20Z" } } }),
            "/empty_tray/readings",
            "20 frames of the empty tray: at least 30 are needed",
        ),
        (
            json!({ "empty_tray": { "profile": "foie", "readings": { "from": "yesterday", "until": "2026-11-21T11:58:20Z" } } }),
            "/empty_tray/readings/from",
            "yesterday",
        ),
        (
            json!({ "empty_tray": { "profile": "foie", "readings": { "from": "2026-11-21T11:58:20Z", "until": "2026-11-21T11:58:20Z" } } }),
            "/empty_tray/readings/until",
            "2026-11-21T11:58:20Z",
        ),
        (
            json!({ "white_tile": { "reflectance": 7.0, "white": empty, "dark": empty } }),
            "/white_tile",
            "tile reflectance 7: expected a number above 0 and at most 1",
        ),
    ] {
        let refused = calibrate(body).await;
        let violation = &refused.body["violations"][0];
        assert_eq!(
            (refused.status, &violation["pointer"], &violation["value"]),
            (400, &json!(pointer), &json!(what)),
            "{}",
            refused.body
        );
    }
    // A running line is not an empty tray, unless the request says that the floor has moved.
    let full = json!({ "from": "2026-11-21T11:59:00Z", "until": "2026-11-21T12:00:00Z" });
    let refused = calibrate(json!({ "empty_tray": { "profile": "foie", "readings": full } })).await;
    let value = refused.body["violations"][0]["value"].as_str().unwrap_or_default().to_owned();
    assert!(refused.status == 400 && value.ends_with("mm off the profile's reference"), "{}", refused.body);
    let moved = calibrate(json!({ "empty_tray": { "profile": "foie", "readings": full, "moved": true } })).await;
    assert_eq!((moved.status, &moved.body["number"]), (201, &json!(2)), "{}", moved.body);

    // With another profile it is another calibration. With the same profile and the same readings
    // it is the same calibration.
    let again = async || calibrate(json!({ "empty_tray": { "profile": "foie", "readings": empty } })).await;
    for status in [201, 200, 200] {
        let again = again().await;
        assert_eq!((again.status, &again.body["number"]), (status, &json!(3)), "{}", again.body);
        assert_eq!(
            (&again.body["profile"]["version"], &again.body["asked"]["empty_tray"]["readings"]),
            (&json!(2), &empty)
        );
    }
    let all = ask(&app, "GET", path, &marie, &Value::Null).await;
    let numbers: Vec<_> = all.body["items"].as_array().unwrap().iter().map(|one| one["number"].clone()).collect();
    assert_eq!(numbers, [3, 2, 1]);
    let first = ask(&app, "GET", &format!("{path}?before=2&limit=1"), &marie, &Value::Null).await;
    assert_eq!(first.body["items"][0]["number"], 1);
    let none = ask(&app, "GET", "/api/v1/devices/ESP32_2/calibrations", &marie, &Value::Null).await;
    assert_eq!((none.status, &none.body["items"]), (200, &json!([])));
}

//! A fault of a device that its server sees is one bug, however often it comes.

use serde_json::Value;

use crate::process::Server;
use crate::{listed, server, until};

/// Frames of a device that are refused for good: 25, which is more than the rule asks for.
fn burst(server: &Server, device: &str) {
    let frame = format!("{{\"type\":\"sensor_data\",\"device_id\":\"{device}\"}}\n");
    let (status, results) = server.post("/api/v1/samples:batch", &frame.repeat(25));
    assert_eq!((status, &results["rejected"]), (200, &Value::from(25)), "{results}");
}

fn of_device(server: &Server, device: &str) -> Vec<Value> {
    listed(server, &format!("&device_id={device}"))
}

#[test]
fn bug_12_a_burst_of_refused_frames_is_one_bug_of_its_device_and_not_more() {
    let data = tempfile::tempdir().unwrap();
    let server = server(&[], data.path());
    burst(&server, "ESP32_A");
    let found = until("the burst of the first device", || of_device(&server, "ESP32_A").pop());
    assert_eq!((&found["source"], &found["status"]), (&"server".into(), &"open".into()), "{found}");
    // The bug of the second device shows that the second burst of the first one was looked at.
    burst(&server, "ESP32_A");
    burst(&server, "ESP32_B");
    until("the burst of the second device", || of_device(&server, "ESP32_B").pop());
    assert_eq!(of_device(&server, "ESP32_A").len(), 1);
    assert_eq!(listed(&server, "").len(), 2);
}

#[test]
fn a_rule_that_is_switched_off_reports_nothing() {
    let data = tempfile::tempdir().unwrap();
    let off = server(&[("SQAL_BUG_OWN_FAULTS", "breaker_open")], data.path());
    burst(&off, "ESP32_A");
    let (log, orderly) = off.terminate();
    assert!(orderly, "{log}");
    // The frames of before are not new for the next server.
    let on = server(&[], data.path());
    burst(&on, "ESP32_B");
    until("the burst of the second device", || of_device(&on, "ESP32_B").pop());
    assert_eq!(of_device(&on, "ESP32_A").len(), 0);
}

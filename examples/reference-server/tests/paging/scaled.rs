//! The shipped files for Prometheus and Alertmanager with every duration divided by 15, and with
//! receivers of a test.

use serde_json::{Value, json};
use sqal_alerts::generate::{RunbookBase, alertmanager, prometheus};
use sqal_alerts::{catalogue, objective};

/// By what durations are divided: a scrape each 15 s becomes one each second.
const FACTOR: u64 = 15;

/// The keys of durations in both files.
const DURATIONS: [&str; 7] =
    ["for", "group_interval", "group_wait", "interval", "keep_firing_for", "repeat_interval", "resolve_timeout"];

/// The rules. JSON is YAML.
pub(crate) fn rules() -> String {
    let text = prometheus(&catalogue::documented(), &objective::documented(), &RunbookBase::default()).unwrap();
    let mut file: Value = serde_saphyr::from_str(&text).unwrap();
    scale(&mut file);
    file.to_string()
}

/// The configuration of Alertmanager, all of whose receivers post to a URL.
pub(crate) fn routes(url: &str) -> String {
    let mut file: Value = serde_saphyr::from_str(&alertmanager()).unwrap();
    scale(&mut file);
    for receiver in file["receivers"].as_array_mut().unwrap() {
        // A dead man's switch is not told of an end.
        let send_resolved = receiver["name"] != "heartbeat";
        let webhook = json!({ "url": url, "send_resolved": send_resolved });
        *receiver = json!({ "name": receiver["name"], "webhook_configs": [webhook] });
    }
    file.to_string()
}

/// Divides the durations of a part of a file.
fn scale(part: &mut Value) {
    match part {
        Value::Array(parts) => parts.iter_mut().for_each(scale),
        Value::Object(entries) => {
            for (key, value) in entries {
                match (key.as_str(), value.as_str()) {
                    ("expr", Some(query)) => *value = scaled_query(query).into(),
                    (key, Some(duration)) if DURATIONS.contains(&key) => {
                        *value = scaled(duration).unwrap_or_else(|| panic!("{key}: {duration}")).into();
                    }
                    _ => scale(value),
                }
            }
        }
        _ => {}
    }
}

/// A query whose ranges are shorter.
fn scaled_query(query: &str) -> String {
    let mut parts = query.split('[');
    let mut written = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (range, rest) = part.split_once(']').unwrap();
        let range = scaled(range).unwrap_or_else(|| panic!("range {range} in {query}"));
        written.extend(["[", &range, "]", rest]);
    }
    written
}

/// A duration of one unit, divided.
fn scaled(duration: &str) -> Option<String> {
    let (number, unit) = duration.split_at_checked(duration.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(format!("{}ms", number.parse::<u64>().ok()? * seconds * 1_000 / FACTOR))
}

#[test]
fn a_time_of_a_rule_is_divided_and_a_name_stays() {
    assert_eq!(
        scaled_query("a:rate5m{b=\"5m\"} > rate(c[5m]) + d[1h]"),
        "a:rate5m{b=\"5m\"} > rate(c[20000ms]) + d[240000ms]"
    );
    let mut part = json!({ "rules": [{ "for": "1m", "labels": { "window": "1h" }, "expr": "up == 0" }] });
    scale(&mut part);
    assert_eq!(part, json!({ "rules": [{ "for": "4000ms", "labels": { "window": "1h" }, "expr": "up == 0" }] }));
}

//! The devices that reported one of the equal faults of a bug.

use serde_json::{Value, json};
use sqal_core::{Name, Timestamp};
use sqal_http::sqal_bugs::{BugFields, Fault, NewBug};
use sqal_storage::bugs::{BugSource, GroupKey, Occurrences};

use crate::plant::{NOON, Plant, minimal};

fn fault() -> Fault {
    let text = |text: &str| Some(text.to_owned());
    let fields = BugFields {
        title: text("The bus is silent"),
        description: text("No answer in 50 ms."),
        severity: text("high"),
        priority: text("high"),
        ..BugFields::default()
    };
    let new = NewBug::of(fields).unwrap();
    Fault { key: GroupKey::from_bytes([7; 32]), source: BugSource::Device, new, firmware: None }
}

#[tokio::test]
async fn one_bug_names_the_first_hundred_devices_that_reported_it_and_a_list_counts_them() {
    let plant = Plant::new();
    let at = Timestamp::from_micros(NOON).unwrap();
    let name = |number: u32| format!("POSTE{number:03}");
    let devices = (0..150).map(|number| Name::new(&name(number)).unwrap()).collect();
    let seen = Occurrences { count: 150, first: at, last: at, devices };
    let id = plant.book.occurred(&fault(), &seen, seen.last).await.unwrap().bug.id;
    let wanted = json!((0..100).map(name).collect::<Vec<_>>());
    let group = plant.get(&format!("/api/v1/bugs/{id}")).await["group"].clone();
    assert_eq!((&group["devices"], &group["device_ids"]), (&json!(150), &wanted));
    let older = plant.get(&format!("/api/bugs/{id}")).await["group"].clone();
    assert_eq!((&older["deviceIds"], older.get("device_ids")), (&wanted, None));
    let listed = plant.get("/api/v1/bugs").await["items"][0]["group"].clone();
    assert_eq!((&listed["devices"], listed.get("device_ids")), (&json!(150), None));
    let by_person = plant.reported(&minimal()).await;
    assert_eq!(plant.get(&by_person).await["group"], Value::Null);
}

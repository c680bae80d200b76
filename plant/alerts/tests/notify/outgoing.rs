//! What the outbox gets: each destination once, whatever sends it and how often.

use std::num::NonZeroU16;
use std::sync::Arc;

use serde_json::Value;
use sqal_alerts::notify::{Teller, read_plan};
use sqal_storage::queue::JobQuery;
use sqal_storage::{MemoryStore, Queue};
use sqal_work::Outbox;
use sqal_work::outbox::StormLimits;

use crate::floor::{Floor, at};

/// Two receivers that share a mail address and a channel.
const PLAN: &str = "
base_url: https://sqal.example
receivers:
  one: {mail: [a@example.com, b@example.com], notice: [pager]}
  two: {mail: [b@example.com, c@example.com], notice: [pager, team]}
routes: [{to: [one, two]}]
";

/// The destinations of all jobs, in their order.
async fn destinations(store: &MemoryStore) -> Vec<String> {
    let jobs = store.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap();
    let bodies = jobs.iter().map(|job| serde_json::from_str::<Value>(&job.body).unwrap());
    let mut all: Vec<_> = bodies.map(|body| body["to"].as_str().unwrap().to_owned()).collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_destination_gets_a_telling_once_also_if_two_receivers_name_it_or_two_servers_send_it() {
    let store = Arc::new(MemoryStore::new());
    let outbox = Outbox::new(store.clone(), store.clone(), StormLimits::default());
    let mut floor = Floor::new(PLAN);
    floor.fire("POSTE1");
    let told = floor.run(60).remove(0);
    let expected = ["a@example.com", "b@example.com", "c@example.com", "pager", "team"];
    for second in [30, 31, 600] {
        let teller = Teller::new(read_plan(PLAN).unwrap());
        teller.tell(&outbox, &told, at(second)).await.unwrap();
        assert_eq!(destinations(&store).await, expected, "{second}");
    }
}

#[tokio::test]
async fn the_beginning_and_the_end_of_an_incident_are_two_tellings() {
    let store = Arc::new(MemoryStore::new());
    let outbox = Outbox::new(store.clone(), store.clone(), StormLimits::default());
    let teller = Teller::new(read_plan(PLAN).unwrap());
    let mut floor = Floor::new(PLAN);
    floor.fire("POSTE1");
    let mut tellings = floor.run(600);
    floor.end("POSTE1");
    tellings.extend(floor.run(600));
    for telling in &tellings {
        teller.tell(&outbox, telling, telling.at).await.unwrap();
    }
    assert_eq!((tellings.len(), destinations(&store).await.len()), (2, 10));
}

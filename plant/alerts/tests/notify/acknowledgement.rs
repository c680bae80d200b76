//! Acknowledgements: what a person works on is left alone, and what begins later is not hidden by
//! it.

use std::collections::BTreeSet;

use sqal_alerts::notify::TellingKind::{Acknowledge, Escalation, Reminder, Resolve, Trigger};

use crate::floor::{Floor, ONE, short, told};

const TWO: &str = "
base_url: https://sqal.example
receivers: {first: {notice: [first]}, second: {notice: [second]}}
routes: [{to: [first], escalate: [{after: 15m, to: [second]}]}]
";

#[test]
fn an_acknowledged_incident_is_neither_escalated_nor_repeated_and_its_end_is_told() {
    let mut floor = Floor::new(TWO);
    floor.fire("POSTE1");
    let mut tellings = floor.run(600);
    floor.acknowledge("POSTE1");
    tellings.extend(floor.run(9 * 3_600));
    floor.end("POSTE1");
    tellings.extend(floor.run(600));
    let end = 9 * 3_600 + 630;
    let expected = [told(Trigger, 30, "first", 1), told(Acknowledge, 600, "first", 1), told(Resolve, end, "first", 1)];
    assert_eq!(short(&tellings), expected);
    assert_eq!(tellings[1].acknowledged_by(), BTreeSet::from(["marie"]));
    assert!(tellings.iter().all(|telling| telling.incident_key == tellings[0].incident_key));
}

#[test]
fn an_acknowledgement_after_the_escalation_is_told_to_both() {
    let mut floor = Floor::new(TWO);
    floor.fire("POSTE1");
    let mut tellings = floor.run(1_200);
    floor.acknowledge("POSTE1");
    tellings.extend(floor.run(60));
    let last = told(Acknowledge, 1_200, "first second", 1);
    assert_eq!(short(&tellings), [told(Trigger, 30, "first", 1), told(Escalation, 930, "second", 1), last]);
}

#[test]
fn an_alert_on_which_a_person_works_already_is_not_told() {
    let mut floor = Floor::new(TWO);
    floor.fire("POSTE1");
    let mut tellings = floor.run(20);
    floor.acknowledge("POSTE1");
    tellings.extend(floor.run(9 * 3_600));
    floor.end("POSTE1");
    tellings.extend(floor.run(600));
    assert!(tellings.is_empty() && floor.notifier.groups().is_empty(), "{:?}", short(&tellings));
}

#[test]
fn while_one_alert_of_an_incident_has_no_person_it_is_escalated_and_repeated_for_that_one() {
    let mut floor = Floor::new(TWO);
    floor.fire("POSTE1");
    floor.fire("POSTE2");
    let mut tellings = floor.run(600);
    floor.acknowledge("POSTE1");
    tellings.extend(floor.run(5 * 3_600));
    let expected = [
        told(Trigger, 30, "first", 2),
        told(Escalation, 930, "second", 1),
        told(Reminder, 930 + 4 * 3_600, "first second", 1),
    ];
    assert_eq!(short(&tellings), expected);
    assert!(tellings[1..].iter().all(|telling| telling.alerts[0].label("device") == Some("POSTE2")));
}

/// A pager hides a further alert of an incident that is acknowledged, so it is another incident.
#[test]
fn an_alert_that_begins_after_the_acknowledgement_is_an_incident_of_its_own() {
    let mut floor = Floor::new(ONE);
    floor.fire("POSTE1");
    let mut tellings = floor.run(600);
    floor.acknowledge("POSTE1");
    tellings.extend(floor.run(600));
    floor.fire("POSTE2");
    tellings.extend(floor.run(600));
    floor.end("POSTE1");
    tellings.extend(floor.run(600));
    floor.end("POSTE2");
    tellings.extend(floor.run(600));
    let expected = [
        told(Trigger, 30, "all", 1),
        told(Acknowledge, 600, "all", 1),
        told(Trigger, 1_230, "all", 1),
        told(Resolve, 1_830, "all", 1),
        told(Resolve, 2_430, "all", 1),
    ];
    assert_eq!(short(&tellings), expected);
    let keys: Vec<_> = tellings.iter().map(|telling| &telling.incident_key).collect();
    assert!(keys[0] == keys[1] && keys[0] == keys[3] && keys[2] == keys[4] && keys[0] != keys[2]);
}

/// One alert is acknowledged and fires, the other has no person and flaps.
#[test]
fn an_alert_that_flaps_does_not_tell_the_acknowledgement_of_another_again_and_again() {
    let mut floor = Floor::new(ONE);
    floor.fire("POSTE1");
    floor.fire("POSTE2");
    let mut tellings = floor.run(60);
    floor.acknowledge("POSTE1");
    for _ in 0..60 {
        floor.end("POSTE2");
        tellings.extend(floor.run(30));
        floor.fire("POSTE2");
        tellings.extend(floor.run(30));
    }
    assert_eq!(short(&tellings), [told(Trigger, 30, "all", 2)]);
    floor.end("POSTE2");
    assert_eq!(short(&floor.run(3_600)), [told(Acknowledge, 3_960, "all", 1)]);
}

#[test]
fn an_alert_whose_acknowledgement_is_gone_is_repeated_again() {
    let mut floor = Floor::new(ONE);
    floor.fire("POSTE1");
    let mut tellings = floor.run(600);
    floor.acknowledge("POSTE1");
    tellings.extend(floor.run(600));
    floor.alerts.get_mut("POSTE1").unwrap().acknowledged_by = None;
    tellings.extend(floor.run(5 * 3_600));
    let last = told(Reminder, 30 + 4 * 3_600, "all", 1);
    assert_eq!(short(&tellings), [told(Trigger, 30, "all", 1), told(Acknowledge, 600, "all", 1), last]);
}

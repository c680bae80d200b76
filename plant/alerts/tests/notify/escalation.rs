//! Escalations: who is told next if no person acknowledges an incident.

use sqal_alerts::notify::TellingKind::{Escalation, Reminder, Resolve, Trigger};

use crate::floor::{Floor, short, told};

const THREE: &str = "
base_url: https://sqal.example
receivers: {first: {notice: [first]}, second: {notice: [second]}, third: {notice: [third]}}
routes:
  - to: [first]
    escalate: [{after: 15m, to: [second]}, {after: 1h, to: [third]}]
";

#[test]
fn each_step_is_told_once_at_its_time_and_all_of_them_are_told_the_end() {
    let mut floor = Floor::new(THREE);
    floor.fire("POSTE1");
    let mut tellings = floor.run(2 * 3_600);
    floor.end("POSTE1");
    tellings.extend(floor.run(600));
    let expected = [
        told(Trigger, 30, "first", 1),
        told(Escalation, 930, "second", 1),
        told(Escalation, 3_630, "third", 1),
        told(Resolve, 2 * 3_600 + 30, "first second third", 1),
    ];
    assert_eq!(short(&tellings), expected);
}

#[test]
fn an_incident_that_ends_in_time_is_not_escalated() {
    let mut floor = Floor::new(THREE);
    floor.fire("POSTE1");
    let mut tellings = floor.run(900);
    floor.end("POSTE1");
    tellings.extend(floor.run(3 * 3_600));
    assert_eq!(short(&tellings), [told(Trigger, 30, "first", 1), told(Resolve, 930, "first", 1)]);
}

#[test]
fn a_silenced_incident_is_escalated_only_when_its_silence_has_ended() {
    let mut floor = Floor::new(THREE);
    floor.fire("POSTE1");
    let mut tellings = floor.run(600);
    floor.silenced.insert("POSTE1".to_owned());
    tellings.extend(floor.run(1_200));
    floor.silenced.clear();
    tellings.extend(floor.run(600));
    assert_eq!(short(&tellings), [told(Trigger, 30, "first", 1), told(Escalation, 1_800, "second", 1)]);
}

#[test]
fn a_further_alert_of_an_escalated_incident_is_told_to_everyone_who_was_called() {
    let mut floor = Floor::new(THREE);
    floor.fire("POSTE1");
    let mut tellings = floor.run(1_200);
    floor.fire("POSTE2");
    tellings.extend(floor.run(600));
    let last = told(Trigger, 1_230, "first second", 2);
    assert_eq!(short(&tellings), [told(Trigger, 30, "first", 1), told(Escalation, 930, "second", 1), last]);
}

#[test]
fn a_reminder_goes_to_everyone_who_was_called() {
    let mut floor = Floor::new(THREE);
    floor.fire("POSTE1");
    let tellings = floor.run(6 * 3_600);
    let reminders: Vec<_> = short(&tellings).into_iter().filter(|(kind, ..)| *kind == Reminder).collect();
    assert_eq!(reminders, [told(Reminder, 3_630 + 4 * 3_600, "first second third", 1)]);
}

/// The process was down while two steps became due.
#[test]
fn steps_that_became_due_while_no_server_ran_are_told_together() {
    let mut floor = Floor::new(THREE);
    floor.fire("POSTE1");
    let mut tellings = floor.run(60);
    floor.now = 2 * 3_600;
    tellings.extend(floor.run(60));
    let last = told(Escalation, 2 * 3_600, "second third", 1);
    assert_eq!(short(&tellings), [told(Trigger, 30, "first", 1), last]);
}

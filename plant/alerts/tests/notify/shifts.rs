//! Shifts: the people who are there are told, and the next shift is told of what goes on.

use sqal_alerts::notify::TellingKind::{Acknowledge, Reminder, Resolve, Trigger};

use crate::floor::{Floor, short, told};

/// The test begins on a Monday at 08:00 in Paris; the early shift ends at 14:00, after 21 600 s.
const SHIFTS: &str = "
base_url: https://sqal.example
zone: Europe/Paris
receivers: {early: {notice: [early]}, late: {notice: [late]}, pager: {notice: [pager]}}
shifts: {early: {from: '06:00', until: '14:00'}, late: {from: '14:00', until: '22:00'}}
routes:
  - {shift: early, to: [early]}
  - {shift: late, to: [late]}
  - {to: [pager]}
";

const CHANGE: i64 = 6 * 3_600;

#[test]
fn the_next_shift_is_told_of_what_goes_on_and_both_are_told_its_end() {
    let mut floor = Floor::new(SHIFTS);
    floor.now = CHANGE - 3_600;
    floor.fire("POSTE1");
    let mut tellings = floor.run(2 * 3_600);
    floor.end("POSTE1");
    tellings.extend(floor.run(600));
    let expected = [
        told(Trigger, CHANGE - 3_570, "early", 1),
        told(Trigger, CHANGE, "late", 1),
        told(Resolve, CHANGE + 3_630, "early late", 1),
    ];
    assert_eq!(short(&tellings), expected);
    assert!(tellings.iter().all(|telling| telling.incident_key == tellings[0].incident_key));
}

#[test]
fn what_a_person_works_on_is_not_handed_over() {
    let mut floor = Floor::new(SHIFTS);
    floor.now = CHANGE - 3_600;
    floor.fire("POSTE1");
    let mut tellings = floor.run(600);
    floor.acknowledge("POSTE1");
    tellings.extend(floor.run(2 * 3_600));
    let expected = [told(Trigger, CHANGE - 3_570, "early", 1), told(Acknowledge, CHANGE - 3_000, "early", 1)];
    assert_eq!(short(&tellings), expected);
}

#[test]
fn reminders_go_to_the_shift_that_is_there() {
    let mut floor = Floor::new(SHIFTS);
    floor.now = CHANGE - 3_600;
    floor.fire("POSTE1");
    let tellings = floor.run(6 * 3_600);
    assert_eq!(short(&tellings)[2..], [told(Reminder, CHANGE + 4 * 3_600, "late", 1)]);
}

#[test]
fn outside_of_all_shifts_the_route_without_one_takes_the_alert() {
    let mut floor = Floor::new(SHIFTS);
    floor.now = CHANGE + 8 * 3_600;
    floor.fire("POSTE1");
    assert_eq!(short(&floor.run(600)), [told(Trigger, CHANGE + 8 * 3_600 + 30, "pager", 1)]);
}

/// Without a route at night an alert waits for the morning, and is told then.
#[test]
fn an_alert_that_no_route_takes_now_is_told_when_one_does() {
    let plan = SHIFTS.replace("  - {to: [pager]}\n", "").replace(", pager: {notice: [pager]}", "");
    let mut floor = Floor::new(&plan);
    floor.now = CHANGE + 8 * 3_600;
    floor.fire("POSTE1");
    assert_eq!(short(&floor.run(9 * 3_600)), [told(Trigger, CHANGE + 16 * 3_600 + 30, "early", 1)]);
}

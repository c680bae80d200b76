//! Groups: one telling of many alerts, and not too many of one.

use std::collections::BTreeSet;

use sqal_alerts::Severity;
use sqal_alerts::notify::TellingKind::{Reminder, Resolve, Trigger};

use crate::floor::{Floor, ONE, at, seconds, short, told};

#[test]
fn two_hundred_stations_that_fail_within_a_group_wait_are_told_once() {
    let mut floor = Floor::new(ONE);
    let mut tellings = Vec::new();
    for round in 0..4 {
        for station in 0..50 {
            floor.fire(&format!("POSTE{}", 50 * round + station));
        }
        tellings.extend(floor.run(5));
    }
    tellings.extend(floor.run(3_600));
    assert_eq!(short(&tellings), [told(Trigger, 30, "all", 200)]);
    assert_eq!(tellings[0].alerts.len(), 20);
}

#[test]
fn stations_that_fail_later_join_the_incident_a_group_interval_after_its_telling() {
    let mut floor = Floor::new(ONE);
    floor.fire("POSTE1");
    let mut tellings = floor.run(60);
    floor.fire("POSTE2");
    tellings.extend(floor.run(60));
    floor.fire("POSTE3");
    tellings.extend(floor.run(600));
    assert_eq!(short(&tellings), [told(Trigger, 30, "all", 1), told(Trigger, 330, "all", 3)]);
    assert_eq!(tellings[0].incident_key, tellings[1].incident_key);
}

/// The station fails about each minute, for two hours, and each time is a new alert.
#[test]
fn a_station_that_flaps_each_minute_is_told_at_most_once_in_a_group_interval() {
    for (fires, pauses, least) in [(55, 5, 2), (40, 20, 2), (40, 40, 10), (90, 60, 10), (35, 25, 2), (5, 55, 0)] {
        let mut floor = Floor::new(ONE);
        let mut tellings = Vec::new();
        while floor.now < 7_200 {
            floor.fire("POSTE1");
            tellings.extend(floor.run(fires));
            floor.end("POSTE1");
            tellings.extend(floor.run(pauses));
        }
        tellings.extend(floor.run(900));
        let times: Vec<_> = tellings.iter().map(|telling| seconds(telling.at)).collect();
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 300), "{fires} {pauses}: {times:?}");
        assert!((least..=27).contains(&times.len()), "{fires} {pauses}: {times:?}");
        assert!(floor.notifier.groups().is_empty(), "{fires} {pauses}");
    }
}

#[test]
fn an_alert_that_ends_within_the_group_wait_is_not_told() {
    let mut floor = Floor::new(ONE);
    floor.fire("POSTE1");
    let mut tellings = floor.run(30);
    floor.end("POSTE1");
    tellings.extend(floor.run(3_600));
    assert!(tellings.is_empty() && floor.notifier.groups().is_empty(), "{:?}", short(&tellings));
}

#[test]
fn the_end_is_told_under_the_key_of_the_beginning_and_lists_the_alerts_that_ended() {
    let mut floor = Floor::new(ONE);
    floor.fire("POSTE1");
    floor.fire("POSTE2");
    let mut tellings = floor.run(600);
    floor.end("POSTE1");
    tellings.extend(floor.run(600));
    floor.end("POSTE2");
    tellings.extend(floor.run(600));
    assert_eq!(short(&tellings), [told(Trigger, 30, "all", 2), told(Resolve, 1_230, "all", 2)]);
    assert_eq!(tellings[0].incident_key, tellings[1].incident_key);
    assert!(tellings[1].alerts.iter().all(|alert| alert.resolved.is_some()));
    assert!(floor.notifier.groups().is_empty());
}

/// The list of alerts may forget an alert at once when it ends.
#[test]
fn an_alert_that_is_no_longer_in_the_list_has_ended() {
    let mut floor = Floor::new(ONE);
    floor.fire("POSTE1");
    let mut tellings = floor.run(600);
    floor.alerts.clear();
    tellings.extend(floor.run(600));
    assert_eq!(short(&tellings), [told(Trigger, 30, "all", 1), told(Resolve, 630, "all", 1)]);
    assert_eq!(tellings[1].alerts[0].label("device"), Some("POSTE1"));
    assert_eq!(tellings[1].alerts[0].resolved, Some(at(600)));
}

#[test]
fn another_incident_of_a_group_has_another_key() {
    let mut floor = Floor::new(ONE);
    let mut keys = BTreeSet::new();
    for _ in 0..3 {
        floor.fire("POSTE1");
        keys.extend(floor.run(600).into_iter().map(|telling| telling.incident_key));
        floor.end("POSTE1");
        keys.extend(floor.run(600).into_iter().map(|telling| telling.incident_key));
    }
    assert_eq!(keys.len(), 3);
}

#[test]
fn a_station_that_fails_again_after_a_group_interval_is_told_again_in_an_incident_that_goes_on() {
    let mut floor = Floor::new(ONE);
    floor.fire("POSTE1");
    floor.fire("POSTE2");
    let mut tellings = floor.run(600);
    floor.end("POSTE2");
    tellings.extend(floor.run(295));
    floor.fire("POSTE2");
    tellings.extend(floor.run(605));
    assert_eq!(tellings.len(), 1, "a short pause is no end: {:?}", short(&tellings));
    floor.end("POSTE2");
    tellings.extend(floor.run(300));
    floor.fire("POSTE2");
    tellings.extend(floor.run(600));
    assert_eq!(short(&tellings[1..]), [told(Trigger, 1_830, "all", 2)]);
}

#[test]
fn what_goes_on_is_told_again_after_the_repeat_interval() {
    let mut floor = Floor::new(ONE);
    floor.fire("POSTE1");
    let tellings = floor.run(9 * 3_600);
    let (first, hours) = (30, 4 * 3_600);
    let expected = [(Trigger, first), (Reminder, first + hours), (Reminder, first + 2 * hours)];
    assert_eq!(short(&tellings), expected.map(|(kind, second)| told(kind, second, "all", 1)));
}

#[test]
fn alerts_of_two_names_are_two_groups_and_those_of_two_routes_as_well() {
    let plan = "
base_url: https://sqal.example
receivers: {pager: {notice: [pager]}, team: {notice: [team]}}
routes: [{match: {severity: critical}, to: [pager]}, {to: [team]}]
";
    let mut floor = Floor::new(plan);
    floor.fire("POSTE1");
    floor.fire_as("StationFault", "POSTE2", Severity::Warning);
    floor.fire_as("StationSilent", "POSTE3", Severity::Critical);
    let tellings = floor.run(600);
    let groups: BTreeSet<_> = tellings.iter().map(|telling| &telling.group_key).collect();
    let to: Vec<_> = tellings.iter().flat_map(|telling| &telling.to).collect();
    assert_eq!((tellings.len(), groups.len()), (3, 3));
    assert_eq!(to.iter().filter(|name| **name == "pager").count(), 1);
}

#[test]
fn an_alert_that_no_route_takes_is_not_told() {
    let mut floor = Floor::new(&ONE.replace("{to: [all]}", "{match: {device: POSTE9}, to: [all]}"));
    floor.fire("POSTE1");
    assert!(floor.run(600).is_empty() && floor.notifier.groups().is_empty());
    floor.fire("POSTE9");
    assert_eq!(short(&floor.run(600)), [told(Trigger, 630, "all", 1)]);
}

#[test]
fn a_silenced_alert_is_told_when_its_silence_ends_and_not_before() {
    let mut floor = Floor::new(ONE);
    floor.silenced.insert("POSTE1".to_owned());
    floor.fire("POSTE1");
    assert!(floor.run(3_600).is_empty());
    floor.silenced.clear();
    assert_eq!(short(&floor.run(600)), [told(Trigger, 3_630, "all", 1)]);
}

#[test]
fn a_silence_stops_the_reminders_and_not_the_end_of_an_incident() {
    let mut floor = Floor::new(ONE);
    floor.fire("POSTE1");
    let mut tellings = floor.run(600);
    floor.silenced.insert("POSTE1".to_owned());
    tellings.extend(floor.run(9 * 3_600));
    floor.end("POSTE1");
    tellings.extend(floor.run(600));
    assert_eq!(short(&tellings), [told(Trigger, 30, "all", 1), told(Resolve, 9 * 3_600 + 630, "all", 1)]);
}

/// The clock of a server runs an hour ahead while it tells; another one goes on with the right
/// time.
#[test]
fn a_clock_that_ran_ahead_delays_a_telling_by_no_more_than_a_group_interval() {
    let mut floor = Floor::new(ONE);
    floor.now = 3_600;
    floor.fire("POSTE1");
    assert_eq!(floor.run(60).len(), 1);
    floor.now = 0;
    floor.fire("POSTE2");
    assert_eq!(short(&floor.run(600)), [told(Trigger, 300, "all", 2)]);
}

#[test]
fn more_alerts_than_an_incident_holds_open_further_incidents_and_all_of_them_end() {
    let mut floor = Floor::new(ONE);
    for station in 0..9_000 {
        floor.fire(&format!("POSTE{station}"));
    }
    let mut tellings = Vec::new();
    for _ in 0..8 {
        floor.now += 300;
        tellings.extend(floor.look());
    }
    let counts: Vec<_> = tellings.iter().map(|telling| telling.count).collect();
    assert_eq!(counts, [4_000, 4_000, 1_000]);
    floor.alerts.clear();
    let mut ended = floor.look();
    floor.now += 300;
    ended.extend(floor.look());
    let ended = ended.iter().filter(|telling| telling.kind == Resolve);
    let ended: BTreeSet<_> = ended.map(|telling| &telling.incident_key).collect();
    let began: BTreeSet<_> = tellings.iter().map(|telling| &telling.incident_key).collect();
    assert_eq!(ended, began);
}

//! The laws of the notifier, over random days of alerts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sqal_alerts::Severity;
use sqal_alerts::notify::{AlertGroup, AlertView, Notifier, Telling, TellingKind, read_plan};

use crate::floor::{Floor, STEP, at, seconds};

/// Two severities with a receiver each, and an escalation.
const PLAN: &str = "
base_url: https://sqal.example
receivers: {pager: {notice: [pager]}, team: {notice: [team]}, chief: {notice: [chief]}}
routes:
  - {match: {severity: critical}, to: [pager], escalate: [{after: 15m, to: [chief]}]}
  - {to: [team]}
";

/// What happens to a station.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Fire,
    End,
    Acknowledge,
    Silence,
    Unsilence,
    Forget,
}

/// What happens to which station, and for how many looks nothing else happens.
type Event = (Deed, usize, i64);

fn events() -> impl Strategy<Value = Vec<Event>> {
    let deeds = [Deed::Fire, Deed::Fire, Deed::End, Deed::End, Deed::Acknowledge];
    let deeds = [&deeds[..], &[Deed::Silence, Deed::Unsilence, Deed::Forget]].concat();
    let looks = prop_oneof![0..3_i64, 0..20_i64, 50..150_i64];
    prop::collection::vec((prop::sample::select(deeds), 0..6_usize, looks), 1..30)
}

/// The name of a station; the last two are critical.
fn station(number: usize) -> String {
    format!("POSTE{number}")
}

fn happen(floor: &mut Floor, deed: Deed, number: usize) {
    let station = station(number);
    let is_known = floor.alerts.contains_key(&station);
    match deed {
        Deed::Fire if floor.alerts.get(&station).is_some_and(AlertView::is_firing) => {}
        Deed::Fire if number < 4 => floor.fire(&station),
        Deed::Fire => floor.fire_as("StationFault", &station, Severity::Critical),
        Deed::End if is_known => floor.end(&station),
        Deed::Acknowledge if is_known => floor.acknowledge(&station),
        Deed::Silence => drop(floor.silenced.replace(station)),
        Deed::Unsilence => drop(floor.silenced.take(&station)),
        Deed::Forget => drop(floor.alerts.remove(&station)),
        Deed::End | Deed::Acknowledge => {}
    }
}

/// Whether people are to be told of an alert.
fn is_active(floor: &Floor, alert: &AlertView) -> bool {
    let device = alert.label("device").unwrap_or_default();
    floor.alerts.get(device).is_some_and(|alert| alert.is_firing() && !alert.is_acknowledged())
        && !floor.silenced.contains(device)
}

/// Lets everything happen, and checks at each look that only active alerts begin a telling.
fn lived(floor: &mut Floor, events: &[Event]) -> Vec<Telling> {
    let mut all = Vec::new();
    for (deed, number, looks) in events {
        happen(floor, *deed, *number);
        for _ in 0..*looks {
            let tellings = floor.look();
            for telling in &tellings {
                let begins = !matches!(telling.kind, TellingKind::Acknowledge | TellingKind::Resolve);
                assert!(!begins || telling.alerts.iter().all(|alert| is_active(floor, alert)), "{telling:?}");
                assert!(!telling.to.is_empty() && telling.count >= telling.alerts.len(), "{telling:?}");
            }
            all.extend(tellings);
            floor.now += STEP;
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// After each day everything ends: every incident has one beginning and one end, and the end is
    /// told to exactly the receivers who were told of it.
    #[test]
    fn what_began_also_ends_for_everyone_who_was_told(events in events()) {
        let mut floor = Floor::new(PLAN);
        let mut tellings = lived(&mut floor, &events);
        floor.alerts.clear();
        tellings.extend(floor.run(900));
        let mut incidents = BTreeMap::<&str, Vec<&Telling>>::new();
        for telling in &tellings {
            incidents.entry(&telling.incident_key).or_default().push(telling);
        }
        for told in incidents.values() {
            let (last, before) = told.split_last().unwrap();
            prop_assert_eq!(last.kind, TellingKind::Resolve);
            prop_assert_eq!(before[0].kind, TellingKind::Trigger);
            prop_assert!(before.iter().all(|telling| telling.kind != TellingKind::Resolve));
            let to: BTreeSet<_> = before.iter().flat_map(|telling| &telling.to).collect();
            prop_assert_eq!(last.to.iter().collect::<BTreeSet<_>>(), to);
            prop_assert!(told.iter().all(|telling| telling.opened == before[0].at));
        }
        prop_assert!(floor.notifier.groups().is_empty());
    }

    /// Beginnings and ends of a group are told at most once in five minutes.
    #[test]
    fn a_group_does_not_chatter(events in events()) {
        let mut floor = Floor::new(PLAN);
        let tellings = lived(&mut floor, &events);
        let mut times = BTreeMap::<&str, BTreeSet<i64>>::new();
        for telling in tellings.iter().filter(|told| matches!(told.kind, TellingKind::Trigger | TellingKind::Resolve)) {
            times.entry(&telling.group_key).or_default().insert(seconds(telling.at));
        }
        for times in times.values() {
            let times: Vec<_> = times.iter().collect();
            prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 300), "{:?}", times);
        }
        let mut escalated = BTreeSet::new();
        let escalations = tellings.iter().filter(|told| told.kind == TellingKind::Escalation);
        for (telling, name) in escalations.flat_map(|telling| telling.to.iter().map(move |name| (telling, name))) {
            prop_assert!(escalated.insert((&telling.incident_key, name)), "{} is called twice", name);
        }
    }

    /// Whatever was before: an alert that fires, is not silenced and has no person is told within
    /// half a minute, or five minutes after the telling before.
    #[test]
    fn what_lasts_is_told(events in events()) {
        let mut floor = Floor::new(PLAN);
        let mut tellings = lived(&mut floor, &events);
        floor.silenced.clear();
        for alert in floor.alerts.values_mut() {
            alert.acknowledged_by = None;
        }
        tellings.extend(floor.run(300 + 30 + 2 * STEP));
        let mut open = BTreeMap::<&str, BTreeSet<&str>>::new();
        for telling in &tellings {
            let keys = telling.alerts.iter().map(|alert| alert.key.as_str());
            match telling.kind {
                TellingKind::Trigger => open.entry(&telling.incident_key).or_default().extend(keys),
                TellingKind::Resolve => drop(open.remove(telling.incident_key.as_str())),
                _ => {}
            }
        }
        for alert in floor.alerts.values().filter(|alert| alert.is_firing()) {
            prop_assert!(open.values().any(|keys| keys.contains(alert.key.as_str())), "{} is not told", alert.key);
        }
    }

    /// A second notifier is written down and read between any two looks, and sees the alerts in
    /// another order.
    #[test]
    fn the_state_can_be_written_down_and_the_order_of_the_alerts_does_not_matter(events in events()) {
        let mut floor = Floor::new(PLAN);
        let plan = read_plan(PLAN).unwrap();
        let mut other = Notifier::new(plan.clone());
        for (deed, number, looks) in &events {
            happen(&mut floor, *deed, *number);
            for _ in 0..*looks {
                let mut alerts: Vec<_> = floor.alerts.values().cloned().collect();
                alerts.reverse();
                let device = |alert: &AlertView| alert.label("device").unwrap_or_default().to_owned();
                let is_silenced = |alert: &AlertView| floor.silenced.contains(&device(alert));
                let texts = other.groups().values().map(|group| serde_json::to_string(group).unwrap());
                let groups = texts.map(|text| serde_json::from_str::<AlertGroup>(&text).unwrap());
                other = Notifier::resuming(plan.clone(), groups.collect::<Vec<_>>());
                let tellings = other.advance(&alerts, &is_silenced, at(floor.now));
                prop_assert_eq!(&tellings, &floor.look());
                prop_assert_eq!(other.groups(), floor.notifier.groups());
                floor.now += STEP;
            }
        }
    }

    /// The clock jumps back and forth by up to a day: nothing panics, and what fires is told after
    /// the clock goes right again.
    #[test]
    fn no_step_of_the_clock_withholds_a_telling(
        steps in prop::collection::vec((0..6_usize, -86_400..86_400_i64), 1..40),
    ) {
        let mut floor = Floor::new(PLAN);
        for (number, step) in steps {
            happen(&mut floor, Deed::Fire, number);
            drop(floor.run(40));
            happen(&mut floor, Deed::End, number);
            floor.now += step;
        }
        floor.alerts.clear();
        drop(floor.run(900));
        floor.fire("POSTE0");
        let tellings = floor.run(300 + 30 + 2 * STEP);
        prop_assert!(tellings.iter().any(|telling| telling.kind == TellingKind::Trigger), "{:?}", tellings);
    }
}

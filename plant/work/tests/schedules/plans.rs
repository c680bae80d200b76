//! The laws of plans: each due time of a span is decided once, whatever the looks are.

use std::num::NonZeroU8;
use std::time::Duration;

use proptest::prelude::*;
use sqal_core::{Name, Timestamp};
use sqal_work::schedule::{Cron, Decision, Missed, PlanError, Schedule, plan};

/// 2026-10-20T00:00:00Z, five days before the end of summer time in Paris.
const BEGIN: i64 = 1_792_454_400_000_000;
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(BEGIN + micros).unwrap()
}

fn schedule(expression: &str, missed: Missed) -> Schedule {
    let cron = Cron::new(expression, "Europe/Paris".parse().unwrap()).unwrap();
    Schedule::new(Name::new("report").unwrap(), cron, Name::new("report").unwrap()).on_missed(missed)
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let expressions = vec!["* * * * *", "*/4 6 * * *", "15 * * * *", "30 2 * * *", "15 3 * * 1", "0 2 1,15 * *"];
    let missed = prop_oneof![
        Just(Missed::Skip),
        (1..=255_u8).prop_map(|most| Missed::CatchUp { most: NonZeroU8::new(most).unwrap() }),
    ];
    (prop::sample::select(expressions), missed).prop_map(|(expression, missed)| schedule(expression, missed))
}

/// The decisions of plans that follow each other until the present, and the end of the last.
fn decided(
    schedule: &Schedule,
    mut looked_until: Timestamp,
    is_paused: bool,
    now: Timestamp,
) -> (Vec<Decision>, Timestamp) {
    let mut decisions = Vec::new();
    loop {
        let plan = plan(schedule, looked_until, is_paused, now).unwrap();
        assert!(plan.looked_until >= looked_until && (plan.is_complete || plan.looked_until > looked_until));
        looked_until = plan.looked_until;
        decisions.extend(plan.decisions);
        if plan.is_complete {
            return (decisions, looked_until);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn law_1_law_2_each_due_time_is_decided_once_whatever_the_looks_are(
        schedule in schedules(),
        is_paused in any::<bool>(),
        // The clock goes on by up to a day, and sometimes steps back.
        steps in prop::collection::vec(-DAY / 2..DAY, 1..6),
    ) {
        let (mut now, mut looked_until, mut decisions) = (0, at(0), Vec::new());
        for step in steps {
            now += step;
            let (more, until) = decided(&schedule, looked_until, is_paused, at(now));
            prop_assert_eq!(until, looked_until.max(at(now)));
            looked_until = until;
            decisions.extend(more);
        }
        let due: Vec<_> = schedule.due(at(0), looked_until).collect();
        prop_assert_eq!(decisions.iter().map(Decision::due).collect::<Vec<_>>(), due);
        prop_assert!(!is_paused || decisions.iter().all(|decision| matches!(decision, Decision::Paused(_))));
    }

    #[test]
    fn law_3_only_what_has_expired_is_missed_and_the_last_of_it_is_caught_up(
        schedule in schedules(), until in 0..2 * DAY,
    ) {
        let now = at(until);
        let (decisions, _) = decided(&schedule, at(0), false, now);
        let most = match schedule.missed() {
            Missed::Skip => 0,
            Missed::CatchUp { most } => usize::from(most.get()),
        };
        let expired = decisions.iter().filter(|decision| schedule.expires_at(decision.due()) <= now).count();
        let missed = expired - most.min(expired);
        for (place, decision) in decisions.iter().enumerate() {
            match decision {
                Decision::Missed(_) => prop_assert!(place < missed),
                Decision::Enqueue(run) => {
                    prop_assert!(place >= missed && run.expires_at > now, "{run:?}");
                }
                Decision::Paused(_) => unreachable!("nothing is paused"),
            }
        }
    }

    #[test]
    fn law_4_job_01_a_run_begins_within_the_jitter_of_its_frequency(schedule in schedules(), until in 0..2 * DAY) {
        let (decisions, _) = decided(&schedule, at(0), false, at(until));
        for decision in decisions {
            if let Decision::Enqueue(run) = decision {
                let jitter = run.run_at.micros() - run.due.micros();
                prop_assert!((0..=i64::try_from(schedule.longest_jitter().as_micros()).unwrap()).contains(&jitter));
                prop_assert_eq!(schedule.run_at(run.due), run.run_at, "drawn from the name and the due time");
            }
        }
    }

    #[test]
    fn due_times_keep_their_order_with_their_jitter(schedule in schedules(), from in 0..300 * DAY) {
        let due: Vec<_> = schedule.due(at(from), at(from + 40 * DAY)).take(200).collect();
        prop_assert!(due.windows(2).all(|pair| schedule.run_at(pair[0]) < schedule.run_at(pair[1])));
    }
}

#[test]
fn job_01_jitters_fill_their_range_and_differ_between_schedules() {
    let daily = schedule("0 3 * * *", Missed::Skip);
    let jitters: Vec<u64> = daily.due(at(0), at(300 * DAY)).map(|due| daily.jitter(due).as_secs()).collect();
    let (least, most) = (jitters.iter().min().unwrap(), jitters.iter().max().unwrap());
    assert!(*least < 15 && (285..=300).contains(most), "{least} {most}");

    let other = Schedule::new(Name::new("another").unwrap(), daily.cron().clone(), *daily.kind());
    let due = daily.next_after(at(0)).unwrap();
    assert_ne!(daily.jitter(due), other.jitter(due));
}

#[test]
fn a_gap_that_no_plant_stands_still_for_is_a_wrong_clock() {
    let hourly = schedule("0 * * * *", Missed::Skip);
    assert!(plan(&hourly, at(0), false, at(400 * DAY)).is_ok());
    let now = at(400 * DAY + 1);
    assert_eq!(plan(&hourly, at(0), false, now), Err(PlanError::Gap { looked_until: at(0), now }));
    let told = plan(&hourly, at(0), false, now).unwrap_err().to_string();
    assert!(told.starts_with("the clock shows 2027-11-24T00:00:00.000001Z"), "{told}");
    assert!(told.contains("looked at last at 2026-10-20T00:00:00Z"), "{told}");
}

#[test]
fn an_expiry_is_from_a_second_to_a_month() {
    let hourly = || schedule("0 * * * *", Missed::Skip);
    for refused in [Duration::ZERO, Duration::from_millis(999), Duration::from_hours(31 * 24 + 1)] {
        assert_eq!(hourly().expiring_after(refused).unwrap_err().0, refused);
    }
    assert_eq!(hourly().expiring_after(Duration::from_secs(1)).unwrap().expires_after(), Duration::from_secs(1));
}

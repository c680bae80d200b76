//! A reception judges, stores and answers, and keeps what it refuses for good.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod parts;

use std::num::NonZeroU32;
use std::time::Duration;

use parts::{MEASURED, Parts, RIGHT, intake};
use sqal_core::{DeviceId, Name};
use sqal_intake::Sender;
use sqal_intake::presence::Agreement;
use sqal_intake::reception::answer;
use sqal_intake::sender::Devices;
use sqal_resilience::{Clock, KeyedBuckets, Quota};

fn device() -> DeviceId {
    Name::new("ESP32_SIM_1234").unwrap()
}

#[tokio::test]
async fn what_is_refused_for_a_disagreement_is_kept_after_ten_minutes_once_and_taken_when_it_is_mended() {
    for (profile, now, kind, agreement) in [
        (RIGHT, MEASURED - 3_600_000_000, "/problems/clock-disagrees", Agreement::ClockDisagrees),
        ("mistyped", MEASURED, "/problems/profile-unknown-here", Agreement::ProfileUnknown),
    ] {
        let mut parts = Parts::at(MEASURED);
        parts.intake = intake(profile, now, &parts.clock);
        let refused = |parts: &Parts| {
            let problem = parts.reception(&()).judge(&Sender::UNAUTHENTICATED, fixtures::DOCUMENTED_FRAME).unwrap_err();
            assert_eq!((problem.status, &*problem.kind), (503, kind));
            (problem.retry_after, problem.kept, parts.dead_letters.newest(9).len())
        };
        assert_eq!(refused(&parts), (Some(5), false, 0), "{kind}");
        parts.clock.advance(Duration::from_secs(599));
        assert_eq!(refused(&parts), (Some(5), false, 0), "{kind}");
        parts.clock.advance(Duration::from_secs(1));
        assert_eq!(refused(&parts), (Some(60), true, 1), "{kind}");
        assert_eq!(refused(&parts), (Some(60), true, 1), "{kind}: one copy");
        let present = parts.presence.of(&device(), parts.clock.now()).unwrap();
        assert_eq!(present.agreement, agreement);
        parts.intake = intake(RIGHT, MEASURED, &parts.clock);
        assert!(parts.reception(&()).judge(&Sender::UNAUTHENTICATED, fixtures::DOCUMENTED_FRAME).is_ok());
    }
}

#[tokio::test]
async fn a_token_of_another_device_says_nothing_of_this_ones_clock() {
    let mut parts = Parts::at(MEASURED);
    parts.intake = intake("mistyped", MEASURED, &parts.clock);
    let other = Sender { holder: Name::new("other").ok(), devices: Devices::One(Name::new("OTHER").unwrap()) };
    assert_eq!(parts.reception(&()).judge(&other, fixtures::DOCUMENTED_FRAME).unwrap_err().status, 403);
    assert_eq!(parts.presence.of(&device(), parts.clock.now()), None);
    assert_eq!(parts.dead_letters.newest(9).len(), 1);
}

#[tokio::test]
async fn a_device_over_its_quota_sends_again_and_its_frame_is_no_dead_letter() {
    let parts = Parts::at(MEASURED);
    let one = KeyedBuckets::<DeviceId>::new(Quota::new(NonZeroU32::MIN, Duration::from_mins(1)), 9).unwrap();
    let judge = || parts.reception(&one).judge(&Sender::UNAUTHENTICATED, fixtures::DOCUMENTED_FRAME);
    assert!(judge().is_ok());
    let problem = judge().unwrap_err();
    assert_eq!(problem.status, 429);
    assert!(problem.retry_after.is_some_and(|seconds| (60..=61).contains(&seconds)), "{problem:?}");
    parts.clock.advance(Duration::from_secs(61));
    assert!(judge().is_ok());
    assert!(parts.dead_letters.newest(9).is_empty());
}

#[tokio::test]
async fn a_stored_sample_is_told_once_and_a_letter_is_taken_if_its_holder_may_bring_it() {
    let parts = Parts::at(MEASURED);
    let reception = parts.reception(&());
    let accepted = reception.judge(&Sender::UNAUTHENTICATED, fixtures::DOCUMENTED_FRAME).unwrap();
    for (status, samples) in [("persisted", 1), ("duplicate", 1)] {
        let outcome = reception.hand_in(&accepted.sample, None).await;
        assert_eq!(answer(1, &accepted, outcome).status(), status);
        let per_second = parts.recent.figures(parts.clock.now()).per_second;
        assert!((per_second - f64::from(samples)).abs() < 1e-12, "{per_second}");
    }
    let mut other = accepted.sample.clone();
    other.meta.temperature_c = Some(-7.0);
    let outcome = reception.hand_in(&other, Name::new("gateway").ok()).await;
    assert_eq!(answer(2, &accepted, outcome).again_after(), None);
    let mut letter = parts.dead_letters.newest(1).remove(0);
    assert_eq!((letter.problem.as_str(), letter.sample_id.is_some()), ("/problems/name-taken", true));
    assert!(!reception.replay(&letter, &|_, _| true).await, "its name is still taken");
    fixtures::DOCUMENTED_FRAME.clone_into(&mut letter.frame);
    assert!(!reception.replay(&letter, &|_, _| false).await);
    assert!(reception.replay(&letter, &|_, device| *device == accepted.sample.key.device_id).await);
}

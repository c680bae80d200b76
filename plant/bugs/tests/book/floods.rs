//! What a stranger sends who has the key of a page: bounded, and yet every event counts.

use std::num::NonZeroU16;

use proptest::prelude::*;
use sqal_bugs::BugBook;
use sqal_bugs::envelope::event::Event;
use sqal_bugs::envelope::{DropReason, FaultFile, FaultIntake, FaultProject, IntakeLimits};
use sqal_storage::bugs::{Bug, BugQuery, BugSource};

use super::{book, time};

const DEVICES: FaultProject = FaultProject { number: 1, source: BugSource::Device };
const PAGE: FaultProject = FaultProject { number: 2, source: BugSource::Page };

/// An event that is equal to no event with another number.
fn event(number: u32) -> Event {
    Event { fingerprint: vec![format!("{number}")], message: Some("stuck".to_owned()), ..Event::default() }
}

fn file(len: u8) -> Vec<FaultFile> {
    let bytes = vec![b'a'; usize::from(len)];
    vec![FaultFile { name: "a.log".to_owned(), content_type: None, bytes }]
}

async fn all(book: &BugBook) -> Vec<Bug> {
    book.list(&BugQuery::newest(NonZeroU16::new(500).unwrap())).await.unwrap().bugs
}

fn count(bugs: &[Bug]) -> u64 {
    bugs.iter().filter_map(|bug| bug.group.as_ref()).map(|group| group.count).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_flood_of_different_faults_makes_few_bugs_and_each_event_counts(
        sent in proptest::collection::vec((0_u32..40, any::<bool>(), 0_i64..300, any::<bool>()), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (book, ..) = book();
            let limits = IntakeLimits { most_new_groups: 3, ..IntakeLimits::default() };
            let (intake, mut now) = (FaultIntake::new(limits), 0_i64);
            for (number, is_page, later, is_written) in &sent {
                now += later;
                let project = if *is_page { PAGE } else { DEVICES };
                intake.take_event(&event(*number), &project, time(now), Vec::new());
                if *is_written {
                    intake.write(&book, time(now)).await;
                }
            }
            let tally = intake.write(&book, time(now)).await;
            prop_assert!(tally.failure.is_none());
            let bugs = all(&book).await;
            prop_assert_eq!(count(&bugs), u64::try_from(sent.len()).unwrap());
            // In each hour that was begun, of both projects; and one bug each of what is too much.
            let hours = usize::try_from(now / 3_600).unwrap() + 1;
            prop_assert!(bugs.len() <= 2 * (3 * hours + 1), "{} bugs in {} hours", bugs.len(), hours);
            prop_assert!(intake.dropped().is_empty());
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_project_with_too_many_new_faults_gets_one_bug_that_says_so_and_an_hour_later_more() {
    let (book, ..) = book();
    let intake = FaultIntake::new(IntakeLimits::default());
    let take = |numbers: std::ops::Range<u32>, second: i64| {
        numbers.for_each(|number| intake.take_event(&event(number), &PAGE, time(second), Vec::new()));
    };
    take(0..100, 0);
    assert_eq!(intake.write(&book, time(0)).await.new_bugs, 61);
    let bugs = all(&book).await;
    let flood = bugs.iter().find(|bug| bug.content.title == "Too many different faults of project 2").unwrap();
    assert_eq!((flood.group.as_ref().unwrap().count, flood.source), (40, BugSource::Page));

    take(0..100, 10);
    let tally = intake.write(&book, time(10)).await;
    assert_eq!((tally.new_bugs, tally.events), (0, 100), "what has a bug is counted there");
    let counted = book.get(&flood.id).await.unwrap().group.unwrap().count;
    assert_eq!((counted, count(&all(&book).await)), (80, 200));

    // Another project has its own bound, and an hour later this one has new bugs again.
    intake.take_event(&event(1), &DEVICES, time(11), Vec::new());
    assert_eq!(intake.write(&book, time(11)).await.new_bugs, 1);
    take(200..210, 3_600);
    assert_eq!(intake.write(&book, time(3_600)).await.new_bugs, 10);
}

#[tokio::test]
async fn a_project_attaches_its_bytes_of_a_day_and_a_page_no_file_at_all() {
    let (book, ..) = book();
    let limits = IntakeLimits { most_daily_bytes: 50, ..IntakeLimits::default() };
    let intake = FaultIntake::new(limits);
    let day = 86_400;
    for (second, len, attached) in
        [(0, 20, 1), (1, 30, 1), (2, 10, 0), (day, 10, 1), (day + 1, 41, 0), (day + 2, 40, 1)]
    {
        let number = u32::try_from(second).unwrap();
        intake.take_event(&event(number), &DEVICES, time(second), file(len));
        assert_eq!(intake.write(&book, time(second)).await.files, attached, "{second}");
    }
    assert_eq!(intake.dropped().get(&DropReason::Files), Some(&2));
    intake.take_event(&event(7), &PAGE, time(9 * day), file(1));
    let tally = intake.write(&book, time(9 * day)).await;
    assert_eq!((tally.new_bugs, tally.files), (1, 0));
    assert_eq!(intake.dropped().get(&DropReason::Files), Some(&3));
}

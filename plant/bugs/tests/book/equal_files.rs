//! Files of faults: equal ones are attached once, however they come.

use std::num::NonZeroU16;

use proptest::prelude::*;
use sqal_bugs::Fault;
use sqal_bugs::envelope::{FaultFile, FaultIntake, IntakeLimits};
use sqal_core::Name;
use sqal_storage::bugs::{BugQuery, BugSource, GroupKey};

use super::{book, new_bug, time};

/// A fault of a version of the firmware: all are one bug, and each version waits apart.
fn fault(version: u8) -> Fault {
    let firmware = Name::new(&version.to_string()).ok();
    Fault { key: GroupKey::from_bytes([7; 32]), source: BugSource::Device, new: new_bug(), firmware }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn each_content_of_a_bug_is_attached_once(
        files in proptest::collection::vec((0_u8..3, "(one|two|three)", any::<bool>()), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (book, ..) = book();
            let intake = FaultIntake::new(IntakeLimits::default());
            for (second, (version, content, is_written)) in (0..).zip(&files) {
                let bytes = content.clone().into_bytes();
                let file = FaultFile { name: format!("{second}.log"), content_type: None, bytes };
                intake.take(fault(*version), time(second), None, vec![file]);
                if *is_written {
                    intake.write(&book, time(second)).await;
                }
            }
            intake.write(&book, time(99)).await;
            let bugs = book.list(&BugQuery::newest(NonZeroU16::MIN)).await.unwrap().bugs;
            let attached = book.attachments(&bugs[0].id).await.unwrap();
            let kept: std::collections::BTreeSet<_> = attached.iter().map(|file| file.blob).collect();
            let sent: std::collections::BTreeSet<_> = files.iter().map(|(_, content, _)| content).collect();
            prop_assert_eq!((attached.len(), kept.len()), (sent.len(), sent.len()));
            Ok(())
        })?;
    }
}

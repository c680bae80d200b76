//! The laws of [`Custody`] as code: each is a function on an empty store that panics with the
//! broken law.

use sqal_core::{DeviceId, Name, Sample, Timestamp};

use super::scored;
use crate::{
    Custody, SampleQuery,
    audit::{Action, Head},
    custody::{Gone, Purge},
    samples::{Hour, Hourly, HourlyQuery},
};

const HOUR: i64 = 3_600_000_000;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).expect("a time")
}

/// Builds the audit action that states what was removed.
fn told(what: &'static str) -> impl Fn(Gone) -> Action + Send + Sync {
    move |gone| action(&format!("{what}: {} samples, {} hours", gone.samples, gone.hours))
}

fn action(what: &str) -> Action {
    let (actor, category) = (Name::new("conformance").expect("short"), Name::new("gdpr_purge").expect("short"));
    Action { at: at(1_794_000_000_000_000), actor, category, what: Name::new(what).expect("short") }
}

/// Ten samples of two devices, one per hour.
async fn filled(store: &dyn Custody) -> Vec<Sample> {
    let samples: Vec<_> =
        (0..10).map(|k| scored(["a", "b"][k % 2], HOUR * i64::try_from(k).expect("few"), "x", 0.5)).collect();
    store.insert(&samples).await.expect("the store takes the batch");
    samples
}

async fn contents(store: &dyn Custody) -> Vec<Sample> {
    let mut page = store.query(&SampleQuery::newest(std::num::NonZeroU16::MAX)).await.expect("the store answers");
    page.items.reverse();
    page.items
}

async fn hours(store: &dyn Custody) -> Vec<Hourly> {
    let all = HourlyQuery::new(Hour::of(at(0)), Hour::of(at(20 * HOUR))).expect("a short span");
    store.hourly(&all).await.expect("the store answers")
}

/// Law 1: a purge removes what is older and nothing else; hours outlive their samples.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn purging_takes_what_is_older_and_nothing_else(store: &dyn Custody) {
    let samples = filled(store).await;
    let purge = Purge { samples_before: at(4 * HOUR), hours_before: Hour::of(at(2 * HOUR)) };
    let gone = store.purge(&purge, &told("purge")).await.expect("the store purges");
    assert_eq!(gone, Gone { samples: 4, hours: 2 });
    assert_eq!(contents(store).await, samples[4..]);
    assert_eq!(hours(store).await, Hourly::of(&samples[2..]), "an hour outlives its samples");
    assert_eq!(store.get(&samples[0].id()).await.expect("the store answers"), None);
    assert_eq!(store.purge(&purge, &told("again")).await.expect("the store purges"), Gone::default());
}

/// Law 2: `would_purge` changes nothing and returns exactly what `purge` then removes.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn what_would_go_is_what_goes(store: &dyn Custody) {
    let samples = filled(store).await;
    let purge = Purge { samples_before: at(7 * HOUR), hours_before: Hour::of(at(5 * HOUR)) };
    let would = store.would_purge(&purge).await.expect("the store answers");
    assert_eq!(contents(store).await, samples, "a dry run took something");
    assert_eq!(hours(store).await, Hourly::of(&samples), "a dry run took something");
    assert_eq!(store.audit(0, 10).await.expect("the store answers"), [], "a dry run is no action");
    assert_eq!(store.purge(&purge, &told("purge")).await.expect("the store purges"), would);
    assert_eq!(would, Gone { samples: 7, hours: 5 });
}

/// Law 3: an erased device is gone from samples and hours, and no other device is touched.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn an_erased_device_is_gone(store: &dyn Custody) {
    let samples = filled(store).await;
    let device: DeviceId = Name::new("a").expect("short");
    let gone = store.erase_device(&device, &told("erase a")).await.expect("the store erases");
    assert_eq!(gone, Gone { samples: 5, hours: 5 });
    let left: Vec<_> = samples.iter().filter(|s| s.key.device_id != device).cloned().collect();
    assert_eq!(contents(store).await, left);
    assert_eq!(hours(store).await, Hourly::of(&left));
    // The device may be stored anew.
    store.insert(&samples[..1]).await.expect("the store takes it");
    assert_eq!(hours(store).await.len(), 6);
}

/// Laws 4 and 5: each action is recorded in the audit log, in order, in a chain.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn what_was_done_is_written_down_in_a_chain(store: &dyn Custody) {
    assert_eq!(store.verify_audit().await.expect("the store answers"), Ok(Head::EMPTY));
    let first = store.log_action(action("profile activated")).await.expect("the store writes it down");
    assert_eq!(first.number, 1);
    filled(store).await;
    let purge = Purge { samples_before: at(4 * HOUR), hours_before: Hour::of(at(0)) };
    store.purge(&purge, &told("purge")).await.expect("the store purges");
    store.erase_device(&Name::new("a").expect("short"), &told("erase")).await.expect("the store erases");
    let entries = store.audit(0, 10).await.expect("the store answers");
    let written: Vec<_> = entries.iter().map(|entry| entry.action.clone()).collect();
    assert_eq!(
        written,
        [action("profile activated"), action("purge: 4 samples, 0 hours"), action("erase: 3 samples, 5 hours")]
    );
    assert_eq!(store.audit(1, 1).await.expect("the store answers"), entries[1..2]);
    let head = Head { number: 3, hash: entries[2].hash };
    assert_eq!(store.verify_audit().await.expect("the store answers"), Ok(head));
}

/// One named test per law for a store: give an async expression that makes an empty store.
#[macro_export]
macro_rules! custody_conformance {
    ($make:expr) => {
        $crate::custody_conformance! { @each $make;
            purging_takes_what_is_older_and_nothing_else
            what_would_go_is_what_goes
            an_erased_device_is_gone
            what_was_done_is_written_down_in_a_chain
        }
    };
    (@each $make:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::run(async {
                    let store = $make.await;
                    $crate::conformance::custody::$law(&store).await;
                });
            }
        )*
    };
}

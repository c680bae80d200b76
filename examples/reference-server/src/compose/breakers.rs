//! The circuit breakers around the database and the cache: when they are probed, and how operators
//! see them.

use std::time::Duration;

use sqal_resilience::breaker::OpenFor;
use sqal_resilience::log::LogChanges;
use sqal_resilience::metered::StateGauge;
use sqal_resilience::{BreakerConfig, SystemClock};
use sqal_storage::{GuardedStore, MeteredStore, SampleStore};

use super::breaker_states::{BreakerStates, ObservedBreaker};
use crate::server_error::ServerError;

/// A store that is measured, with a breaker for writing and one for reading.
pub(super) type Guarded<S> = GuardedStore<MeteredStore<S, SystemClock>, SystemClock>;

/// Wraps a store with measurement, and with breakers whose state is reported to the metrics and to
/// the log. Each notes in `states` whether it is open.
pub(super) fn guarded<S: SampleStore>(store: S, states: &BreakerStates) -> Result<Guarded<S>, ServerError> {
    // A probe costs little, so the line continues seconds after there is room again, not after a
    // minute.
    let writing = probed_after(Duration::from_secs(5));
    // A reader waits for its page, so the database is probed again two seconds after it failed.
    let reading = probed_after(Duration::from_secs(2));
    let guarded = GuardedStore::new(MeteredStore::new(store, SystemClock), writing, reading, SystemClock)?;
    Ok(guarded.observed_by(observers("database", states), observers("database_reads", states)))
}

/// A breaker that is probed again this time after it has opened.
pub(super) fn probed_after(time: Duration) -> BreakerConfig {
    BreakerConfig { open_for: OpenFor::always(time), ..BreakerConfig::default() }
}

/// What observes a breaker: its gauge, the lines of the log about its changes, and whether it is
/// open.
pub(super) fn observers(name: &'static str, states: &BreakerStates) -> (StateGauge, (LogChanges, ObservedBreaker)) {
    (StateGauge::new(name), (LogChanges(name), states.of(name)))
}

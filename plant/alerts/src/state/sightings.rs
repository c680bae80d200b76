//! [`Sightings`]: which confirmations of other servers are no longer renewed.

use std::collections::BTreeMap;
use std::time::Duration;

use sqal_core::Timestamp;

use super::alert::Alert;
use super::author::ServerName;
use super::key::AlertKey;
use crate::times::between;

/// A confirmation as it stands in the book, and the time at which this process saw it first.
#[derive(Clone, Copy, Debug)]
struct Sighting {
    confirmed: Timestamp,
    seen: Timestamp,
}

/// The confirmations that this process has seen in the book.
///
/// The clocks of servers differ. What counts is therefore how long a confirmation has stood
/// unchanged by this process' own clock, and not the time that is written in it.
#[derive(Debug, Default)]
pub(super) struct Sightings(BTreeMap<AlertKey, BTreeMap<ServerName, Sighting>>);

impl Sightings {
    /// Notes the confirmations of all open alerts, and forgets those of all others. Returns, for
    /// each alert that has some, the confirmations that have stood unchanged for `limit`.
    pub(super) fn expired<'a>(
        &mut self,
        open: impl IntoIterator<Item = &'a Alert>,
        limit: Duration,
        now: Timestamp,
    ) -> BTreeMap<AlertKey, BTreeMap<ServerName, Timestamp>> {
        let mut before = std::mem::take(&mut self.0);
        let mut all_expired = BTreeMap::new();
        for alert in open {
            let known = before.remove(&alert.key).unwrap_or_default();
            let (mut sightings, mut expired) = (BTreeMap::new(), BTreeMap::new());
            for (server, confirmed) in &alert.confirmed {
                let unchanged = known.get(server).filter(|sighting| sighting.confirmed == *confirmed);
                // A clock that was set back begins to wait again.
                let seen = unchanged.map(|sighting| sighting.seen).filter(|seen| *seen <= now).unwrap_or(now);
                if between(seen, now) >= limit {
                    expired.insert(*server, *confirmed);
                }
                sightings.insert(*server, Sighting { confirmed: *confirmed, seen });
            }
            self.0.insert(alert.key, sightings);
            if !expired.is_empty() {
                all_expired.insert(alert.key, expired);
            }
        }
        all_expired
    }
}

//! [`Budget`]: how much of a server one holder, and all holders together, may hold at once.
//!
//! The resources are connections, bytes, streams and places.

#[cfg_attr(not(feature = "ws"), allow(dead_code, reason = "only WebSocket connections have messages"))]
mod connection;
mod hold;
#[cfg_attr(
    not(feature = "ws"),
    allow(dead_code, reason = "only WebSocket connections choose how many lines there are")
)]
mod quiet;
mod resource;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqal_resilience::address::limited_as;

pub use connection::Connection;
pub(crate) use hold::Hold;
pub(crate) use quiet::Quiet;
pub use resource::{Resource, Share};

use crate::door::caller::{Caller, Grant};
use sqal_intake::Holder;

/// The party whose share is used: the holder of a token, or the address of an unknown caller (an
/// IPv6 address stands for its /64).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Party {
    /// The token of one device.
    Device(Holder),
    /// The token of a gateway or of a person.
    Holder(Holder),
    /// A caller without a token.
    Address(IpAddr),
    /// This process itself, whose calls have no address. Only the sum of all parties limits it.
    Process,
}

impl Party {
    /// The party of a caller at an address.
    pub(crate) fn of(caller: &Caller, peer: Option<IpAddr>) -> Self {
        match (caller, peer) {
            (Caller::Known(name, Grant::Device(_), _), _) => Self::Device(*name),
            (Caller::Known(name, ..), _) => Self::Holder(*name),
            (Caller::Unauthenticated, Some(address)) => Self::Address(limited_as(address)),
            (Caller::Unauthenticated, None) => Self::Process,
        }
    }
}

/// The share of a party, or of all parties together, is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many {} as one holder, or all holders together, may have are in use", .0.words())]
pub struct ExceededError(pub Resource);

/// The amounts that are held now.
#[derive(Debug, Default)]
struct Held {
    all: [u64; Resource::COUNT],
    /// Only parties that hold something. The limits on the amounts therefore bound the number of
    /// entries.
    each: HashMap<(Resource, Party), u64>,
}

/// The shares of a server, and the amounts held of them. Dropping a hold releases its amount.
pub struct Budget {
    shares: [Share; Resource::COUNT],
    held: Mutex<Held>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::usual()
    }
}

impl Budget {
    /// The documented shares: [`Resource::usual`].
    #[must_use]
    pub fn usual() -> Self {
        Self { shares: Resource::ALL.map(Resource::usual), held: Mutex::default() }
    }

    /// The budget with another share of one resource.
    #[must_use]
    pub fn with(mut self, resource: Resource, share: Share) -> Self {
        self.shares[resource.index()] = share;
        self
    }

    /// The share of a resource.
    #[must_use]
    pub const fn share(&self, resource: Resource) -> Share {
        self.shares[resource.index()]
    }

    /// How much of a resource all parties hold together.
    #[must_use]
    pub fn held(&self, resource: Resource) -> u64 {
        self.state().all[resource.index()]
    }

    /// Takes a place for a connection from this address. Once its caller is known by a token, the
    /// connection is counted for the token instead.
    ///
    /// # Errors
    ///
    /// [`ExceededError`] if the address, or all parties together, already have their limit of
    /// connections.
    pub fn connect(self: &Arc<Self>, peer: IpAddr) -> Result<Connection, ExceededError> {
        self.take(Resource::Connections, Party::Address(limited_as(peer)), 1).map(Connection::counted)
    }

    /// Takes an amount of a resource for a party.
    ///
    /// # Errors
    ///
    /// [`ExceededError`] if the party, or all parties together, would hold more than their share.
    /// Nothing is taken then.
    pub(crate) fn take(self: &Arc<Self>, resource: Resource, party: Party, amount: u64) -> Result<Hold, ExceededError> {
        let mut hold = Hold::nothing(Arc::clone(self), resource, party);
        hold.grow(amount)?;
        Ok(hold)
    }

    fn state(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, resource: Resource, party: Party, amount: u64) -> Result<(), ExceededError> {
        if amount == 0 {
            return Ok(());
        }
        let share = self.share(resource);
        let mut held = self.state();
        let own = held.each.get(&(resource, party)).copied().unwrap_or(0).saturating_add(amount);
        let all = held.all[resource.index()].saturating_add(amount);
        if own > share.of(party) || all > share.all {
            drop(held);
            metrics::counter!("budget_refused_total", "kind" => resource.as_str()).increment(1);
            return Err(ExceededError(resource));
        }
        held.each.insert((resource, party), own);
        held.all[resource.index()] = all;
        report(resource, all);
        Ok(())
    }

    fn release(&self, resource: Resource, party: Party, amount: u64) {
        if amount == 0 {
            return;
        }
        let mut held = self.state();
        let all = held.all[resource.index()].saturating_sub(amount);
        held.all[resource.index()] = all;
        if let Some(own) = held.each.get_mut(&(resource, party)) {
            *own = own.saturating_sub(amount);
            if *own == 0 {
                held.each.remove(&(resource, party));
            }
        }
        report(resource, all);
    }
}

fn report(resource: Resource, all: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge takes floating numbers")]
    metrics::gauge!("budget_held", "kind" => resource.as_str()).set(all as f64);
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.state().all;
        f.debug_map().entries(Resource::ALL.iter().map(|resource| (resource.as_str(), held[resource.index()]))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sqal_core::Name;

    fn holder(name: &str) -> Party {
        Party::Holder(Name::new(name).unwrap())
    }

    fn small() -> Arc<Budget> {
        Arc::new(Budget::usual().with(Resource::BodyBytes, Share { device: 5, holder: 10, address: 7, all: 20 }))
    }

    fn parties() -> [Party; 5] {
        [
            holder("a"),
            holder("b"),
            Party::Device(Name::new("a").unwrap()),
            Party::Address("192.0.2.1".parse().unwrap()),
            Party::Process,
        ]
    }

    proptest! {
        /// The held amount never exceeds a share, equals the sum of the holds, and can be taken
        /// again once the holds are dropped.
        #[test]
        fn no_order_of_taking_growing_shrinking_and_dropping_exceeds_a_share(
            steps in proptest::collection::vec((0_usize..4, 0_usize..5, 0_u64..12), 0..200)
        ) {
            let (budget, parties) = (small(), parties());
            let mut holds: Vec<(usize, Hold)> = Vec::new();
            for (step, which, amount) in steps {
                match step {
                    0 => {
                        if let Ok(hold) = budget.take(Resource::BodyBytes, parties[which], amount) {
                            holds.push((which, hold));
                        }
                    }
                    1 if !holds.is_empty() => {
                        let at = which % holds.len();
                        let before = holds[at].1.amount();
                        let grown = holds[at].1.grow(amount).is_ok();
                        prop_assert_eq!(holds[at].1.amount(), if grown { before + amount } else { before });
                    }
                    2 if !holds.is_empty() => {
                        let at = which % holds.len();
                        holds[at].1.shrink_to(amount);
                    }
                    3 if !holds.is_empty() => {
                        let at = which % holds.len();
                        drop(holds.swap_remove(at));
                    }
                    _ => {}
                }
                let share = budget.share(Resource::BodyBytes);
                let all: u64 = holds.iter().map(|(_, hold)| hold.amount()).sum();
                prop_assert_eq!(budget.held(Resource::BodyBytes), all);
                prop_assert!(all <= share.all);
                for (which, party) in parties.iter().enumerate() {
                    let own: u64 = holds.iter().filter(|(of, _)| *of == which).map(|(_, hold)| hold.amount()).sum();
                    prop_assert!(own <= share.of(*party));
                }
            }
            holds.clear();
            prop_assert_eq!(budget.held(Resource::BodyBytes), 0);
            prop_assert!(budget.state().each.is_empty());
            prop_assert!(budget.take(Resource::BodyBytes, parties[0], 10).is_ok());
        }
    }

    #[test]
    fn one_party_leaves_room_for_another_and_what_is_dropped_can_be_taken_again() {
        let budget = small();
        let first = budget.take(Resource::BodyBytes, holder("a"), 10).unwrap();
        assert_eq!(
            budget.take(Resource::BodyBytes, holder("a"), 1).map(|hold| hold.amount()),
            Err(ExceededError(Resource::BodyBytes))
        );
        let second = budget.take(Resource::BodyBytes, holder("b"), 10).unwrap();
        assert!(budget.take(Resource::BodyBytes, Party::Process, 1).is_err(), "all of it is in use");
        drop(first);
        assert!(budget.take(Resource::BodyBytes, Party::Process, 10).is_ok(), "a process has no share of its own");
        drop(second);
        assert_eq!(budget.held(Resource::BodyBytes), 0);
    }

    #[test]
    fn addresses_of_one_network_are_one_party() {
        let budget =
            Arc::new(Budget::usual().with(Resource::Connections, Share { device: 1, holder: 2, address: 2, all: 9 }));
        let at = |text: &str| budget.connect(text.parse().unwrap());
        let (one, two) = (at("2001:db8:1:2:aaaa::1").unwrap(), at("2001:db8:1:2:bbbb::2").unwrap());
        assert!(at("2001:db8:1:2::3").is_err());
        assert!(at("2001:db8:1:3::3").is_ok());
        // A known caller is counted for its token instead of its address, and once for any number
        // of calls.
        for _ in 0..3 {
            one.known(&budget, holder("a")).unwrap();
        }
        let three = at("2001:db8:1:2::3").unwrap();
        assert!(at("2001:db8:1:2::4").is_err());
        two.known(&budget, holder("a")).unwrap();
        assert_eq!(three.known(&budget, holder("a")), Err(ExceededError(Resource::Connections)));
        assert_eq!(budget.held(Resource::Connections), 3);
        // A WebSocket is counted as a WebSocket and no longer as a connection.
        one.speaks(&budget, holder("a"));
        three.known(&budget, holder("a")).unwrap();
        drop((one, two, three));
        assert_eq!(budget.held(Resource::Connections), 0);
    }
}

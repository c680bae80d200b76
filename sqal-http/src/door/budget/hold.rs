//! [`Hold`]: an amount of a resource that one party holds until it is dropped.

use std::sync::Arc;

use super::{Budget, ExceededError, Party, Resource};

/// An amount of a resource; dropping it gives the amount back.
#[derive(Debug)]
#[must_use = "a hold that is dropped holds nothing"]
pub(crate) struct Hold {
    budget: Arc<Budget>,
    resource: Resource,
    party: Party,
    amount: u64,
}

impl Hold {
    /// A hold of amount 0, which can grow.
    pub(crate) fn nothing(budget: Arc<Budget>, resource: Resource, party: Party) -> Self {
        Self { budget, resource, party, amount: 0 }
    }

    /// The amount that is held.
    #[cfg(test)]
    pub(crate) const fn amount(&self) -> u64 {
        self.amount
    }

    /// Whether this party has the hold.
    pub(crate) fn is_of(&self, party: Party) -> bool {
        self.party == party
    }

    /// Adds to the amount.
    ///
    /// # Errors
    ///
    /// [`ExceededError`] if the share does not allow it. The hold then keeps its amount.
    pub(crate) fn grow(&mut self, by: u64) -> Result<(), ExceededError> {
        self.budget.add(self.resource, self.party, by)?;
        self.amount += by;
        Ok(())
    }

    /// Grows the hold to at least this amount.
    ///
    /// # Errors
    ///
    /// [`ExceededError`] if the share does not allow it. The hold then keeps its amount.
    pub(crate) fn grow_to(&mut self, amount: u64) -> Result<(), ExceededError> {
        self.grow(amount.saturating_sub(self.amount))
    }

    /// Shrinks the hold to at most this amount and releases the rest.
    pub(crate) fn shrink_to(&mut self, amount: u64) {
        let rest = self.amount.saturating_sub(amount);
        self.budget.release(self.resource, self.party, rest);
        self.amount -= rest;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

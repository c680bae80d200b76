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
    /// A hold of nothing, which can grow.
    pub(crate) fn nothing(budget: Arc<Budget>, resource: Resource, party: Party) -> Self {
        Self { budget, resource, party, amount: 0 }
    }

    /// How much it holds.
    #[cfg(test)]
    pub(crate) const fn amount(&self) -> u64 {
        self.amount
    }

    /// Whether this party holds it.
    pub(crate) fn is_of(&self, party: Party) -> bool {
        self.party == party
    }

    /// Holds more.
    ///
    /// # Errors
    ///
    /// [`ExceededError`] if the share does not allow it; the hold stays as it was.
    pub(crate) fn grow(&mut self, by: u64) -> Result<(), ExceededError> {
        self.budget.add(self.resource, self.party, by)?;
        self.amount += by;
        Ok(())
    }

    /// Holds at least this amount.
    ///
    /// # Errors
    ///
    /// [`ExceededError`] if the share does not allow it; the hold stays as it was.
    pub(crate) fn grow_to(&mut self, amount: u64) -> Result<(), ExceededError> {
        self.grow(amount.saturating_sub(self.amount))
    }

    /// Holds at most this amount; the rest is given back.
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

//! [`Route`]: which alerts go to which receivers, and to which others if they are not acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqal_core::Timestamp;

use super::shift::Shift;
use crate::notify::view::AlertView;
use crate::times::between;

/// A route. It takes an alert whose labels have one of the values that the route names, in its
/// shift if it has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    pub(super) matched: BTreeMap<String, BTreeSet<String>>,
    pub(super) shift: Option<Shift>,
    pub(super) to: BTreeSet<String>,
    pub(super) escalation: Vec<EscalationStep>,
}

/// The receivers that are told if an incident is not acknowledged for some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EscalationStep {
    pub(super) after: Duration,
    pub(super) to: BTreeSet<String>,
}

impl EscalationStep {
    /// The time from the first telling of an incident to this step.
    #[must_use]
    pub const fn after(&self) -> Duration {
        self.after
    }

    /// The names of the receivers.
    #[must_use]
    pub const fn to(&self) -> &BTreeSet<String> {
        &self.to
    }
}

impl Route {
    /// The labels that an alert of this route has, each with the values that it may have. A label
    /// that an alert does not have is empty, as in Prometheus.
    #[must_use]
    pub const fn matched(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.matched
    }

    /// The shift in which the route takes alerts; `None` if it always does.
    #[must_use]
    pub const fn shift(&self) -> Option<&Shift> {
        self.shift.as_ref()
    }

    /// The names of the receivers that are told first.
    #[must_use]
    pub const fn to(&self) -> &BTreeSet<String> {
        &self.to
    }

    /// The steps of the escalation, in the order of their times.
    #[must_use]
    pub fn escalation(&self) -> &[EscalationStep] {
        &self.escalation
    }

    /// Whether the route takes an alert at a time.
    #[must_use]
    pub fn takes(&self, alert: &AlertView, at: Timestamp) -> bool {
        let has = |(name, values): (&String, &BTreeSet<String>)| values.contains(alert.label(name).unwrap_or_default());
        self.matched.iter().all(has) && self.shift.as_ref().is_none_or(|shift| shift.contains(at))
    }

    /// Whether the route takes every alert that the other matches, whenever the other takes it.
    pub(super) fn hides(&self, other: &Self) -> bool {
        let is_in = |name: &String, values: &BTreeSet<String>| {
            other.matched.get(name).is_some_and(|narrower| narrower.is_subset(values))
        };
        let is_matched = self.matched.iter().all(|(name, values)| is_in(name, values));
        is_matched && (self.shift.is_none() || self.shift == other.shift)
    }

    /// The receivers of the steps whose time has come for an incident that was first told at
    /// `opened`.
    pub(in crate::notify) fn due(&self, opened: Timestamp, now: Timestamp) -> impl Iterator<Item = &String> {
        let waited = between(opened, now);
        self.escalation.iter().filter(move |step| step.after <= waited).flat_map(|step| &step.to)
    }
}

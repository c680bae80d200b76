//! [`AlertGroup`]: alerts with equal labels, told together and not more often than the plan allows.

use std::collections::BTreeMap;
use std::mem;

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use super::incident::Incident;
use super::plan::Waits;
use super::sighting::{Sighting, Sightings, Situation};
use super::telling::Telling;
use crate::times::between;

/// The state of a group: what was told of its alerts, to which receivers, and when.
///
/// It is written down between two moments, so that any server goes on where another has stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertGroup {
    key: String,
    labels: BTreeMap<String, String>,
    /// Since when there is a change that is not told.
    #[serde(default)]
    changed: Option<Timestamp>,
    /// When changes of the group were told last.
    #[serde(default)]
    told: Option<Timestamp>,
    #[serde(default)]
    incidents: Vec<Incident>,
}

impl AlertGroup {
    pub(super) const fn new(key: String, labels: BTreeMap<String, String>) -> Self {
        Self { key, labels, changed: None, told: None, incidents: Vec::new() }
    }

    /// The key: 32 hexadecimal digits.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The labels by which the alerts are grouped, with their values.
    #[must_use]
    pub const fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// The keys of the alerts that were told and whose end was not.
    pub(super) fn alerts(&self) -> impl Iterator<Item = &String> {
        self.incidents.iter().flat_map(Incident::alerts)
    }

    /// Whether nothing has to be remembered of the group.
    pub(super) fn is_idle(&self, waits: &Waits, now: Timestamp) -> bool {
        let is_old = self.told.is_none_or(|told| between(told, now) >= waits.interval);
        is_old && self.incidents.is_empty() && self.changed.is_none()
    }

    /// Goes on to a moment, and returns what is told.
    pub(super) fn advance(&mut self, sightings: &Sightings<'_>, waits: &Waits, now: Timestamp) -> Vec<Telling> {
        self.set_back(now);
        let Self { key, labels, changed, told, incidents } = self;
        let situation = Situation { group_key: key, labels, sightings, waits, now };
        for incident in incidents.iter_mut() {
            incident.look(&situation);
        }
        let pending = pending(incidents, &situation);
        let has_change = !pending.is_empty() || incidents.iter().any(Incident::is_over);
        *changed = has_change.then(|| changed.unwrap_or(now));
        let mut tellings = Vec::new();
        let is_settled = changed.is_some_and(|since| between(since, now) >= waits.wait);
        if is_settled && told.is_none_or(|told| between(told, now) >= waits.interval) {
            tellings.extend(resolve(incidents, &situation));
            tellings.extend(trigger(incidents, &pending, &situation));
            (*changed, *told) = (None, Some(now));
        }
        for incident in incidents.iter_mut() {
            tellings.extend(incident.follow(&situation));
        }
        tellings
    }

    /// Times that lie ahead become now.
    fn set_back(&mut self, now: Timestamp) {
        for time in self.changed.iter_mut().chain(&mut self.told) {
            *time = (*time).min(now);
        }
        for incident in &mut self.incidents {
            incident.set_back(now);
        }
    }
}

/// The alerts of which people are to be told, and that no incident has.
fn pending<'a>(incidents: &[Incident], situation: &Situation<'a>) -> Vec<&'a Sighting<'a>> {
    let is_told = |sighting: &Sighting<'_>| incidents.iter().any(|incident| incident.has(&sighting.alert.key));
    let active = situation.sightings.values().filter(|sighting| sighting.is_active() && sighting.route.is_some());
    active.filter(|sighting| !is_told(sighting)).collect()
}

/// Takes out the incidents that are over, and tells their ends.
fn resolve(incidents: &mut Vec<Incident>, situation: &Situation<'_>) -> Vec<Telling> {
    let (over, open): (Vec<_>, Vec<_>) = mem::take(incidents).into_iter().partition(Incident::is_over);
    *incidents = open;
    over.into_iter().map(|incident| incident.resolve(situation)).collect()
}

/// Tells alerts as part of the incident that takes them, or of a new one.
fn trigger(incidents: &mut Vec<Incident>, pending: &[&Sighting<'_>], situation: &Situation<'_>) -> Option<Telling> {
    if pending.is_empty() {
        return None;
    }
    let taking = incidents.iter().rposition(|incident| incident.takes_more(situation));
    if taking.is_none() {
        incidents.push(Incident::opening(situation));
    }
    let newest = incidents.len().saturating_sub(1);
    let incident = incidents.get_mut(taking.unwrap_or(newest))?;
    Some(incident.trigger(pending, situation))
}

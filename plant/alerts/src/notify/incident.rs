//! [`Incident`]: alerts of a group that are told, acknowledged and ended together.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use super::keys;
use super::sighting::{Sighting, Situation};
use super::telling::{Telling, TellingKind, listed};
use super::view::AlertView;
use crate::times::between;

/// The most alerts of one incident. Further ones open another incident.
pub(super) const MOST_ALERTS: usize = 4_000;

/// Alerts that are told together, from their first telling to their resolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Incident {
    key: String,
    /// When it was told first, and last.
    opened: Timestamp,
    told: Timestamp,
    /// Everyone who was told that it began.
    receivers: BTreeSet<String>,
    /// The keys of its alerts, each with the time at which it was seen to have ended.
    alerts: BTreeMap<String, Option<Timestamp>>,
    /// The alerts that the last telling has listed, for the text of the resolution.
    listed: Vec<AlertView>,
    /// Whether it was told that persons work on it, and when that was told last.
    #[serde(default)]
    is_acknowledged: bool,
    #[serde(default)]
    acknowledged: Option<Timestamp>,
}

/// The receivers that the routes of some alerts name.
struct Wanted {
    first: BTreeSet<String>,
    /// Those of the steps whose time has come.
    escalated: BTreeSet<String>,
}

impl Incident {
    /// An incident that is about to be told.
    pub(super) fn opening(situation: &Situation<'_>) -> Self {
        Self {
            key: keys::incident_key(situation.group_key, situation.now),
            opened: situation.now,
            told: situation.now,
            receivers: BTreeSet::new(),
            alerts: BTreeMap::new(),
            listed: Vec::new(),
            is_acknowledged: false,
            acknowledged: None,
        }
    }

    /// The keys of the alerts.
    pub(super) fn alerts(&self) -> impl Iterator<Item = &String> {
        self.alerts.keys()
    }

    /// Whether an alert belongs to the incident.
    pub(super) fn has(&self, key: &str) -> bool {
        self.alerts.contains_key(key)
    }

    /// Whether every alert has ended.
    pub(super) fn is_over(&self) -> bool {
        self.alerts.values().all(Option::is_some)
    }

    /// Times that lie ahead become now: a clock that ran ahead delays no telling by more than one
    /// wait.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        let ends = self.alerts.values_mut().flatten();
        for time in [&mut self.opened, &mut self.told].into_iter().chain(&mut self.acknowledged).chain(ends) {
            *time = (*time).min(now);
        }
    }

    /// Notes which alerts have ended. An alert that fires again within a group interval goes on; an
    /// alert that fires again later has failed anew, and leaves the incident.
    pub(super) fn look(&mut self, situation: &Situation<'_>) {
        let Situation { sightings, waits, now, .. } = situation;
        self.alerts.retain(|key, ended| {
            if sightings.get(key.as_str()).is_none_or(|sighting| !sighting.alert.is_firing()) {
                ended.get_or_insert(*now);
                return true;
            }
            let goes_on = ended.is_none_or(|ended| between(ended, *now) < waits.interval);
            *ended = None;
            goes_on
        });
    }

    /// Whether alerts that begin to fire join the incident: persons do not work on all of it yet.
    pub(super) fn takes_more(&self, situation: &Situation<'_>) -> bool {
        self.alerts.len() < MOST_ALERTS && !self.is_over() && !self.is_in_hand(situation)
    }

    /// Whether persons work on every alert that fires and is not silenced, and on at least one. An
    /// alert that ended a moment ago may fire again, and counts as well.
    fn is_in_hand(&self, situation: &Situation<'_>) -> bool {
        let mut has_one = false;
        for (key, ended) in &self.alerts {
            let Some(sighting) = situation.sightings.get(key.as_str()) else { continue };
            let counts = match ended {
                None => !sighting.is_silenced,
                Some(ended) => between(*ended, situation.now) < situation.waits.interval,
            };
            if counts && !sighting.alert.is_acknowledged() {
                return false;
            }
            has_one |= counts && ended.is_none();
        }
        has_one
    }

    /// The alerts of which people are to be told.
    fn active<'a>(&self, situation: &Situation<'a>) -> Vec<&'a Sighting<'a>> {
        let sightings = self.alerts.keys().filter_map(|key| situation.sightings.get(key.as_str()));
        sightings.filter(|sighting| sighting.is_active()).collect()
    }

    fn wanted(&self, active: &[&Sighting<'_>], now: Timestamp) -> Wanted {
        let routes = || active.iter().filter_map(|sighting| sighting.route);
        Wanted {
            first: routes().flat_map(|route| route.to().iter().cloned()).collect(),
            escalated: routes().flat_map(|route| route.due(self.opened, now).cloned()).collect(),
        }
    }

    /// Takes alerts that are not told yet, and tells the receivers of all that fire.
    pub(super) fn trigger(&mut self, pending: &[&Sighting<'_>], situation: &Situation<'_>) -> Telling {
        let room = MOST_ALERTS.saturating_sub(self.alerts.len());
        self.alerts.extend(pending.iter().take(room).map(|sighting| (sighting.alert.key.clone(), None)));
        let active = self.active(situation);
        let Wanted { mut first, escalated } = self.wanted(&active, situation.now);
        first.extend(escalated);
        self.receivers.extend(first.iter().cloned());
        (self.told, self.is_acknowledged) = (situation.now, false);
        let telling = self.telling(TellingKind::Trigger, first, views(&active), active.len(), situation);
        self.listed.clone_from(&telling.alerts);
        telling
    }

    /// What follows from the time and from what people did: acknowledgement, the next shift,
    /// escalation, reminder.
    pub(super) fn follow(&mut self, situation: &Situation<'_>) -> Vec<Telling> {
        if self.is_in_hand(situation) {
            return self.acknowledge(situation).into_iter().collect();
        }
        let active = self.active(situation);
        if active.is_empty() {
            return Vec::new();
        }
        self.is_acknowledged = false;
        let Wanted { first, escalated } = self.wanted(&active, situation.now);
        let fresh: BTreeSet<String> = first.difference(&self.receivers).cloned().collect();
        let called = escalated.difference(&self.receivers).filter(|name| !fresh.contains(*name));
        let called: BTreeSet<String> = called.cloned().collect();
        let is_late = between(self.told, situation.now) >= situation.waits.repeat;
        let reminded =
            if is_late && fresh.is_empty() && called.is_empty() { &first | &escalated } else { BTreeSet::new() };
        let all = [(TellingKind::Trigger, fresh), (TellingKind::Escalation, called), (TellingKind::Reminder, reminded)];
        let mut tellings = Vec::new();
        for (kind, to) in all.into_iter().filter(|(_, to)| !to.is_empty()) {
            self.receivers.extend(to.iter().cloned());
            self.told = situation.now;
            tellings.push(self.telling(kind, to, views(&active), active.len(), situation));
        }
        tellings
    }

    /// Tells that persons work on the incident, once, and at most once in a group interval.
    fn acknowledge(&mut self, situation: &Situation<'_>) -> Option<Telling> {
        let Situation { sightings, waits, now, .. } = situation;
        let is_early = self.acknowledged.is_some_and(|told| between(told, *now) < waits.interval);
        if self.is_acknowledged || is_early {
            return None;
        }
        (self.is_acknowledged, self.acknowledged) = (true, Some(*now));
        let seen = self.alerts.keys().filter_map(|key| sightings.get(key.as_str()));
        let alerts: Vec<_> =
            seen.map(|seen| seen.alert).filter(|alert| alert.is_firing() && alert.is_acknowledged()).collect();
        let count = alerts.len();
        Some(self.telling(TellingKind::Acknowledge, self.receivers.clone(), alerts, count, situation))
    }

    /// Tells that the incident is over, to every receiver who was told that it began.
    pub(super) fn resolve(self, situation: &Situation<'_>) -> Telling {
        let mut ended: BTreeMap<&str, AlertView> = BTreeMap::new();
        for alert in &self.listed {
            let resolved = alert.resolved.or(self.alerts.get(&alert.key).copied().flatten()).unwrap_or(situation.now);
            ended.insert(&alert.key, AlertView { resolved: Some(resolved), ..alert.clone() });
        }
        for key in self.alerts.keys() {
            if let Some(sighting) = situation.sightings.get(key.as_str()) {
                ended.insert(key, sighting.alert.clone());
            }
        }
        let count = self.alerts.len().max(ended.len());
        self.telling(TellingKind::Resolve, self.receivers.clone(), ended.values().collect(), count, situation)
    }

    fn telling(
        &self,
        kind: TellingKind,
        to: BTreeSet<String>,
        alerts: Vec<&AlertView>,
        count: usize,
        situation: &Situation<'_>,
    ) -> Telling {
        Telling {
            to,
            kind,
            group_key: situation.group_key.to_owned(),
            labels: situation.labels.clone(),
            incident_key: self.key.clone(),
            alerts: listed(alerts),
            count,
            opened: self.opened,
            at: situation.now,
        }
    }
}

fn views<'a>(sightings: &[&Sighting<'a>]) -> Vec<&'a AlertView> {
    sightings.iter().map(|sighting| sighting.alert).collect()
}

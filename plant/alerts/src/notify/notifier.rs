//! [`Notifier`]: decides at each moment who is told what.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sqal_core::Timestamp;

use super::group::AlertGroup;
use super::plan::NotifyPlan;
use super::sighting::{Sighting, Sightings};
use super::telling::Telling;
use super::view::AlertView;

/// Decides at each moment who is told what. It reads no clock and sends nothing.
///
/// # Laws
///
/// 1. *A storm is one telling*: alerts of a group that begin within a `group_wait` are told
///    together.
/// 2. *A group does not chatter*: alerts that begin and incidents that end are told at most once in
///    a `group_interval`, also if they flap. Acknowledgements, escalations, reminders and the
///    handing over to the next shift do not wait for it; each of them is told once or after a wait
///    of its own.
/// 3. *What lasts is told*: an alert that fires, is not silenced, not acknowledged and taken by a
///    route is told after a `group_wait`, or a `group_interval` after the telling before.
/// 4. *What began also ends*: when all alerts of an incident have ended, every receiver that was
///    told of it is told so, under its key and once, whether they are silenced or not.
/// 5. *Silence and work are respected*: an alert that is silenced, or on which a person works,
///    begins no telling, is in no escalation and in no reminder.
/// 6. *The order of the alerts does not matter*, and the state can be written and read between any
///    two moments.
///
/// ```
/// use sqal_alerts::notify::{AlertView, Notifier, TellingKind, read_plan};
/// use sqal_alerts::{Severity, Words};
/// use sqal_core::Timestamp;
///
/// let plan = "{base_url: https://sqal.example, receivers: {all: {webhook: true}}, routes: [{to: [all]}]}";
/// let mut notifier = Notifier::new(read_plan(plan)?);
/// let at = |seconds: i64| Timestamp::from_micros(1_729_983_600_000_000 + seconds * 1_000_000);
/// let silent = |station| AlertView {
///     key: format!("key {station}"),
///     alertname: "StationSilent".to_owned(),
///     severity: Severity::Warning,
///     labels: [("device".to_owned(), format!("POSTE{station}"))].into(),
///     summary: Words::new("{device} is silent", "{device} est muet"),
///     description: Words::default(),
///     runbook: "station-silent".to_owned(),
///     began: Timestamp::from_micros(1_729_983_600_000_000).unwrap(),
///     resolved: None,
///     acknowledged_by: None,
///     value: None,
/// };
/// let alerts: Vec<_> = (0..200).map(silent).collect();
///
/// assert!(notifier.advance(&alerts, &|_| false, at(0)?).is_empty());
/// let tellings = notifier.advance(&alerts, &|_| false, at(30)?);
/// assert_eq!((tellings.len(), tellings[0].kind, tellings[0].count), (1, TellingKind::Trigger, 200));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Notifier {
    plan: Arc<NotifyPlan>,
    groups: BTreeMap<String, AlertGroup>,
}

impl Notifier {
    /// A notifier that has told nothing yet.
    #[must_use]
    pub fn new(plan: impl Into<Arc<NotifyPlan>>) -> Self {
        Self::resuming(plan, [])
    }

    /// A notifier that goes on with the groups of another one. The plan may have changed since:
    /// what was told is resolved all the same.
    #[must_use]
    pub fn resuming(plan: impl Into<Arc<NotifyPlan>>, groups: impl IntoIterator<Item = AlertGroup>) -> Self {
        let groups = groups.into_iter().map(|group| (group.key().to_owned(), group));
        Self { plan: plan.into(), groups: groups.collect() }
    }

    /// The groups of which something must be remembered, by their keys.
    #[must_use]
    pub const fn groups(&self) -> &BTreeMap<String, AlertGroup> {
        &self.groups
    }

    /// Goes on to a moment, and returns what is told.
    ///
    /// `alerts` are all alerts that fire, and those that ended a short time ago; an alert that is
    /// not among them has ended. The time may step back.
    pub fn advance(
        &mut self,
        alerts: &[AlertView],
        is_silenced: &dyn Fn(&AlertView) -> bool,
        now: Timestamp,
    ) -> Vec<Telling> {
        let Self { plan, groups } = self;
        // An alert stays with the group that has told it, also if the plan groups otherwise by now.
        let homes: HashMap<String, String> = groups
            .values()
            .flat_map(|group| group.alerts().map(move |key| (key.clone(), group.key().to_owned())))
            .collect();
        let mut seen: BTreeMap<String, Sightings<'_>> = BTreeMap::new();
        for alert in alerts {
            let is_silenced = alert.is_firing() && is_silenced(alert);
            let route = if alert.is_firing() { plan.route_of(alert, now) } else { None };
            let sighting = Sighting { alert, is_silenced, route };
            let key = match (homes.get(&alert.key), route) {
                (Some(home), _) => home.clone(),
                (None, Some(route)) if sighting.is_active() => {
                    let labels = plan.group_labels(alert);
                    let key = NotifyPlan::group_key(route, &labels);
                    groups.entry(key.clone()).or_insert_with(|| AlertGroup::new(key.clone(), labels));
                    key
                }
                _ => continue,
            };
            seen.entry(key).or_default().insert(&alert.key, sighting);
        }
        let none = Sightings::new();
        let mut tellings = Vec::new();
        for (key, group) in groups.iter_mut() {
            tellings.extend(group.advance(seen.get(key).unwrap_or(&none), plan.waits(), now));
        }
        groups.retain(|_, group| !group.is_idle(plan.waits(), now));
        tellings
    }
}

//! [`NotifyPlan`]: who is told of an alert, in which language, and what follows if no person
//! acknowledges it.

mod checks;
mod mistake;
mod node;
mod read;
mod receiver;
mod route;
mod shift;
mod spans;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;
use sqal_core::Timestamp;
use sqal_work::outbox::Language;
use sqal_work::outbox::notify::ChannelName;

use super::keys;
use super::view::AlertView;
pub use mistake::{InvalidPlan, PlanMistake};
pub use read::{is_plan, read_plan};
pub use receiver::Receiver;
pub use route::{EscalationStep, Route};
pub use shift::Shift;

/// The waits of groups, as Alertmanager names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    /// From the first change of a group to its telling: `group_wait`.
    pub(super) wait: Duration,
    /// The least time between two tellings of a group: `group_interval`.
    pub(super) interval: Duration,
    /// From the last telling of an incident to its reminder: `repeat_interval`.
    pub(super) repeat: Duration,
}

/// Who is told of an alert, when, and in which language.
///
/// The first route that takes an alert decides; an alert that no route takes is told to none of the
/// receivers.
///
/// ```
/// use sqal_alerts::notify::read_plan;
///
/// let plan = read_plan(
///     "
/// base_url: https://sqal.example
/// receivers:
///   on-call: {notice: [pager]}
///   quality: {mail: [quality@example.com], language: fr}
/// routes:
///   - match: {severity: critical}
///     to: [on-call]
///     escalate: [{after: 15m, to: [quality]}]
///   - to: [quality]
/// ",
/// )?;
/// assert_eq!(plan.routes().len(), 2);
/// assert!(plan.warnings().is_empty());
///
/// let refused = read_plan("{receivers: {quality: {mail: [nowhere]}}, routes: [{to: [qualty]}]}").unwrap_err();
/// let places: Vec<_> = refused.mistakes().iter().map(|mistake| mistake.place.as_str()).collect();
/// assert_eq!(places, ["base_url", "receivers.quality.mail[0]", "routes[0].to"]);
/// # Ok::<(), sqal_alerts::notify::InvalidPlan>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyPlan {
    language: Language,
    zone: TimeZone,
    base_url: String,
    runbooks: String,
    group_by: BTreeSet<String>,
    waits: Waits,
    receivers: BTreeMap<String, Receiver>,
    routes: Vec<Route>,
    warnings: Vec<PlanMistake>,
}

impl NotifyPlan {
    /// The language of receivers that have none of their own.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// The zone of the times in texts.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The receivers by their names.
    #[must_use]
    pub const fn receivers(&self) -> &BTreeMap<String, Receiver> {
        &self.receivers
    }

    /// The routes in their order.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// What is valid but probably not meant: a receiver or a shift that is never used, and hours in
    /// which alerts of a severity are told to none of the receivers.
    #[must_use]
    pub fn warnings(&self) -> &[PlanMistake] {
        &self.warnings
    }

    /// The notice channels that the plan names. A process must have each of them.
    #[must_use]
    pub fn notice_channels(&self) -> BTreeSet<&ChannelName> {
        self.receivers.values().flat_map(Receiver::notice).collect()
    }

    /// Whether a receiver is told by mail. A process must then be able to send mail.
    #[must_use]
    pub fn has_mail(&self) -> bool {
        self.receivers.values().any(|receiver| !receiver.mail().is_empty())
    }

    /// The first route that takes an alert at a time.
    #[must_use]
    pub fn route_of(&self, alert: &AlertView, at: Timestamp) -> Option<&Route> {
        self.routes.iter().find(|route| route.takes(alert, at))
    }

    /// The URL of the page that lists the alerts.
    #[must_use]
    pub fn alerts_url(&self) -> String {
        format!("{}/#alerts", self.base_url)
    }

    /// The URL of a page of the runbook.
    #[must_use]
    pub fn runbook_url(&self, page: &str) -> String {
        format!("{}/{page}", self.runbooks)
    }

    pub(super) const fn waits(&self) -> &Waits {
        &self.waits
    }

    /// The labels by which an alert is grouped, with their values.
    pub(super) fn group_labels(&self, alert: &AlertView) -> BTreeMap<String, String> {
        let value = |name: &String| alert.label(name).unwrap_or_default().to_owned();
        self.group_by.iter().map(|name| (name.clone(), value(name))).collect()
    }

    /// The key of the group that an alert of a route belongs to. Routes that differ only in their
    /// shift have one group, so the people of the next shift go on with the incidents of the last.
    pub(super) fn group_key(route: &Route, labels: &BTreeMap<String, String>) -> String {
        // A map of texts always has its JSON.
        keys::group_key(&serde_json::to_string(route.matched()).unwrap_or_default(), labels)
    }
}

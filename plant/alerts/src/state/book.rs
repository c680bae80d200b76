//! [`AlertBook`]: the alerts of all servers that share a database.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqal_core::Timestamp;
use sqal_storage::records::Revision;
use sqal_storage::{Records, Register};
use tracing::warn;

use super::alert::Alert;
use super::alert_records::{AlertRecords, StoredAlert};
use super::author::ServerName;
use super::book_error::AlertBookError;
use super::evaluator::Evaluation;
use super::filter::AlertCursor;
use super::finding::Finding;
use super::key::AlertKey;
use super::sightings::Sightings;
use super::stored::current;
use crate::times::between;

/// An alert that begins again within this time of its end is the same alert.
pub const FLAP_WITHIN: Duration = Duration::from_mins(5);

/// A server that has not confirmed an alert for this time no longer counts: it has ended, or does
/// not reach the database.
pub const UNCONFIRMED_AFTER: Duration = Duration::from_mins(1);

/// The time after which a server that evaluates every 15 seconds writes again that it finds an
/// alert: at every second evaluation, so that a late one does not end the alert.
const CONFIRM_EVERY: Duration = Duration::from_secs(20);

/// Confirmations by other servers that have stood unchanged for [`UNCONFIRMED_AFTER`].
type Expired = BTreeMap<ServerName, Timestamp>;

/// What the book knows after an evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BookUpdate {
    /// Alerts that this call has begun.
    pub began: Vec<Alert>,
    /// Alerts that had ended within the last 5 minutes and that this call has begun again.
    pub resumed: Vec<Alert>,
    /// Alerts that this call has ended.
    pub resolved: Vec<Alert>,
    /// All open alerts, and those that ended within the last hour, after this call.
    pub current: Vec<Alert>,
    /// The number of alerts that could not be written for a reason that lasts. The log names it.
    pub skipped: usize,
}

/// What a call has done to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Began,
    Resumed,
    Confirmed,
    /// Another server still finds the alert.
    Released,
    Resolved,
}

/// What this process remembers between two evaluations.
#[derive(Debug, Default)]
struct Memory {
    sightings: Sightings,
    /// The revisions of ended alerts that were copied to the ended ones.
    filed: BTreeMap<AlertCursor, Revision>,
}

/// The alerts of all servers that share a database, with what people do about them.
///
/// Each alert is one record under its key, changed by compare-and-swap. Each server confirms every
/// 30 seconds the alerts that it finds. An alert ends when the last server that had confirmed it
/// finds it no longer, or has not confirmed it for [`UNCONFIRMED_AFTER`]. Ended alerts are kept for
/// 30 days.
///
/// Clones share what the process remembers of other servers; a server has one book.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use sqal_alerts::query::{Query, Selector, Series};
/// use sqal_alerts::state::{AlertBook, Evaluator, Remark};
/// use sqal_alerts::{AlertRule, Hold, Severity, Words};
/// use sqal_core::{Name, Timestamp};
/// use sqal_storage::MemoryStore;
///
/// let silent = Query::from(Selector::new("station_silent")).equal_to(1.0);
/// let (hold, summary) = (Hold::default(), Words::new("{device} is silent", "{device} se tait"));
/// let rule = AlertRule::new(
///     "StationSilent", Severity::Warning, silent, hold, summary, Words::default(), "station-silent",
/// )?;
/// let mut evaluator = Evaluator::new([rule]);
/// let mut series = Series::keeping(evaluator.rules().map(AlertRule::query));
/// let store = Arc::new(MemoryStore::new());
/// let book = AlertBook::new(store.clone(), store);
///
/// let (server, now) = (Name::new("server-1")?, Timestamp::from_micros(1_794_000_000_000_000)?);
/// series.scrape("station_silent{device=\"POSTE1\"} 1\n", &[], now);
/// let update = book.take(&evaluator.evaluate(&series, now), &server, now).await?;
/// let key = update.began[0].key;
///
/// let alert = book.acknowledge(&key, &Name::new("marie")?, Remark::new("I go and look")?, now).await?;
/// assert!(alert.acknowledged.is_some());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct AlertBook {
    pub(super) alerts: AlertRecords,
    pub(super) register: Arc<dyn Register>,
    memory: Arc<Mutex<Memory>>,
}

impl AlertBook {
    /// A book in records, whose deeds of people stand in a register.
    #[must_use]
    pub fn new(records: Arc<dyn Records>, register: Arc<dyn Register>) -> Self {
        Self { alerts: AlertRecords::new(records), register, memory: Arc::default() }
    }

    /// Writes down what `server` has found. The result is complete: an evaluation that could not be
    /// taken is made good by the next.
    ///
    /// What people must learn of is written first, because a slow store may not take all of it in
    /// the caller's time: alerts that begin, the critical ones first; then the ends of alerts; then
    /// confirmations, the oldest first.
    ///
    /// # Errors
    ///
    /// [`AlertBookError::Storage`] if the records do not answer; a part of the alerts may then be
    /// written.
    pub async fn take(
        &self,
        evaluation: &Evaluation,
        server: &ServerName,
        now: Timestamp,
    ) -> Result<BookUpdate, AlertBookError> {
        let listed = self.alerts.current(now).await?;
        self.file_ended(&listed, now).await?;
        let open = listed.iter().map(|stored| &stored.alert).filter(|alert| alert.resolved.is_none());
        let mut expired = self.memory().sightings.expired(open, UNCONFIRMED_AFTER, now);
        let mut update = BookUpdate::default();
        for (key, finding, stored) in in_order(evaluation, listed, server) {
            let gone = expired.remove(&key).unwrap_or_default();
            let decide = |alert: Option<Alert>| match finding {
                Some(finding) => confirmed(alert, finding, server, &gone, now),
                None => released(alert, server, &gone, now),
            };
            self.step(key, stored, now, decide, &mut update).await?;
        }
        Ok(update)
    }

    /// The open alerts, and those that ended within the last hour, in the order of keys.
    ///
    /// # Errors
    ///
    /// [`AlertBookError::Storage`] if the records do not answer.
    pub async fn current(&self, now: Timestamp) -> Result<Vec<Alert>, AlertBookError> {
        Ok(self.alerts.current(now).await?.into_iter().map(|stored| stored.alert).collect())
    }

    /// Changes one alert and notes what became of it. An alert that cannot be written for a reason
    /// that lasts does not hold up the others.
    async fn step(
        &self,
        key: AlertKey,
        stored: Option<StoredAlert>,
        now: Timestamp,
        decide: impl Fn(Option<Alert>) -> Option<(Alert, Step)> + Send + Sync,
        update: &mut BookUpdate,
    ) -> Result<(), AlertBookError> {
        let before = stored.as_ref().map(|stored| stored.alert.clone());
        match self.written(key, stored, now, decide).await {
            Ok((alert, step)) => {
                let among = match step {
                    Some(Step::Began) => Some(&mut update.began),
                    Some(Step::Resumed) => Some(&mut update.resumed),
                    Some(Step::Resolved) => Some(&mut update.resolved),
                    Some(Step::Confirmed | Step::Released) | None => None,
                };
                if let Some(among) = among {
                    among.extend(alert.clone());
                }
                update.current.extend(alert);
            }
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                warn!(alert = key.as_str(), %error, "an alert could not be written down and is left out");
                update.skipped = update.skipped.saturating_add(1);
                update.current.extend(before);
            }
        }
        Ok(())
    }

    /// Changes one alert; its copy among the ended ones follows.
    async fn written(
        &self,
        key: AlertKey,
        stored: Option<StoredAlert>,
        now: Timestamp,
        decide: impl Fn(Option<Alert>) -> Option<(Alert, Step)> + Send + Sync,
    ) -> Result<(Option<Alert>, Option<Step>), AlertBookError> {
        let (alert, step) = self.alerts.change(current(), key.record(), stored, now, decide).await?;
        match (&alert, step) {
            (Some(alert), Some(Step::Resolved)) => self.alerts.file(alert, now).await?,
            (Some(alert), Some(Step::Resumed)) => self.alerts.unfile(alert, now).await?,
            _ => {}
        }
        Ok((alert, step))
    }

    /// Copies alerts that have ended and of whose copy this process does not know: the server that
    /// ended them may have been killed before it made the copy.
    async fn file_ended(&self, listed: &[StoredAlert], now: Timestamp) -> Result<(), AlertBookError> {
        for stored in self.unfiled(listed) {
            match self.alerts.file(&stored.alert, now).await {
                Err(error) if error.is_transient() => return Err(error),
                // What cannot be read was written by a newer program, which makes its own copy.
                _ => {}
            }
        }
        let ended = listed.iter().filter(|stored| stored.alert.resolved.is_some());
        self.memory().filed = ended.map(|stored| (AlertCursor::of(&stored.alert), stored.revision)).collect();
        Ok(())
    }

    /// The alerts that have ended and whose copy this process does not know of.
    fn unfiled<'a>(&self, listed: &'a [StoredAlert]) -> Vec<&'a StoredAlert> {
        let memory = self.memory();
        let is_filed =
            |stored: &StoredAlert| memory.filed.get(&AlertCursor::of(&stored.alert)) == Some(&stored.revision);
        listed.iter().filter(|stored| stored.alert.resolved.is_some() && !is_filed(stored)).collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is found, and the alerts of the book that are not, in the order in which they are written.
fn in_order<'a>(
    evaluation: &'a Evaluation,
    listed: Vec<StoredAlert>,
    server: &ServerName,
) -> Vec<(AlertKey, Option<&'a Finding>, Option<StoredAlert>)> {
    let mut known: BTreeMap<_, _> = listed.into_iter().map(|stored| (stored.alert.key, stored)).collect();
    let found = evaluation.firing.iter().map(|finding| (finding, known.remove(&finding.key)));
    let (mut going_on, mut beginning): (Vec<_>, Vec<_>) = found.partition(|(_, stored)| is_open(stored.as_ref()));
    beginning.sort_by_key(|(finding, _)| Reverse(finding.severity));
    let confirmed = |stored: &StoredAlert| stored.alert.confirmed.get(server).copied();
    going_on.sort_by_key(|(_, stored)| stored.as_ref().and_then(confirmed));
    let not_found = known.into_iter().map(|(key, stored)| (key, None, Some(stored)));
    let found = |(finding, stored): (&'a Finding, _)| (finding.key, Some(finding), stored);
    let beginning = beginning.into_iter().map(found);
    beginning.chain(not_found).chain(going_on.into_iter().map(found)).collect()
}

/// Whether an alert of the book has not ended.
fn is_open(stored: Option<&StoredAlert>) -> bool {
    stored.is_some_and(|stored| stored.alert.resolved.is_none())
}

/// The alert after `server` has found it; `None` if the book says so already.
fn confirmed(
    known: Option<Alert>,
    finding: &Finding,
    server: &ServerName,
    expired: &Expired,
    now: Timestamp,
) -> Option<(Alert, Step)> {
    let known = known.filter(|known| known.resolved.is_none_or(|end| between(end, now) < FLAP_WITHIN));
    let Some(mut alert) = known else { return Some((Alert::found(finding, server, now), Step::Began)) };
    if alert.resolved.is_some() {
        (alert.resolved, alert.flaps) = (None, alert.flaps.saturating_add(1));
        alert.confirm(finding, server, now);
        return Some((alert, Step::Resumed));
    }
    let is_recent = |at: &Timestamp| *at <= now && between(*at, now) < CONFIRM_EVERY;
    if alert.confirmed.get(server).is_some_and(is_recent) {
        return None;
    }
    alert.confirmed.retain(|other, at| expired.get(other) != Some(at));
    alert.confirm(finding, server, now);
    Some((alert, Step::Confirmed))
}

/// The alert after `server` has not found it; `None` if that changes nothing.
fn released(known: Option<Alert>, server: &ServerName, expired: &Expired, now: Timestamp) -> Option<(Alert, Step)> {
    let mut alert = known.filter(|known| known.resolved.is_none())?;
    let before = alert.confirmed.len();
    alert.confirmed.retain(|other, at| other != server && expired.get(other) != Some(at));
    if alert.confirmed.is_empty() {
        // The clocks of servers differ: no alert ends before it began.
        alert.resolved = Some(now.max(alert.began));
        return Some((alert, Step::Resolved));
    }
    (alert.confirmed.len() < before).then_some((alert, Step::Released))
}

//! Lists the alerts of the book, the newest first.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use sqal_core::Timestamp;
use sqal_storage::labels::{LabelName, LabelValue};
use sqal_storage::records::RecordQuery;

use super::alert::Alert;
use super::alert_records::{PAGE, readable};
use super::book::AlertBook;
use super::book_error::AlertBookError;
use super::filter::{AlertCursor, AlertFilter, AlertPage, AlertScope};
use super::key::AlertKey;
use super::stored::{DEVICE, KEY, RULE, SEVERITY, current, ended};
use crate::stored::label;
use crate::{RuleName, Severity};

/// The most pages of ended alerts that one call reads. A filter that finds few of them gets a short
/// page, with a place to go on from.
const MOST_PAGES: usize = 50;

/// Ended alerts by their place, and the place up to which they were read if the rest was not.
type EndedAlerts = (BTreeMap<AlertCursor, Alert>, Option<AlertCursor>);

impl AlertBook {
    /// At most `limit` alerts after a place, the newest first.
    ///
    /// # Errors
    ///
    /// [`AlertBookError::Storage`] if the records do not answer.
    pub async fn list(
        &self,
        filter: &AlertFilter,
        after: Option<&AlertCursor>,
        limit: NonZeroU16,
        now: Timestamp,
    ) -> Result<AlertPage, AlertBookError> {
        let limit = usize::from(limit.get());
        let open = self.current(now).await?.into_iter().filter(|alert| alert.resolved.is_none());
        let open: BTreeMap<_, _> = open.map(|alert| (AlertCursor::of(&alert), alert)).collect();
        // An alert that has just begun again may still have a copy among the ended ones.
        let (mut found, mut next) = match filter.scope {
            AlertScope::Open => (BTreeMap::new(), None),
            AlertScope::Ended | AlertScope::All => self.ended(filter, after, limit, &open, now).await?,
        };
        let is_after = |place: &AlertCursor| after.is_none_or(|after| place > after);
        found.extend(open.into_iter().filter(|(place, alert)| is_after(place) && filter.wants(alert)));
        if let Some(end) = &next {
            found.retain(|place, _| place <= end);
        }
        if found.len() > limit {
            next = found.keys().nth(limit.saturating_sub(1)).copied();
        }
        Ok(AlertPage { items: found.into_values().take(limit).collect(), next })
    }

    /// The alert with a key: the open one, or else the one that ended last. `None` if there is
    /// none, or if it ended more than 30 days ago.
    ///
    /// # Errors
    ///
    /// [`AlertBookError::Storage`] if the records do not answer, [`AlertBookError::Unreadable`] if
    /// a newer program wrote the alert.
    pub async fn get(&self, key: &AlertKey, now: Timestamp) -> Result<Option<Alert>, AlertBookError> {
        if let Some(stored) = self.alerts.read(current(), key.record(), now).await? {
            return Ok(Some(stored.alert));
        }
        let value = LabelValue::new(key.as_str()).unwrap_or_else(|_| unreachable!("64 hexadecimal digits"));
        let found = self.alerts.find(&RecordQuery::of(ended(), 1).labelled(label(KEY), value), now).await?;
        Ok(found.first().and_then(readable).map(|stored| stored.alert))
    }

    /// More than `limit` ended alerts after a place, if there are more.
    async fn ended(
        &self,
        filter: &AlertFilter,
        after: Option<&AlertCursor>,
        limit: usize,
        open: &BTreeMap<AlertCursor, Alert>,
        now: Timestamp,
    ) -> Result<EndedAlerts, AlertBookError> {
        let mut query = RecordQuery::of(ended(), PAGE);
        if let Some((name, value)) = narrowest(filter) {
            query = query.labelled(name, value);
        }
        if let Some(after) = after {
            query = query.after(after.record());
        }
        let mut found = BTreeMap::new();
        for _ in 0..MOST_PAGES {
            let page = self.alerts.find(&query, now).await?;
            for alert in page.iter().filter_map(readable).map(|stored| stored.alert) {
                let place = AlertCursor::of(&alert);
                if filter.wants(&alert) && !open.contains_key(&place) {
                    found.insert(place, alert);
                }
            }
            match page.last() {
                Some(last) if page.len() >= usize::from(PAGE) && found.len() <= limit => query = query.after(last.key),
                Some(last) if page.len() >= usize::from(PAGE) => return Ok((found, last.key.as_str().parse().ok())),
                _ => return Ok((found, None)),
            }
        }
        let end = query.after.and_then(|key| key.as_str().parse().ok());
        Ok((found, end))
    }
}

/// The label that finds the fewest of the alerts that a filter asks for.
fn narrowest(filter: &AlertFilter) -> Option<(LabelName, LabelValue)> {
    let labels = [
        (DEVICE, filter.device.as_deref()),
        (RULE, filter.rule.as_ref().map(RuleName::as_str)),
        (SEVERITY, filter.severity.map(Severity::as_str)),
    ];
    // A device whose name cannot be a label is found by the other labels.
    labels.into_iter().find_map(|(name, value)| Some((label(name), LabelValue::stored(value?).ok()?)))
}

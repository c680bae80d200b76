//! [`InBoth`]: samples that a store has accepted and that could not be removed from its spool; sums
//! over the spool leave them out.

use std::collections::BTreeSet;

use sqal_core::{DeviceId, Sample, SampleId, Timestamp};

use crate::{
    SampleQuery, SampleStore, SqliteStore, StorageError,
    samples::{Cursor, DeviceTally, Hour, Hourly, HourlyQuery, Tally},
};

/// Samples of one batch, usually none, and their hours.
#[derive(Clone, Debug, Default)]
pub(crate) struct InBoth {
    ids: BTreeSet<SampleId>,
    hours: BTreeSet<Hour>,
}

impl InBoth {
    pub(crate) fn of(samples: &[Sample]) -> Self {
        let hours = samples.iter().map(|sample| Hour::of(sample.key.timestamp)).collect();
        Self { ids: samples.iter().map(Sample::id).collect(), hours }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The hours of a spool without these samples.
    pub(crate) async fn hourly_without(
        &self,
        spool: &SqliteStore,
        query: &HourlyQuery,
    ) -> Result<Vec<Hourly>, StorageError> {
        let mut parts = Vec::new();
        for span in self.spans_between(query) {
            parts.extend(spool.hourly(&span).await?);
        }
        let others = self.others(spool, query).await?;
        parts.extend(others.into_iter().map(|(_, hour, tally)| Hourly { hour, tally }));
        Ok(Hourly::together(parts))
    }

    /// The devices of a spool without these samples.
    pub(crate) async fn by_device_without(
        &self,
        spool: &SqliteStore,
        query: &HourlyQuery,
    ) -> Result<Vec<DeviceTally>, StorageError> {
        let mut parts = Vec::new();
        for span in self.spans_between(query) {
            parts.extend(spool.by_device(&span).await?);
        }
        let others = self.others(spool, query).await?;
        parts.extend(others.into_iter().map(|(device_id, _, tally)| DeviceTally { device_id, tally }));
        Ok(DeviceTally::together(parts))
    }

    /// The hours of a query that have such samples.
    fn touched(&self, query: &HourlyQuery) -> impl Iterator<Item = Hour> {
        self.hours.range(query.from()..query.until()).copied()
    }

    /// The spans of a query between the hours that have such samples.
    fn spans_between(&self, query: &HourlyQuery) -> Vec<HourlyQuery> {
        let (mut from, mut spans) = (query.from(), Vec::new());
        for until in self.touched(query).chain([query.until()]) {
            if let Ok(span) = HourlyQuery::new(from, until) {
                spans.push(query.device_id().map_or(span, |device| span.of_device(*device)));
            }
            from = until.later(1);
        }
        spans
    }

    /// The tallies of the other samples of these hours, one per sample.
    async fn others(
        &self,
        spool: &SqliteStore,
        query: &HourlyQuery,
    ) -> Result<Vec<(DeviceId, Hour, Tally)>, StorageError> {
        let mut others = Vec::new();
        for hour in self.touched(query) {
            let begins = hour.begins();
            let last = Timestamp::from_micros(begins.micros() + 3_599_999_999).unwrap_or(begins);
            let mut after = Some(Cursor::at(last, SampleId::from_bytes([u8::MAX; 16])));
            while after.is_some() {
                let page = SampleQuery { device_id: query.device_id().copied(), after, limit: PAGE };
                let page = spool.query(&page).await?;
                let of_the_hour = page.items.iter().filter(|sample| sample.key.timestamp >= begins);
                let others_of_it = of_the_hour.filter(|sample| !self.ids.contains(&sample.id()));
                others.extend(others_of_it.map(|sample| (sample.key.device_id, hour, Tally::of(sample))));
                after = page.next.filter(|next| next.timestamp() >= begins);
            }
        }
        Ok(others)
    }
}

/// The number of samples in one page of a read.
const PAGE: std::num::NonZeroU16 = match std::num::NonZeroU16::new(500) {
    Some(page) => page,
    None => unreachable!(),
};

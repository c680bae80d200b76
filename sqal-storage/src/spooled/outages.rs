//! [`Outages`]: the lines of the log about a store and a spool that fail: one when a failure
//! begins, and one when it ends, with the number of failures in between.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sqal_core::{Sample, SampleId, SampleKey};
use sqal_resilience::log::Causes;
use sqal_resilience::outage::Outage;
use tracing::{error, info, warn};

use super::{SpoolError, Stuck};
use crate::{StorageError, StorageErrorKind};

/// The most refused samples that are remembered, of 16 bytes each.
const MOST_REFUSED: usize = 10_000;

/// The failures that last.
#[derive(Debug)]
pub(super) struct Outages {
    /// The name of the store in the lines; none if it was not given.
    pub(super) name: Option<String>,
    /// The store accepts no samples: it is away, busy or full.
    store: Outage,
    /// Spooled samples cannot move, for another reason than that the store is away.
    moving: Outage,
    /// The spool accepts no samples.
    closed: Outage,
    /// The spool, or a part of it, cannot be read.
    unreadable: Outage,
    /// Neither the store nor the spool accepts samples, as a probe has found.
    no_place: Outage,
    /// The refused samples that are in the log. At [`MOST_REFUSED`] they are forgotten, and each
    /// may be written once more.
    refused: Mutex<HashSet<SampleId>>,
}

impl Default for Outages {
    fn default() -> Self {
        let outage = || Outage::calm_after(Outage::CALM);
        Self {
            name: None,
            store: outage(),
            moving: outage(),
            closed: outage(),
            unreadable: outage(),
            no_place: outage(),
            refused: Mutex::default(),
        }
    }
}

/// Monotonic time, as the tasks of a spooled store count it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Outages {
    /// The store was given samples, and has accepted them or not.
    pub(super) fn given<T>(&self, outcome: &Result<T, StorageError>, waiting: u64) {
        match outcome {
            Err(error) if error.is_transient() => {
                if self.store.failed(now()) {
                    let (store, error) = (self.name.as_deref(), Causes::of(error));
                    warn!(store, %error, waiting, "the store is away; samples wait in the spool until it is back");
                }
            }
            Err(error) if error.kind != StorageErrorKind::Refused => {}
            // A store that refuses a content is there, too.
            _ => {
                if let Some(recovery) = self.store.succeeded(now()) {
                    let (store, failures, seconds) = (self.name.as_deref(), recovery.failures, recovery.seconds());
                    info!(store, failures, seconds, waiting, "the store accepts samples again");
                    self.opened();
                }
            }
        }
    }

    /// Spooled samples did not move.
    pub(super) fn stuck(&self, stuck: &Stuck, waiting: u64) {
        // A store that is away has its own line.
        if matches!(stuck, Stuck::Store(error) if error.is_transient()) || !self.moving.failed(now()) {
            return;
        }
        let (Stuck::Store(cause) | Stuck::Spool(cause)) = stuck;
        let error = Causes::of(cause);
        match (stuck, &cause.kind) {
            (Stuck::Store(_), _) => error!(%error, waiting, "the store fails; spooled samples wait"),
            (_, StorageErrorKind::Full) => error!(%error, waiting, "the spool's disk is full: it cannot be drained"),
            (_, StorageErrorKind::Corrupt(_)) => error!(%error, waiting, "the spool is damaged and cannot be read"),
            (_, StorageErrorKind::FileGone) => error!(%error, waiting, "the spool's file was removed or replaced"),
            _ => error!(%error, waiting, "the spool cannot be read or written"),
        }
    }

    /// Spooled samples have moved.
    pub(super) fn moved(&self) {
        if let Some(recovery) = self.moving.succeeded(now()) {
            info!(failures = recovery.failures, seconds = recovery.seconds(), "spooled samples move again");
        }
    }

    /// The spool accepts no samples.
    pub(super) fn closed(&self, why: &SpoolError, waiting: u64) {
        if self.closed.failed(now()) {
            warn!(cause = %Causes::of(why), waiting, "the spool accepts no more samples; their devices keep them");
        }
    }

    /// The spool has accepted samples, or need not.
    pub(super) fn opened(&self) {
        if let Some(recovery) = self.closed.succeeded(now()) {
            info!(refusals = recovery.failures, seconds = recovery.seconds(), "the spool accepts samples again");
        }
    }

    /// The spool could not be read.
    pub(super) fn unreadable(&self, error: &StorageError) {
        if self.unreadable.failed(now()) {
            error!(error = %Causes::of(error), "the spool cannot be read; answers leave out what waits in it");
        }
    }

    /// Takes data that a damaged spool cannot return as absent; every other error stays an error.
    pub(super) fn unless_damaged<T>(&self, result: Result<T, StorageError>, absent: T) -> Result<T, StorageError> {
        match result {
            Err(error) if matches!(error.kind, StorageErrorKind::Corrupt(_)) => {
                self.unreadable(&error);
                Ok(absent)
            }
            Ok(value) => {
                if let Some(recovery) = self.unreadable.succeeded(now()) {
                    info!(failures = recovery.failures, seconds = recovery.seconds(), "the spool is read again");
                }
                Ok(value)
            }
            failed => failed,
        }
    }

    /// A probe has found that neither the store nor the spool accepts samples.
    pub(super) fn no_place(&self, why: &SpoolError) {
        if self.no_place.failed(now()) {
            warn!(cause = %Causes::of(why), "the store is away, and the spool accepts no samples");
        }
    }

    /// A probe has found a place for samples.
    pub(super) fn a_place(&self) {
        if let Some(recovery) = self.no_place.succeeded(now()) {
            let (failures, seconds) = (recovery.failures, recovery.seconds());
            info!(failures, seconds, "the store or its spool accepts samples again");
        }
    }

    /// The store refuses a spooled sample; it is offered again, and logged once.
    pub(super) fn refused(&self, sample: &Sample, error: &StorageError) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= MOST_REFUSED {
            refused.clear();
        }
        let is_new = refused.insert(sample.id());
        drop(refused);
        if is_new {
            let SampleKey { device_id, name: sample_id, .. } = &sample.key;
            error!(error = %Causes::of(error), %device_id, %sample_id, "the store refuses a spooled sample");
        }
    }
}

//! Appends a head of the database to a file each hour and at the end of the server.
//!
//! A head states what the database holds. The file is outside of the database, so a writer of the
//! database cannot change it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqal_resilience::log::Causes;
use sqal_resilience::outage::Outage;
use sqal_storage::{
    heads::{HeadFile, HeadSigner},
    samples::Hour,
    sealed::KeyRing,
};
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::{error, info, warn};

use crate::connections::Connections;
use crate::wall_clock::wall_clock;

/// The time between two heads.
const EVERY: Duration = Duration::from_hours(1);

/// The number of past hours in which late samples are searched. Samples that come even later are
/// stated by `sqal audit sign`.
const HOURS: i64 = 48;

/// The most time for the last head.
const LAST: Duration = Duration::from_secs(4);

/// Keeps the file of heads of a server.
pub(crate) struct HeadKeeper {
    /// `None` if the file cannot be used, because nothing may be appended to unusable content.
    file: Mutex<Option<HeadFile>>,
    connections: Arc<Connections>,
    /// The hours in which the database could not be read.
    outage: Outage,
}

impl HeadKeeper {
    /// Opens `heads.ndjson` of the data folder. If the file cannot be used, the server logs an
    /// error and states no heads, and the line continues.
    pub(crate) fn open(data_dir: &Path, ring: Option<&KeyRing>, connections: Arc<Connections>) -> Self {
        let path = data_dir.join("heads.ndjson");
        let signer = ring.map(HeadSigner::of);
        if let Some(signer) = &signer {
            info!(public_key = %signer.public(), "heads of the database are signed");
        } else {
            info!("heads of the database are not signed: MASTER_ENCRYPTION_KEY is not set");
        }
        let file = HeadFile::open(&path, signer);
        let file = file
            .map_err(|why| {
                let error = Causes::of(&why);
                error!(%error, "no heads of the database are stated; look at the file, and put it aside");
            })
            .ok();
        Self { file: Mutex::new(file), connections, outage: Outage::default() }
    }

    /// Appends a head for the present content of the database.
    async fn state(&self) {
        let mut slot = self.file.lock().await;
        let Some(mut file) = slot.take() else { return };
        let now = wall_clock();
        let since = Hour::of(now).later(-HOURS);
        let found = self.connections.checkpoint(now, since, &file.heads().expected).await;
        let checkpoint = match found {
            Ok(checkpoint) => checkpoint,
            Err(why) => {
                if self.outage.failed(Instant::now().into_std()) {
                    warn!(error = %Causes::of(&why), "no heads of the database are stated now: it cannot be read");
                }
                *slot = Some(file);
                return;
            }
        };
        if let Some(recovery) = self.outage.succeeded(Instant::now().into_std()) {
            info!(missing = recovery.failures, seconds = recovery.seconds(), "heads of the database are stated again");
        }
        let written = tokio::task::spawn_blocking(move || {
            let written = file.append(&checkpoint);
            file.forget_before(since);
            (file, written)
        });
        // An interrupted write may have left a part of a line, so the file is read again at the
        // next start.
        match written.await {
            Ok((file, Ok(()))) => *slot = Some(file),
            Ok((_, Err(why))) => {
                let error = Causes::of(&why);
                error!(%error, "no more heads of the database are stated: the file cannot be written");
            }
            Err(error) => error!(%error, "no more heads of the database are stated"),
        }
    }

    /// Appends a head at once, and then each hour. The future never ends: drop it to stop.
    pub(crate) async fn keep(&self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.state().await;
        }
    }

    /// Appends a last head before the database is closed, unless that takes longer than [`LAST`].
    pub(crate) async fn end(&self) {
        if timeout(LAST, self.state()).await.is_err() {
            warn!("no head of the database is stated at the end: it takes too long");
        }
    }
}

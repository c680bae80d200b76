//! States each hour, and at the end, what the database holds, in a file outside of it that a writer of the database cannot change.

use std::path::Path;
use std::time::Duration;

use sqal_storage::{HeadFile, HeadSigner, Hour, KeyRing};
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{error, info, warn};

use crate::database::Witness;
use crate::server::wall_clock;

/// How often.
const EVERY: Duration = Duration::from_hours(1);

/// How many hours back samples are looked for that came late; what comes later still is stated by `sqal audit sign`.
const HOURS: i64 = 48;

/// How long the last head may take.
const LAST: Duration = Duration::from_secs(4);

/// The file of heads of a server.
pub(crate) struct HeadKeeper {
    /// `None` if the file cannot be used: what stands in it must not be followed by anything.
    file: Mutex<Option<HeadFile>>,
    witness: Witness,
}

impl HeadKeeper {
    /// Opens `heads.ndjson` of the data folder. A file that cannot be used stops no line: that is told, and nothing is stated.
    pub(crate) fn open(data_dir: &Path, ring: Option<&KeyRing>, witness: Witness) -> Self {
        let path = data_dir.join("heads.ndjson");
        let signer = ring.map(HeadSigner::of);
        if let Some(signer) = &signer {
            info!(public_key = %signer.public(), "heads of the database are signed");
        } else {
            info!("heads of the database are not signed: MASTER_ENCRYPTION_KEY is not set");
        }
        let file = HeadFile::open(&path, signer);
        let file = file
            .map_err(|why| error!(%why, "no heads of the database are stated; look at the file, and put it aside"))
            .ok();
        Self { file: Mutex::new(file), witness }
    }

    /// States what the database holds now.
    async fn state(&self) {
        let mut slot = self.file.lock().await;
        let Some(mut file) = slot.take() else { return };
        let now = wall_clock();
        let since = Hour::of(now).later(-HOURS);
        let found = self.witness.checkpoint(now, since, &file.heads().expected).await;
        let checkpoint = match found {
            Ok(checkpoint) => checkpoint,
            Err(why) => {
                warn!(%why, "no head of the database is stated this time: it cannot be read");
                *slot = Some(file);
                return;
            }
        };
        let written = tokio::task::spawn_blocking(move || {
            let written = file.append(&checkpoint);
            file.forget_before(since);
            (file, written)
        });
        // A write that was cut off may have left a part of a line: the file is read again at the next start.
        match written.await {
            Ok((file, Ok(()))) => *slot = Some(file),
            Ok((_, Err(why))) => error!(%why, "no more heads of the database are stated: the file cannot be written"),
            Err(why) => error!(%why, "no more heads of the database are stated"),
        }
    }

    /// States at once, and then each hour; ends never, drop it.
    pub(crate) async fn keep(&self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.state().await;
        }
    }

    /// States once more before the database is closed, if that does not take long.
    pub(crate) async fn end(&self) {
        if timeout(LAST, self.state()).await.is_err() {
            warn!("no head of the database is stated at the end: it takes too long");
        }
    }
}

//! `sqal erase`: deletes all data of one device, or all confidential fields of one subject.

use std::path::PathBuf;

use clap::Args;
use sqal_core::{DeviceId, Name};
use sqal_storage::audit::Action;
use sqal_storage::cache::CacheScope;
use sqal_storage::custody::Gone;
use sqal_storage::sealed::Subject;
use sqal_storage::{Cache, Redis, RedisCache};

use crate::audit_line::action;
use crate::command_error::CommandError;
use crate::database::Database;
use crate::erasures::{self, Erased};
use crate::place::Place;
use crate::wall_clock::now;

/// Delete all data of one device, or all confidential fields of one subject. Running servers may
/// show its figures for 25 minutes more.
#[derive(Debug, Args)]
pub(crate) struct Erase {
    #[command(flatten)]
    database: Place,
    /// The device.
    #[arg(long, required_unless_present = "subject", value_parser = DeviceId::stored)]
    device: Option<DeviceId>,
    /// The subject.
    #[arg(long, conflicts_with_all = ["device", "spool"], value_parser = Subject::stored)]
    subject: Option<Subject>,
    /// The file in which samples wait while the database is unavailable (`spool.db` of the data
    /// folder): the device is erased there too.
    #[arg(long)]
    spool: Option<String>,
    /// The Redis in which servers share their cache: the whole cache is cleared.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    redis: Option<String>,
    /// The file in which the erasure is recorded outside of the database, so that a restore erases
    /// again; without it `erasures.ndjson` beside a SQLite file.
    #[arg(long)]
    erasures: Option<PathBuf>,
    /// The actor in the audit log.
    #[arg(long, default_value = "sqal erase")]
    actor: Name<64>,
}

impl Erase {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        match (self.device, self.subject) {
            (Some(device), _) => self.device(device).await,
            (None, Some(subject)) => self.subject(subject).await,
            (None, None) => unreachable!("one of the two is required"),
        }
    }

    async fn subject(self, subject: Subject) -> Result<String, CommandError> {
        let (place, at, actor) = (self.database.read()?, now(), self.actor);
        let database = Database::open_current(&place).await?;
        let line =
            move |count: u64| Action { at, ..action(actor, "gdpr_erase", &erasures::line_of_subject(count, &subject)) };
        let count = database.fields().erase_subject(&subject, &line).await?;
        database.close().await;
        if let Some(file) = self.erasures.or_else(|| erasures::beside(&place)) {
            let hash = erasures::hash_of(subject.as_str());
            erasures::write_down(&file, &(at.micros(), Erased::Subject(hash)))?;
        }
        Ok(format!("erased {count} fields of {subject}"))
    }

    async fn device(self, device: DeviceId) -> Result<String, CommandError> {
        let (place, at, actor) = (self.database.read()?, now(), self.actor);
        let file = self.erasures.or_else(|| erasures::beside(&place));
        let line =
            move |gone: Gone| Action { at, ..action(actor, "gdpr_erase", &erasures::line_of_device(gone, &device)) };
        let mut total = Gone::default();
        // The spool is erased first, so that samples that are moved meanwhile are erased in the
        // database.
        for place in self.spool.into_iter().chain([place]) {
            let database = Database::open_current(&place).await?;
            let gone = database.custody().erase_device(&device, &line).await?;
            database.close().await;
            total = Gone { samples: total.samples + gone.samples, hours: total.hours + gone.hours };
        }
        if let Some(file) = file {
            erasures::write_down(&file, &(at.micros(), Erased::Device(device)))?;
        }
        let said = format!("erased {} samples and {} hours of {device}", total.samples, total.hours);
        if let Some(redis) = self.redis {
            // Figures of a device are also part of the cached figures of the line, so the whole
            // cache is cleared.
            clear_cache(&redis).await.map_err(|why| CommandError::Remembered { said: said.clone(), why })?;
        }
        Ok(said)
    }
}

/// Clears the cache that reference servers share.
async fn clear_cache(url: &str) -> Result<(), String> {
    let redis = Redis::connect(url).map_err(|error| error.to_string())?;
    let cleared = RedisCache::new(&redis, RedisCache::USUAL_PREFIX).clear(&CacheScope::All).await;
    let _ = redis.close().await;
    cleared.map_err(|away| away.to_string())
}

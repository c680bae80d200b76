//! The connection to the server: frames are kept until acknowledged, and sent again if necessary.
//!
//! A frame is sent again after a reconnect.

mod commands;
mod conversation;
mod messages;
mod work;

use std::fs::File;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sqal_core::Timestamp;
use sqal_resilience::{Backoff, backoff::InvalidBackoff};
use tokio::time::sleep;

use work::Work;

use crate::{Config, SourceError, Station};

/// The counts of frames by their outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Frames measured.
    pub measured: u64,
    /// Samples acknowledged as new.
    pub persisted: u64,
    /// Samples acknowledged as duplicates.
    pub duplicate: u64,
    /// Frames refused permanently.
    pub rejected: u64,
    /// Frames that the server keeps for a later replay, and that this station dropped for lack of
    /// room.
    pub left_with_server: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// The ids that the server assigned to acknowledged samples, in order.
    pub ids: Vec<String>,
}

/// Why the station cannot run. An unavailable server is no such reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The source or the profiles cannot be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The backoff is not valid.
    #[error(transparent)]
    Backoff(#[from] InvalidBackoff),
    /// The file for the truth cannot be opened.
    #[error("truth file: {0}")]
    Truth(#[from] std::io::Error),
}

/// Runs a station until its recordings end, its count is reached, or `stop` is ready.
///
/// If the server is unavailable, the station retries after 250 ms, doubling to 10 s, with jitter
/// from the seed.
///
/// # Errors
///
/// [`LinkError`] if the station cannot be set up.
pub async fn run(
    config: &Config,
    now: fn() -> Timestamp,
    stop: impl Future<Output = ()>,
) -> Result<Summary, LinkError> {
    let truth = config.truth.as_ref().map(|path| File::options().create(true).append(true).open(path)).transpose()?;
    let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10))?;
    let mut random = ChaCha8Rng::seed_from_u64(config.seed);
    let mut work = Work::of(Station::open(config)?, config, truth, now);
    tokio::pin!(stop);
    let mut attempt = 0;
    while !work.is_done() {
        let acknowledged = work.summary.ids.len();
        tokio::select! {
            () = &mut stop => break,
            ended = work.converse(&config.url, config.token.as_deref()) => match ended {
                Ok(()) => continue,
                Err(why) => work.failed(&config.url, &why),
            },
        }
        // After progress, the server is available again, so the next wait is the shortest one.
        attempt = if work.summary.ids.len() > acknowledged { 0 } else { attempt + 1 };
        let delay = backoff.delay(attempt, f64::from(random.next_u32()) / f64::from(u32::MAX));
        work.retries(delay);
        tokio::select! {
            () = &mut stop => break,
            () = sleep(delay) => {}
        }
    }
    Ok(work.summary)
}

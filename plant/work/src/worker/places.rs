//! The places of one work: due jobs are leased while places are free, and each runs in a task of
//! its own.

use std::num::NonZeroU16;
use std::sync::Arc;

use sqal_resilience::shutdown::Phase;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;
use tracing::error;

use super::desk::{Desk, Taken};
use super::run::run;

/// Does the jobs of one work until the process drains; then waits until all runs have ended.
pub(super) async fn attend(desk: Arc<Desk>) {
    let mut runs = JoinSet::new();
    let mut changed = desk.changed.clone();
    while !desk.shutdown.is_draining() {
        if let Some(most) = free(&desk, runs.len()) {
            // The call is awaited to its end: a lease that the queue commits must not be dropped.
            let leased = desk.lease(most).await;
            desk.called(&leased);
            if let Ok(Taken { jobs, asked }) = leased {
                for leased in jobs {
                    runs.spawn(run(Arc::clone(&desk), leased, asked));
                }
            }
        }
        let has_place = free(&desk, runs.len()).is_some();
        tokio::select! {
            biased;
            () = desk.shutdown.reached(Phase::Draining) => {}
            Some(ended) = runs.join_next(), if !runs.is_empty() => {
                report(&desk, &ended);
                // Runs whose ends were stored together end together: their places are filled by one
                // call.
                yield_now().await;
                while let Some(ended) = runs.try_join_next() {
                    report(&desk, &ended);
                }
            }
            Ok(()) = changed.changed(), if has_place => {}
            () = sleep(desk.config.look_every), if has_place => {}
        }
    }
    while let Some(ended) = runs.join_next().await {
        report(&desk, &ended);
    }
}

/// The places that are free beside this many runs; `None` if there is none.
fn free(desk: &Desk, running: usize) -> Option<NonZeroU16> {
    let running = u16::try_from(running).unwrap_or(u16::MAX);
    NonZeroU16::new(desk.config.at_once.get().saturating_sub(running))
}

/// Logs a run whose task broke off outside of its work. Its lease ends, and the job is done again.
fn report(desk: &Desk, ended: &Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(kind = %desk.work.kind(), %error, "a run broke off: the line of the panic says where");
    }
}

//! [`Services::follow_decisions`]: what is decided on any server is in force on this one.

use std::time::Duration;

use sqal_resilience::log::Causes;
use sqal_resilience::outage::Outage;
use sqal_storage::StorageError;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::services::Services;

impl Services {
    /// Puts decisions into force that are not older than the profile in force.
    ///
    /// Of two profiles of one name, the one with the higher version is in force; of two of the same
    /// version, the one of the register. Call this at the start, so that earlier decisions are in
    /// force again. Without a register it does nothing.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the register cannot be read. The profiles in force then stay in force.
    pub async fn take_decisions(&self) -> Result<(), StorageError> {
        let Some(register) = &self.storage.register else { return Ok(()) };
        self.plant.decisions.take(&**register, self.line.intake.in_force()).await
    }

    /// Compares the profiles that this server was given with those that other servers were given
    /// under the same names and versions. The profile that was recorded first comes into force.
    ///
    /// Call it at the start and then periodically. Without a register it does nothing.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the register cannot be read or written. The profiles in force then stay
    /// in force.
    pub async fn agree_on_profiles(&self) -> Result<(), StorageError> {
        let Some(register) = &self.storage.register else { return Ok(()) };
        self.plant.decisions.agree(&**register, self.line.intake.in_force(), (self.now)()).await
    }

    /// Takes decisions at this interval, so that a decision on one server is in force on all. It
    /// never ends; drop it to stop it.
    pub async fn follow_decisions(&self, every: Duration) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let outage = Outage::default();
        loop {
            ticks.tick().await;
            let taken = match self.take_decisions().await {
                Ok(()) => self.agree_on_profiles().await,
                failed => failed,
            };
            let now = Instant::now().into_std();
            match &taken {
                Ok(()) => {
                    if let Some(recovery) = outage.succeeded(now) {
                        let (failures, seconds) = (recovery.failures, recovery.seconds());
                        info!(failures, seconds, "what is decided elsewhere is read again");
                    }
                }
                Err(error) => {
                    if outage.failed(now) {
                        warn!(error = %Causes::of(error), "what is decided elsewhere cannot be read now");
                    }
                }
            }
        }
    }
}

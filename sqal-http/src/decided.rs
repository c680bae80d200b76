//! What people have decided comes into force: a profile of the register takes the place of an older one, on every server that shares the register.

use std::time::Duration;

use sqal_core::{Name, ProfileRef};
use sqal_storage::{Entry, EntryKind, EntryName, StorageError};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::access::Caller;
use crate::{Profile, Profiles, Services};

/// The kind of entry that a profile is in the register.
pub(crate) fn profiles() -> EntryKind {
    Name::new("profile").unwrap_or_else(|_| unreachable!("seven letters"))
}

/// The name under which a profile is in the register.
pub(crate) fn entry_name(name: &Name<64>) -> EntryName {
    Name::new(name.as_str()).unwrap_or_else(|_| unreachable!("64 bytes are no more than 100"))
}

impl Services {
    /// Puts into force what was decided and is not older than what is: of two profiles of one name that with the higher version, and of the same version that
    /// of the register. Called at the start, it makes the decisions of yesterday hold today.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the register cannot be read; what is in force stays so.
    pub async fn take_decisions(&self) -> Result<(), StorageError> {
        let decided = self.register.newest(&profiles()).await?;
        let read = |entry: &Entry| {
            let name = Name::new(entry.name.as_str()).map_err(|error| error.to_string())?;
            let profile = serde_json::from_str::<Profile>(&entry.body).map_err(|error| error.to_string())?;
            Ok::<_, String>((name, profile))
        };
        self.intake.change_profiles(|in_force| {
            let mut changed = None;
            for entry in &decided {
                let (name, profile) = match read(entry) {
                    Ok(read) => read,
                    // Of a newer program, for example: what is in force here stays so.
                    Err(why) => {
                        warn!(name = ?entry.name, number = entry.version, why, "a profile of the register cannot be read");
                        continue;
                    }
                };
                if in_force.get(&name).is_some_and(|(known, of)| known.version > profile.version || *of == profile) {
                    continue;
                }
                match changed.take().unwrap_or_else(|| in_force.clone()).with(name, profile) {
                    Ok(with) => {
                        info!(name = ?entry.name, number = entry.version, by = ?entry.by, "a profile is in force");
                        changed = Some(with);
                    }
                    Err(why) => warn!(%why, number = entry.version, "a profile of the register cannot judge"),
                }
            }
            changed
        });
        Ok(())
    }

    /// Takes decisions again and again, so that what is decided on one server holds on all; ends never, drop it.
    pub async fn follow_decisions(&self, every: Duration) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.take_decisions().await {
                warn!(%error, "what was decided elsewhere cannot be read now");
            }
        }
    }

    /// Decides on a profile: `false` if somebody else has decided meanwhile.
    pub(crate) async fn decide(
        &self,
        name: Name<64>,
        profile: &Profile,
        caller: &Caller,
    ) -> Result<bool, StorageError> {
        let (kind, entry) = (profiles(), entry_name(&name));
        let newest = self.register.history(&kind, &entry, None, 1).await?.first().map_or(0, |newest| newest.version);
        let body = serde_json::to_string(profile).unwrap_or_else(|_| unreachable!("it was hashed as this text"));
        let (at, by) = ((self.now)(), caller.holder());
        let entry = Entry { kind, name: entry, version: newest.saturating_add(1), body, at, by };
        let decided = self.register.add(&entry).await?;
        if decided {
            self.take_decisions().await?;
        }
        Ok(decided)
    }
}

/// The reference of a profile that is in force.
pub(crate) fn in_force(profiles: &Profiles, name: &Name<64>) -> Option<ProfileRef> {
    profiles.get(name).map(|(reference, _)| *reference)
}

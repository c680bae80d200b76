//! Puts profiles that people decided on into force, on every server that shares the register.
//!
//! A profile of the register takes the place of an older one.

use std::sync::Arc;
use std::time::Duration;

use sqal_core::{Name, ProfileRef};
use sqal_storage::{
    Register, StorageError,
    labels::Labels,
    register::{Entry, EntryKind, EntryName},
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::caller::Caller;
use crate::{Problem, Profile, Profiles, Services};

/// The most profiles that are in force at a time. All of them are read whenever decisions are
/// taken.
pub(crate) const MOST: usize = 1000;

/// The kind of register entry for a profile that was decided on.
pub(crate) fn profiles() -> EntryKind {
    Name::new("profile").unwrap_or_else(|_| unreachable!("seven letters"))
}

/// The name of the register entry for a profile.
pub(crate) fn entry_name(name: &Name<64>) -> EntryName {
    Name::stored(name.as_str()).unwrap_or_else(|_| unreachable!("64 bytes are no more than 100"))
}

/// Reads the profile of an entry, ready to judge.
pub(crate) fn read(entry: &Entry) -> Result<Profiles, String> {
    let name = Name::stored(entry.name.as_str()).map_err(|error| error.to_string())?;
    let profile = serde_json::from_str::<Profile>(&entry.body).map_err(|error| error.to_string())?;
    Profiles::decided(name, profile).map_err(|error| error.to_string())
}

/// The decisions on a name, as they are before the next decision.
#[derive(Debug)]
pub(crate) struct Standing {
    /// The number of decisions so far.
    pub(crate) number: u32,
    /// The profile of the last decision; `None` before the first.
    pub(crate) decided: Option<ProfileRef>,
    /// The profile that judges: that of the last decision, or a newer one of the file.
    pub(crate) in_force: Option<ProfileRef>,
}

impl Services {
    /// The register that keeps decisions. Without one, a [`Problem`] 404.
    pub(crate) fn register(&self) -> Result<&Arc<dyn Register>, Problem> {
        self.register
            .as_ref()
            .ok_or_else(|| Problem::not_found("decisions are kept nowhere here: this service has no register"))
    }

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
        let Some(register) = &self.register else { return Ok(()) };
        for entry in register.newest(&profiles()).await? {
            if self.seen.is_new(&entry) {
                match read(&entry) {
                    Ok(profile) => self.put_in_force(&profile, &entry, true),
                    // A newer program may have written it, for example. The profile in force here
                    // stays in force.
                    Err(why) => {
                        warn!(name = ?entry.name, number = entry.version, why, "a profile that was decided on cannot be read");
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts a decision into force. `new` says that this process has not read the entry before: if
    /// the entry is not in force, this is logged once.
    fn put_in_force(&self, profile: &Profiles, entry: &Entry, new: bool) {
        let Some((decided, _)) = profile.all().next() else { return };
        let (name, number, version) = (entry.name.as_str(), entry.version, decided.version);
        let before = in_force(&self.intake.profiles(), &decided.name).map(|before| before.version);
        if self.intake.put_in_force(profile, MOST) {
            info!(?name, number, version, ?before, by = ?entry.by, "a profile that was decided on is in force");
        } else if new && in_force(&self.intake.profiles(), &decided.name) != Some(*decided) {
            // The operator who wrote the file must learn that it hides a decision, and so must the
            // person who decided.
            warn!(?name, number, version, in_force = ?before, "a profile that was decided on is NOT in force: that of the file is newer, or there are too many");
        }
    }

    /// Takes decisions at this interval, so that a decision on one server is in force on all. It
    /// never ends; drop it to stop it.
    pub async fn follow_decisions(&self, every: Duration) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut away = false;
        loop {
            ticks.tick().await;
            let taken = match self.take_decisions().await {
                Ok(()) => self.agree_on_profiles().await,
                failed => failed,
            };
            if let (Err(error), false) = (&taken, away) {
                warn!(%error, "what is decided elsewhere cannot be read now");
            }
            away = taken.is_err();
        }
    }

    /// The decisions on a name, as they are now.
    pub(crate) async fn standing(&self, name: &Name<64>) -> Result<Standing, Problem> {
        let newest = self.register()?.history(&profiles(), &entry_name(name), None, 1).await?.into_iter().next();
        let (number, decided) = match &newest {
            None => (0, None),
            Some(entry) => {
                // A caller cannot have read a decision that this program cannot read.
                let profile = read(entry).map_err(|_| Problem::decision_unreadable(entry.version))?;
                // Also if another call is about to do so: the register says what was decided.
                self.put_in_force(&profile, entry, self.seen.is_new(entry));
                (entry.version, in_force(&profile, name))
            }
        };
        Ok(Standing { number, decided, in_force: in_force(&self.intake.profiles(), name) })
    }

    /// Decides on a profile, after this number of decisions. `false` if another caller has decided
    /// meanwhile.
    pub(crate) async fn decide(
        &self,
        name: Name<64>,
        (profile, ready): (&Profile, &Profiles),
        after: u32,
        caller: &Caller,
    ) -> Result<bool, Problem> {
        let body = serde_json::to_string(profile).unwrap_or_else(|_| unreachable!("it was hashed as this text"));
        let (at, by) = ((self.now)(), caller.holder());
        let entry = Entry {
            kind: profiles(),
            name: entry_name(&name),
            version: after.saturating_add(1),
            body,
            at,
            by,
            labels: Labels::new(),
        };
        let decided = self.register()?.add(&entry).await?;
        if decided {
            self.put_in_force(ready, &entry, self.seen.is_new(&entry));
        }
        Ok(decided)
    }
}

/// The reference of the profile of this name.
pub(crate) fn in_force(profiles: &Profiles, name: &Name<64>) -> Option<ProfileRef> {
    profiles.get(name).map(|(reference, _)| *reference)
}

//! What people have decided comes into force: a profile of the register takes the place of an older one, on every server that shares the register.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqal_core::{Name, ProfileRef};
use sqal_storage::{Entry, EntryKind, EntryName, Register, StorageError};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::access::Caller;
use crate::{Problem, Profile, Profiles, Services};

/// The most profiles that judge at a time; every one is looked at whenever decisions are taken.
pub(crate) const MOST: usize = 1000;

/// The kind of entry that a profile is in the register.
pub(crate) fn profiles() -> EntryKind {
    Name::new("profile").unwrap_or_else(|_| unreachable!("seven letters"))
}

/// The name under which a profile is in the register.
pub(crate) fn entry_name(name: &Name<64>) -> EntryName {
    Name::stored(name.as_str()).unwrap_or_else(|_| unreachable!("64 bytes are no more than 100"))
}

/// The entries that were looked at, by name: what did not change is neither read nor told again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken(Arc<Mutex<HashMap<EntryName, u32>>>);

impl Taken {
    fn is_new(&self, entry: &Entry) -> bool {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(entry.name, entry.version) != Some(entry.version)
    }
}

/// The profile of an entry by itself, ready to judge.
pub(crate) fn read(entry: &Entry) -> Result<Profiles, String> {
    let name = Name::stored(entry.name.as_str()).map_err(|error| error.to_string())?;
    let profile = serde_json::from_str::<Profile>(&entry.body).map_err(|error| error.to_string())?;
    Profiles::new([(name, profile)]).map_err(|error| error.to_string())
}

/// What stands of a name before somebody decides on it.
#[derive(Debug)]
pub(crate) struct Standing {
    /// How many decisions there were.
    pub(crate) number: u32,
    /// What the last of them was.
    pub(crate) decided: Option<ProfileRef>,
    /// By what is judged: the last decision, or a newer profile of the file.
    pub(crate) in_force: Option<ProfileRef>,
}

impl Services {
    /// Where decisions are kept.
    pub(crate) fn register(&self) -> Result<&Arc<dyn Register>, Problem> {
        self.register
            .as_ref()
            .ok_or_else(|| Problem::not_found("decisions are kept nowhere here: this service has no register"))
    }

    /// Puts into force what was decided and is not older than what is: of two profiles of one name that with the higher version, and of the same version that
    /// of the register. Called at the start, it makes the decisions of yesterday hold today. Without a register it does nothing.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the register cannot be read; what is in force stays so.
    pub async fn take_decisions(&self) -> Result<(), StorageError> {
        let Some(register) = &self.register else { return Ok(()) };
        for entry in register.newest(&profiles()).await? {
            if self.taken.is_new(&entry) {
                match read(&entry) {
                    Ok(profile) => self.put_in_force(&profile, &entry, true),
                    // Of a newer program, for example: what is in force here stays so.
                    Err(why) => {
                        warn!(name = ?entry.name, number = entry.version, why, "a profile that was decided on cannot be read");
                    }
                }
            }
        }
        Ok(())
    }

    /// `new` is an entry that nobody here has looked at: if it is hidden, that is told once.
    fn put_in_force(&self, profile: &Profiles, entry: &Entry, new: bool) {
        let Some((decided, _)) = profile.all().next() else { return };
        let (name, number, version) = (entry.name.as_str(), entry.version, decided.version);
        let before = in_force(&self.intake.profiles(), &decided.name).map(|before| before.version);
        if self.intake.put_in_force(profile, MOST) {
            info!(?name, number, version, ?before, by = ?entry.by, "a profile that was decided on is in force");
        } else if new && in_force(&self.intake.profiles(), &decided.name) != Some(*decided) {
            // Whoever wrote the file must know that it hides a decision, and who decided that it is hidden.
            warn!(?name, number, version, in_force = ?before, "a profile that was decided on is NOT in force: that of the file is newer, or there are too many");
        }
    }

    /// Takes decisions again and again, so that what is decided on one server holds on all; ends never, drop it.
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

    /// What stands of a name now.
    pub(crate) async fn standing(&self, name: &Name<64>) -> Result<Standing, Problem> {
        let newest = self.register()?.history(&profiles(), &entry_name(name), None, 1).await?.into_iter().next();
        let (number, decided) = match &newest {
            None => (0, None),
            Some(entry) => {
                // Whoever cannot read it cannot have seen it either.
                let profile = read(entry).map_err(|_| Problem::decision_unreadable(entry.version))?;
                // Also if somebody else is just about to: what stands is what the register says.
                self.put_in_force(&profile, entry, self.taken.is_new(entry));
                (entry.version, in_force(&profile, name))
            }
        };
        Ok(Standing { number, decided, in_force: in_force(&self.intake.profiles(), name) })
    }

    /// Decides on a profile after so many decisions: `false` if somebody else has decided meanwhile.
    pub(crate) async fn decide(
        &self,
        name: Name<64>,
        (profile, ready): (&Profile, &Profiles),
        after: u32,
        caller: &Caller,
    ) -> Result<bool, Problem> {
        let body = serde_json::to_string(profile).unwrap_or_else(|_| unreachable!("it was hashed as this text"));
        let (at, by) = ((self.now)(), caller.holder());
        let entry = Entry { kind: profiles(), name: entry_name(&name), version: after.saturating_add(1), body, at, by };
        let decided = self.register()?.add(&entry).await?;
        if decided {
            self.put_in_force(ready, &entry, self.taken.is_new(&entry));
        }
        Ok(decided)
    }
}

/// The reference of a profile.
pub(crate) fn in_force(profiles: &Profiles, name: &Name<64>) -> Option<ProfileRef> {
    profiles.get(name).map(|(reference, _)| *reference)
}

//! [`Decisions`]: puts profiles that people decided on into force, on every server of a register.
//!
//! A profile of the register takes the place of an older one.

use std::ops::RangeInclusive;

use sqal_core::{Name, ProfileRef, Timestamp};
use sqal_storage::{
    Register, StorageError,
    labels::Labels,
    register::{Entry, EntryKind, EntryName},
};
use tracing::{info, warn};

use crate::given_profiles::GivenProfiles;
use crate::in_force::ProfilesInForce;
use crate::profile::{Profile, Profiles};
use crate::seen_decisions::SeenDecisions;

/// The largest step of a profile's version. A larger step is a typing error: no decision can follow
/// the largest possible version.
const MOST_STEP: u32 = 1000;

/// The kind of register entry for a profile that was decided on.
#[must_use]
pub fn kind() -> EntryKind {
    Name::new("profile").unwrap_or_else(|_| unreachable!("seven letters"))
}

/// The name of the register entry for a profile.
#[must_use]
pub fn entry_name(name: &Name<64>) -> EntryName {
    Name::stored(name.as_str()).unwrap_or_else(|_| unreachable!("64 bytes are no more than 100"))
}

/// Whether a profile may be decided on under a new name: letters without accents, digits, `_`, `-`
/// and `.` inside. A name that is decided on stays for ever, and frames and paths contain it.
#[must_use]
pub fn is_plain(name: &Name<64>) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    name.as_str().bytes().all(plain) && !name.as_str().starts_with('.')
}

/// Reads the profile of an entry, ready to judge.
pub(crate) fn read(entry: &Entry) -> Result<Profiles, String> {
    let name = Name::stored(entry.name.as_str()).map_err(|error| error.to_string())?;
    let profile = serde_json::from_str::<Profile>(&entry.body).map_err(|error| error.to_string())?;
    Profiles::decided(name, profile).map_err(|error| error.to_string())
}

/// The text of a profile in the register.
pub(crate) fn body_of(profile: &Profile) -> String {
    serde_json::to_string(profile).unwrap_or_else(|_| unreachable!("it was hashed as this text"))
}

/// Why the decisions on a name cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// The register cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A newer program has taken the last decision, and this program cannot read it.
    #[error("decision {0} cannot be read by this program")]
    Unreadable(u32),
}

/// The decisions on a name, as they are before the next decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionStatus {
    /// The number of decisions so far.
    pub number: u32,
    /// The profile of the last decision; `None` before the first.
    pub decided: Option<ProfileRef>,
    /// The profile that judges: that of the last decision, or a newer one of the file.
    pub in_force: Option<ProfileRef>,
}

impl DecisionStatus {
    /// The versions that a profile which takes the place of the present one may have.
    #[must_use]
    pub fn next_versions(&self) -> RangeInclusive<u32> {
        let least = self.in_force.map_or(0, |before| before.version.saturating_add(1));
        least..=least.saturating_add(MOST_STEP)
    }
}

/// A profile to decide on.
#[derive(Clone, Copy, Debug)]
pub struct NewDecision<'a> {
    /// The name of the profile.
    pub name: Name<64>,
    /// The profile as it is written.
    pub profile: &'a Profile,
    /// The profile under its name, ready to judge.
    pub ready: &'a Profiles,
    /// The number of decisions that the caller has seen.
    pub after: u32,
    /// When the decision is taken.
    pub at: Timestamp,
    /// The author of the decision, if known.
    pub by: Option<Name<64>>,
}

/// What this process knows of the decisions on profiles. Clones share it.
#[derive(Clone, Debug)]
pub struct Decisions {
    seen: SeenDecisions,
    pub(crate) given: GivenProfiles,
}

impl Decisions {
    /// No decision was read yet. `given` are the profiles that this server was given, for the
    /// comparison with those of other servers.
    #[must_use]
    pub fn new(given: Profiles) -> Self {
        Self { seen: SeenDecisions::default(), given: GivenProfiles::new(given) }
    }

    /// Keeps the profiles of this server out of the register. A program's placeholders are not a
    /// decision of the plant, and must not prevail over the plant's own file of the same name and
    /// version.
    #[must_use]
    pub fn of_placeholders(self) -> Self {
        Self { given: GivenProfiles::placeholders(), ..self }
    }

    /// Whether a profile that this server was given differs from the one that another server was
    /// given.
    #[must_use]
    pub fn differ(&self) -> bool {
        !self.given.known().differing.is_empty()
    }

    /// Puts decisions into force that are not older than the profile in force.
    ///
    /// Of two profiles of one name, the one with the higher version is in force; of two of the same
    /// version, the one of the register. Call this at the start, so that earlier decisions are in
    /// force again.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the register cannot be read. The profiles in force then stay in force.
    pub async fn take(&self, register: &dyn Register, in_force: &ProfilesInForce) -> Result<(), StorageError> {
        for entry in register.newest(&kind()).await? {
            if self.seen.is_new(&entry) {
                match read(&entry) {
                    Ok(profile) => put(in_force, &profile, &entry, true),
                    // A newer program may have written it, for example. The profile in force here
                    // stays in force.
                    Err(why) => {
                        warn!(
                            name = %entry.name, number = entry.version, why,
                            "the profile of a decision cannot be read and is not put into force"
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// The decisions on a name, as they are now. If another process has taken the last one, it
    /// comes into force.
    ///
    /// # Errors
    ///
    /// [`DecisionError`] if the register or its last decision cannot be read.
    pub async fn standing(
        &self,
        register: &dyn Register,
        in_force: &ProfilesInForce,
        name: &Name<64>,
    ) -> Result<DecisionStatus, DecisionError> {
        let newest = register.history(&kind(), &entry_name(name), None, 1).await?.into_iter().next();
        let (number, decided) = match &newest {
            None => (0, None),
            Some(entry) => {
                // A caller cannot have read a decision that this program cannot read.
                let profile = read(entry).map_err(|_| DecisionError::Unreadable(entry.version))?;
                // Also if another call is about to do so: the register says what was decided.
                put(in_force, &profile, entry, self.seen.is_new(entry));
                (entry.version, profile.reference(name))
            }
        };
        Ok(DecisionStatus { number, decided, in_force: in_force.now().reference(name) })
    }

    /// Decides on a profile, which comes into force. `false` if another caller has decided
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the register cannot be written.
    pub async fn decide(
        &self,
        register: &dyn Register,
        in_force: &ProfilesInForce,
        decision: NewDecision<'_>,
    ) -> Result<bool, StorageError> {
        let NewDecision { name, profile, ready, after, at, by } = decision;
        let entry = Entry {
            kind: kind(),
            name: entry_name(&name),
            version: after.saturating_add(1),
            body: body_of(profile),
            at,
            by,
            labels: Labels::new(),
        };
        let decided = register.add(&entry).await?;
        if decided {
            put(in_force, ready, &entry, self.seen.is_new(&entry));
        }
        Ok(decided)
    }
}

/// Puts a decision into force. `new` says that this process has not read the entry before: if the
/// entry is not in force, this is logged once.
fn put(in_force: &ProfilesInForce, profile: &Profiles, entry: &Entry, new: bool) {
    let Some((decided, _)) = profile.all().next() else { return };
    let (name, number, version) = (entry.name.as_str(), entry.version, decided.version);
    let before = in_force.now().reference(&decided.name).map(|before| before.version);
    if in_force.put(profile) {
        let by = entry.by.as_ref().map(tracing::field::display);
        info!(name, number, version, before, by, "the profile of a decision is in force");
    } else if new && in_force.now().reference(&decided.name) != Some(*decided) {
        // The operator who wrote the file must learn that it hides a decision, and so must the
        // person who decided.
        warn!(
            name,
            number,
            version,
            in_force = before,
            "the profile of a decision is not in force: the profile of the file is newer, or there are too many \
             profiles"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(version: u32) -> ProfileRef {
        ProfileRef { name: "terrine".parse().unwrap(), version, hash: [7; 16] }
    }

    #[test]
    fn the_next_version_is_a_step_of_at_most_a_thousand_above_the_one_in_force() {
        let standing = |in_force| DecisionStatus { number: 0, decided: None, in_force };
        assert_eq!(standing(None).next_versions(), 0..=1000);
        assert_eq!(standing(Some(reference(3))).next_versions(), 4..=1004);
        assert_eq!(standing(Some(reference(u32::MAX))).next_versions(), u32::MAX..=u32::MAX);
    }

    #[test]
    fn a_new_name_is_plain() {
        let plain = |name: &str| is_plain(&name.parse().unwrap());
        assert!(plain("foiegras_standard-2.barquette"));
        assert!(!plain(".hidden") && !plain("pâté") && !plain("a b") && !plain("a/b"));
    }
}

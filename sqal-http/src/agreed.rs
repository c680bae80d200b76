//! [`Services::agree_on_profiles`]: makes servers with different files judge by one profile.
//!
//! Servers that share a register judge by one content under one name and version, even if their
//! files differ. Each server records the profiles that it was given. The content that was recorded
//! first under a name and a version is in force on every server. A server that was given another
//! content, and a server that sees such a difference, log an error and are degraded.

use std::collections::HashMap;
use std::sync::Arc;

use sqal_core::{Name, ProfileRef};
use sqal_storage::{
    Register, StorageError,
    labels::Labels,
    register::{Entry, EntryKind, EntryName},
};
use tracing::{error, info};

use crate::decided::{MOST, entry_name, in_force, read};
use crate::given_profiles::GivenProfiles;
use crate::wire::hash;
use crate::{Profile, Profiles, Services};

/// The most attempts to write a record while other servers record at the same time.
const TRIES: u32 = 5;

/// The number of records that are read at a time.
const PAGE: u16 = 500;

/// The kind of register entry for a profile that a server was given.
pub(crate) fn given() -> EntryKind {
    Name::new("profile_file").unwrap_or_else(|_| unreachable!("twelve characters"))
}

/// The contents that were recorded under one name and version.
struct Contents {
    first: Option<(ProfileRef, Profiles)>,
    last: Option<ProfileRef>,
    /// The number of the newest record of the name, for any version.
    number: u32,
}

impl Services {
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
        let (Some(register), Some(given_here)) = (&self.register, &self.given.profiles) else { return Ok(()) };
        let newest: HashMap<_, _> =
            register.newest(&given()).await?.into_iter().map(|entry| (entry.name, entry.version)).collect();
        for (reference, profile) in given_here.all() {
            let name = entry_name(&reference.name);
            let number = newest.get(&name).copied().unwrap_or(0);
            let compared = self.given.known().compared.get(&name).copied();
            if compared != Some(number) {
                self.agree_on(register, name, reference, profile).await?;
            }
        }
        Ok(())
    }

    /// Keeps the profiles of this server out of the register. A program's placeholders are not a
    /// decision of the plant, and must not prevail over the plant's own file of the same name and
    /// version.
    #[must_use]
    pub fn with_placeholder_profiles(mut self) -> Self {
        self.given = GivenProfiles::placeholders();
        self
    }

    /// Whether a profile that this server was given differs from the one that another server was
    /// given.
    pub(crate) fn conflicts_of_profiles(&self) -> bool {
        !self.given.known().differing.is_empty()
    }

    async fn agree_on(
        &self,
        register: &Arc<dyn Register>,
        name: EntryName,
        own: &ProfileRef,
        profile: &Profile,
    ) -> Result<(), StorageError> {
        for _ in 0..TRIES {
            let contents = contents(register, &name, own.version).await?;
            let recorded = self.given.known().recorded.contains(&name);
            if recorded || contents.last == Some(*own) {
                self.given.known().recorded.insert(name);
                self.compare(name, own, contents);
                return Ok(());
            }
            let body = serde_json::to_string(profile).unwrap_or_else(|_| unreachable!("it was hashed as this text"));
            let version = contents.number.saturating_add(1);
            let entry = Entry {
                kind: given(),
                name,
                version,
                body,
                at: (self.now)(),
                by: Name::new("sqal-server").ok(),
                labels: Labels::new(),
            };
            if register.add(&entry).await? {
                self.given.known().recorded.insert(name);
            }
        }
        // Many servers start at once; the next call compares again.
        Ok(())
    }

    fn compare(&self, name: EntryName, own: &ProfileRef, contents: Contents) {
        let Contents { first, last, number } = contents;
        let holds = first.as_ref().map_or(*own, |(first, _)| *first);
        let other = [Some(holds), last].into_iter().flatten().find(|other| other.hash != own.hash);
        let new = {
            let mut known = self.given.known();
            known.compared.insert(name, number);
            if let Some(other) = other {
                known.differing.insert(name, other.hash) != Some(other.hash)
            } else {
                known.differing.remove(&name);
                false
            }
        };
        if let (Some(other), true) = (other, new) {
            let (version, given, other, holds) = (own.version, hash(own.hash), hash(other.hash), hash(holds.hash));
            error!(
                ?name,
                version,
                given,
                other,
                holds,
                "servers were given different profiles under one name and version: all judge by the one that was recorded first; make the files equal, and count \
                 `version` up with every change"
            );
        }
        // If a decision has replaced the profile since, the decision stays in force.
        if let Some((first, ready)) = first
            && first != *own
            && in_force(&self.intake.profiles(), &own.name) == Some(*own)
            && self.intake.put_in_force(&ready, MOST)
        {
            info!(
                ?name,
                version = first.version,
                hash = hash(first.hash),
                "the profile that was recorded first is in force"
            );
        }
    }
}

/// Reads what was recorded under a name and a version of the profile. A record that this program
/// cannot read was written by another program and is skipped.
async fn contents(register: &Arc<dyn Register>, name: &EntryName, version: u32) -> Result<Contents, StorageError> {
    let mut contents = Contents { first: None, last: None, number: 0 };
    let mut before = None;
    loop {
        let page = register.history(&given(), name, before, PAGE).await?;
        for entry in &page {
            contents.number = contents.number.max(entry.version);
            let Ok(ready) = read(entry) else { continue };
            let Some(reference) = ready.all().map(|(reference, _)| *reference).find(|of| of.version == version) else {
                continue;
            };
            // Newest first, so the last record that is read is the oldest.
            contents.last.get_or_insert(reference);
            contents.first = Some((reference, ready));
        }
        match page.last() {
            Some(oldest) if page.len() >= usize::from(PAGE) => before = Some(oldest.version),
            _ => return Ok(contents),
        }
    }
}

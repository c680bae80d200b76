//! [`Decisions::agree`]: makes servers with different files judge by one profile.
//!
//! Servers that share a register judge by one content under one name and version, even if their
//! files differ. Each server records the profiles that it was given. The content that was recorded
//! first under a name and a version is in force on every server. A server that was given another
//! content, and a server that sees such a difference, log an error and are degraded.

use std::collections::HashMap;

use sqal_core::{Name, ProfileRef, Timestamp};
use sqal_storage::{
    Register, StorageError,
    labels::Labels,
    register::{Entry, EntryKind, EntryName},
};
use tracing::{error, info};

use crate::decisions::{Decisions, body_of, entry_name, read};
use crate::in_force::ProfilesInForce;
use crate::profile::{Profile, Profiles};

/// The most attempts to write a record while other servers record at the same time.
const TRIES: u32 = 5;

/// The number of records that are read at a time.
const PAGE: u16 = 500;

/// The kind of register entry for a profile that a server was given.
fn given() -> EntryKind {
    Name::new("profile_file").unwrap_or_else(|_| unreachable!("twelve characters"))
}

/// The contents that were recorded under one name and version.
struct Contents {
    first: Option<(ProfileRef, Profiles)>,
    last: Option<ProfileRef>,
    /// The number of the newest record of the name, for any version.
    number: u32,
}

impl Decisions {
    /// Compares the profiles that this server was given with those that other servers were given
    /// under the same names and versions. The profile that was recorded first comes into force.
    /// What this server records is of the time `now`.
    ///
    /// Call it at the start and then periodically.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the register cannot be read or written. The profiles in force then stay
    /// in force.
    pub async fn agree(
        &self,
        register: &dyn Register,
        in_force: &ProfilesInForce,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let Some(given_here) = &self.given.profiles else { return Ok(()) };
        let newest: HashMap<_, _> =
            register.newest(&given()).await?.into_iter().map(|entry| (entry.name, entry.version)).collect();
        for (reference, profile) in given_here.all() {
            let name = entry_name(&reference.name);
            let number = newest.get(&name).copied().unwrap_or(0);
            let compared = self.given.known().compared.get(&name).copied();
            if compared != Some(number) {
                let contents = self.recorded(register, name, (reference, profile), now).await?;
                if let Some(contents) = contents {
                    self.given.known().recorded.insert(name);
                    self.compare(in_force, name, reference, contents);
                }
            }
        }
        Ok(())
    }

    /// What was recorded under the name of a profile, once this server has recorded its own.
    /// `None` if many servers record at once; the next call compares again.
    async fn recorded(
        &self,
        register: &dyn Register,
        name: EntryName,
        (own, profile): (&ProfileRef, &Profile),
        now: Timestamp,
    ) -> Result<Option<Contents>, StorageError> {
        for _ in 0..TRIES {
            let contents = contents(register, &name, own.version).await?;
            let recorded = self.given.known().recorded.contains(&name);
            if recorded || contents.last == Some(*own) {
                return Ok(Some(contents));
            }
            let version = contents.number.saturating_add(1);
            let entry = Entry {
                kind: given(),
                name,
                version,
                body: body_of(profile),
                at: now,
                by: Name::new("sqal-server").ok(),
                labels: Labels::new(),
            };
            if register.add(&entry).await? {
                self.given.known().recorded.insert(name);
            }
        }
        Ok(None)
    }

    fn compare(&self, in_force: &ProfilesInForce, name: EntryName, own: &ProfileRef, contents: Contents) {
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
                %name,
                version,
                given,
                other,
                holds,
                "two servers have different profiles under one name and version; all servers judge by the profile that \
                 was recorded first. Make the files equal, and raise `version` with every change"
            );
        }
        // If a decision has replaced the profile since, the decision stays in force.
        if let Some((first, ready)) = first
            && first != *own
            && in_force.now().reference(&own.name) == Some(*own)
            && in_force.put(&ready)
        {
            info!(
                %name,
                version = first.version,
                hash = hash(first.hash),
                "the profile that was recorded first is in force"
            );
        }
    }
}

/// Reads what was recorded under a name and a version of the profile. A record that this program
/// cannot read was written by another program and is skipped.
async fn contents(register: &dyn Register, name: &EntryName, version: u32) -> Result<Contents, StorageError> {
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

/// A hash as the log shows it.
fn hash(hash: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(hash))
}

//! [`BugParts`]: the bugs of a plant, and the projects whose programs report their own faults.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqal_bugs::BugBook;
use sqal_bugs::envelope::FaultIntake;
use sqal_storage::bugs::BugSource;
use sqal_work::Zone;

use crate::door::token_hash::TokenHash;

/// The bugs of the plant.
#[derive(Clone, Debug)]
pub struct BugParts {
    /// The book of bugs.
    pub book: BugBook,
    /// The time zone in which days begin, for the figures of a day.
    pub zone: Zone,
    /// The projects whose programs report their faults as Sentry's clients do.
    pub projects: Arc<BugProjects>,
    /// What takes these faults. Your composition root writes what it has taken to the book.
    pub intake: Arc<FaultIntake>,
}

/// A project: programs that report faults under one DSN,
/// `http://<public key>@<host>/<number of the project>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BugProject {
    /// The SHA-256 of the public key.
    pub key: TokenHash,
    /// What reports: devices, the page, or a server.
    pub source: BugSource,
}

/// The projects by their numbers.
///
/// ```
/// use sqal_http::TokenHash;
/// use sqal_http::services::{BugProject, BugProjects};
/// use sqal_storage::bugs::BugSource;
///
/// let devices = BugProject { key: TokenHash::of("0123456789abcdef"), source: BugSource::Device };
/// let projects = BugProjects::new([(1, devices)]);
/// assert_eq!(projects.get(1), Some(&devices));
/// assert_eq!(projects.get(2), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BugProjects(BTreeMap<u64, BugProject>);

impl BugProjects {
    /// Projects with their numbers. Of two projects with one number, the later one counts.
    #[must_use]
    pub fn new(projects: impl IntoIterator<Item = (u64, BugProject)>) -> Self {
        Self(projects.into_iter().collect())
    }

    /// The project with a number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&BugProject> {
        self.0.get(&number)
    }
}

impl BugProject {
    /// Whether this is the public key of the project. Hashes are compared, so the time of the
    /// comparison tells nothing about the key.
    #[must_use]
    pub fn has_key(&self, public_key: &str) -> bool {
        TokenHash::of(public_key) == self.key
    }
}

//! [`BugParts`]: the bugs of a plant, and the projects whose programs report their own faults.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sqal_bugs::BugBook;
use sqal_bugs::envelope::{EventRate, FaultIntake};
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
    /// The DSN under which the pages that this service gives out report their faults. Without it
    /// they report none.
    pub page: Option<PageDsn>,
    /// What takes these faults. Your composition root writes what it has taken to the book.
    pub intake: Arc<FaultIntake>,
}

/// A project: programs that report faults under one DSN,
/// `http://<public key>@<host>/<number of the project>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BugProject {
    /// The SHA-256 of each public key. There are several while a key is replaced by another one.
    pub keys: Vec<TokenHash>,
    /// What reports: devices, the page, or a server.
    pub source: BugSource,
    /// How many events each key may send in a minute.
    pub rate: EventRate,
}

/// The DSN of the pages that a service gives out, without the host, which is that of the page.
///
/// ```
/// use sqal_http::services::PageDsn;
///
/// let dsn = PageDsn { project: 2, key: "8d0f3c5b7a9e4d1c8b6a5f4e3d2c1b0a".to_owned() };
/// assert_eq!(dsn.to_string(), "8d0f3c5b7a9e4d1c8b6a5f4e3d2c1b0a@/2");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageDsn {
    /// The number of the project.
    pub project: u64,
    /// A public key of the project. Each reader of a page can read it.
    pub key: String,
}

impl fmt::Display for PageDsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@/{}", self.key, self.project)
    }
}

/// The projects by their numbers.
///
/// ```
/// use sqal_http::TokenHash;
/// use sqal_http::services::{BugProject, BugProjects};
/// use sqal_http::sqal_bugs::envelope::EventRate;
/// use sqal_storage::bugs::BugSource;
///
/// let keys = ["0123456789abcdef", "fedcba9876543210"].map(TokenHash::of).to_vec();
/// let devices = BugProject { keys, source: BugSource::Device, rate: EventRate::default() };
/// let projects = BugProjects::new([(1, devices.clone())]);
/// assert_eq!(projects.get(1), Some(&devices));
/// assert!(devices.has_key("fedcba9876543210") && !devices.has_key("0"));
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
    /// Whether this is a public key of the project. Hashes are compared, so the time of the
    /// comparison tells nothing about the key.
    #[must_use]
    pub fn has_key(&self, public_key: &str) -> bool {
        self.keys.contains(&TokenHash::of(public_key))
    }
}

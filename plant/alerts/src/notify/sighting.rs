//! [`Situation`]: what a group sees at one moment, its alerts and their routes.

use std::collections::BTreeMap;

use sqal_core::Timestamp;

use super::plan::{Route, Waits};
use super::view::AlertView;

/// An alert at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting<'a> {
    pub(super) alert: &'a AlertView,
    pub(super) is_silenced: bool,
    /// The route that takes the alert now, while it fires.
    pub(super) route: Option<&'a Route>,
}

impl Sighting<'_> {
    /// Whether people are to be told of the alert: it fires, is not silenced, and no person works
    /// on it.
    pub(super) const fn is_active(&self) -> bool {
        self.alert.is_firing() && !self.is_silenced && !self.alert.is_acknowledged()
    }
}

/// The alerts of a group by their keys.
pub(super) type Sightings<'a> = BTreeMap<&'a str, Sighting<'a>>;

/// What a group sees at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    pub(super) group_key: &'a str,
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) sightings: &'a Sightings<'a>,
    pub(super) waits: &'a Waits,
    pub(super) now: Timestamp,
}

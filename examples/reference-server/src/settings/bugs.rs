//! [`BugSettings`]: whether bugs are kept here, what may report faults, and where attachments are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sqal_bugs::own::OwnRule;

use super::bug_projects::{self, BugProject};
use super::database::DATA_DIR;
use super::row::Setting;
use super::values::Values;

pub(super) const BUGS: Setting = Setting::plain(
    "SQAL_BUGS",
    Some("on"),
    "on or off",
    "Whether this server has the routes of bugs and reports its own faults as bugs",
);

pub(super) const PROJECTS_FILE: Setting = Setting::plain(
    "SQAL_BUG_PROJECTS_FILE",
    None,
    "a YAML file, a list of projects: id, name, kind, key or key_file or keys, events_per_minute",
    "Which devices, pages and programs report their faults here, by clients of Sentry; without it none",
);

pub(super) const ATTACHMENTS_DIR: Setting = Setting::plain(
    "SQAL_BUG_ATTACHMENTS_DIR",
    None,
    "a folder; by default attachments in the data folder",
    "The folder of the files that are attached to bugs, made if it is not there; several servers share one",
);

pub(super) const OWN_FAULTS: Setting = Setting::plain(
    "SQAL_BUG_OWN_FAULTS",
    None,
    "none, or some of caught_panic, breaker_open, dead_letter_burst, device_offline, station_fault with commas between; \
     all by default",
    "Which faults of its own the server reports as bugs",
);

/// Whether bugs are kept here, what may report faults, and where attachments are.
#[derive(Clone, Debug)]
pub struct BugSettings {
    /// Whether the server has the routes of bugs, and reports its own faults.
    pub is_on: bool,
    /// What may report faults.
    pub projects: Vec<BugProject>,
    /// The folder of attachments.
    pub attachments_dir: PathBuf,
    /// The faults of its own that the server reports.
    pub own_faults: BTreeSet<OwnRule>,
}

impl BugSettings {
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        let is_on = values.read(&BUGS, |text| match text {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        });
        let (projects, own_faults) = (projects(values), own_faults(values));
        let attachments_dir = match values.text(&ATTACHMENTS_DIR) {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(values.text(&DATA_DIR)?).join("attachments"),
        };
        Some(Self { is_on: is_on?, projects: projects?, attachments_dir, own_faults: own_faults? })
    }
}

/// The projects of the file, if there is one.
fn projects(values: &mut Values) -> Option<Vec<BugProject>> {
    let Some(path) = values.text(&PROJECTS_FILE).map(PathBuf::from) else { return Some(Vec::new()) };
    let read = bug_projects::read(&path);
    read.map_err(|mistakes| mistakes.into_iter().for_each(|what| values.wrong(&PROJECTS_FILE, what))).ok()
}

/// The rules of the list: every rule without a list.
fn own_faults(values: &mut Values) -> Option<BTreeSet<OwnRule>> {
    match values.text(&OWN_FAULTS) {
        None => Some(OwnRule::ALL.into_iter().collect()),
        Some("none") => Some(BTreeSet::new()),
        Some(_) => values.read(&OWN_FAULTS, |text| text.split(',').map(|word| rule(word.trim())).collect()),
    }
}

/// The rule of a word.
fn rule(word: &str) -> Option<OwnRule> {
    OwnRule::ALL.into_iter().find(|rule| rule.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, settings};
    use super::*;

    #[test]
    fn without_settings_bugs_are_kept_and_every_own_fault_is_reported() {
        let bugs = settings(&["--data-dir", "somewhere"], &[]).bugs;
        assert!(bugs.is_on && bugs.projects.is_empty());
        assert_eq!(bugs.attachments_dir, Path::new("somewhere/attachments"));
        assert_eq!(bugs.own_faults, OwnRule::ALL.into_iter().collect());
    }

    #[test]
    fn each_setting_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("projects.yaml");
        std::fs::write(&file, format!("- {{ id: 7, name: page, kind: page, key: {} }}", "ab".repeat(16))).unwrap();
        let variables = [
            ("SQAL_BUGS", "off"),
            ("SQAL_BUG_PROJECTS_FILE", file.to_str().unwrap()),
            ("SQAL_BUG_ATTACHMENTS_DIR", "/srv/attachments"),
            ("SQAL_BUG_OWN_FAULTS", "breaker_open, device_offline"),
        ];
        let bugs = settings(&[], &variables).bugs;
        assert!(!bugs.is_on);
        assert_eq!((bugs.projects.len(), bugs.projects[0].id.get()), (1, 7));
        assert_eq!(bugs.attachments_dir, Path::new("/srv/attachments"));
        assert_eq!(bugs.own_faults, [OwnRule::BreakerOpen, OwnRule::DeviceOffline].into());
        assert!(settings(&[], &[("SQAL_BUG_OWN_FAULTS", "none")]).bugs.own_faults.is_empty());
    }

    #[test]
    fn every_mistake_is_told_with_its_setting() {
        for (name, value) in [
            ("SQAL_BUGS", "yes"),
            ("SQAL_BUG_PROJECTS_FILE", "not-there.yaml"),
            ("SQAL_BUG_OWN_FAULTS", "breaker_open,earthquake"),
            ("SQAL_BUG_OWN_FAULTS", "none,breaker_open"),
        ] {
            let told = mistakes(&[], &[(name, value)]);
            assert!(told.len() == 1 && told[0].starts_with(&format!("{name} (environment): ")), "{told:?}");
            assert!(told[0].contains(value) || told[0].contains("not-there.yaml"), "{told:?}");
        }
    }

    /// The words of the setting are those of the rules.
    #[test]
    fn the_setting_names_every_rule() {
        assert!(OwnRule::ALL.iter().all(|rule| OWN_FAULTS.expected.contains(rule.as_str())), "{}", OWN_FAULTS.expected);
    }
}

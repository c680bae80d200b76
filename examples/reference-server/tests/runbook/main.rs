//! The runbook: each alert has its page, and each command of the pages works against a real server
//! in the state that the page describes.
//!
//! A block of commands says behind its fence which state that is (`server=database-away`), and the
//! code it ends with if that is not 0 (`exit=1`). The block of text below it shows lines of the
//! output.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../../sqal-storage/tests/disk/mod.rs"]
mod disk;
#[path = "../mail/mod.rs"]
mod mail;
mod monitoring;
mod pages;
mod plant;
#[path = "../../../../sqal-storage/tests/servers/postgres.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod postgres;
#[path = "../process/mod.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;
#[path = "../prometheus/mod.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod prometheus;
mod shell;
mod states;

use std::collections::{BTreeMap, BTreeSet};

use pages::{Page, blocks, page, pages};
use plant::Plant;
use shell::Shell;
use sqal_alerts::catalogue::{self, WATCHDOG, WATCHDOG_RUNBOOK};
use sqal_alerts::station::Cause;
use sqal_alerts::{AlertRule, Severity, objective};

/// Pages for every alert.
const FOR_ALL: [&str; 3] = ["README", "incident", "keys"];

/// The parts of a page of an alert.
const PARTS: [&str; 4] = ["What it means for the trays", "How to see it", "What to do", "How to know it is over"];

/// Every rule of the shipped files, those of objectives too.
fn rules() -> Vec<AlertRule> {
    let of_objectives = objective::documented().into_iter().flat_map(|objective| objective.rules().unwrap());
    catalogue::documented().into_iter().chain(catalogue::outside()).chain(of_objectives).collect()
}

/// The pages of alerts.
fn of_alerts() -> Vec<Page> {
    pages().into_iter().filter(|page| !FOR_ALL.contains(&page.name.as_str())).collect()
}

/// ALR-09: the pages to which annotations lead exist.
#[test]
fn alr_09_every_alert_has_its_page_and_no_page_is_without_an_alert() {
    let there: BTreeSet<_> = of_alerts().into_iter().map(|page| page.name).collect();
    let named: BTreeSet<_> = catalogue::runbooks().into_iter().map(str::to_owned).collect();
    let of_rules: BTreeSet<_> = rules().iter().map(|rule| rule.runbook().to_owned()).collect();
    assert!(named.is_superset(&of_rules));
    assert_eq!(there, named);
    for name in FOR_ALL {
        page(name);
    }
}

#[test]
fn a_page_has_the_name_and_the_severity_of_its_alert() {
    let mut said = BTreeMap::from([(WATCHDOG_RUNBOOK.to_owned(), (WATCHDOG.to_owned(), BTreeSet::new()))]);
    for rule in rules() {
        let entry = said.entry(rule.runbook().to_owned());
        entry.or_insert_with(|| (rule.name().to_string(), BTreeSet::new())).1.insert(rule.severity());
    }
    for page in of_alerts() {
        let (name, severities) = &said[&page.name];
        assert_eq!(page.headings(1), [name.as_str()], "{}", page.name);
        // The most urgent one is named first.
        let severities: Vec<_> = severities.iter().rev().map(|severity: &Severity| severity.as_str()).collect();
        let wanted = if severities.is_empty() { "none".to_owned() } else { severities.join(" or ") };
        assert_eq!(page.severity(), Some(wanted.as_str()), "{}", page.name);
    }
}

#[test]
fn every_page_has_its_parts_in_their_order_and_a_title_in_french() {
    for page in of_alerts() {
        assert_eq!(page.headings(2), PARTS, "{}", page.name);
        let steps = page.section("## What to do").unwrap();
        assert!(steps.lines().any(|line| line.starts_with("1. ")), "{}: no numbered steps", page.name);
    }
    for page in pages() {
        assert_eq!(page.headings(1).len(), 1, "{}", page.name);
        assert!(page.french().is_some(), "{}: no title in French", page.name);
    }
}

#[test]
fn every_cause_of_a_station_has_a_section_and_every_objective_a_line() {
    let station = page("station-fault");
    for cause in Cause::ALL {
        let section = station.section(&format!("### {cause}")).unwrap_or_else(|| panic!("{cause} has no section"));
        let french = format!("En français : **{}**.", cause.words().fr);
        assert!(section.contains(&french), "{cause}: {french}");
    }
    assert_eq!(station.headings(3).len(), Cause::ALL.len());
    let burn = page("error-budget-burn");
    for objective in objective::documented() {
        let name = format!("`{}`", objective.name());
        assert!(burn.prose().iter().any(|line| line.starts_with('|') && line.contains(&name)), "{name}");
    }
}

#[test]
fn the_index_has_each_page_once_with_the_words_of_the_page() {
    let index = page("README");
    let rows: Vec<_> = index.prose().into_iter().filter(|line| line.starts_with("| [")).collect();
    let pages = of_alerts();
    assert_eq!(rows.len(), pages.len());
    for page in pages {
        let (title, severity, french) = (page.headings(1)[0], page.severity().unwrap(), page.french().unwrap());
        let row = format!("| [{title}]({}.md) | {severity} | {french} |", page.name);
        assert!(rows.contains(&row.as_str()), "{row}");
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/runbook");
    for page in pages() {
        let prose = page.prose().join("\n");
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, place) = link.split_once('#').map_or((link, None), |(file, place)| (file, Some(place)));
            let text = std::fs::read_to_string(folder.join(file));
            let text = text.unwrap_or_else(|error| panic!("{}.md: {link}: {error}", page.name));
            let is_there = |place: &str| text.lines().any(|line| line.starts_with('#') && anchor(line) == place);
            assert!(place.is_none_or(is_there), "{}.md: {link}: no such heading", page.name);
        }
    }
}

/// Runs the commands of every page for a state, in the order of the pages.
fn run_all(state: &str, plant: fn() -> Plant) {
    let blocks: Vec<_> = blocks().into_iter().filter(|block| block.state == state).collect();
    assert!(!blocks.is_empty(), "no page has commands for the state {state}");
    let (plant, shell) = (plant(), Shell::new());
    let faults: Vec<_> = blocks.iter().filter_map(|block| shell.fault_of(block, &plant)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// Makes a test of each state, and the list of them.
macro_rules! states {
    ($($test:ident: $state:literal = $plant:path;)*) => {
        /// The states that commands can be for.
        const STATES: &[&str] = &[$($state),*];

        $(#[test]
        fn $test() {
            run_all($state, $plant);
        })*
    };
}

states! {
    commands_work_while_all_is_well: "healthy" = states::healthy;
    commands_work_with_a_postgres: "postgres" = states::with_postgres;
    commands_work_while_the_database_is_away: "database-away" = states::database_away;
    commands_work_after_the_database_has_come_back: "database-back" = states::database_back;
    commands_work_while_redis_is_away: "cache-away" = states::cache_away;
    commands_work_after_redis_has_come_back: "cache-back" = states::cache_back;
    commands_work_while_the_server_is_stopped: "stopped" = states::stopped;
    commands_work_while_frames_are_refused: "dead-letters" = states::dead_letters;
    commands_work_while_clocks_are_ahead: "clocks-ahead" = states::clocks_ahead;
    commands_work_during_a_storm: "device-storm" = states::device_storm;
    commands_work_while_a_station_is_silent: "station-silent" = states::station_silent;
    commands_work_while_mail_does_not_leave: "mail-failing" = states::mail_failing;
    commands_work_while_a_job_waits: "job-waiting" = states::job_waiting;
    commands_work_on_a_full_disk: "disk-full" = states::disk_full;
    commands_work_with_a_damaged_spool: "spool-damaged" = states::spool_damaged;
    commands_work_beside_a_prometheus: "monitored" = states::monitored;
    commands_work_while_an_alert_is_open: "alerting" = states::alerting;
    commands_work_while_a_station_has_a_fault: "station-fault" = states::station_fault;
    commands_work_after_a_station_was_repaired: "station-repaired" = states::station_repaired;
}

#[test]
fn every_command_is_for_a_state_that_is_tried() {
    for block in blocks() {
        assert!(STATES.contains(&block.state.as_str()), "{}: no state {:?}", block.place, block.state);
    }
}

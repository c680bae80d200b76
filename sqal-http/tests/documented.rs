//! Every field that clients read is defined once in `docs/measurement.md`, and nothing else is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use fixtures::scene::{Fault, Scene, Station};
use serde_json::Value;
use sqal_core::{Name, Sample, SampleKey, Timestamp, sample::Meta};
use sqal_http::sqal_protocol::document::document;
use sqal_http::{Profile, Profiles, Route, routes};

/// A sample with every part in it, as clients read it.
fn document_of_a_sample() -> Value {
    let name = "foiegras_standard_barquette".parse().unwrap();
    let profiles = Profiles::new([(name, Profile::example())]).unwrap();
    let reading = Station::new(1).read(Scene::GOOD, Fault::None);
    let (inspection, profile) = profiles.inspect(&name, reading.frame.as_ref(), reading.spectrum.as_ref()).unwrap();
    let timestamp = Timestamp::from_micros(0).unwrap();
    let sample = Sample {
        key: SampleKey { device_id: Name::new("STATION").unwrap(), timestamp, name: Name::new("SAMPLE").unwrap() },
        received_at: timestamp,
        tof: reading.frame,
        spectrum: reading.spectrum,
        inspection,
        reported: None,
        meta: Meta { firmware_version: None, temperature_c: None, humidity_percent: None },
        profile,
        processing_micros: 5,
        beside: sqal_core::beside::Beside::default(),
        purpose: sqal_core::Purpose::Product,
    };
    serde_json::to_value(document(&sample)).unwrap()
}

/// The names in the first column of each section's table, by the block that the section's title
/// names.
fn defined() -> BTreeMap<String, Vec<String>> {
    let text = include_str!("../../docs/measurement.md");
    let mut blocks = BTreeMap::<String, Vec<String>>::new();
    let mut block = None;
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            block = title.split('`').nth(1).map(str::to_owned);
        }
        let first = line.strip_prefix("| `").and_then(|row| row.split('|').next());
        if let (Some(block), Some(first)) = (&block, first) {
            // The brackets hold the names that the old schema had for the field.
            let names = format!("`{}", first.split('(').next().unwrap_or_default());
            blocks.entry(block.clone()).or_default().extend(names.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    blocks
}

#[test]
fn every_field_has_one_definition_and_every_definition_a_field() {
    let document = document_of_a_sample();
    let defined = defined();
    assert_eq!(defined.keys().collect::<Vec<_>>(), ["as7341", "fusion", "vl53l8ch"]);
    for (block, names) in defined {
        let top = |name: &String| name.split('.').next().unwrap().to_owned();
        let fields: BTreeSet<String> = document[&block].as_object().unwrap().keys().cloned().collect();
        let named: BTreeSet<String> = names.iter().map(top).collect();
        let missing: Vec<_> = fields.difference(&named).collect();
        let stale: Vec<_> = named.difference(&fields).collect();
        assert!(
            missing.is_empty() && stale.is_empty(),
            "{block}: without definition {missing:?}, without field {stale:?}"
        );
        let once: BTreeSet<_> = names.iter().collect();
        assert_eq!(once.len(), names.len(), "{block}: a field is defined twice in {names:?}");
    }
}

/// The old schema has two columns to which no field of the frame belongs (TSB-04). They are
/// defined, too.
#[test]
fn the_orphan_columns_of_the_old_schema_are_defined() {
    let text = include_str!("../../docs/measurement.md");
    for column in ["as7341_color_score", "as7341_freshness_score"] {
        assert!(text.lines().any(|line| line.starts_with("| `") && line.contains(column)), "{column}");
    }
}

/// Every definition points to a file, and every such file exists.
#[test]
fn every_definition_points_to_a_file() {
    let text = include_str!("../../docs/measurement.md");
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    for row in rows {
        let last = row.trim_end_matches(" |").rsplit('|').next().unwrap();
        let files: Vec<_> = last.split('`').filter(|part| part.contains("/src/")).collect();
        assert!(!files.is_empty(), "no file in: {row}");
        for file in files {
            assert!(std::path::Path::new(root).join(file).is_file(), "{file} is not there: {row}");
        }
    }
}

/// The table of `docs/http.md` that the routes declare.
fn table_of_paths() -> String {
    let mut table = "\n| path | who | quota | what | how old it may be |\n|---|---|---|---|---|\n".to_owned();
    for route in routes() {
        let (who, class) = (route.who.as_str(), route.class.as_str());
        let Route { method, path, line, age, .. } = route;
        assert!(!line.is_empty(), "{method} {path} has no line");
        let query = if route.query().is_empty() { String::new() } else { format!(" `{}`", route.query()) };
        table += &format!("| `{method} {path}`{query} | {who} | {class} | {line} | {age} |\n").replace("|  |", "| |");
    }
    table
}

/// `docs/http.md` has the line of every route as the route declares it.
///
/// `SQAL_WRITE=1 cargo test -p sqal-http --all-features --test documented` writes the table anew.
#[test]
fn every_route_is_documented_as_it_is_declared() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/http.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once("\n## Paths\n").unwrap();
    // The table ends at the first line that is none of its rows.
    let begins = rest.find("\n| path |").unwrap();
    let rows = rest[begins + 1..].split_inclusive('\n').take_while(|line| line.starts_with('|'));
    let ends = begins + 1 + rows.map(str::len).sum::<usize>();
    let written = format!("{before}\n## Paths\n{}{}{}", &rest[..begins], table_of_paths(), &rest[ends..]);
    if std::env::var_os("SQAL_WRITE").is_some() {
        std::fs::write(path, &written).unwrap();
    } else {
        assert!(text == written, "docs/http.md is not what the routes declare; SQAL_WRITE=1 writes it anew");
    }
}

/// `docs/http.md` has a line for every kind of problem.
#[test]
fn every_problem_is_documented() {
    let text = include_str!("../../docs/http.md");
    let declared = [include_str!("../src/door/kinds.rs"), include_str!("../../plant/protocol/src/kinds.rs")];
    let declared = declared.iter().flat_map(|text| text.split("Kind::new(").skip(1));
    let kinds: BTreeSet<String> =
        declared.filter_map(|rest| Some(format!("/problems/{}", rest.split('"').nth(1)?))).collect();
    let written: BTreeSet<String> =
        text.split('`').filter(|code| code.starts_with("/problems/")).map(str::to_owned).collect();
    assert_eq!(kinds, written);
}

//! Every field that clients read is defined once in `docs/measurement.md`, and nothing else is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use fixtures::scene::{Fault, Scene, Station};
use serde_json::Value;
use sqal_core::{Meta, Name, Sample, SampleKey, Timestamp};
use sqal_http::{Profile, Profiles, document, routes};

/// A sample with every part in it, as clients read it.
fn document_of_a_sample() -> Value {
    let name = "foiegras_standard_barquette".parse().unwrap();
    let profiles = Profiles::new([(name, Profile::example())]).unwrap();
    let reading = Station::new(1).read(Scene::GOOD, Fault::None);
    let (inspection, profile) = profiles.inspect(&name, reading.frame.as_ref(), reading.spectrum.as_ref()).unwrap();
    let timestamp = Timestamp::from_micros(0).unwrap();
    let sample = Sample {
        key: SampleKey { device_id: Name::new("STATION").unwrap(), timestamp, sample_id: Name::new("SAMPLE").unwrap() },
        received_at: timestamp,
        tof: reading.frame,
        spectrum: reading.spectrum,
        inspection,
        reported: None,
        meta: Meta { firmware_version: None, temperature_c: None, humidity_percent: None },
        profile,
        processing_micros: 5,
        beside: sqal_core::Beside::default(),
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

/// `docs/http.md` has every route with its caller and its class, no path that is not a route, and a
/// line for every kind of problem.
#[test]
fn every_route_and_every_problem_is_documented() {
    let text = include_str!("../../docs/http.md");
    let table = text.split("\n## Paths\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut written = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let calls =
            cells[1].split('`').filter(|code| code.split_once(' ').is_some_and(|(_, path)| path.starts_with('/')));
        written.extend(calls.map(|call| (call.to_owned(), (cells[2].to_owned(), cells[3].to_owned()))));
    }
    let routed: BTreeMap<_, _> = routes()
        .into_iter()
        .map(|route| {
            let call = format!("{} {}", route.method, route.path);
            (call, (route.who.as_str().to_owned(), route.class.as_str().to_owned()))
        })
        .collect();
    assert!(routed.len() > 25);
    assert_eq!(routed, written);
    let kinds = include_str!("../src/problem.rs").split("pub(crate) const KINDS").nth(1).unwrap().split("];").next();
    let kinds: BTreeSet<String> = kinds
        .unwrap()
        .lines()
        .filter_map(|line| line.trim().trim_start_matches('(').strip_prefix('"'))
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| !name.contains(' ') && !name.is_empty())
        .map(|name| format!("/problems/{name}"))
        .collect();
    let written: BTreeSet<String> =
        text.split('`').filter(|code| code.starts_with("/problems/")).map(str::to_owned).collect();
    assert_eq!(kinds, written);
}

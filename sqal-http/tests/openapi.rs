//! The API description `openapi/v1.json`: the file agrees with the code and describes every route.
#![cfg(all(feature = "dashboard", feature = "openapi", feature = "ws"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use serde_json::Value;
use sqal_http::door::{Class, Who};
use sqal_http::{openapi, routes};

/// `SQAL_WRITE=1 cargo test -p sqal-http --all-features --test openapi` rewrites the file. Review
/// the difference.
#[test]
fn the_file_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/v1.json");
    if std::env::var_os("SQAL_WRITE").is_some() {
        std::fs::write(path, openapi()).unwrap();
    }
    let file = std::fs::read_to_string(path).unwrap();
    assert!(file == openapi(), "openapi/v1.json is not what the code says; SQAL_WRITE=1 writes it anew");
}

/// Every reference has a target, every schema is used, and every call has its own name.
#[test]
fn it_is_one_piece() {
    let whole: Value = serde_json::from_str(&openapi()).unwrap();
    let text = whole.to_string();
    let referred: BTreeSet<_> =
        text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let there: BTreeSet<_> = whole["components"]["schemas"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(referred, there);
    let operations: Vec<_> =
        whole["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values()).collect();
    let names: BTreeSet<_> = operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.len(), operations.len());
}

/// The caller, the quota and the successor of each route are in the description as in the table of
/// routes.
#[test]
fn every_route_is_described_as_it_is() {
    let whole: Value = serde_json::from_str(&openapi()).unwrap();
    let mut described = 0;
    for route in routes() {
        let operation = &whole["paths"][route.path][route.method.to_lowercase()];
        if route.path.starts_with("/ws/")
            || matches!(route.path, "/" | "/dashboard.css" | "/dashboard.js" | "/docs/{*file}")
        {
            assert!(operation.is_null(), "{}", route.path);
            continue;
        }
        described += 1;
        let answers = operation["responses"].as_object().unwrap();
        assert_eq!(answers.contains_key("429"), route.class != Class::Unlimited, "{}", route.path);
        if route.who != Who::Everyone {
            assert!(operation["security"].is_array() && answers.contains_key("401"), "{}", route.path);
        }
        assert_eq!(operation["deprecated"] == true, route.successor.is_some(), "{}", route.path);
    }
    let operations = whole["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
    assert_eq!(described, operations.sum::<usize>(), "an operation is described that is no route");
    assert!(described >= 41, "only {described} routes are described");
}

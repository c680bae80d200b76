//! The descriptions `openapi/v1.json` and `openapi/v2.json`: the files agree with the code and
//! describe every route.
#![cfg(all(feature = "alerts", feature = "bugs", feature = "dashboard", feature = "openapi", feature = "ws"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use serde_json::Value;
use sqal_http::door::{Class, Who};
use sqal_http::route::ApiVersion;
use sqal_http::{openapi, routes};

fn description(version: ApiVersion) -> Value {
    serde_json::from_str(&openapi(version)).unwrap()
}

/// `SQAL_WRITE=1 cargo test -p sqal-http --all-features --test openapi` rewrites the files. Review
/// the difference.
#[test]
fn the_file_is_what_the_code_says() {
    for version in ApiVersion::ALL {
        let name = format!("openapi/{}.json", version.as_str());
        let path = format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("SQAL_WRITE").is_some() {
            std::fs::write(&path, openapi(*version)).unwrap();
        }
        let file = std::fs::read_to_string(&path).unwrap();
        assert!(file == openapi(*version), "{name} is not what the code says; SQAL_WRITE=1 writes it anew");
    }
}

/// Every reference has a target, every schema is used, and every call has its own name.
#[test]
fn it_is_one_piece() {
    for version in ApiVersion::ALL {
        let whole = description(*version);
        let text = whole.to_string();
        let referred: BTreeSet<_> =
            text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let there: BTreeSet<_> =
            whole["components"]["schemas"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(referred, there);
        let operations: Vec<_> =
            whole["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values()).collect();
        let names: BTreeSet<_> =
            operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(names.len(), operations.len());
    }
}

/// API-02: each version has a description of its own, and its paths are the routes of the version.
#[test]
fn api_02_every_version_describes_its_own_routes() {
    for version in ApiVersion::ALL {
        let whole = description(*version);
        assert_eq!(whole["openapi"], "3.1.0");
        assert_eq!(format!("v{}", whole["info"]["version"].as_str().unwrap()), version.as_str());
        let described: BTreeSet<_> = whole["paths"].as_object().unwrap().keys().cloned().collect();
        let folder = format!("/api/{}/", version.as_str());
        let routes = routes();
        let own = routes.iter().map(|route| route.path).filter(|path| path.starts_with(&folder));
        let own: BTreeSet<_> = own.map(str::to_owned).collect();
        let versioned: BTreeSet<_> = described.into_iter().filter(|path| ApiVersion::of(path).is_some()).collect();
        assert_eq!(versioned, own);
    }
}

/// The caller, the quota and the successor of each route are in the description as in the table of
/// routes.
#[test]
fn every_route_is_described_as_it_is() {
    let wholes: Vec<_> = ApiVersion::ALL.iter().map(|version| (version, description(*version))).collect();
    let mut described = 0;
    for route in routes() {
        let (_, whole) = wholes.iter().find(|(version, _)| version.describes(route.path)).unwrap();
        let operation = &whole["paths"][route.path][route.method.to_lowercase()];
        if route.path.starts_with("/ws/")
            || matches!(route.path, "/" | "/dashboard.css" | "/dashboard.js" | "/docs/v2")
            || matches!(route.path, "/bugs" | "/bugs.css" | "/bugs.js")
            || route.path.ends_with("/{*file}")
        {
            assert!(operation.is_null(), "{}", route.path);
            continue;
        }
        described += 1;
        let answers = operation["responses"].as_object().unwrap();
        // The intake of faults has a limit of its own, for each public key.
        let is_limited = route.class != Class::Unlimited || route.path.starts_with("/api/{project}/");
        assert_eq!(answers.contains_key("429"), is_limited, "{}", route.path);
        if route.who != Who::Everyone {
            assert!(operation["security"].is_array() && answers.contains_key("401"), "{}", route.path);
        }
        assert_eq!(operation["deprecated"] == true, route.successor.is_some(), "{}", route.path);
    }
    let paths = wholes.iter().flat_map(|(_, whole)| whole["paths"].as_object().unwrap().values());
    let operations = paths.map(|path| path.as_object().unwrap().len()).sum::<usize>();
    assert_eq!(described, operations, "an operation is described that is no route");
    assert!(described >= 43, "only {described} routes are described");
}

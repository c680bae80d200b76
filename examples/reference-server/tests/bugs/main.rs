//! Bugs of a real server: they outlive it, its own faults are reported once, clients of Sentry
//! report to it, and receivers of its webhooks verify them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kept;
mod own;
#[path = "../process/mod.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;
mod strangers;
mod webhooks;

use std::path::Path;

use process::{Server, now};
use serde_json::Value;

/// A server whose callers may call as often as they like, with further settings.
fn server(settings: &[(&str, &str)], data: &Path) -> Server {
    Server::start_with(&[settings, &[("SQAL_CALLS_PER_MINUTE", "0")]].concat(), data, "127.0.0.1:0")
}

/// Asks until there is an answer, for at most a minute.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = now().micros();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(now().micros() - begun < 60_000_000, "{what}: not after a minute");
    }
}

/// The bugs of a list.
fn listed(server: &Server, query: &str) -> Vec<Value> {
    let (status, page) = server.get(&format!("/api/v1/bugs?limit=100{query}"));
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

/// A bug with what stands beside it.
fn bug(server: &Server, id: &Value) -> Value {
    let (status, bug) = server.get(&format!("/api/v1/bugs/{}", id.as_str().unwrap()));
    assert_eq!(status, 200, "{bug}");
    bug
}

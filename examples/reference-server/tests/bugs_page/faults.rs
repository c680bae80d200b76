//! Faults of stations and of pages become bugs, and a fault that comes back opens its bug again.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::process::Server;
use crate::{bugs_when, click, in_time, on_page, says};

/// The public key of both projects of faults.
const KEY: &str = "8d0f3c5b7a9e4d1c8b6a5f4e3d2c1b0a";

/// A server with a project of devices, 7, and one of pages, 8.
fn with_projects(data: &tempfile::TempDir) -> Server {
    let file = data.path().join("projects.yaml");
    let text = format!(
        "- {{ id: 7, name: stations, kind: device, key: '{KEY}' }}\n\
         - {{ id: 8, name: pages, kind: page, keys: ['{KEY}'] }}\n"
    );
    std::fs::write(&file, text).unwrap();
    let settings = [
        ("SQAL_BUG_PROJECTS_FILE", file.to_str().unwrap()),
        ("SQAL_BUG_OWN_FAULTS", "none"),
        ("SQAL_CALLS_PER_MINUTE", "0"),
    ];
    Server::start_with(&settings, data.path(), "127.0.0.1:0")
}

/// A station reports a fault of its firmware.
fn station_fails(server: &Server, firmware: &str) {
    let frame = json!({ "function": "open", "filename": "valve.rs", "lineno": 9, "in_app": true });
    let exception = json!({ "type": "ValveError", "value": "stuck", "stacktrace": { "frames": [frame] } });
    let event = json!({ "release": firmware, "server_name": "ESP32_007", "exception": { "values": [exception] } });
    let envelope = format!("{{}}\n{{\"type\":\"event\"}}\n{event}\n");
    let path = format!("/api/7/envelope/?sentry_key={KEY}");
    let (status, answer) = tokio::task::block_in_place(|| server.post(&path, &envelope));
    assert_eq!(status, 200, "{answer}");
}

/// A fault that a person has resolved comes again with the next firmware: its bug is open again,
/// and the page says in which firmware, in both languages.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_comes_back_after_it_was_resolved_is_shown_as_regressed() {
    let data = tempfile::tempdir().unwrap();
    let server = with_projects(&data);
    in_time(async {
        station_fails(&server, "1.0.0");
        let found = bugs_when(&server, |bugs| !bugs.is_empty()).await.remove(0);
        let address = format!("http://{}/bugs?id={}", server.address, found["id"].as_str().unwrap());
        let mut browser = Browser::start().await;
        browser.open(&address).await;
        says(&mut browser, "#one-title", "ValveError: stuck").await;
        says(&mut browser, "[data-fact=\"firmware_version\"]", "1.0.0").await;
        assert_eq!(browser.value("document.querySelector('#one-state .doubt')").await, Value::Null);
        click(&mut browser, "[data-to=\"resolved\"]").await;
        browser.until("document.querySelector('#one-state').dataset.status === 'resolved'").await;

        station_fails(&server, "1.1.0");
        let again = bugs_when(&server, |bugs| bugs.iter().any(|bug| bug["group"]["count"] == 2)).await;
        let [back] = &again[..] else { panic!("one fault is one bug: {again:?}") };
        assert_eq!((&back["id"], &back["reopened"]), (&found["id"], &json!(1)), "{back}");
        browser.open(&address).await;
        browser.until("document.querySelector('#one-state')?.dataset.status === 'open'").await;
        says(&mut browser, "#one-state", "Regressed in firmware 1.1.0").await;
        says(&mut browser, "#history", "resolved → open · Regressed in firmware 1.1.0").await;
        click(&mut browser, ".top [data-lang=\"fr\"]").await;
        says(&mut browser, "#one-state", "Revenue dans le micrologiciel 1.1.0").await;
        says(&mut browser, "#history", "résolue → ouverte · Revenue dans le micrologiciel 1.1.0").await;
        assert_eq!(browser.complaints, Vec::<String>::new());
    })
    .await;
}

/// A script error of a page is one bug, to which each page reports at most five times, and its
/// policy lets it.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_error_of_a_page_becomes_one_bug_however_often_it_is_thrown() {
    let data = tempfile::tempdir().unwrap();
    let server = with_projects(&data);
    let throw = "(() => { for (let n = 0; n < 8; n += 1) \
        setTimeout(() => { throw new TypeError('planted of jo@plant.example'); }); })()";
    let counted = |count: u64| move |bugs: &[Value]| bugs.iter().any(|bug| bug["group"]["count"] == count);
    on_page(&server, "/", async |browser: &mut Browser| {
        says(browser, "#bugs-open", "(0 open)").await;
        browser.value(throw).await;
        bugs_when(&server, counted(5)).await;
        browser.open(&format!("http://{}/bugs?assignee=jo", server.address)).await;
        says(browser, "#found", "No bug").await;
        browser.value(throw).await;
        let bugs = bugs_when(&server, counted(10)).await;
        let [bug] = &bugs[..] else { panic!("one error is one bug: {bugs:?}") };
        assert_eq!((&bug["source"], &bug["title"]), (&json!("page"), &json!("TypeError: planted of …")), "{bug}");
        assert_eq!((&bug["status"], &bug["category"]), (&json!("open"), &json!("frontend")), "{bug}");
        assert_eq!(bug["firmware_version"], env!("CARGO_PKG_VERSION"), "{bug}");
        assert!(bug["description"].as_str().unwrap().ends_with("doing: /"), "{bug}");

        // A promise that is refused is another fault, and a page that is loaded anew tells it.
        browser.open(&format!("http://{}/", server.address)).await;
        says(browser, "#bugs-open", "(1 open)").await;
        browser.value("(() => { setTimeout(() => { Promise.reject(new RangeError('planted')); }); })()").await;
        let bugs = bugs_when(&server, |bugs| bugs.len() == 2).await;
        assert!(bugs.iter().any(|bug| bug["title"] == "RangeError: planted"), "{bugs:?}");
        // The browser has nothing else to complain of, such as a request that the policy refuses.
        assert!(browser.complaints.iter().all(|said| said.contains("planted")), "{:?}", browser.complaints);
    })
    .await;
}

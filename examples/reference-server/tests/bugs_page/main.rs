//! The page of bugs in a real browser: from a rejected tray to a bug that is resolved, from a fault
//! to its return, its list, its form and its script.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../browser/mod.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod browser;
mod faults;
mod form;
mod links;
mod list;
#[path = "../process/mod.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;
mod script;
mod tray;

use std::time::Duration;

use browser::Browser;
use process::Server;
use serde_json::{Value, json};

/// Runs a test that waits for what a page shows. Panics after three minutes.
async fn in_time(test: impl Future<Output = ()>) {
    // On the heap, because the future of a browser is large.
    let test = Box::pin(test);
    tokio::time::timeout(Duration::from_mins(3), test).await.expect("the test ends within three minutes");
}

/// Starts a browser, opens a page of a server, and runs a test on it. Panics after three minutes.
async fn on_page(server: &Server, path: &str, test: impl AsyncFnOnce(&mut Browser)) {
    in_time(async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}{path}", server.address)).await;
        test(&mut browser).await;
    })
    .await;
}

/// Calls the interface from the page that is open. Returns the status and the body.
async fn ask(browser: &mut Browser, path: &str, options: &Value) -> (u64, Value) {
    let call = format!(
        "fetch(new URL('{path}', document.baseURI), {options})\
         .then(async answer => [answer.status, await answer.json().catch(() => null)])"
    );
    let answer = browser.value(&call).await;
    (answer[0].as_u64().unwrap(), answer[1].clone())
}

/// Reports a bug from the page that is open. Returns its id.
async fn reported(browser: &mut Browser, bug: &Value) -> String {
    let headers = json!({ "content-type": "application/json" });
    let options = json!({ "method": "POST", "headers": headers, "body": bug.to_string() });
    let (status, answer) = ask(browser, "/api/v1/bugs", &options).await;
    assert_eq!((status, &answer["status"]), (201, &json!("open")), "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// Changes fields of a bug from the page that is open. Returns the bug as it is then.
async fn changed(browser: &mut Browser, id: &str, change: &Value) -> Value {
    let headers = json!({ "content-type": "application/merge-patch+json" });
    let options = json!({ "method": "PATCH", "headers": headers, "body": change.to_string() });
    let (status, bug) = ask(browser, &format!("/api/v1/bugs/{id}"), &options).await;
    assert_eq!(status, 200, "{bug}");
    bug
}

/// Sets the text of a field of the page.
async fn fill(browser: &mut Browser, field: &str, text: &str) {
    browser.until(&format!("document.querySelector('{field}') !== null")).await;
    browser.value(&format!("(() => {{ document.querySelector('{field}').value = {}; }})()", json!(text))).await;
}

/// Clicks on an element of the page.
async fn click(browser: &mut Browser, element: &str) {
    browser.until(&format!("document.querySelector('{element}') !== null")).await;
    browser.value(&format!("document.querySelector('{element}').click()")).await;
}

/// Chooses a text file for a field of the page.
async fn choose(browser: &mut Browser, field: &str, name: &str, text: &str) {
    let file = format!(
        "(() => {{ const chosen = new DataTransfer(); \
         chosen.items.add(new File([{}], {}, {{ type: 'text/plain' }})); \
         document.querySelector('{field}').files = chosen.files; }})()",
        json!(text),
        json!(name)
    );
    browser.value(&file).await;
}

/// A bug to report.
fn bug(title: &str, severity: &str) -> Value {
    json!({ "title": title, "description": "d", "severity": severity, "priority": "low" })
}

/// Waits until an element of the page has this text.
async fn says(browser: &mut Browser, element: &str, text: &str) {
    browser.until(&format!("document.querySelector('{element}')?.textContent.includes({})", json!(text))).await;
}

/// Asks for the bugs until they are as expected. Returns them.
async fn bugs_when(server: &Server, are_there: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    loop {
        let (status, page) = tokio::task::block_in_place(|| server.get("/api/v1/bugs?limit=100"));
        assert_eq!(status, 200, "{page}");
        let bugs = page["items"].as_array().unwrap().clone();
        if are_there(&bugs) {
            return bugs;
        }
        tokio::task::yield_now().await;
    }
}

//! The page of bugs in a real browser: from a rejected tray to a bug that is resolved.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod browser;
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::time::Duration;

use browser::Browser;
use process::{Server, now};
use serde_json::{Value, json};

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

/// Sets the text of a field of the page.
async fn fill(browser: &mut Browser, field: &str, text: &str) {
    browser.until(&format!("document.querySelector('{field}') !== null")).await;
    browser.value(&format!("(() => {{ document.querySelector('{field}').value = {}; }})()", json!(text))).await;
}

async fn click(browser: &mut Browser, button: &str) {
    browser.until(&format!("document.querySelector('{button}') !== null")).await;
    browser.value(&format!("document.querySelector('{button}').click()")).await;
}

/// A bug to report.
fn bug(title: &str, severity: &str) -> Value {
    json!({ "title": title, "description": "d", "severity": severity, "priority": "low" })
}

/// The list as the script reads it from an address.
fn list(filters: &Value, sort: &str, skip: u32) -> Value {
    json!({ "kind": "list", "filters": filters, "sort": sort, "skip": skip })
}

/// Where a page of the list begins and ends, and how many bugs its neighbours pass over.
fn pages((from, to): (u32, u32), previous: Option<u32>, next: Option<u32>) -> Value {
    json!({ "from": from, "to": to, "previous": previous, "next": next })
}

/// Waits until an element of the page has this text.
async fn says(browser: &mut Browser, element: &str, text: &str) {
    browser.until(&format!("document.querySelector('{element}')?.textContent.includes({})", json!(text))).await;
}

/// A rejected tray of the station, as the interface has it.
fn rejected(server: &Server) -> Value {
    let is_rejected = |sample: &Value| sample["fusion"]["final_grade"] == "REJECT";
    server.samples().into_iter().find(is_rejected).expect("the station rejects a tray")
}

/// Begins the work on the bug that is shown, comments on it, attaches a file, resolves it, and
/// takes it up again.
async fn follow(browser: &mut Browser, tray: &Value) {
    click(browser, "[data-to=\"in_progress\"]").await;
    browser.until("document.querySelector('#one-state').dataset.status === 'in_progress'").await;
    fill(browser, "#comment-text", "the lens is dirty").await;
    click(browser, "#comment-send").await;
    says(browser, "#comments", "the lens is dirty").await;
    let file = "(() => { const chosen = new DataTransfer(); \
        chosen.items.add(new File(['a line'], 'station.log', { type: 'text/plain' })); \
        document.querySelector('#attach-file').files = chosen.files; })()";
    browser.value(file).await;
    click(browser, "#attach-send").await;
    says(browser, "#attachments", "station.log").await;
    let read = "fetch(document.querySelector('.attachment a').href).then(answer => answer.text())";
    assert_eq!(browser.value(read).await, "a line");

    click(browser, "[data-to=\"resolved\"]").await;
    browser.until("document.querySelector('#one-state').dataset.status === 'resolved'").await;
    let id = browser.value("new URLSearchParams(location.search).get('id')").await;
    let path = format!("/api/v1/bugs/{}", id.as_str().unwrap());
    let (_, bug) = ask(browser, &path, &json!({})).await;
    assert_eq!((&bug["status"], &bug["sample_id"]), (&json!("resolved"), &tray["id"]), "{bug}");

    // To take it up again needs a reason.
    click(browser, "[data-to=\"open\"]").await;
    browser.until("document.querySelector('#ask-why').open").await;
    fill(browser, "#why", "it is dirty again").await;
    click(browser, "#ask-why-send").await;
    browser.until("document.querySelector('#one-state').dataset.status === 'open'").await;
    says(browser, "#history", "resolved → open · Why: it is dirty again").await;
}

/// A tray is rejected; two clicks make a bug with its sample, its device and its firmware, and a
/// person follows the bug until it is resolved, and takes it up again.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_tray_becomes_a_bug_in_two_clicks_and_is_followed_to_its_end() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        let mut station = server.station(5);
        station.count = Some(60);
        device_simulator::run(&station, now, std::future::pending()).await.unwrap();
        let tray = tokio::task::block_in_place(|| rejected(&server));
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/", server.address)).await;
        says(&mut browser, "#bugs-open", "(0 open)").await;
        click(&mut browser, ".tray-list summary").await;
        let link = format!("[data-tray=\"{}\"] a", tray["id"].as_str().unwrap());
        says(&mut browser, &link, "Report").await;
        click(&mut browser, &link).await;
        browser.arrives("/bugs?new=1").await;
        browser.until("document.activeElement?.id === 'new-send'").await;
        for (field, value) in [
            ("device_id", &tray["device_id"]),
            ("sample_id", &tray["id"]),
            ("firmware_version", &tray["meta"]["firmware_version"]),
        ] {
            let shown = browser.value(&format!("document.querySelector('#new-{field}').value")).await;
            assert_eq!(&shown, value, "{field}");
        }
        click(&mut browser, "#new-send").await;
        browser.arrives("/bugs?id=").await;
        says(&mut browser, "#one-title", "Tray rejected: ").await;
        says(&mut browser, "[data-fact=\"sample_id\"]", tray["id"].as_str().unwrap()).await;
        says(&mut browser, "[data-fact=\"device_id\"]", "STATION_5").await;
        says(&mut browser, "[data-fact=\"firmware_version\"]", "1.0.0").await;

        follow(&mut browser, &tray).await;

        // The bug leads back to the tray.
        click(&mut browser, "[data-fact=\"sample_id\"] a").await;
        browser.arrives("#device=STATION_5").await;
        says(&mut browser, ".tray-line.wanted", tray["sample_id"].as_str().unwrap()).await;
        says(&mut browser, "#bugs-open", "(1 open)").await;
        assert_eq!(browser.complaints, Vec::<String>::new());
    };
    tokio::time::timeout(Duration::from_mins(3), look).await.expect("the bug is followed within three minutes");
}

/// The list has its filters in its address, its figures lead to lists, and texts of people stay
/// texts.
#[tokio::test(flavor = "multi_thread")]
async fn dsh_07_the_list_is_filtered_by_links_and_has_the_four_figures() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(&[("SQAL_CALLS_PER_MINUTE", "0")], data.path(), "127.0.0.1:0");
    let look = async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/bugs", server.address)).await;
        says(&mut browser, "#found", "No bug").await;
        for number in 0..51 {
            reported(&mut browser, &bug(&format!("lens {number}"), "low")).await;
        }
        let markup = "<img src=x onerror=\"document.title = 'taken'\">";
        let critical = reported(&mut browser, &bug(markup, "critical")).await;
        browser.open(&format!("http://{}/bugs?status=open", server.address)).await;
        says(&mut browser, "#found", "1 to 50 of 52").await;
        says(&mut browser, "#figures", "critical 1").await;
        says(&mut browser, "#figures", "low 51").await;
        says(&mut browser, "#figures", "Resolved today").await;
        says(&mut browser, "#figures", "Average resolution time").await;
        says(&mut browser, "#figures", "Critical bugs").await;
        click(&mut browser, "#paging a").await;
        browser.arrives("skip=50").await;
        says(&mut browser, "#found", "51 to 52 of 52").await;
        click(&mut browser, ".severity-count[data-severity=\"critical\"] a").await;
        browser.arrives("severity=critical").await;
        says(&mut browser, &format!("[data-bug=\"{critical}\"] .title-link"), markup).await;
        assert_eq!(browser.value("document.querySelectorAll('#bugs-rows tr').length").await, 1);
        assert_eq!(browser.value("document.querySelectorAll('main img').length").await, 0);
        click(&mut browser, "[data-column=\"severity\"] .sort").await;
        browser.arrives("sort=-severity").await;
        browser.until("document.querySelector('[aria-sort=\"descending\"][data-column=\"severity\"]') !== null").await;
        assert_eq!(browser.complaints, Vec::<String>::new());
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the list is filtered within two minutes");
}

/// The form shows what the server refuses in the words of its problem, in the language of the page.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_shown_in_words_and_what_was_written_stays() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/bugs?new=1&title=t&description=d", server.address)).await;
        fill(&mut browser, "#new-reported_by_email", "marie@here").await;
        click(&mut browser, "#new-send").await;
        says(&mut browser, "#new-problem", "E-mail of the reporter: ").await;
        click(&mut browser, ".top [data-lang=\"fr\"]").await;
        click(&mut browser, "#new-send").await;
        says(&mut browser, "#new-problem", "E-mail de la personne\u{a0}: ").await;
        assert_eq!(browser.value("document.querySelector('#new-title').value").await, "t");
        says(&mut browser, "label[for=\"new-description\"]", "(obligatoire)").await;
        browser.open(&format!("http://{}/bugs?id=../devices", server.address)).await;
        says(&mut browser, "#told", "Cette adresse n’est pas celle d’une anomalie.").await;
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the refusal is shown within two minutes");
}

/// A test computes expressions on the module `page`, each with its value.
async fn compute(expressions: &[(&str, Value)]) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/bugs", server.address)).await;
        says(&mut browser, "#found", "No bug").await;
        for (expression, expected) in expressions {
            let script = "import(new URL('bugs.js', document.baseURI))";
            let found = browser.value(&format!("{script}.then(page => {{ return {expression}; }})")).await;
            assert_eq!(found, *expected, "{expression}");
        }
    };
    tokio::time::timeout(Duration::from_mins(1), look).await.expect("the script is loaded within a minute");
}

/// Each text of the page is there in both languages, with the same values in it.
#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_the_page_are_complete_in_both_languages() {
    let incomplete = "Object.entries(page.TEXT).filter(([, texts]) => texts.length !== 2 || !texts.every(Boolean) || \
        new Set(texts.map(text => (text.match(/\\{\\w+\\}/g) ?? []).sort().join())).size !== 1).map(([key]) => key)";
    compute(&[(incomplete, json!([]))]).await;
}

/// An address names one part of the page; what is not known of it is passed over.
#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_the_page_names_its_part_and_its_filters() {
    let id = "7f2c1a9e-5b1d-4c3e-8a77-0d9e6f1b2a34";
    compute(&[
        ("page.viewOf('?id=7F2C1A9E-5B1D-4C3E-8A77-0D9E6F1B2A34')", json!({ "kind": "one", "id": id })),
        ("page.viewOf('?id=..%2Fdevices')", json!({ "kind": "one", "id": null })),
        ("page.viewOf('?new=1&device_id=D1&title=+&x=1')", json!({ "kind": "new", "given": { "device_id": "D1" } })),
        (
            "page.viewOf('?status=open&tag=&skip=50&sort=-priority&x=1')",
            list(&json!({ "status": "open" }), "-priority", 50),
        ),
        ("page.viewOf('?skip=-1&sort=title')", list(&json!({}), "-created_at", 0)),
        ("page.listAddress(page.viewOf('?skip=50&sort=severity&q=a+b%26'))", json!("q=a+b%26&sort=severity&skip=50")),
        ("page.listAddress(page.viewOf(''))", json!("")),
        ("page.listQuery(page.viewOf('?tag=lens'))", json!("tag=lens&sort=-created_at&skip=0&limit=50")),
        ("page.nextSort('-created_at', 'created_at')", json!("created_at")),
        ("page.nextSort('severity', 'severity')", json!("-severity")),
        ("page.pagesOf({ skip: 50, total: 102, isExact: true }, 50)", pages((51, 100), Some(0), Some(100))),
        ("page.pagesOf({ skip: 0, total: 50, isExact: true }, 50)", pages((1, 50), None, None)),
        ("page.pagesOf({ skip: 10000, total: 10000, isExact: false }, 50)", pages((10_001, 10_050), Some(9950), None)),
    ])
    .await;
}

/// A change is shown as the lines that differ, and sent as the fields that differ; the changes of
/// status are those that the server allows.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_what_differs_and_needs_a_reason_as_the_server_says() {
    let lines = "page.lineDifference('a\\nb\\nc\\nd', 'a\\nb\\nX\\nc')\
        .map(({ kind, text, count }) => `${kind} ${text ?? count}`)";
    let steps = "fetch(new URL('api/v1/bugs/fields', document.baseURI)).then(answer => answer.json()).then(fields => \
        fields.transitions.length === Object.values(page.TRANSITIONS).flat().length && fields.transitions.every(step => \
            page.TRANSITIONS[step.from].includes(step.to) && page.needsWhy(step.from, step.to) === step.needs_why))";
    compute(&[
        (lines, json!(["skipped 1", "same b", "added X", "same c", "removed d"])),
        ("page.lineDifference('a', 'a')", json!([{ "kind": "same", "text": "a" }])),
        ("page.lineDifference('', 'a')", json!([{ "kind": "added", "text": "a" }])),
        ("page.splitList(' a, b,, a ')", json!(["a", "b"])),
        (
            "page.patchOf({ title: 't ', tags: ['a'], category: 'x' }, { title: 't', tags: [], category: 'y' })",
            json!({ "tags": null, "category": "y" }),
        ),
        (steps, json!(true)),
    ])
    .await;
}

//! The page of bugs in a real browser: from a rejected tray to a bug that is resolved, from a fault
//! to its return, and the faults of the pages themselves.
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

/// Begins the work on a bug.
async fn begin(browser: &mut Browser, id: &str) {
    let headers = json!({ "content-type": "application/merge-patch+json" });
    let change = json!({ "status": "in_progress" }).to_string();
    let options = json!({ "method": "PATCH", "headers": headers, "body": change });
    let (status, answer) = ask(browser, &format!("/api/v1/bugs/{id}"), &options).await;
    assert_eq!((status, &answer["status"]), (200, &json!("in_progress")), "{answer}");
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
    choose(browser, "#attach-file", "station.log", "a line").await;
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

/// A fault that a person has resolved comes again with the next firmware: its bug is open again,
/// and the page says in which firmware, in both languages.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_comes_back_after_it_was_resolved_is_shown_as_regressed() {
    let data = tempfile::tempdir().unwrap();
    let server = with_projects(&data);
    let look = async {
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
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the fault is back within two minutes");
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
    let look = async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/", server.address)).await;
        says(&mut browser, "#bugs-open", "(0 open)").await;
        browser.value(throw).await;
        bugs_when(&server, counted(5)).await;
        browser.open(&format!("http://{}/bugs?assignee=jo", server.address)).await;
        says(&mut browser, "#found", "No bug").await;
        browser.value(throw).await;
        let bugs = bugs_when(&server, counted(10)).await;
        let [bug] = &bugs[..] else { panic!("one error is one bug: {bugs:?}") };
        assert_eq!((&bug["source"], &bug["title"]), (&json!("page"), &json!("TypeError: planted of …")), "{bug}");
        assert_eq!((&bug["status"], &bug["category"]), (&json!("open"), &json!("frontend")), "{bug}");
        assert_eq!(bug["firmware_version"], env!("CARGO_PKG_VERSION"), "{bug}");
        assert!(bug["description"].as_str().unwrap().ends_with("doing: /"), "{bug}");

        // A promise that is refused is another fault, and a page that is loaded anew tells it.
        browser.open(&format!("http://{}/", server.address)).await;
        says(&mut browser, "#bugs-open", "(1 open)").await;
        browser.value("(() => { setTimeout(() => { Promise.reject(new RangeError('planted')); }); })()").await;
        let bugs = bugs_when(&server, |bugs| bugs.len() == 2).await;
        assert!(bugs.iter().any(|bug| bug["title"] == "RangeError: planted"), "{bugs:?}");
        // The browser has nothing else to complain of, such as a request that the policy refuses.
        assert!(browser.complaints.iter().all(|said| said.contains("planted")), "{:?}", browser.complaints);
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the error is reported within two minutes");
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
        let begun = reported(&mut browser, &bug("begun", "low")).await;
        begin(&mut browser, &begun).await;
        browser.open(&format!("http://{}/bugs?status=not_ended", server.address)).await;
        says(&mut browser, "#found", "1 to 50 of 53 · the open ones first").await;
        says(&mut browser, ".places [aria-current=\"page\"]", "Not ended").await;
        says(&mut browser, "#figures", "critical 1").await;
        // What is in progress has not ended.
        says(&mut browser, "#figures", "low 52").await;
        says(&mut browser, "#figures", "Resolved today").await;
        says(&mut browser, "#figures", "Average resolution time").await;
        says(&mut browser, "#figures", "Critical, not ended").await;
        click(&mut browser, "#paging a").await;
        browser.arrives("skip=50").await;
        says(&mut browser, "#found", "51 to 53 of 53").await;
        assert_eq!(browser.value("document.querySelector('#bugs-rows tr:last-child').dataset.bug").await, json!(begun));
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
        says(&mut browser, "#new-problem", "E-mail du déclarant\u{a0}: ").await;
        assert_eq!(browser.value("document.querySelector('#new-title').value").await, "t");
        says(&mut browser, "label[for=\"new-description\"]", "(obligatoire)").await;
        browser.open(&format!("http://{}/bugs?id=../devices", server.address)).await;
        browser.until("document.querySelector('#missing')?.hidden === false").await;
        says(&mut browser, "#missing-title", "Anomalie introuvable").await;
        says(&mut browser, "#missing a", "Toutes les anomalies").await;
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the refusal is shown within two minutes");
}

/// A file of the form for a new bug is attached to the bug. If it is refused, the form says why and
/// leads to the bug; it makes no second one.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_new_bug_is_attached_and_a_refused_one_leaves_the_bug() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/bugs?new=1&title=t&description=d", server.address)).await;
        says(&mut browser, "#new-severity-hint", "critical if the line stands").await;
        // A picture by its name, but not by its content.
        choose(&mut browser, "#new-file", "lens.png", "a line").await;
        click(&mut browser, "#new-send").await;
        says(&mut browser, "#new-problem", "The bug is reported, but lens.png is not attached: ").await;
        browser
            .until("!document.querySelector('#new-made').hidden && !document.querySelector('#new-send').disabled")
            .await;
        choose(&mut browser, "#new-file", "station.log", "a line").await;
        click(&mut browser, "#new-send").await;
        browser.arrives("/bugs?id=").await;
        says(&mut browser, "#attachments", "station.log").await;
        says(&mut browser, "#history summary", "What was reported").await;
        assert_eq!(bugs_when(&server, |bugs| !bugs.is_empty()).await.len(), 1);
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the file is attached within two minutes");
}

/// A bug names the bugs to which it is linked by their titles.
#[tokio::test(flavor = "multi_thread")]
async fn linked_bugs_are_named_by_their_titles_and_an_unknown_one_is_not_found() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/bugs", server.address)).await;
        says(&mut browser, "#found", "No bug").await;
        let cause = reported(&mut browser, &bug("the lens is dirty", "low")).await;
        let effect = reported(&mut browser, &bug("trays are rejected", "low")).await;
        let change = json!({ "relates_to": [cause] }).to_string();
        let headers = json!({ "content-type": "application/merge-patch+json" });
        let options = json!({ "method": "PATCH", "headers": headers, "body": change });
        let (status, answer) = ask(&mut browser, &format!("/api/v1/bugs/{effect}"), &options).await;
        assert_eq!(status, 200, "{answer}");
        browser.open(&format!("http://{}/bugs?id={effect}", server.address)).await;
        says(&mut browser, "[data-fact=\"relates_to\"] a", "the lens is dirty").await;
        let unknown = "00000000-0000-4000-8000-000000000000";
        browser.open(&format!("http://{}/bugs?id={unknown}", server.address)).await;
        browser
            .until("document.querySelector('#missing')?.hidden === false && document.querySelector('#one').hidden")
            .await;
        says(&mut browser, "#missing-title", "Bug not found").await;
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the title is shown within two minutes");
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

/// The stack of a fault of the page is read in the forms of every browser, and what is told names
/// no person.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_page_is_told_by_its_frames_and_without_a_person() {
    let frame = |function: &str, filename: &str, lineno: u32, colno: u32, in_app: bool| json!({ "function": function, "filename": filename, "lineno": lineno, "colno": colno, "in_app": in_app });
    let exception = |kind: &str, value: &str| json!({ "type": kind, "value": value, "stacktrace": { "frames": [] } });
    let of_chromium = "page.framesOf(`TypeError: x\n    at f (${location.origin}/bugs.js?v=1:10:5)\n    at async \
        ${location.origin}/q/bugs.js:3:4\n    at Array.forEach (<anonymous>)\n    at new A (chrome-extension://b/x.js:1:2)`)";
    let of_firefox = "page.framesOf(`g@${location.origin}/bugs.js:10:5\n@http://other/x.js:1:2\n[native code]`)";
    compute(&[
        (
            of_chromium,
            json!([
                frame("new A", "chrome-extension://b/x.js", 1, 2, false),
                frame("<anonymous>", "/q/bugs.js", 3, 4, true),
                frame("f", "/bugs.js", 10, 5, true),
            ]),
        ),
        (
            of_firefox,
            json!([frame("<anonymous>", "http://other/x.js", 1, 2, false), frame("g", "/bugs.js", 10, 5, true)]),
        ),
        ("page.framesOf('x@h/y.js:1:2\\n'.repeat(9000)).length", json!(50)),
        ("page.exceptionOf('no mail to jo@plant.example', [])", exception("Thrown", "no mail to …")),
        ("page.exceptionOf({ name: 'jo' }, [])", exception("Thrown", "[object Object]")),
        ("page.exceptionOf(undefined, [])", exception("Thrown", "undefined")),
        ("page.exceptionOf(new RangeError('x'.repeat(9000)), []).value.length", json!(500)),
    ])
    .await;
}

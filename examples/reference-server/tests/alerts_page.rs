//! The alerts and the state of the stations on the live page, in a real browser.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod browser;
mod exposition;
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::path::Path;
use std::time::Duration;

use browser::Browser;
use exposition::{scrape, value};
use process::{Server, now};
use serde_json::{Value, json};
use sqal_core::Timestamp;
use sqal_http::TokenHash;
use sqal_http::sqal_protocol::time::rfc3339;

/// An objective that each read of samples misses.
const OBJECTIVES: &str = r#"
objectives:
  - name: samples-unread
    description: { en: Samples are not read., fr: Les échantillons ne sont pas lus. }
    target: 0.95
    bad: 'api_slo_request_duration_seconds_bucket{endpoint="/api/v1/samples",le="+Inf"}'
    total: 'api_slo_request_duration_seconds_count{endpoint="/api/v1/samples"}'
    burn_rates: [1h]
"#;

/// The row of the critical alert on the objective of these tests.
const ROW: &str = "[...document.querySelectorAll('.alert[data-severity=\"critical\"]')]\
    .find(row => row.textContent.includes('samples-unread'))";

/// Answers that the page gets in place of the server's, by path: `window.canned[path] = [status,
/// body]`.
const CANNED: &str = "window.canned = {}; const real = window.fetch; \
    window.fetch = (url, options) => { const canned = window.canned[new URL(url).pathname]; \
      return canned ? Promise.resolve(new Response(JSON.stringify(canned[1]), { status: canned[0] })) : real(url, options); };";

/// Lets the page ask for stations and alerts at once, as it does when it becomes visible.
const ASK: &str = "document.dispatchEvent(new Event('visibilitychange'))";

/// A server on which Paul is a viewer and Quinn a quality engineer.
fn plant_with_people(data: &Path) -> Server {
    let token =
        |name, role| format!("  - {{ name: {name}, grant: {{ role: {role} }}, sha256: {} }}\n", TokenHash::of(name));
    let tokens = format!("tokens:\n{}{}", token("paul", "viewer"), token("quinn", "quality_engineer"));
    let file = |name: &str, text: &str| {
        let path = data.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (objectives, tokens) = (file("objectives.yaml", OBJECTIVES), file("tokens.yaml", &tokens));
    let variables =
        [("SQAL_OBJECTIVES_FILE", &*objectives), ("SQAL_TOKENS_FILE", &*tokens), ("SQAL_CALLS_PER_MINUTE", "0")];
    Server::start_with(&variables, &data.join("data"), "127.0.0.1:0")
}

/// Misses the objective after the first evaluation of the rules has seen the counters.
fn miss_the_objective(server: &Server) {
    let begun = now().micros();
    while value(&scrape(server), "alert_evaluations_total", &[]).is_none_or(|evaluations| evaluations < 1.0) {
        assert!(now().micros() - begun < 60_000_000, "no evaluation after a minute");
    }
    for _ in 0..25 {
        assert_eq!(server.get_as("quinn", "/api/v1/samples").0, 200);
    }
}

async fn sign_in(browser: &mut Browser, token: &str) {
    browser.until("document.querySelector('#sign-in')?.open").await;
    let enter = "document.querySelector('#sign-in form').requestSubmit()";
    browser.value(&format!("(() => {{ document.querySelector('#token').value = '{token}'; {enter}; }})()")).await;
    browser.until("document.querySelector('#connection[data-state=\"live\"]') !== null").await;
    browser.until(&format!("document.querySelector('#who').textContent.startsWith('{token}')")).await;
}

/// Opens the form with this number of the alert's row, and sends it with these values.
async fn send_deed(browser: &mut Browser, form: usize, values: &[(&str, &str)]) {
    browser.value(&format!("({ROW}).querySelectorAll('.deeds button')[{form}].click()")).await;
    for (field, text) in values {
        let input = format!("document.querySelector('#deed-{field}')");
        browser.until(&format!("{input}.required && ({input}.value = {}, true)", json!(text))).await;
    }
    browser.value("document.querySelector('#deed form').requestSubmit()").await;
}

/// The alert on the objective of these tests, as the interface has it.
fn alert(server: &Server) -> Value {
    let (status, page) = tokio::task::block_in_place(|| server.get_as("quinn", "/api/v1/alerts"));
    assert_eq!(status, 200, "{page}");
    let alerts = page["items"].as_array().unwrap();
    let is_it =
        |alert: &&Value| alert["alertname"] == "ErrorBudgetBurn" && alert["labels"]["objective"] == "samples-unread";
    alerts.iter().find(is_it).unwrap().clone()
}

/// The page shows an open alert to all who may read it. Those who may act on it acknowledge it, say
/// why it was, and shelve it; a refusal is shown in words.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_shown_and_acted_on_by_those_who_may() {
    let data = tempfile::tempdir().unwrap();
    let server = plant_with_people(data.path());
    let look = async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/", server.address)).await;
        sign_in(&mut browser, "paul").await;
        browser.until("document.querySelector('#alert-count').textContent === 'No alert'").await;
        tokio::task::block_in_place(|| miss_the_objective(&server));
        browser.until(&format!("({ROW})?.dataset.severity === 'critical' && document.title !== 'SQAL'")).await;
        browser.until("/^\\d+ open · critical: \\d+/.test(document.querySelector('#alert-count').textContent)").await;
        let shown = browser.value(&format!("({ROW}).querySelector('summary').textContent")).await;
        let shown = shown.as_str().unwrap();
        assert!(shown.starts_with("critical") && shown.contains("since "), "{shown}");
        browser.until(&format!("({ROW}).querySelector('.deeds').hidden")).await;

        browser.value("document.querySelector('#sign-out').click()").await;
        sign_in(&mut browser, "quinn").await;
        browser.until(&format!("({ROW})?.querySelector('.deeds').hidden === false")).await;
        send_deed(&mut browser, 0, &[("note", "  ")]).await;
        let refusal = "What you do about it: no text; expected a text of 1 to 500 characters";
        browser.until(&format!("document.querySelector('#deed-problem').textContent.startsWith('{refusal}')")).await;
        browser.value("document.querySelector('#deed').close()").await;
        send_deed(&mut browser, 0, &[("note", "I look at the scanner")]).await;
        browser.until(&format!("({ROW}).querySelector('summary').textContent.includes('acknowledged by quinn')")).await;
        send_deed(&mut browser, 1, &[("cause", "a scanner asks too often"), ("action", "the scanner is off")]).await;
        browser.until(&format!("({ROW}).textContent.includes('a scanner asks too often')")).await;
        send_deed(&mut browser, 2, &[("minutes", "5"), ("reason", "it is off")]).await;
        browser.until(&format!("({ROW}).querySelector('summary').textContent.includes('shelved')")).await;
        let alert = alert(&server);
        assert_eq!(
            (&alert["acknowledged"]["note"], &alert["cause"]["action"], &alert["silenced"]),
            (&json!("I look at the scanner"), &json!("the scanner is off"), &json!(true)),
            "{alert}"
        );
        browser.value("document.querySelector('.top [data-lang=\"fr\"]').click()").await;
        browser.until(&format!("({ROW}).querySelector('summary').textContent.includes('acquittée par quinn')")).await;
        browser.until(&format!("({ROW}).textContent.includes('Les échantillons ne sont pas lus')")).await;
    };
    tokio::time::timeout(Duration::from_mins(3), look).await.expect("the alert is there within three minutes");
}

/// Sends trays of the station without the distance sensor's readings.
fn send_blind(server: &Server, device: &str, count: i64) {
    let frame = |tray: i64| {
        let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
        frame.as_object_mut().unwrap().remove("vl53l8ch");
        let at = Timestamp::from_micros(now().micros() + tray * 1000).unwrap();
        (frame["device_id"], frame["sample_id"]) = (json!(device), json!(format!("BLIND-{tray}")));
        frame["timestamp"] = json!(rfc3339(at));
        frame.to_string()
    };
    let lines: Vec<_> = (0..count).map(frame).collect();
    let (status, answer) = server.post("/api/v1/samples:batch", &lines.join("\n"));
    assert_eq!((status, &answer["persisted"]), (200, &json!(count)), "{answer}");
}

/// A fault of a station is named on its card with since when and what to do, apart from the grade;
/// the card keeps its height. New trays are marked as doubtful, and the list has all that are.
#[tokio::test(flavor = "multi_thread")]
async fn a_station_at_fault_says_what_to_do_and_its_trays_are_doubtful() {
    const CARD: &str = "document.querySelector('[data-station=\"STATION_1\"]')";
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        let mut station = server.station(1);
        station.count = Some(3);
        device_simulator::run(&station, now, std::future::pending()).await.unwrap();
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/", server.address)).await;
        browser.until(&format!("{CARD}?.dataset.sampleId")).await;
        let height = format!("{CARD}.querySelector('.told').offsetHeight");
        let before = browser.value(&height).await;
        tokio::task::block_in_place(|| send_blind(&server, "STATION_1", 25));
        browser.until(&format!("{CARD}.dataset.sampleId === 'BLIND-24'")).await;
        browser.value(ASK).await;
        browser.until(&format!("{CARD}.querySelector('.fault') !== null")).await;
        let listed = tokio::task::block_in_place(|| server.get("/api/v1/stations/STATION_1").1);
        let fault = &listed["faults"][0];
        let (name, advice) = (fault["name"]["en"].as_str().unwrap(), fault["advice"]["en"].as_str().unwrap());
        let shown = browser.value(&format!("{CARD}.querySelector('.fault').textContent")).await;
        let shown = shown.as_str().unwrap();
        assert!(shown.starts_with(&format!("{name} since ")) && shown.ends_with(advice), "{shown}");
        browser.until(&format!("{CARD}.querySelector('.grade').ariaLabel.endsWith(', doubtful')")).await;
        browser.until(&format!("{CARD}.querySelector('.reason').textContent.startsWith('Doubtful: {name}')")).await;
        assert_eq!(browser.value(&height).await, before, "the fault moves no card");

        let doubtful = "/api/v1/stations/STATION_1/doubtful?limit=500";
        let trays = tokio::task::block_in_place(|| server.get(doubtful).1)["items"].as_array().unwrap().len();
        assert!(trays > 0);
        browser.value(&format!("{CARD}.querySelector('.more > .button').click()")).await;
        let told = "document.querySelector('#doubtful-told').textContent === ''";
        let lines = "document.querySelectorAll('#doubtful .tray-line').length";
        browser.until(&format!("{told} && {lines} === {}", trays.min(20))).await;
        // A page can be empty although it is announced.
        browser.value("document.querySelector('#doubtful-next:not([hidden])')?.click()").await;
        browser.until(&format!("{lines} === {trays} && document.querySelector('#doubtful-next').hidden")).await;
        browser.press_escape().await;
        browser.until("!document.querySelector('#doubtful').open").await;
        let french = fault["advice"]["fr"].as_str().unwrap().chars().take(12).collect::<String>();
        browser.value("document.querySelector('.top [data-lang=\"fr\"]').click()").await;
        browser.until(&format!("{CARD}.querySelector('.fault').textContent.includes({})", json!(french))).await;
        browser.until(&format!("{CARD}.querySelector('.doubt').textContent === 'douteuse'")).await;
        assert_eq!(browser.complaints, Vec::<String>::new());
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the fault is shown within two minutes");
}

/// What the page shows of a station that learns, of one that is well, and on a server without
/// alerts.
#[tokio::test(flavor = "multi_thread")]
async fn a_station_learns_and_is_well_and_without_alerts_there_is_no_panel() {
    const CONDITION: &str = "document.querySelector('[data-station=\"STATION_1\"] .condition')?.textContent";
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        let mut station = server.station(1);
        station.count = Some(1);
        device_simulator::run(&station, now, std::future::pending()).await.unwrap();
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/", server.address)).await;
        browser.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": CANNED })).await;
        browser.call("Page.reload", json!({})).await;
        browser.until("window.canned && document.querySelector('[data-station=\"STATION_1\"]') !== null").await;
        browser.until("document.querySelector('#alert-count').textContent === 'No alert'").await;
        let stations = |state: &str, left: u32| {
            let one = json!({ "device_id": "STATION_1", "state": state, "faults": [], "trays_to_learn": left });
            format!("window.canned['/api/v1/stations'] = [200, {}]; {ASK}", json!({ "items": [one], "next": null }))
        };
        browser.value(&stations("learning", 143)).await;
        browser.until(&format!("{CONDITION} === 'Station learning (143 trays left)'")).await;
        browser.value("document.querySelector('.top [data-lang=\"fr\"]').click()").await;
        browser.until(&format!("{CONDITION} === 'Poste en apprentissage (encore 143 barquettes)'")).await;
        browser.value(&stations("well", 0)).await;
        browser.until(&format!("{CONDITION} === 'Poste sans défaut'")).await;
        browser.until("document.querySelector('#alert-count').textContent === 'Aucune alerte'").await;
        browser.value(&format!("window.canned['/api/v1/alerts'] = [503, {{}}]; {ASK}")).await;
        let unread =
            "Les alertes ne peuvent pas être lues\u{a0}: Le serveur ne peut pas le faire maintenant\u{a0}: réessayez.";
        browser.until(&format!("document.querySelector('#alert-count').textContent === '{unread}'")).await;
        browser.value(&format!("window.canned['/api/v1/alerts'] = [404, {{}}]; {ASK}")).await;
        browser.until("document.querySelector('#alerts').hidden").await;
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the states are shown within two minutes");
}

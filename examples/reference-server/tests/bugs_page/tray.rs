//! A rejected tray becomes a bug, which a person follows to its end.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::process::{Server, now};
use crate::{ask, choose, click, fill, in_time, says};

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
    in_time(async {
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
    })
    .await;
}

//! The list of bugs: its filters, its figures and its pages.

use serde_json::json;

use crate::browser::Browser;
use crate::process::Server;
use crate::{bug, changed, click, on_page, reported, says};

/// The list has its filters in its address, its figures lead to lists, and texts of people stay
/// texts.
#[tokio::test(flavor = "multi_thread")]
async fn dsh_07_the_list_is_filtered_by_links_and_has_the_four_figures() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(&[("SQAL_CALLS_PER_MINUTE", "0")], data.path(), "127.0.0.1:0");
    on_page(&server, "/bugs", async |browser: &mut Browser| {
        says(browser, "#found", "No bug").await;
        for number in 0..51 {
            reported(browser, &bug(&format!("lens {number}"), "low")).await;
        }
        let markup = "<img src=x onerror=\"document.title = 'taken'\">";
        let critical = reported(browser, &bug(markup, "critical")).await;
        let begun = reported(browser, &bug("begun", "low")).await;
        let bug = changed(browser, &begun, &json!({ "status": "in_progress" })).await;
        assert_eq!(bug["status"], "in_progress", "{bug}");
        browser.open(&format!("http://{}/bugs?status=not_ended", server.address)).await;
        says(browser, "#found", "1 to 50 of 53 · the open ones first").await;
        says(browser, ".places [aria-current=\"page\"]", "Not ended").await;
        says(browser, "#figures", "critical 1").await;
        // What is in progress has not ended.
        says(browser, "#figures", "low 52").await;
        says(browser, "#figures", "Resolved today").await;
        says(browser, "#figures", "Average resolution time").await;
        says(browser, "#figures", "Critical, not ended").await;
        click(browser, "#paging a").await;
        browser.arrives("skip=50").await;
        says(browser, "#found", "51 to 53 of 53").await;
        assert_eq!(browser.value("document.querySelector('#bugs-rows tr:last-child').dataset.bug").await, json!(begun));
        click(browser, ".severity-count[data-severity=\"critical\"] a").await;
        browser.arrives("severity=critical").await;
        says(browser, &format!("[data-bug=\"{critical}\"] .title-link"), markup).await;
        assert_eq!(browser.value("document.querySelectorAll('#bugs-rows tr').length").await, 1);
        assert_eq!(browser.value("document.querySelectorAll('main img').length").await, 0);
        click(browser, "[data-column=\"severity\"] .sort").await;
        browser.arrives("sort=-severity").await;
        browser.until("document.querySelector('[aria-sort=\"descending\"][data-column=\"severity\"]') !== null").await;
        assert_eq!(browser.complaints, Vec::<String>::new());
    })
    .await;
}

//! The page of one bug: the bugs to which it is linked, and a bug that is not there.

use serde_json::json;

use crate::browser::Browser;
use crate::process::Server;
use crate::{bug, changed, on_page, reported, says};

/// A bug names the bugs to which it is linked by their titles.
#[tokio::test(flavor = "multi_thread")]
async fn linked_bugs_are_named_by_their_titles_and_an_unknown_one_is_not_found() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    on_page(&server, "/bugs", async |browser: &mut Browser| {
        says(browser, "#found", "No bug").await;
        let cause = reported(browser, &bug("the lens is dirty", "low")).await;
        let effect = reported(browser, &bug("trays are rejected", "low")).await;
        changed(browser, &effect, &json!({ "relates_to": [cause] })).await;
        browser.open(&format!("http://{}/bugs?id={effect}", server.address)).await;
        says(browser, "[data-fact=\"relates_to\"] a", "the lens is dirty").await;
        let unknown = "00000000-0000-4000-8000-000000000000";
        browser.open(&format!("http://{}/bugs?id={unknown}", server.address)).await;
        browser
            .until("document.querySelector('#missing')?.hidden === false && document.querySelector('#one').hidden")
            .await;
        says(browser, "#missing-title", "Bug not found").await;
    })
    .await;
}

//! The form for a new bug: what the server refuses, and the files that are sent with the form.

use crate::browser::Browser;
use crate::process::Server;
use crate::{bugs_when, choose, click, fill, on_page, says};

/// The form shows what the server refuses in the words of its problem, in the language of the page.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_shown_in_words_and_what_was_written_stays() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    on_page(&server, "/bugs?new=1&title=t&description=d", async |browser: &mut Browser| {
        fill(browser, "#new-reported_by_email", "marie@here").await;
        click(browser, "#new-send").await;
        says(browser, "#new-problem", "E-mail of the reporter: ").await;
        click(browser, ".top [data-lang=\"fr\"]").await;
        click(browser, "#new-send").await;
        says(browser, "#new-problem", "E-mail du déclarant\u{a0}: ").await;
        assert_eq!(browser.value("document.querySelector('#new-title').value").await, "t");
        says(browser, "label[for=\"new-description\"]", "(obligatoire)").await;
        browser.open(&format!("http://{}/bugs?id=../devices", server.address)).await;
        browser.until("document.querySelector('#missing')?.hidden === false").await;
        says(browser, "#missing-title", "Anomalie introuvable").await;
        says(browser, "#missing a", "Toutes les anomalies").await;
    })
    .await;
}

/// A file of the form for a new bug is attached to the bug. If it is refused, the form says why and
/// leads to the bug; it makes no second one.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_new_bug_is_attached_and_a_refused_one_leaves_the_bug() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    on_page(&server, "/bugs?new=1&title=t&description=d", async |browser: &mut Browser| {
        says(browser, "#new-severity-hint", "critical if the line stands").await;
        // A picture by its name, but not by its content.
        choose(browser, "#new-file", "lens.png", "a line").await;
        click(browser, "#new-send").await;
        says(browser, "#new-problem", "The bug is reported, but lens.png is not attached: ").await;
        browser
            .until("!document.querySelector('#new-made').hidden && !document.querySelector('#new-send').disabled")
            .await;
        choose(browser, "#new-file", "station.log", "a line").await;
        click(browser, "#new-send").await;
        browser.arrives("/bugs?id=").await;
        says(browser, "#attachments", "station.log").await;
        says(browser, "#history summary", "What was reported").await;
        assert_eq!(bugs_when(&server, |bugs| !bugs.is_empty()).await.len(), 1);
    })
    .await;
}

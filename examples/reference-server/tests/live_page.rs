//! The live page in a real browser: two stations appear, with map, spectrum and verdict, and a new sample replaces the old one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browser;
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::time::Duration;

use browser::Browser;
use device_simulator::Config;
use process::{Server, now};

async fn send(config: &Config, count: u64) {
    let config = Config { count: Some(count), ..config.clone() };
    device_simulator::run(&config, now, std::future::pending()).await.unwrap();
}

const EACH_STATION: &str = "(() => { \
    const stations = [...document.querySelectorAll('article.station')]; \
    return stations.length === 2 && stations.every(s => \
        s.querySelectorAll('.zone').length === 64 && s.querySelectorAll('.band').length === 8 && \
        s.querySelector('.grade').textContent.trim() && s.querySelector('.explanation').textContent.trim()) \
      && JSON.stringify(stations.map(s => [s.dataset.station, s.dataset.sampleId, s.dataset.grade, s.querySelector('.explanation').textContent])); \
  })()";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_line_and_follows_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let (one, two) = (server.station(1), server.station(2));
    let look = async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/", server.address)).await;
        browser.until("document.querySelector('#connection[data-state=\"live\"]') !== null").await;
        // The page is open and empty; now the stations begin.
        send(&one, 12).await;
        send(&two, 9).await;
        let shown = browser.until(EACH_STATION).await;
        let shown: Vec<[String; 4]> = serde_json::from_str(shown.as_str().unwrap()).unwrap();
        assert_eq!(shown.iter().map(|s| s[0].as_str()).collect::<Vec<_>>(), ["STATION_1", "STATION_2"]);

        // What the page shows is what the server stored.
        let latest = tokio::task::block_in_place(|| server.get("/api/sqal/latest?device_id=STATION_2").1);
        browser
            .until(&format!(
                "document.querySelector('[data-sample-id=\"{}\"]') !== null",
                latest["sample_id"].as_str().unwrap()
            ))
            .await;
        let grade = latest["fusion"]["final_grade"].as_str().unwrap();
        browser
            .until(&format!("document.querySelector('[data-station=\"STATION_2\"]').dataset.grade === '{grade}'"))
            .await;

        // A further sample arrives without a reload.
        send(&one, 1).await;
        let newest = tokio::task::block_in_place(|| server.get("/api/sqal/latest?device_id=STATION_1").1);
        browser
            .until(&format!(
                "document.querySelector('[data-sample-id=\"{}\"]') !== null",
                newest["sample_id"].as_str().unwrap()
            ))
            .await;
        assert_eq!(browser.complaints, Vec::<String>::new());

        #[expect(clippy::disallowed_methods, reason = "how a person asks for the picture of the README")]
        if let Ok(path) = std::env::var("SQAL_TEST_SCREENSHOT") {
            std::fs::write(path, browser.screenshot().await).unwrap();
        }
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the page shows the line within two minutes");
}

/// Where tokens are asked for, the page asks for one, and says what is wrong with it.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_who_looks() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("tokens.yaml");
    let hash = sqal_http::TokenHash::of("marie's");
    std::fs::write(&file, format!("tokens:\n  - name: marie\n    grant: {{ role: viewer }}\n    sha256: {hash}\n"))
        .unwrap();
    let server = Server::start_with(&[("SQAL_TOKENS_FILE", file.to_str().unwrap())], data.path(), "127.0.0.1:0");
    let look = async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/", server.address)).await;
        browser.until("document.querySelector('#sign-in')?.open").await;
        let enter = |token: &str| {
            format!(
                "(() => {{ document.querySelector('#token').value = \"{token}\"; document.querySelector('#sign-in form').requestSubmit(); return true; }})()"
            )
        };
        browser.until(&enter("somebody's")).await;
        browser.until("document.querySelector('#sign-in-problem').textContent === 'This token is not known.'").await;
        browser.until(&enter("marie's")).await;
        browser.until("!document.querySelector('#sign-in')?.open").await;
        browser.until("document.querySelector('#connection[data-state=\"live\"]') !== null").await;
        let cookie = browser.until("document.cookie === '' ? 'unseen' : document.cookie").await;
        assert_eq!(cookie, "unseen", "no script reads the token");
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the page lets marie in within two minutes");
}

/// API-01: the documentation is a page that shows every call, from the binary alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_shows_every_call() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/docs", server.address)).await;
        browser.until("document.querySelectorAll('.opblock').length >= 25").await;
        browser.until("document.querySelectorAll('.opblock-deprecated').length === 2").await;
        assert_eq!(browser.complaints, Vec::<String>::new());
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the page shows the calls within two minutes");
}

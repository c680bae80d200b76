//! The live page in a real browser: the station cards, updates, languages and tokens.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
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

/// A browser with the live page open and connected.
async fn live(server: &Server) -> Browser {
    let mut browser = Browser::start().await;
    browser.open(&format!("http://{}/", server.address)).await;
    browser.until("document.querySelector('#connection[data-state=\"live\"]') !== null").await;
    browser
}

/// Waits until the page shows a sample of the interface.
async fn shows(browser: &mut Browser, sample: &serde_json::Value) {
    let id = sample["sample_id"].as_str().unwrap();
    browser.until(&format!("document.querySelector('[data-sample-id=\"{id}\"]') !== null")).await;
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
        let mut browser = live(&server).await;
        // The page is open and empty when the stations begin.
        send(&one, 12).await;
        send(&two, 9).await;
        let shown = browser.until(EACH_STATION).await;
        let shown: Vec<[String; 4]> = serde_json::from_str(shown.as_str().unwrap()).unwrap();
        assert_eq!(shown.iter().map(|s| s[0].as_str()).collect::<Vec<_>>(), ["STATION_1", "STATION_2"]);

        // The page shows the samples that the server stored.
        let latest = tokio::task::block_in_place(|| server.get("/api/sqal/latest?device_id=STATION_2").1);
        shows(&mut browser, &latest).await;
        let grade = latest["fusion"]["final_grade"].as_str().unwrap();
        browser
            .until(&format!("document.querySelector('[data-station=\"STATION_2\"]').dataset.grade === '{grade}'"))
            .await;

        // A further sample appears without a reload.
        send(&one, 1).await;
        let newest = tokio::task::block_in_place(|| server.get("/api/sqal/latest?device_id=STATION_1").1);
        shows(&mut browser, &newest).await;
        assert_eq!(browser.complaints, Vec::<String>::new());

        #[expect(clippy::disallowed_methods, reason = "how a person asks for the picture of the README")]
        if let Ok(path) = std::env::var("SQAL_TEST_SCREENSHOT") {
            std::fs::write(path, browser.screenshot().await).unwrap();
        }
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the page shows the line within two minutes");
}

/// A stopped station whose trays are older than those of the others stays on the page after a
/// restart, with the time since when it is silent.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_station_stays_on_the_page_with_since_when() {
    let data = tempfile::tempdir().unwrap();
    let before = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        send(&before.station(1), 3).await;
        // More samples than the page loads of all stations at once.
        send(&before.station(2), 70).await;
        before.kill();
        let server = Server::start(data.path(), "127.0.0.1:0");
        let latest = tokio::task::block_in_place(|| server.get("/api/sqal/latest?device_id=STATION_1").1);
        let mut browser = Browser::start().await;
        let since = format!(
            "new Intl.DateTimeFormat('en-GB', {{ timeStyle: 'medium', hourCycle: 'h23' }}).format(Date.parse('{}'))",
            latest["received_at"].as_str().unwrap()
        );
        for _ in 0..2 {
            browser.open(&format!("http://{}/", server.address)).await;
            browser
                .until(&format!(
                    "(() => {{ const station = document.querySelector('[data-station=\"STATION_1\"]'); \
                       const state = station?.querySelector('.state').textContent ?? ''; \
                       return station?.dataset.presence === 'offline' && state.startsWith('stopped since') && state.endsWith({since}); }})()"
                ))
                .await;
            browser.until("!document.querySelector('#all-stopped').hidden && document.title === '(2) SQAL'").await;
        }
        // After a new tray of one station, only the other one is shown as stopped.
        browser.until("document.querySelector('#connection[data-state=\"live\"]') !== null").await;
        send(&server.station(2), 1).await;
        browser.until("document.querySelector('[data-station=\"STATION_2\"]')?.dataset.presence === 'online'").await;
        browser
            .until("document.querySelector('#all-stopped').hidden && document.querySelectorAll('.attend').length === 1")
            .await;
        assert_eq!(browser.complaints, Vec::<String>::new());
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the stopped station is shown within two minutes");
}

/// If the server is unavailable, the page reports that, and does not show its stations as stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_named_with_since_when() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        let mut browser = live(&server).await;
        send(&server.station(1), 2).await;
        browser.until("document.querySelector('[data-station=\"STATION_1\"]')?.dataset.presence === 'online'").await;
        assert_eq!(browser.value("document.querySelector('#server-away').hidden").await, true);
        server.kill();
        browser
            .until(
                "!document.querySelector('#server-away').hidden && \
                 /^Server away since \\d\\d:\\d\\d:\\d\\d/.test(document.querySelector('#server-away').textContent)",
            )
            .await;
        browser.until("document.querySelector('#totals').classList.contains('stale')").await;
        browser.until("document.title === '(1) SQAL' && document.querySelector('#all-stopped').hidden").await;
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the page names it within two minutes");
}

/// With more stations than fit on a screen, each keeps its card, and only the cards near the window
/// draw their details.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_stations_keep_their_cards() {
    const STATIONS: u64 = 100;
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(&[("SQAL_CONNECTIONS_PER_MINUTE", "0")], data.path(), "127.0.0.1:0");
    let look = async {
        let mut browser = live(&server).await;
        for seed in 1..=STATIONS {
            send(&server.station(seed), 1).await;
        }
        browser.until(&format!("document.querySelectorAll('article.station').length === {STATIONS}")).await;
        let cards = "[...document.querySelectorAll('article.station')]";
        let ids = browser.value(&format!("{cards}.forEach(card => {{ card.first = card.dataset.sampleId; }})")).await;
        assert!(ids.is_null(), "nothing is given back");
        for seed in 1..=STATIONS {
            send(&server.station(seed), 1).await;
        }
        let last = tokio::task::block_in_place(|| server.get("/api/sqal/latest").1);
        shows(&mut browser, &last).await;
        let kept = browser.value(&format!("{cards}.filter(card => 'first' in card).length")).await;
        assert_eq!(kept, STATIONS, "no card was thrown out and built anew");
        let order = browser.value(&format!("{cards}.map(card => card.dataset.station).join()")).await;
        let expected: Vec<_> = (1..=STATIONS).map(|seed| format!("STATION_{seed}")).collect();
        assert_eq!(order, expected.join(","));
        let drawn = browser.value("document.querySelectorAll('.panel-map').length").await.as_u64().unwrap();
        assert!((1..STATIONS / 2).contains(&drawn), "{drawn} cards draw their details");
        // A card draws its details when it comes into view.
        browser.value("document.querySelector('[data-station=\"STATION_100\"]').scrollIntoView()").await;
        browser.until("document.querySelectorAll('[data-station=\"STATION_100\"] .zone').length === 64").await;
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("a hundred stations are shown within two minutes");
}

/// The texts of the page: complete in both languages, with numbers in the form of the language, and
/// limits in the words of the plant.
#[expect(clippy::too_many_lines, reason = "one walk through one page")]
#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_reasons_are_in_the_words_of_the_language() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        let mut browser = live(&server).await;
        send(&server.station(1), 3).await;
        browser.until("/\\d\\.\\d{3}/.test(document.querySelector('.explanation')?.textContent)").await;
        let with = |body: &str| format!("import(new URL('dashboard.js', document.baseURI)).then(page => {body})");
        let half = browser.value(&with("page.NOT_MEASURABLE_U")).await;
        assert_eq!(half, sqal_core::Verdict::NOT_MEASURABLE_U);
        let incomplete = "Object.entries(page.TEXT).filter(([, texts]) => texts.length !== 2 || !texts.every(Boolean) || \
            new Set(texts.map(text => (text.match(/\\{\\w+\\}/g) ?? []).sort().join())).size !== 1).map(([key]) => key)";
        assert_eq!(
            browser.value(&with(incomplete)).await,
            serde_json::json!([]),
            "texts with one language or other values"
        );
        let profile = tokio::task::block_in_place(|| server.get("/api/v1/profiles/foiegras_standard_barquette").1);
        // A tray of 14.6 mm and 92 cm³, with limits of 15 mm and 100 cm³.
        let reasons = format!(
            "page.outOfLimits({{ meanHeight: [14.6, 0.2], volume: [92000, 900], heightVariation: [3.6, 0.1], oxidation: [0.2, 0.02] }}, {})\
             .map(page.limitText).map(text => text.replaceAll('\\u00a0', ' '))",
            profile["profile"]
        );
        let numbers = "[page.scoreText(0.04, 0.5), page.scoreText(0.976, 0.02), page.chance(0.999), page.chance(1), page.percent(0.928, 1)]\
             .map(text => text.replaceAll('\\u00a0', ' '))";
        assert_eq!(
            browser.value(&with(&reasons)).await,
            serde_json::json!([
                "Volume 92.0 cm³, below the limit of 100 cm³",
                "Mean height 14.6 mm, below the limit of 15 mm",
                "Height variation 3.6 mm, above the limit of 3.5 mm"
            ])
        );
        assert_eq!(
            browser.value(&with(numbers)).await,
            serde_json::json!(["not measurable", "0.98 ± 0.02", "> 99 %", "> 99 %", "92.8 %"])
        );
        // The expected values are those of the normal distribution: Φ(−0.4/√(1 + 0.2²)), and
        // Φ(−0.1/√(0.6² + 0.1²)).
        let desired = "[page.desirability({ target: { lo: 15, hi: 25, width: 1 } }, 14.6, 0.2), \
            page.desirability({ smaller: { at: 3.5, width: 0.6 } }, 3.6, 0.1), \
            page.desirability({ larger: { at: 3.5, width: 0.6 } }, 3.6, 0.1)]";
        let desired: Vec<f64> = serde_json::from_value(browser.value(&with(desired)).await).unwrap();
        for (found, expected) in desired.iter().zip([0.347_443, 0.434_709, 0.565_291]) {
            assert!((found - expected).abs() < 1e-5, "{found} instead of {expected}");
        }
        browser.value("document.querySelector('.top [data-lang=\"fr\"]').click()").await;
        browser
            .until(
                "(() => { const text = document.querySelector('.explanation').textContent; \
                   return /\\d,\\d{3}/.test(text) && !/\\d\\.\\d/.test(text); })()",
            )
            .await;
        assert_eq!(
            browser.value(&with(&reasons)).await,
            serde_json::json!([
                "Volume 92,0 cm³, sous la limite de 100 cm³",
                "Hauteur moyenne 14,6 mm, sous la limite de 15 mm",
                "Variation de hauteur 3,6 mm, au-dessus de la limite de 3,5 mm"
            ])
        );
        assert_eq!(
            browser.value(&with(numbers)).await,
            serde_json::json!(["non mesurable", "0,98 ± 0,02", "> 99 %", "> 99 %", "92,8 %"])
        );
        assert_eq!(browser.complaints, Vec::<String>::new());
    };
    tokio::time::timeout(Duration::from_mins(2), look)
        .await
        .expect("the page speaks both languages within two minutes");
}

/// Frames of a device in calibration are marked, and not counted on the page.
#[tokio::test(flavor = "multi_thread")]
async fn calibration_frames_are_marked_and_not_counted() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let look = async {
        let mut browser = live(&server).await;
        let mut calibrating = server.station(3);
        calibrating.device_id = "CAL_STATION".to_owned();
        send(&calibrating, 4).await;
        browser
            .until("document.querySelector('[data-station=\"CAL_STATION\"]')?.classList.contains('calibration')")
            .await;
        send(&server.station(1), 2).await;
        browser.until("document.querySelector('#seen').textContent === '2'").await;
        browser.until("document.querySelector('#reject-base').textContent === 'of 2 shown'").await;
        browser.until("document.querySelector('#state').textContent.startsWith('1 station')").await;
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the marks are there within two minutes");
}

/// If the server requires tokens, the page asks for one, and shows what is wrong with it.
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
        // A browser lets a page cancel the first Escape only.
        for _ in 0..4 {
            browser.press_escape().await;
            browser
                .until("document.querySelector('#sign-in').open && !document.querySelector('#sign-in-again').hidden")
                .await;
        }
        browser.until(&enter("somebody's")).await;
        browser.until("document.querySelector('#sign-in-problem').textContent === 'This token is not known.'").await;
        browser.until(&enter("marie's")).await;
        browser.until("!document.querySelector('#sign-in')?.open").await;
        browser.until("document.querySelector('#connection[data-state=\"live\"]') !== null").await;
        let cookie = browser.until("document.cookie === '' ? 'unseen' : document.cookie").await;
        assert_eq!(cookie, "unseen", "no script reads the token");
        browser.until("document.querySelector('#who').textContent === 'marie · viewer'").await;
        browser.until("document.querySelector('#sign-in-again').hidden").await;
        browser.value("document.querySelector('#sign-out').click()").await;
        browser.until("document.querySelector('#sign-in')?.open").await;
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the page lets marie in within two minutes");
}

/// API-01: the documentation is a page from the binary alone, which shows every call.
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

/// API-02: the second version has a page of its own, which shows its operations and no other.
#[tokio::test(flavor = "multi_thread")]
async fn api_02_the_documentation_of_the_second_version_shows_its_operations() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let operations = sqal_http::routes().iter().filter(|route| route.path.starts_with("/api/v2/")).count();
    let look = async {
        let mut browser = Browser::start().await;
        browser.open(&format!("http://{}/docs/v2", server.address)).await;
        browser.until("document.querySelector('.info .version')?.textContent.trim() === '2'").await;
        browser.until("document.querySelector('.info .title').textContent.startsWith('SQAL')").await;
        browser.until(&format!("document.querySelectorAll('.opblock').length === {operations}")).await;
        assert_eq!(browser.complaints, Vec::<String>::new());
    };
    tokio::time::timeout(Duration::from_mins(2), look).await.expect("the page is there within two minutes");
}

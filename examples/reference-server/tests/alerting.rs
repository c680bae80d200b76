//! The alerts of a real server: found, shown, acknowledged, told, kept over a restart, and ended.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exposition;
mod notices;
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::path::Path;
use std::process::Command;

use exposition::{scrape, value};
use notices::NoticeReceiver;
use process::{Server, now, run};
use reference_server::inventory::all;
use serde_json::{Value, json};
use sqal_http::TokenHash;
use tempfile::TempDir;

/// The token of the receiver of notices.
const SECRET: &str = "hunter2";

/// An objective that each read of samples misses, so that a test sets it off: 20 reads are enough.
const OBJECTIVES: &str = r#"
objectives:
  - name: samples-unread
    description: { en: Samples are not read., fr: Les échantillons ne sont pas lus. }
    target: 0.95
    bad: 'api_slo_request_duration_seconds_bucket{endpoint="/api/v1/samples",le="+Inf"}'
    total: 'api_slo_request_duration_seconds_count{endpoint="/api/v1/samples"}'
    burn_rates: [1h]
"#;

const PLAN: &str = "
base_url: https://sqal.example
language: fr
group_wait: 0s
group_interval: 10s
receivers: { board: { notice: [board] } }
routes: [{ match: { objective: samples-unread }, to: [board] }]
";

/// The files of a plant that is told of its alerts.
struct Plant {
    folder: TempDir,
    receiver: NoticeReceiver,
}

impl Plant {
    fn new() -> Self {
        let (folder, receiver) = (tempfile::tempdir().unwrap(), NoticeReceiver::start());
        let channels = format!("board: {{ kind: json, url: '{}', token_file: token }}", receiver.url);
        let tokens = format!(
            "tokens:\n  - {{ name: quinn, grant: {{ role: quality_engineer }}, sha256: {} }}\n",
            TokenHash::of("quinn")
        );
        for (name, text) in [
            ("objectives.yaml", OBJECTIVES),
            ("plan.yaml", PLAN),
            ("channels.yaml", channels.as_str()),
            ("token", SECRET),
            ("tokens.yaml", tokens.as_str()),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder, receiver }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// A server of the plant, with these settings in addition.
    fn server(&self, others: &[(&str, &str)]) -> Server {
        let [objectives, plan, channels, tokens] =
            ["objectives.yaml", "plan.yaml", "channels.yaml", "tokens.yaml"].map(|name| self.path(name));
        let mut variables = vec![
            ("SQAL_OBJECTIVES_FILE", objectives.as_str()),
            ("SQAL_ALERT_PLAN_FILE", plan.as_str()),
            ("SQAL_NOTICE_CHANNELS_FILE", channels.as_str()),
            ("SQAL_OUTGOING_NETWORKS", "127.0.0.0/8"),
            ("SQAL_TOKENS_FILE", tokens.as_str()),
            ("SQAL_SERVER_NAME", "line-1"),
            ("SQAL_CALLS_PER_MINUTE", "0"),
        ];
        variables.extend(others);
        let server = Server::start_with(&variables, &self.folder.path().join("data"), "127.0.0.1:0");
        until("the first evaluation", || {
            value(&scrape(&server), "alert_evaluations_total", &[]).filter(|count| *count > 0.0)
        });
        server
    }

    /// The notice with this number, from 0.
    fn notice(&self, number: usize) -> Value {
        let posted = until("a notice", || self.receiver.posted().get(number).cloned());
        assert_eq!(posted.authorization, format!("Bearer {SECRET}"));
        posted.body
    }
}

/// Asks until there is an answer, for at most a minute.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = now().micros();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(now().micros() - begun < 60_000_000, "{what}: not after a minute");
    }
}

/// The alert on the objective of these tests, in a list of alerts.
fn alert(server: &Server, path: &str) -> Option<Value> {
    let (status, page) = server.get_as("quinn", path);
    assert_eq!(status, 200, "{page}");
    let is_it =
        |alert: &&Value| alert["labels"]["objective"] == "samples-unread" && alert["alertname"] == "ErrorBudgetBurn";
    page["items"].as_array().unwrap().iter().find(is_it).cloned()
}

/// Says who works on an alert.
fn acknowledge(server: &Server, key: &str) -> Value {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("http://{}/api/v1/alerts/{key}/acknowledge", server.address);
    let request = agent.post(url).header("authorization", "Bearer quinn").header("content-type", "application/json");
    let mut response = request.send(r#"{"note":"I look at the scanner"}"#).unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    assert_eq!(response.status().as_u16(), 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The metrics of calls, which only a server that posts notices has, stand in the inventory.
fn assert_calls_are_in_the_inventory(server: &Server) {
    let families = scrape(server);
    for metric in all().filter(|metric| metric.only_with == Some("SQAL_NOTICE_CHANNELS_FILE")) {
        assert!(families.contains_key(metric.name), "{}", metric.name);
    }
    for (name, family) in &families {
        let metric =
            all().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name} is not in the inventory"));
        for sample in &family.samples {
            let labels = sample.labels.iter().map(|(label, _)| label.as_str()).filter(|label| *label != "le");
            assert!(labels.eq(metric.labels.iter().map(|label| label.name)), "{name}: {sample:?}");
        }
    }
    let labels = [("destination", "notice"), ("outcome", "2xx")];
    assert!(value(&families, "outgoing_http_requests_total", &labels).unwrap() >= 1.0);
}

/// ALR-05, C-16: from the requests that miss an objective to the notice that all is well again,
/// over two restarts. Everything that is told of the incident has one key.
#[test]
fn an_alert_is_shown_acknowledged_told_kept_over_a_restart_and_ended_under_one_key() {
    let plant = Plant::new();
    let server = plant.server(&[]);
    for _ in 0..25 {
        assert_eq!(server.get_as("quinn", "/api/v1/samples").0, 200);
    }
    let found = until("the alert", || alert(&server, "/api/v1/alerts"));
    assert_eq!((&found["severity"], &found["runbook"]), (&json!("critical"), &json!("error-budget-burn")), "{found}");
    assert_eq!((&found["acknowledged"], &found["resolved"]), (&Value::Null, &Value::Null), "{found}");
    let key = found["key"].as_str().unwrap();
    let told = plant.notice(0);
    assert_eq!((&told["incident"]["action"], &told["severity"]), (&json!("trigger"), &json!("critical")), "{told}");
    assert_eq!((&told["language"], &told["link"]), (&json!("fr"), &json!("https://sqal.example/#alerts")), "{told}");
    assert_calls_are_in_the_inventory(&server);

    let acknowledged = acknowledge(&server, key);
    assert_eq!(acknowledged["acknowledged"]["by"], "quinn", "{acknowledged}");
    assert_eq!(plant.notice(1)["incident"], json!({ "action": "acknowledge", "key": told["incident"]["key"] }));
    let (log, orderly) = server.terminate();
    assert!(orderly && !log.contains(SECRET), "{log}");
    let lines: Vec<_> =
        log.lines().filter(|line| line.contains("an alert begins") && line.contains("samples-unread")).collect();
    assert!(lines.len() == 1 && lines[0].contains("ERROR"), "{log}");

    // A process that was just started has no rates yet, and the alert goes on all the same.
    let server = plant.server(&[]);
    let kept = alert(&server, "/api/v1/alerts").unwrap();
    assert_eq!((&kept["key"], &kept["began"]), (&found["key"], &found["began"]), "{kept}");
    assert_eq!(kept["acknowledged"]["by"], "quinn", "{kept}");
    let (log, orderly) = server.terminate();
    assert!(orderly && !log.contains("an alert begins"), "{log}");

    // Without its rule the alert ends.
    let server = plant.server(&[("SQAL_ALERTS", "off")]);
    until("the end of the alert", || alert(&server, "/api/v1/alerts?state=ended"));
    assert_eq!(alert(&server, "/api/v1/alerts"), None);
    assert_eq!(plant.notice(2)["incident"], json!({ "action": "resolve", "key": told["incident"]["key"] }));
    assert_eq!(plant.receiver.posted().len(), 3);
}

/// The status of a start with these settings that is refused, and what it writes.
fn refused(variables: &[(&str, &str)], data: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sqal-server"));
    command.args(["--address", "127.0.0.1:0", "--data-dir"]).arg(data).env_clear().envs(variables.iter().copied());
    let ended = command.output().unwrap();
    (ended.status.code(), String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap())
}

#[test]
fn a_plan_and_channels_with_mistakes_refuse_the_start_and_every_mistake_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let receivers = "receivers: { board: { notice: [bord], mail: [a@example.com] } }";
    let plan = file("plan.yaml", &format!("{{ {receivers}, routes: [{{ to: [bored] }}] }}"));
    let sound = format!("{{ base_url: 'https://sqal.example', {receivers}, routes: [{{ to: [board] }}] }}");
    let sound = file("sound.yaml", &sound);
    let channels = "{ board: { kind: json, url: 'http://127.0.0.1/', token: hunter2 }, \
                    pager: { kind: pagerduty, routing_key: hunter2 } }";
    let channels = file("channels.yaml", channels);
    let objectives = file("objectives.yaml", &OBJECTIVES.replace("0.95", "95"));
    let first = [
        ("SQAL_ALERT_PLAN_FILE", plan.as_str()),
        ("SQAL_NOTICE_CHANNELS_FILE", channels.as_str()),
        ("SQAL_OBJECTIVES_FILE", objectives.as_str()),
    ];
    let second = [("SQAL_ALERT_PLAN_FILE", sound.as_str())];
    let in_first = [
        "base_url: missing",
        "routes[0].to: \"bored\"",
        "board.url: an address inside a network",
        "pager: routing key: expected 32",
        "objective samples-unread: ",
    ];
    let in_second = [
        "receivers.board.notice: bord: expected a channel of SQAL_NOTICE_CHANNELS_FILE",
        "receivers.board.mail: without SMTP_HOST no mail is sent",
    ];
    for (variables, mistakes) in [(&first[..], &in_first[..]), (&second[..], &in_second[..])] {
        let (status, told) = refused(variables, &folder.path().join("data"));
        assert_eq!(status, Some(78), "{told}");
        for mistake in mistakes {
            assert!(told.contains(mistake), "{mistake}: {told}");
        }
        assert!(!told.contains("hunter2") && !told.contains('@'), "{told}");
    }
}

/// HLT-14: what the rules on the server itself look at.
#[test]
fn the_checks_the_machine_and_the_verdicts_are_shown() {
    let data = tempfile::tempdir().unwrap();
    let begun = now().micros();
    let server = Server::start(data.path(), "127.0.0.1:0");
    let mut station = server.station(1);
    station.count = Some(5);
    assert_eq!(run(&station).persisted, 5);
    let families = until("the checks", || {
        let families = scrape(&server);
        let check = |name: &str| value(&families, "health_check_ok", &[("check", name), ("critical", "true")]);
        ["database", "writer"].into_iter().all(|name| check(name) == Some(1.0)).then_some(families)
    });
    let of = |name: &str| value(&families, name, &[]).unwrap_or_else(|| panic!("{name}"));
    assert_eq!((of("samples_judged_total"), of("sample_judged_age_seconds_count")), (5.0, 5.0));
    assert!(of("samples_without_color_total") <= 5.0);
    assert!(value(&families, "sample_judged_age_seconds_bucket", &[("le", "1")]).is_some());
    assert!(of("process_resident_memory_bytes") > 1e6 && of("process_open_fds") > 1.0);
    assert!((0.0..=1.0).contains(&of("data_dir_free_ratio")));
    let [begun, ended] = [begun, now().micros()].map(|micros| f64::from(u32::try_from(micros / 1_000_000).unwrap()));
    assert!((begun - 1.0..=ended + 1.0).contains(&of("process_start_time_seconds")));
    assert_eq!((of("server_clock_steps_total"), of("alert_rules_failing")), (0.0, 0.0));
}

//! A planted secret in every setting that may hold one: no start writes a byte of it.
//!
//! Successful starts and failing ones are both tested.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mail;
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;
use std::path::Path;
use std::process::Command;

use fixtures::smtp::{Manners, Reply, SmtpServer, Tls};
use process::{Redis, Server, free_address};
use reference_server::settings::{SETTINGS, Setting};
use sqal_http::TokenHash;

/// The text that no output may hold.
const PLANTED: &str = "PLANTED";

/// Starts a server that cannot start, and returns its exit status with all its output.
fn refused(variables: &[(&str, &str)], folder: &Path) -> (Option<i32>, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_sqal-server"))
        .args(["--address", "127.0.0.1:0", "--data-dir"])
        .arg(folder)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let written = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8_lossy(&written).into_owned())
}

fn secrets() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.secret)
}

/// URLs that hold a secret at a place where a driver or a person may misread it.
fn misread() -> Vec<String> {
    let mut urls = vec![PLANTED.to_owned(), format!("://{PLANTED}"), format!("http://u:{PLANTED}@h/0")];
    for scheme in ["postgres", "postgresql+asyncpg", "redis", "rediss"] {
        for c in ["/", "?", "#", ":", "@", "%", " ", "\t", "/7S+q?K':", "?x=", "#@", "[", "]:"] {
            // In the middle of a password, at its beginning, at its end, and in the query.
            urls.push(format!("{scheme}://u:{PLANTED}{c}{PLANTED}@127.0.0.1:port/0"));
            urls.push(format!("{scheme}://u:{c}{PLANTED}@127.0.0.1:port/0"));
            urls.push(format!("{scheme}://u:{PLANTED}{c}@127.0.0.1:port/0"));
        }
        urls.push(format!("{scheme}://127.0.0.1:{PLANTED}/0"));
        urls.push(format!("{scheme}://127.0.0.1:1/0?{PLANTED}=1"));
        urls.push(format!("{scheme}://127.0.0.1:1/0?{PLANTED}"));
        urls.push(format!("{scheme}://127.0.0.1:1/0?sslmode={PLANTED}&x"));
    }
    urls
}

#[test]
fn a_bad_start_writes_no_byte_of_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    for setting in secrets() {
        let in_file = format!("{}_FILE", setting.name);
        for url in misread() {
            let (code, written) = refused(&[(setting.name, &url), ("SQAL_LOG", "trace")], folder.path());
            assert_eq!(code, Some(78), "{}: {url}: {written}", setting.name);
            assert!(written.contains(setting.name) && !written.contains(PLANTED), "{url}: {written}");
        }
        // From a file, and in the variable that should name the file.
        std::fs::write(&file, format!("redis://u:{PLANTED}?@h postgres://u:{PLANTED}?@h\n")).unwrap();
        for value in [file.to_str().unwrap(), PLANTED, "postgres://u:PLANTED@h/d", folder.path().to_str().unwrap()] {
            let (code, written) = refused(&[(&in_file, value)], folder.path());
            assert_eq!(code, Some(78), "{in_file}: {value}: {written}");
            assert!(written.contains(setting.name) && !written.contains(PLANTED), "{value}: {written}");
        }
    }
}

/// A valid setting for a database that is unavailable: the server ends, and the error of its driver
/// shows no password.
#[test]
fn a_start_without_its_database_writes_no_byte_of_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("postgres://u:{PLANTED}%2F{PLANTED}@{}/sqal?sslmode=disable", free_address());
    let (code, written) = refused(&[("DATABASE_URL", &url), ("SQAL_LOG", "debug")], folder.path());
    assert_eq!(code, Some(1), "another try may help: {written}");
    assert!(!written.contains(PLANTED), "{written}");
}

#[test]
fn a_token_where_its_hash_should_be_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.yaml");
    let entry =
        format!("  - name: camera\n    grant: gateway\n    sha256: {}\n", TokenHash::of("a right one of long ago"));
    for wrong in [
        format!("tokens:\n{entry}  - name: marie\n    grant: {{ role: viewer }}\n    sha256: sqal_{PLANTED}\n"),
        format!(
            "tokens:\n  - name: marie\n    grant: {{ role: viewer }}\n    sha256: sqal_{PLANTED}\n{entry}    until: never\n"
        ),
        format!("tokens:\n{entry}    until: soon\n  - sha256: sqal_{PLANTED}\n"),
    ] {
        std::fs::write(&file, &wrong).unwrap();
        let (code, written) = refused(&[("SQAL_TOKENS_FILE", file.to_str().unwrap())], folder.path());
        assert_eq!(code, Some(78), "{written}");
        assert!(written.contains("tokens.yaml") && !written.contains(PLANTED), "{written}");
    }
}

#[test]
fn a_good_start_and_its_whole_life_write_no_byte_of_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.yaml");
    let (marie, station) = (format!("sqal_{PLANTED}_marie"), format!("sqal_{PLANTED}_station"));
    let entry = |name: &str, grant: &str, token: &str| {
        format!("  - name: {name}\n    grant: {grant}\n    sha256: {}\n", TokenHash::of(token))
    };
    let entries =
        entry("marie", "{ role: administrator }", &marie) + &entry("station", "{ device: STATION_1 }", &station);
    std::fs::write(&tokens, format!("tokens:\n{entries}")).unwrap();
    let redis = free_address();
    let (_, port) = redis.split_once(':').unwrap();
    let _redis = Redis::start(port);
    // A password that this Redis does not require, so that its driver reports an error.
    let url = format!("redis://user:{PLANTED}%2F{PLANTED}@{redis}/0");
    let variables =
        [("SQAL_TOKENS_FILE", tokens.to_str().unwrap()), ("REDIS_URL", url.as_str()), ("SQAL_LOG", "debug")];
    let server = Server::start_with(&variables, folder.path(), "127.0.0.1:0");
    assert_eq!(server.get_as(&marie, "/api/v1/samples").0, 200);
    assert_eq!(server.get_as(&format!("{PLANTED}_guess"), "/api/v1/samples").0, 401);
    assert_eq!(server.get(&format!("/api/v1/samples?token={marie}")).0, 401);

    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let origin = format!("http://{}", server.address);
    let session = format!("{origin}/api/v1/session");
    let begun = agent
        .post(&session)
        .header("authorization", format!("Bearer {marie}"))
        .header("origin", &origin)
        .send("")
        .unwrap();
    assert_eq!(begun.status(), 200);
    let cookie = begun.headers().get("set-cookie").unwrap().to_str().unwrap();
    let (cookie, _) = cookie.split_once(';').unwrap();
    let known = agent.get(&session).header("cookie", cookie).call().unwrap();
    assert_eq!(known.status(), 200);

    let mut camera = server.station(1);
    (camera.count, camera.token) = (Some(2), Some(station.clone()));
    assert_eq!(process::run(&camera).persisted, 2);
    let (log, _) = server.terminate();
    assert!(log.contains("a wrong token was shown"), "the log is read: {log}");
    let (_, value) = cookie.split_once('=').unwrap();
    for secret in [PLANTED, value] {
        assert!(!log.contains(secret), "{log}");
    }
    let key = std::fs::read(folder.path().join("session.key")).unwrap();
    assert_eq!(key.len(), 32);
}

/// The mail server gets the login and refuses it; the log says that deliveries fail, and not with
/// which password.
#[test]
fn a_login_that_the_mail_server_refuses_writes_no_byte_of_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refusing = Manners { login: Reply::Say("535 5.7.8 wrong"), ..Manners::usual() };
    let smtp = runtime.block_on(SmtpServer::new([refusing], Tls::Never));
    mail::queue(folder.path(), "quality@example.com", "Station 3 is silent");
    let port = smtp.address.port().to_string();
    let variables = [
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", port.as_str()),
        ("SMTP_SECURITY", "plain"),
        ("SMTP_USER", "sqal"),
        ("SMTP_PASSWORD", PLANTED),
        ("SMTP_FROM", "sqal@plant.example"),
        ("SQAL_LOG", "debug"),
    ];
    let server = Server::start_with(&variables, folder.path(), "127.0.0.1:0");
    let retried = "outbox_messages_total{channel=\"mail\",outcome=\"retried\"} 1";
    let is_retried = || server.get("/metrics").1.as_str().is_some_and(|metrics| metrics.contains(retried));
    assert!((0..1_000_000).any(|_| is_retried()), "the delivery fails");
    let (log, _) = server.terminate();
    assert!(log.contains("deliveries to this destination fail"), "the log is read: {log}");
    let commands = smtp.dialogues()[0].commands.clone();
    let login = commands.iter().find_map(|command| command.strip_prefix("AUTH PLAIN ")).unwrap();
    for secret in [PLANTED, login, "quality@example.com"] {
        assert!(!log.contains(secret), "{log}");
    }
}

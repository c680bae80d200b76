//! Checks the settings as a whole: priority of sources, all mistakes at once, and no secret shown.

use std::path::Path;

use sqal_core::Timestamp;

use super::profiles::BUILT_IN;
use super::{Asked, Settings, SettingsError, read};

/// Reads settings at 2026-11-21T12:00:00Z.
pub(super) fn asked(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Asked, SettingsError> {
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    read([&["sqal-server"], arguments].concat(), variable, Timestamp::from_micros(1_795_262_400_000_000).unwrap())
}

pub(super) fn settings(arguments: &[&str], variables: &[(&str, &str)]) -> Settings {
    match asked(arguments, variables) {
        Ok(Asked::Serve(settings)) => *settings,
        other => panic!("{other:?}"),
    }
}

pub(super) fn mistakes(arguments: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    match asked(arguments, variables) {
        Err(SettingsError::Mistakes(mistakes)) => mistakes.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

/// Writes a token file with one entry for each grant, all with one token. Returns its path.
pub(super) fn tokens_of(folder: &Path, grants: &[&str]) -> String {
    let path = folder.join("tokens.yaml");
    let hash = sqal_http::TokenHash::of("x");
    let entry = |grant: &&str| format!("  - name: someone\n    grant: {grant}\n    sha256: {hash}\n");
    let entries: String = grants.iter().map(entry).collect();
    std::fs::write(&path, format!("tokens:\n{entries}")).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn cfg_01_every_mistake_is_told_at_once_and_no_secret_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.yaml");
    std::fs::write(&bad, BUILT_IN.replace("max_tilt_deg", "max_tilt")).unwrap();
    let variables = [
        ("SQAL_ADDRESS", "banana"),
        ("DATABASE_URL", "postgres://root:/hunter2?@db/x"),
        ("REDIS_URL", "redis://:hunter2#@cache"),
        ("HIT_RATE_THRESHOLD", "70 %"),
        ("CONFIG_PATH", bad.to_str().unwrap()),
        ("SQAL_TOKENS_FILE", "not-there.yaml"),
        ("SQAL_TRUSTED_PROXIES", "10.0.0.1,proxy"),
        ("SQAL_ALLOWED_HOSTS", "line.example,line:8000"),
        ("CORS_ORIGINS", "http://ok.example,ftp://x"),
        ("API_LEGACY_ENABLED", "yes"),
        ("API_LEGACY_SUNSET", "2020-01-01T00:00:00Z"),
        ("SQAL_CALLS_PER_MINUTE", "-1"),
        ("SQAL_FRAMES_PER_MINUTE", "many"),
        ("SQAL_CONNECTIONS_PER_MINUTE", "1.5"),
        ("SQAL_CONNECTIONS_PER_ADDRESS", "few"),
        ("SQAL_SIGN_INS_PER_MINUTE", "x"),
        ("SQAL_IDLE_SECONDS", "0"),
        ("SQAL_TIME_ZONE", "Paris"),
        ("SMTP_HOST", "mail:25"),
        ("SMTP_PORT", "smtp"),
        ("SMTP_SECURITY", "ssl"),
        ("SMTP_PASSWORD", "hunter2"),
        ("SMTP_FROM", "hunter2"),
        ("SMTP_FROM_NAME", " "),
        ("SMTP_CA_FILE", "not-there.pem"),
        ("SQAL_OUTGOING_NETWORKS", "10.0.0.1/8"),
        ("SQAL_NOTICE_CHANNELS_FILE", "no-channels.yaml"),
        ("SQAL_ALERTS", "maybe"),
        ("SQAL_ALERT_PLAN_FILE", "no-plan.yaml"),
        ("SQAL_SERVER_NAME", " x"),
        ("SQAL_OBJECTIVES_FILE", "no-objectives.yaml"),
        ("SQAL_BUGS", "yes"),
        ("SQAL_BUG_PROJECTS_FILE", "no-projects.yaml"),
        ("SQAL_BUG_OWN_FAULTS", "earthquake"),
        ("DISPATCH_AUTORUN_INTERVAL_SEC", "300"),
        ("SQAL_ADMIN_LISTEN", "somewhere"),
        ("PROFILING_DURATION_SECONDS", "301"),
        ("ENABLE_DB_PROFILING", "on"),
        ("DB_PROFILING_HEADERS", "1"),
        ("SQAL_LOG", "sqal=loud"),
        ("SQAL_LOG_FORMAT", "xml"),
        ("SQAL_ENV", "staging"),
    ];
    let told = mistakes(&[], &variables);
    for (name, _) in variables {
        assert!(told.iter().any(|line| line.starts_with(&format!("{name} (environment): "))), "{name}: {told:#?}");
    }
    assert_eq!(told.len(), variables.len(), "{told:#?}");
    let all = told.join("\n");
    assert!(!all.contains("hunter2"), "{all}");
    assert!(all.contains("max_tilt") && all.contains("line") && all.contains("not-there.yaml"), "{all}");
    assert!(all.contains("expected an address and a port, for example 127.0.0.1:8000"), "{all}");
}

#[test]
fn arguments_come_before_variables_and_variables_before_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, "postgres://me:hunter2@db/one\n").unwrap();
    let file = file.to_str().unwrap();
    let url = |variables: &[(&str, &str)], arguments: &[&str]| {
        settings(arguments, variables).database.url.unwrap().as_str().to_owned()
    };
    assert_eq!(url(&[("DATABASE_URL_FILE", file)], &[]), "postgres://me:hunter2@db/one");
    let both = [("DATABASE_URL_FILE", file), ("DATABASE_URL", "postgres://two/x")];
    assert_eq!(url(&both, &[]), "postgres://two/x");
    assert_eq!(url(&both, &["--database-url", "postgres://three/x"]), "postgres://three/x");
    assert_eq!(url(&both, &["--database-url-file", file]), "postgres://me:hunter2@db/one", "arguments come first");
    assert!(settings(&[], &[("DATABASE_URL", "")]).database.url.is_none(), "an empty variable is none");
    let told = mistakes(&[], &[("REDIS_URL_FILE", "/nowhere")]);
    assert!(told[0].contains("REDIS_URL_FILE names cannot be read"), "{told:?}");
    assert!(!told[0].contains("/nowhere"), "it may be the secret itself: {told:?}");

    let Ok(Asked::Print(shown)) = asked(&["config", "print"], &[("DATABASE_URL_FILE", file), ("SQAL_LOG", "debug")])
    else {
        panic!("it prints");
    };
    assert!(shown.contains("SQAL_LOG = debug    # environment"), "{shown}");
    assert!(
        shown.contains(&format!("DATABASE_URL = (hidden)    # file {file}")) && !shown.contains("hunter2"),
        "{shown}"
    );
    assert!(shown.contains("SQAL_ADDRESS = 127.0.0.1:8000    # default"), "{shown}");
}

#[test]
fn looking_starts_nothing() {
    assert!(matches!(asked(&["config", "check"], &[]), Ok(Asked::Print(_))));
    assert!(matches!(asked(&["config", "check", "--address", "x"], &[]), Err(SettingsError::Mistakes(_))));
    let Ok(Asked::Print(schema)) = asked(&["config", "schema"], &[]) else { panic!("it prints") };
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["properties"]["API_LEGACY_ENABLED"]["default"], "true");
    assert_eq!(schema["properties"]["DATABASE_URL_FILE"]["type"], "string");
    assert!(asked(&["--help"], &[]).is_err_and(|refused| refused.is_help()));
    assert!(asked(&["--bananas"], &[]).is_err_and(|refused| !refused.is_help()));
}

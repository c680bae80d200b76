//! The files for Prometheus and Alertmanager: written by the generator, accepted by the programs
//! that read them, and with cases that fire and cases that do not for every alert (ALR-09, C-26).
//!
//! `SQAL_WRITE=1` writes the files under `deploy/prometheus/` before it compares them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sqal_alerts::catalogue::{self, WATCHDOG, documented, outside};
use sqal_alerts::generate::{RunbookBase, alertmanager, prometheus};
use sqal_alerts::{AlertRule, Severity, objective};

/// The file of rules, which the cases name.
const RULES: &str = "alerts-slo.yml";

#[expect(clippy::disallowed_methods, reason = "how the test command tells tests where tools are")]
fn tool(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("run `cargo xtask test`, which sets {variable}"))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn deploy() -> PathBuf {
    repository().join("deploy/prometheus")
}

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("promtool").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Every rule of the server and of its objectives.
fn all_rules() -> String {
    prometheus(&documented(), &objective::documented(), &RunbookBase::default()).unwrap()
}

/// What a program says, if it ends well.
fn run(command: &mut Command) -> String {
    let told = command.output().unwrap();
    let said = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned();
    assert!(told.status.success(), "{command:?}: {said}");
    said
}

/// One question of a case, with the alerts that it expects.
struct Case {
    file: String,
    name: String,
    /// The metrics of the series that the case has.
    metrics: BTreeSet<String>,
    expr: String,
    found: Vec<String>,
}

impl Case {
    /// The value of a label in the selector of the question.
    fn asks_for(&self, label: &str) -> Option<&str> {
        value_of(&self.expr, label)
    }

    fn is_about(&self, rule: &AlertRule) -> bool {
        let severity = self.asks_for("severity").is_none_or(|severity| severity == rule.severity().as_str());
        self.asks_for("alertname") == Some(rule.name().as_str()) && severity
    }

    /// Whether an alert is expected that has the labels of the rule.
    fn fires(&self, rule: &AlertRule) -> bool {
        // The question sums the alerts of objectives up by these labels.
        let labels = ["objective", "window", "traffic"];
        let is_it = |found: &String| {
            labels.iter().all(|label| value_of(found, label) == rule.labels().get(*label).map(String::as_str))
        };
        self.found.iter().any(is_it)
    }

    /// Whether nothing is expected, although the case has every metric of the rule. A case without
    /// them would show nothing.
    fn is_quiet(&self, rule: &AlertRule) -> bool {
        self.found.is_empty() && rule.query().metrics().into_iter().all(|metric| self.metrics.contains(metric))
    }
}

/// The value of a label in the text of a selector.
fn value_of<'a>(selector: &'a str, label: &str) -> Option<&'a str> {
    let (_, behind) = selector.split_once(&format!("{label}=\""))?;
    behind.split('"').next()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Every question of the files in `deploy/prometheus/tests`.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(deploy().join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let read: Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(list(&read["rule_files"]), [format!("../{RULES}")], "{file}");
        for test in list(&read["tests"]) {
            let series = list(&test["input_series"]).iter().map(|series| series["series"].as_str().unwrap());
            let metrics: BTreeSet<_> = series.map(|series| series.split('{').next().unwrap().to_owned()).collect();
            for asked in list(&test["promql_expr_test"]) {
                let found =
                    list(&asked["exp_samples"]).iter().map(|found| found["labels"].as_str().unwrap().to_owned());
                cases.push(Case {
                    file: file.clone(),
                    name: test["name"].as_str().unwrap().to_owned(),
                    metrics: metrics.clone(),
                    expr: asked["expr"].as_str().unwrap().to_owned(),
                    found: found.collect(),
                });
            }
        }
    }
    cases
}

/// The rules of the objectives.
fn rules_of_objectives() -> Vec<AlertRule> {
    objective::documented().iter().flat_map(|objective| objective.rules().unwrap()).collect()
}

/// Writes rules and the cases of some files into a folder, and has `promtool` run the cases.
fn passes(name: &str, rules: &str, is_wanted: impl Fn(&str) -> bool) {
    let folder = folder(name);
    fs::write(folder.join(RULES), rules).unwrap();
    fs::create_dir(folder.join("tests")).unwrap();
    let mut promtool = Command::new(tool("SQAL_TEST_PROMTOOL"));
    promtool.args(["test", "rules"]);
    for entry in fs::read_dir(deploy().join("tests")).unwrap() {
        let entry = entry.unwrap();
        if is_wanted(entry.file_name().to_str().unwrap()) {
            let copy = folder.join("tests").join(entry.file_name());
            fs::copy(entry.path(), &copy).unwrap();
            promtool.arg(&copy);
        }
    }
    let said = run(&mut promtool);
    assert!(said.contains("SUCCESS") && !said.contains("FAILED"), "{said}");
}

#[test]
fn the_committed_files_are_what_the_generator_writes() {
    for (name, text) in [(RULES, all_rules()), ("alertmanager.example.yml", alertmanager())] {
        let file = deploy().join(name);
        if std::env::var_os("SQAL_WRITE").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let shown = "SQAL_WRITE=1 cargo test -p sqal-alerts --test promtool";
        assert!(fs::read_to_string(&file).unwrap() == text, "{name} is another: `{shown}` writes it");
    }
}

#[test]
fn promtool_accepts_every_rule() {
    let file = folder("check").join(RULES);
    fs::write(&file, all_rules()).unwrap();
    let said = run(Command::new(tool("SQAL_TEST_PROMTOOL")).args(["check", "rules", "--lint-fatal"]).arg(&file));
    let recordings: usize = objective::documented().iter().map(|objective| objective.recordings().len()).sum();
    let rules = documented().len() + outside().len() + rules_of_objectives().len() + recordings;
    assert!(said.contains(&format!("SUCCESS: {} rules found", rules + 1)), "with {WATCHDOG}: {said}");
}

/// The rules of the catalogue read nothing that is recorded for objectives, so they are tested
/// without them, in a fraction of the time.
#[test]
fn alr_09_every_case_of_the_catalogue_holds() {
    let rules = prometheus(&documented(), &[], &RunbookBase::default()).unwrap();
    passes("catalogue", &rules, |file| file != "objectives.yml");
}

#[test]
fn alr_09_every_case_of_the_objectives_holds() {
    let rules = prometheus(&[], &objective::documented(), &RunbookBase::default()).unwrap();
    passes("objectives", &rules, |file| file == "objectives.yml");
}

#[test]
fn alr_09_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let cases = cases();
    for rule in documented().into_iter().chain(outside()).chain(rules_of_objectives()) {
        let of_it: Vec<_> = cases.iter().filter(|case| case.is_about(&rule)).collect();
        let what = format!("{} {} {:?}", rule.name(), rule.severity().as_str(), rule.labels());
        assert!(of_it.iter().any(|case| case.fires(&rule)), "{what} fires in no case");
        assert!(of_it.iter().any(|case| case.is_quiet(&rule)), "{what} has no case in which it must not fire");
    }
    assert!(cases.iter().any(|case| case.asks_for("alertname") == Some(WATCHDOG) && !case.found.is_empty()));
}

/// A case on a misspelt alert would expect nothing, and find nothing.
#[test]
fn every_case_is_about_an_alert_that_exists() {
    let rules: Vec<_> = documented().into_iter().chain(outside()).chain(rules_of_objectives()).collect();
    let names =
        |case: &Case| rules.iter().any(|rule| case.is_about(rule)) || case.asks_for("alertname") == Some(WATCHDOG);
    for case in cases() {
        assert!(names(&case) && case.asks_for("alertstate") == Some("firing"), "{}: {}", case.file, case.name);
    }
}

/// A rule over a metric that the server does not have never fires.
#[test]
fn every_metric_of_a_rule_is_documented() {
    let inventory = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    for rule in documented().into_iter().chain(rules_of_objectives()) {
        for metric in rule.query().metrics() {
            let family = ["_bucket", "_count"].iter().find_map(|part| metric.strip_suffix(part)).unwrap_or(metric);
            assert!(inventory.contains(&format!("\n| `{family}` |")), "{}: {metric}", rule.name());
        }
    }
}

#[test]
fn alr_09_every_page_that_an_alert_names_exists() {
    for page in catalogue::runbooks() {
        assert!(repository().join("docs/runbook").join(format!("{page}.md")).is_file(), "docs/runbook/{page}.md");
    }
}

#[test]
fn alr_08_alertmanager_accepts_the_routes_and_sends_each_severity_to_its_receiver() {
    let file = folder("routes").join("alertmanager.yml");
    fs::write(&file, alertmanager()).unwrap();
    let amtool = || Command::new(tool("SQAL_TEST_AMTOOL"));
    run(amtool().arg("check-config").arg(&file));
    let receiver = |rule: &str, severity: &str| {
        let labels = [format!("alertname={rule}"), format!("severity={severity}")];
        run(amtool().args(["config", "routes", "test", "--config.file"]).arg(&file).args(labels))
    };
    for severity in Severity::ALL {
        let wanted = match severity {
            Severity::Warning => "slack",
            Severity::Critical => "pagerduty",
        };
        let rules = documented().into_iter().chain(outside()).chain(rules_of_objectives());
        let rule = rules.into_iter().find(|rule| rule.severity() == severity).unwrap();
        let said = receiver(rule.name().as_str(), severity.as_str());
        assert!(said.lines().any(|line| line == wanted), "{}: {said}", severity.as_str());
    }
    assert!(receiver(WATCHDOG, "none").lines().any(|line| line == "heartbeat"));
    assert!(receiver("OfAnotherTeam", "info").lines().any(|line| line == "slack"), "no alert is routed nowhere");
}

//! `sqal alerts` as an operator runs it: the files that it writes are those of the repository,
//! files with mistakes are refused with their places, and the documents say what the program does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqal_alerts::AlertRule;
use sqal_alerts::catalogue::{documented, outside};
use sqal_alerts::objective::{self, BurnRate};
use sqal_alerts::station::Cause;
use tempfile::TempDir;

/// What a command has printed: its standard output, or the code and the standard error of a
/// failure.
fn sqal(arguments: &[&str]) -> Result<String, (i32, String)> {
    let ended = Command::new(env!("CARGO_BIN_EXE_sqal")).arg("alerts").args(arguments).output().unwrap();
    let (out, error) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    if ended.status.success() {
        assert_eq!(error, "");
        return Ok(out);
    }
    assert_eq!(out, "", "{error}");
    Err((ended.status.code().unwrap(), error))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of a plant with its files.
struct Plant(TempDir);

impl Plant {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

/// The files of a folder, at any depth, by their paths in it.
fn files_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut folders, mut files) = (vec![folder.to_owned()], BTreeMap::new());
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().to_owned();
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

const OURS: &str = "\
service: line
objectives:
- name: frames
  description: { en: Frames are accepted., fr: Les trames sont acceptées. }
  target: 0.95
  bad: websocket_errors_total
  total: websocket_messages_received_total
";

const OPEN_SLO: &str = "\
apiVersion: openslo/v1
kind: Service
metadata: { name: line }
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: frames }
spec:
  service: line
  indicator:
    spec:
      ratioMetric:
        bad: { metricSource: { spec: { query: websocket_errors_total } } }
        total: { metricSource: { spec: { query: websocket_messages_received_total } } }
  objectives: [{ target: 0.95 }]
";

const SLOTH: &str = "\
version: prometheus/v1
service: line
slos:
- name: frames
  objective: 95
  sli:
    events:
      error_query: 'sum(rate(websocket_errors_total[{{.window}}]))'
      total_query: 'sum(rate(websocket_messages_received_total[{{.window}}]))'
";

const PLAN: &str = "
base_url: https://sqal.example
receivers:
  quality: { mail: [quality@example.com] }
  spare: { webhook: true }
routes: [{ to: [quality] }]
";

#[test]
fn what_is_generated_is_what_stands_in_the_repository_and_every_user_may_read_it() {
    let plant = Plant::with(&[]);
    let said = sqal(&["generate", "--out", &plant.path("monitoring/new")]).unwrap();
    let generated = files_of(&plant.0.path().join("monitoring/new"));
    assert_eq!(said.trim(), format!("wrote {} files into {}", generated.len(), plant.path("monitoring/new")));

    let deploy = repository().join("deploy");
    let dashboards = files_of(&deploy.join("grafana/dashboards"));
    let dashboards = dashboards.into_iter().map(|(name, text)| (Path::new("grafana/dashboards").join(name), text));
    let of_prometheus = ["alerts-slo.yml", "alertmanager.example.yml"]
        .map(|name| (PathBuf::from(name), fs::read(deploy.join("prometheus").join(name)).unwrap()));
    let committed: BTreeMap<_, _> = dashboards.chain(of_prometheus).collect();
    assert_eq!(generated.keys().collect::<Vec<_>>(), committed.keys().collect::<Vec<_>>());
    for (name, text) in &committed {
        assert!(generated[name] == *text, "{} is another: a test of sqal-alerts writes it", name.display());
    }

    // Prometheus, Alertmanager and Grafana run as users of their own.
    for name in ["", "alerts-slo.yml", "grafana/dashboards", "grafana/dashboards/slo.json"] {
        let path = plant.0.path().join("monitoring/new").join(name);
        let metadata = fs::metadata(&path).unwrap();
        let wanted = if metadata.is_dir() { 0o755 } else { 0o644 };
        assert_eq!(metadata.permissions().mode() & 0o777, wanted, "{}", path.display());
    }
}

#[test]
fn a_second_run_replaces_what_is_there_and_leaves_other_files_alone() {
    let plant = Plant::with(&[("alerts-slo.yml", "old"), ("alertmanager.yml", "the plant's own")]);
    let out = plant.0.path().to_str().unwrap();
    sqal(&["generate", "--out", out]).unwrap();
    let once = files_of(plant.0.path());
    assert_ne!(once[Path::new("alerts-slo.yml")], b"old");
    assert_eq!(once[Path::new("alertmanager.yml")], b"the plant's own");
    sqal(&["generate", "--out", out]).unwrap();
    assert_eq!(files_of(plant.0.path()), once);
}

#[test]
fn an_objective_of_the_plant_is_added_or_takes_the_place_of_the_documented_one() {
    let own = OURS.replace("service: line", "service: sqal").replace("name: frames", "name: latency");
    let plant = Plant::with(&[("ours.yaml", OURS), ("latency.yaml", &own)]);
    let rules = |arguments: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().to_str().unwrap();
        sqal(&[&["generate", "--out", out][..], arguments].concat()).unwrap();
        fs::read_to_string(folder.path().join("alerts-slo.yml")).unwrap()
    };
    let count = |text: &str, part: &str| text.lines().filter(|line| line.contains(part)).count();
    let (none, both) =
        (rules(&[]), rules(&["--objectives", &plant.path("ours.yaml"), "--objectives", &plant.path("latency.yaml")]));
    let group = "name: sqal-objective-";
    assert_eq!(count(&none, group), 2 * objective::documented().len());
    assert_eq!(count(&both, group), 2 * (objective::documented().len() + 1));
    assert!(none.contains("api_slo_latency_breach_total") && !none.contains("websocket_errors_total"));
    assert!(both.contains("sqal-objective-line-frames") && both.contains("websocket_errors_total"));
    let latency = both.split("name: sqal-objective-sqal-latency\n").nth(1).unwrap();
    let latency = latency.split("name: sqal-objective-sqal-latency-period").next().unwrap();
    assert!(latency.contains("websocket_errors_total") && !latency.contains("api_slo_latency_breach_total"));
}

#[test]
fn the_pages_of_the_runbook_are_where_the_plant_has_them() {
    let plant = Plant::with(&[]);
    let out = plant.path("out");
    sqal(&["generate", "--out", &out, "--runbooks", "https://git.example/runbook/"]).unwrap();
    let text = fs::read_to_string(plant.0.path().join("out/alerts-slo.yml")).unwrap();
    assert!(text.contains("https://git.example/runbook/server-down.md") && !text.contains("docs/runbook/"));
    let (code, error) = sqal(&["generate", "--out", &plant.path("none"), "--runbooks", "docs/runbook"]).unwrap_err();
    assert!(code == 2 && error.contains("expected http:// or https://"), "{code} {error}");
    assert!(!plant.0.path().join("none").exists());
}

#[test]
fn a_wrong_file_in_openslo_is_refused_with_its_place_its_value_and_the_limit() {
    let wrong = OPEN_SLO.replace("target: 0.95", "target: 95");
    let plant = Plant::with(&[("slo.yaml", &wrong), ("kind.yaml", &OPEN_SLO.replace("kind: SLO", "kind: Slo"))]);
    let (code, error) = sqal(&["check", &plant.path("slo.yaml"), &plant.path("kind.yaml")]).unwrap_err();
    let lines: Vec<_> = error.lines().map(str::trim).collect();
    assert_eq!((code, lines.len()), (78, 3), "{error}");
    let [_, target, kind] = lines[..] else { panic!("{error}") };
    assert!(target.starts_with(&format!("{}: document 2, line 6, SLO frames: ", plant.path("slo.yaml"))), "{target}");
    assert!(target.contains("spec.objectives[0]: target 95: expected a share from 0.000001 to 0.999999"), "{target}");
    assert!(kind.starts_with(&format!("{}: document 2, line 6, Slo frames: kind \"Slo\": ", plant.path("kind.yaml"))));
}

#[test]
fn an_objective_whose_burn_rate_cannot_be_reached_is_refused_and_nothing_is_written() {
    let plant = Plant::with(&[("slo.yaml", &OURS.replace("0.95", "0.75")), ("frames.yaml", OURS)]);
    let [wrong, sound, out] = ["slo.yaml", "frames.yaml", "out"].map(|name| plant.path(name));
    let refused = sqal(&["generate", "--out", &out, "--objectives", &sound, "--objectives", &wrong]).unwrap_err();
    assert_eq!(refused.0, 78);
    let mistake = format!("{wrong}: document 1, line 3, objective frames: ");
    assert!(refused.1.contains(&mistake), "{}", refused.1);
    assert!(refused.1.contains("a burn of 14.4 would be an error ratio of 3.6; at most 1 can be"), "{}", refused.1);
    assert!(!Path::new(&out).exists());
    assert_eq!(sqal(&["check", &wrong]).unwrap_err().0, 78);

    let stated = OURS.replace("0.95", "0.75") + "  burn_rates: [1d, 3d]\n";
    fs::write(&wrong, stated).unwrap();
    sqal(&["generate", "--out", &out, "--objectives", &wrong]).unwrap();
}

#[test]
fn two_objectives_with_one_name_and_a_plan_among_objectives_are_refused() {
    let other = OURS.replace("name: frames", "name: latency");
    let plant = Plant::with(&[("a.yaml", OURS), ("b.yaml", SLOTH), ("c.yaml", &other), ("plan.yaml", PLAN)]);
    let files = ["a.yaml", "b.yaml", "c.yaml", "plan.yaml"].map(|name| plant.path(name));
    let out = plant.path("out");
    let mut arguments = vec!["generate", "--out", out.as_str()];
    arguments.extend(files.iter().flat_map(|file| ["--objectives", file.as_str()]));
    let (code, error) = sqal(&arguments).unwrap_err();
    let mistakes: Vec<_> = error.lines().skip(1).map(str::trim).collect();
    let [_, b, c, plan] = &files;
    let wanted = [
        format!("{b}: objective line-frames: expected a name that line-frames does not have"),
        format!("{c}: objective line-latency: expected a name that sqal-latency does not have"),
        format!("{plan}: this is a plan of who is told, expected objectives"),
    ];
    assert_eq!((code, mistakes), (78, wanted.iter().map(String::as_str).collect::<Vec<_>>()));
    assert!(!Path::new(&out).exists());
}

#[test]
fn each_file_is_recognised_by_its_content_and_said_to_be_what_it_is() {
    let json = r#"{"objectives": [{"name": "frames", "description": {"en": "a", "fr": "b"}, "target": 0.95,
                  "bad": "a_total", "total": "b_total"}]}"#;
    for (text, said) in [
        (OURS, ": 1 objectives (SQAL): line-frames"),
        (json, ": 1 objectives (SQAL): sqal-frames"),
        (OPEN_SLO, ": 1 objectives (OpenSLO v1): line-frames"),
        (SLOTH, ": 1 objectives (Sloth): line-frames"),
        (PLAN, ": a plan, 2 receivers and 1 routes\n"),
    ] {
        let plant = Plant::with(&[("file", text)]);
        let told = sqal(&["check", &plant.path("file")]).unwrap();
        assert!(told.starts_with(&format!("{}{said}", plant.path("file"))), "{told}");
        let is_warned = told.lines().any(|line| line.ends_with("warning: receivers.spare: is not used by any route"));
        assert_eq!(is_warned, text == PLAN, "{told}");
    }
}

#[test]
fn every_mistake_of_every_file_is_told_and_no_mail_address_with_it() {
    let plan = PLAN.replace("https://", "ftp://").replace("to: [quality]", "to: [qualty]").replace('@', " at@");
    let plant = Plant::with(&[
        ("plan.yaml", &plan),
        ("sound.yaml", OURS),
        ("sloth.yaml", &SLOTH.replace("objective: 95", "objective: 0.95")),
        ("broken.yaml", "objectives: [\n"),
        ("other.yaml", "groups: []\n"),
    ]);
    let names = ["plan.yaml", "sound.yaml", "sloth.yaml", "broken.yaml", "other.yaml", "absent.yaml"];
    let files = names.map(|name| plant.path(name));
    let mut arguments = vec!["check"];
    arguments.extend(files.iter().map(String::as_str));
    let (code, error) = sqal(&arguments).unwrap_err();
    let [plan, _, sloth, broken, other, absent] = &files;
    for begin in [
        format!("{plan}: base_url: "),
        format!("{plan}: receivers.quality.mail[0]: "),
        format!("{plan}: routes[0].to: \"qualty\": expected the name of a receiver"),
        format!("{sloth}: document 1, line 4, objective frames: target 0.95: expected a percentage"),
        format!("{broken}: "),
        format!("{other}: expected objectives"),
        format!("{absent}: "),
    ] {
        assert!(error.lines().any(|line| line.trim().starts_with(&begin)), "{begin}: {error}");
    }
    assert!(code == 78 && !error.contains("sound.yaml") && !error.contains("example.com"), "{error}");
}

/// The rules of all: the documented ones, those that only a Prometheus evaluates, and those of the
/// documented objectives.
fn rules() -> Vec<AlertRule> {
    let of_objectives = objective::documented().into_iter().flat_map(|objective| objective.rules().unwrap());
    documented().into_iter().chain(of_objectives).chain(outside()).collect()
}

#[test]
fn every_rule_is_listed_with_its_severity_its_page_and_its_query() {
    let listed = sqal(&["list", "--runbooks", "https://git.example/runbook"]).unwrap();
    let lines: Vec<_> = listed.lines().collect();
    // A head, and the alert that always fires.
    assert_eq!(lines.len(), rules().len() + 2);
    for rule in rules() {
        let (name, query) = (rule.name().as_str(), rule.query().promql());
        let page = format!("https://git.example/runbook/{}.md", rule.runbook());
        let has_labels = |line: &&&str| {
            rule.labels()
                .iter()
                .all(|(label, value)| line.split(' ').next().unwrap().contains(&format!("{label}={value:?}")))
        };
        let line = lines.iter().find(|line| line.starts_with(name) && line.ends_with(&query) && has_labels(line));
        let words: Vec<_> = line.unwrap_or_else(|| panic!("{name}: {listed}")).split_whitespace().collect();
        assert!(words.contains(&rule.severity().as_str()) && words.contains(&page.as_str()), "{words:?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("Watchdog ") && line.contains(" none ")), "{listed}");
    let plant = Plant::with(&[("ours.yaml", OURS)]);
    let with = sqal(&["list", "--objectives", &plant.path("ours.yaml")]).unwrap();
    assert!(with.contains("objective=\"frames\"") && !listed.contains("objective=\"frames\""));
}

/// A table of a document with a row for each item.
fn table(head: &str, rows: impl IntoIterator<Item = String>) -> String {
    let columns = head.matches('|').count() - 1;
    let rule = format!("|{}", "---|".repeat(columns));
    [head.to_owned(), rule].into_iter().chain(rows).map(|row| row + "\n").collect()
}

/// Compares the tables of a document, each between `<!-- table: NAME -->` and `<!-- end -->`, with
/// those of the program. `SQAL_WRITE=1 cargo test -p operations --test alerts` writes them anew.
fn has_tables(document: &str, tables: &[(&str, String)]) {
    let path = repository().join("docs").join(document);
    let text = fs::read_to_string(&path).unwrap();
    let written = tables.iter().fold(text.clone(), |text, (name, table)| {
        let begin = format!("<!-- table: {name} -->\n");
        let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{document}: no table {name}"));
        let (_, after) = rest.split_once("<!-- end -->\n").unwrap();
        format!("{before}{begin}\n{table}\n<!-- end -->\n{after}")
    });
    assert_eq!(text.matches("<!-- table: ").count(), tables.len(), "{document}: a table without a test");
    if std::env::var_os("SQAL_WRITE").is_some() {
        fs::write(&path, written).unwrap();
    } else {
        assert!(text == written, "the tables of docs/{document} are others: SQAL_WRITE=1 writes them anew");
    }
}

/// A share in percent, without the last digits that binary fractions add.
fn percent(share: f64) -> String {
    format!("{} %", (share * 1e8).round() / 1e6)
}

#[test]
fn the_tables_of_alerts_are_those_of_the_program() {
    let rule = |rule: &AlertRule| {
        let minutes = rule.hold().before.as_secs() / 60;
        let hold = if minutes == 0 { "–".to_owned() } else { format!("{minutes} min") };
        let (name, page, severity) = (rule.name(), rule.runbook(), rule.severity().as_str());
        format!("| [{name}](runbook/{page}.md) | {severity} | {hold} | {} |", rule.summary().en)
    };
    let objective = |objective: &objective::Objective| {
        let split: Vec<_> = objective.labels_of_split().map(|label| format!("`{label}`")).collect();
        let split = if split.is_empty() { "–".to_owned() } else { split.join(", ") };
        let rates: Vec<_> = objective.burn_rates().iter().map(|rate| rate.long().as_str()).collect();
        let (name, target, asks) = (objective.name(), percent(objective.target().share()), &objective.description().en);
        format!("| `{name}` | {target} | {asks} | {split} | {} |", rates.join(", "))
    };
    let burn_rate = |rate: &BurnRate| {
        let (long, short, severity) = (rate.long().as_str(), rate.short().as_str(), rate.severity().as_str());
        format!("| {long} | {} | {} | {short} | {severity} |", percent(rate.budget_share()), rate.factor())
    };
    let rules = documented().into_iter().chain(outside()).collect::<Vec<_>>();
    has_tables(
        "alerts.md",
        &[
            (
                "objectives",
                table(
                    "| objective | target | what is asked | one for each | burn rates |",
                    objective::documented().iter().map(objective),
                ),
            ),
            (
                "burn rates",
                table(
                    "| long window | share of the budget | factor | short window | severity |",
                    BurnRate::USUAL.iter().map(burn_rate),
                ),
            ),
            ("rules", table("| alert | severity | for | what is told |", rules.iter().map(rule))),
        ],
    );
}

#[test]
fn the_causes_of_stations_are_documented() {
    let cause = |cause: Cause| {
        let (words, doubtful) = (cause.words(), if cause.makes_doubtful() { "yes" } else { "no" });
        format!("| `{cause}` | {}, {} | {doubtful} | {} |", words.en, words.fr, cause.advice().en)
    };
    let rows = Cause::ALL.into_iter().map(cause);
    let head = "| cause | English, French | trays doubtful | what to do |";
    has_tables("stations.md", &[("causes", table(head, rows))]);
}

#[test]
fn every_example_of_the_document_is_read() {
    let text = fs::read_to_string(repository().join("docs/alerts.md")).unwrap();
    let examples: Vec<_> =
        text.split("```yaml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect();
    let mut told = Vec::new();
    for example in &examples {
        let plant = Plant::with(&[("example.yaml", example)]);
        let said = sqal(&["check", &plant.path("example.yaml")]).unwrap_or_else(|error| panic!("{error:?}: {example}"));
        told.push(said.strip_prefix(&plant.path("example.yaml")).unwrap().trim().to_owned());
    }
    let wanted = [
        ": 1 objectives (SQAL): sqal-cache-hits",
        ": 1 objectives (OpenSLO v1): line-frames-accepted",
        ": a plan, 5 receivers and 3 routes",
    ];
    assert_eq!(told, wanted);
}

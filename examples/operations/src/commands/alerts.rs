//! `sqal alerts`: writes the files of Prometheus, Alertmanager and Grafana, checks files of
//! objectives and plans, and lists the rules.

use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use rustix::fs::Mode;
use rustix::process::umask;
use sqal_alerts::AlertRule;
use sqal_alerts::catalogue::{WATCHDOG, WATCHDOG_RUNBOOK, documented, outside};
use sqal_alerts::generate::{RunbookBase, alertmanager, grafana, prometheus};
use sqal_alerts::objective::Objective;

use crate::alert_files::{self, AlertFile};
use crate::command_error::CommandError;

/// Write the files of Prometheus, Alertmanager and Grafana, check files about alerts, and list the
/// rules.
#[derive(Debug, Args)]
pub(crate) struct Alerts {
    #[command(subcommand)]
    what: What,
}

/// The commands for alerts.
#[derive(Debug, Subcommand)]
enum What {
    /// Write the rules of Prometheus, an example for Alertmanager and the dashboards of Grafana
    /// into a folder. Files that are there under these names are replaced.
    Generate {
        /// The folder; it is created if it does not exist.
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        rules: RuleSet,
    },
    /// Check files of objectives (of SQAL, in OpenSLO v1, for Sloth) and plans of who is told, and
    /// print every mistake.
    Check {
        /// The files. Each is recognised by its content.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the rules: name and labels, severity, time for which the condition holds, page of the
    /// runbook, query.
    List {
        #[command(flatten)]
        rules: RuleSet,
    },
}

/// Which objectives the rules have, and where their pages are.
#[derive(Debug, Args)]
struct RuleSet {
    /// A file of objectives of the plant, beside the documented ones; can be given several times.
    /// An objective with the id of a documented one takes its place.
    #[arg(long = "objectives", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The URL of the folder with the pages of the runbook; without it the folder of the
    /// repository.
    #[arg(long, value_name = "URL", value_parser = RunbookBase::new)]
    runbooks: Option<RunbookBase>,
}

impl Alerts {
    pub(super) fn run(self) -> Result<String, CommandError> {
        match self.what {
            What::Generate { out, rules } => {
                let files = generated(&alert_files::objectives(&rules.files)?, &rules.runbooks.unwrap_or_default())?;
                write(&out, &files)?;
                Ok(format!("wrote {} files into {}", files.len(), out.display()))
            }
            What::Check { files } => check(&files),
            What::List { rules } => {
                listed(&alert_files::objectives(&rules.files)?, &rules.runbooks.unwrap_or_default())
            }
        }
    }
}

/// The files of a plant with these objectives, each with its place in the folder.
fn generated(objectives: &[Objective], runbooks: &RunbookBase) -> Result<Vec<(PathBuf, String)>, CommandError> {
    let rules = prometheus(&documented(), objectives, runbooks)?;
    let mut files =
        vec![(PathBuf::from("alerts-slo.yml"), rules), (PathBuf::from("alertmanager.example.yml"), alertmanager())];
    let folder = Path::new("grafana/dashboards");
    files.extend(grafana::dashboards().iter().map(|page| (folder.join(page.file_name()), page.json())));
    Ok(files)
}

/// Writes files into a folder. Each gets its name when it is complete.
///
/// The files hold no secret, and Prometheus, Alertmanager and Grafana run as users of their own, so
/// everyone may read them.
fn write(out: &Path, files: &[(PathBuf, String)]) -> Result<(), CommandError> {
    let _ = umask(Mode::WGRP | Mode::WOTH);
    for (name, text) in files {
        let file = out.join(name);
        replace(&file, text).map_err(|source| CommandError::Unwritten { file, source })?;
    }
    Ok(())
}

fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".unfinished");
    fs::write(&unfinished, text)?;
    fs::rename(&unfinished, file)
}

/// A line for each file, with warnings about what is valid and probably not meant.
fn check(files: &[PathBuf]) -> Result<String, CommandError> {
    let (mut lines, mut mistakes) = (Vec::new(), Vec::new());
    for path in files {
        let shown = path.display();
        match AlertFile::read(path) {
            Ok(AlertFile::Objectives { format, objectives }) => {
                let ids: Vec<_> = objectives.iter().map(Objective::id).collect();
                lines.push(format!("{shown}: {} objectives ({format}): {}", ids.len(), ids.join(", ")));
            }
            Ok(AlertFile::Plan(plan)) => {
                let (receivers, routes) = (plan.receivers().len(), plan.routes().len());
                lines.push(format!("{shown}: a plan, {receivers} receivers and {routes} routes"));
                lines.extend(plan.warnings().iter().map(|warning| format!("{shown}: warning: {warning}")));
            }
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() { Ok(lines.join("\n")) } else { Err(CommandError::AlertFiles(mistakes)) }
}

/// A line of the table of rules.
struct ListedRule {
    alert: String,
    severity: &'static str,
    hold: String,
    runbook: String,
    promql: String,
}

impl ListedRule {
    fn of(rule: &AlertRule, runbooks: &RunbookBase) -> Self {
        let labels: Vec<_> = rule.labels().iter().map(|(label, value)| format!("{label}={value:?}")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        Self {
            alert: format!("{}{labels}", rule.name()),
            severity: rule.severity().as_str(),
            hold: span(rule.hold().before),
            runbook: runbooks.page(rule.runbook()),
            promql: rule.query().promql(),
        }
    }

    /// The alert that always fires. It has no [`AlertRule`], because it has no severity.
    fn watchdog(runbooks: &RunbookBase) -> Self {
        Self {
            alert: WATCHDOG.to_owned(),
            severity: "none",
            hold: span(Duration::ZERO),
            runbook: runbooks.page(WATCHDOG_RUNBOOK),
            promql: "vector(1)".to_owned(),
        }
    }
}

/// The table of the rules, with those of the objectives and those that only a Prometheus evaluates.
fn listed(objectives: &[Objective], runbooks: &RunbookBase) -> Result<String, CommandError> {
    let mut rules = documented();
    for objective in objectives {
        rules.extend(objective.rules()?);
    }
    rules.extend(outside());
    let [alert, hold, runbook, promql] = ["ALERT", "FOR", "RUNBOOK", "PROMQL"].map(str::to_owned);
    let head = ListedRule { alert, severity: "SEVERITY", hold, runbook, promql };
    let rules = rules.iter().map(|rule| ListedRule::of(rule, runbooks));
    let rows: Vec<_> = iter::once(head).chain(rules).chain([ListedRule::watchdog(runbooks)]).collect();
    let longest = |of: fn(&ListedRule) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (first, second) = (longest(|row| &row.alert), longest(|row| row.severity));
    let (third, fourth) = (longest(|row| &row.hold), longest(|row| &row.runbook));
    let line = |ListedRule { alert, severity, hold, runbook, promql }: &ListedRule| {
        format!("{alert:<first$}  {severity:<second$}  {hold:<third$}  {runbook:<fourth$}  {promql}")
    };
    Ok(rows.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// A time in minutes, or in seconds if a part of a minute is over.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds.is_multiple_of(60) { format!("{}m", seconds / 60) } else { format!("{seconds}s") }
}

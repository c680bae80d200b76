//! [`AlertSettings`]: which rules this server evaluates, under which name, and who is told.

use std::fmt::Display;
use std::path::Path;

use rustix::system::uname;
use sqal_alerts::AlertRule;
use sqal_alerts::catalogue;
use sqal_alerts::notify::{NotifyPlan, read_plan};
use sqal_alerts::objective::{Objective, ObjectiveFormat, documented, with_own};
use sqal_alerts::state::ServerName;

use super::keys::MASTER_KEY;
use super::mail::HOST;
use super::notice_channels::NoticeSettings;
use super::row::Setting;
use super::values::Values;
use crate::plain_file;

pub(super) const ALERTS: Setting = Setting::plain(
    "SQAL_ALERTS",
    Some("on"),
    "on or off",
    "Whether this server evaluates the rules of alerts itself; off if a Prometheus beside it does",
);

pub(super) const PLAN_FILE: Setting = Setting::plain(
    "SQAL_ALERT_PLAN_FILE",
    None,
    "a YAML file of receivers and routes",
    "Who is told of which alerts; without it alerts are kept and shown, and no person is told",
);

pub(super) const SERVER_NAME: Setting = Setting::plain(
    "SQAL_SERVER_NAME",
    None,
    "a printable name of 1 to 64 bytes; by default the host name",
    "The name of this server in alerts: equal at each start, and of one server among those of a database",
);

pub(super) const OBJECTIVES_FILE: Setting = Setting::plain(
    "SQAL_OBJECTIVES_FILE",
    None,
    "a YAML file of objectives, or one in OpenSLO or for Sloth",
    "Objectives of the plant beside the documented ones; one with the id of a documented one takes its place",
);

/// Which rules this server evaluates, under which name, and who is told.
#[derive(Clone, Debug)]
pub struct AlertSettings {
    /// Whether the rules are evaluated here.
    pub is_on: bool,
    /// The name of this server.
    pub server: ServerName,
    /// Who is told; `None` if alerts are only kept and shown.
    pub plan: Option<NotifyPlan>,
    /// The objectives: the documented ones, and those of the plant.
    pub objectives: Vec<Objective>,
}

impl AlertSettings {
    /// Reads the settings. A plan may tell by mail, by a channel and by webhooks only if the server
    /// has what they need.
    pub(super) fn read(values: &mut Values, notices: &NoticeSettings) -> Option<Self> {
        let is_on = values.read(&ALERTS, |text| match text {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        });
        let (plan, server, objectives) = (plan(values, notices), server_name(values), objectives(values));
        Some(Self { is_on: is_on?, server: server?, plan, objectives: objectives? })
    }

    /// The rules that this server evaluates: none if that is switched off.
    #[must_use]
    pub fn rules(&self) -> Vec<AlertRule> {
        if !self.is_on {
            return Vec::new();
        }
        let mut rules = catalogue::documented();
        for objective in &self.objectives {
            // The reader of the file has refused what an objective cannot reach.
            rules.extend(objective.rules().unwrap_or_else(|error| unreachable!("{error}")));
        }
        rules
    }
}

/// The given name, or that of the host.
fn server_name(values: &mut Values) -> Option<ServerName> {
    if values.is_given(&SERVER_NAME) {
        return values.parsed(&SERVER_NAME);
    }
    let host = uname();
    let name = host.nodename().to_string_lossy().parse::<ServerName>();
    name.map_err(|why| values.wrong(&SERVER_NAME, format!("the host name {why}; set SQAL_SERVER_NAME"))).ok()
}

/// The mistakes of a file, each with the path of the file.
fn of_file(path: &str, mistakes: &[impl Display]) -> Vec<String> {
    mistakes.iter().map(|mistake| format!("{path}: {mistake}")).collect()
}

/// Adds mistakes to a setting.
fn refuse(values: &mut Values, setting: &Setting, mistakes: Vec<String>) {
    for what in mistakes {
        values.wrong(setting, what);
    }
}

/// The plan of the file, if there is one.
fn plan(values: &mut Values, notices: &NoticeSettings) -> Option<NotifyPlan> {
    let path = values.text(&PLAN_FILE)?.to_owned();
    let read = plain_file::text(Path::new(&path)).map_err(|why| vec![why]);
    let read = read.and_then(|text| read_plan(&text).map_err(|invalid| of_file(&path, invalid.mistakes())));
    let (plan, mistakes) = match read {
        Ok(plan) => {
            let mistakes = of_file(&path, &out_of_reach(values, &plan, notices));
            (Some(plan), mistakes)
        }
        Err(mistakes) => (None, mistakes),
    };
    refuse(values, &PLAN_FILE, mistakes);
    plan
}

/// The receivers of a plan that this server cannot reach.
fn out_of_reach(values: &Values, plan: &NotifyPlan, notices: &NoticeSettings) -> Vec<String> {
    let has_mail = values.text(&HOST).is_some();
    // A key with a mistake is told already.
    let has_key = values.text(&MASTER_KEY).is_some();
    let mut found = Vec::new();
    for (name, receiver) in plan.receivers() {
        if !receiver.mail().is_empty() && !has_mail {
            found.push(format!("receivers.{name}.mail: without SMTP_HOST no mail is sent"));
        }
        for channel in receiver.notice().iter().filter(|channel| notices.lacks(channel)) {
            found.push(format!("receivers.{name}.notice: {channel}: expected a channel of SQAL_NOTICE_CHANNELS_FILE"));
        }
        if receiver.has_webhook() && !has_key {
            found.push(format!(
                "receivers.{name}.webhook: without MASTER_ENCRYPTION_KEY the secrets of webhooks cannot be opened"
            ));
        }
    }
    found
}

/// The documented objectives, and those of the plant.
fn objectives(values: &mut Values) -> Option<Vec<Objective>> {
    let Some(path) = values.text(&OBJECTIVES_FILE).map(str::to_owned) else { return Some(documented()) };
    let read = plain_file::text(Path::new(&path)).map_err(|why| vec![why]);
    let own = read.and_then(|text| {
        let format = ObjectiveFormat::of(&text).unwrap_or(ObjectiveFormat::Sqal);
        format.read(&text).map_err(|invalid| of_file(&path, invalid.mistakes()))
    });
    match own.and_then(|own| with_own(own).map_err(|namesakes| of_file(&path, &namesakes))) {
        Ok(all) => Some(all),
        Err(mistakes) => {
            refuse(values, &OBJECTIVES_FILE, mistakes);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tests::{mistakes, settings};
    use super::*;

    const OURS: &str = "\
        objectives:\n\
        - name: frames\n  \
          description: { en: Frames are accepted., fr: Les trames sont acceptées. }\n  \
          target: 0.95\n  \
          bad: websocket_errors_total\n  \
          total: websocket_messages_received_total\n";

    const OPEN_SLO: &str = "\
        apiVersion: openslo/v1\n\
        kind: SLO\n\
        metadata: { name: frames }\n\
        spec:\n  \
          service: line\n  \
          indicator:\n    \
            spec:\n      \
              ratioMetric:\n        \
                bad: { metricSource: { spec: { query: websocket_errors_total } } }\n        \
                total: { metricSource: { spec: { query: websocket_messages_received_total } } }\n  \
          objectives: [{ target: 0.95 }]\n";

    const SLOTH: &str = "\
        version: prometheus/v1\n\
        service: line\n\
        slos:\n\
        - name: frames\n  \
          objective: 95\n  \
          sli:\n    \
            events:\n      \
              error_query: 'sum(rate(websocket_errors_total[{{.window}}]))'\n      \
              total_query: 'sum(rate(websocket_messages_received_total[{{.window}}]))'\n";

    const PLAN: &str = "\
        base_url: https://sqal.example\n\
        receivers:\n  \
          quality: { mail: [quality@example.com] }\n  \
          nurse: { notice: [nurse] }\n  \
          erp: { webhook: true }\n\
        routes: [{ to: [quality, nurse, erp] }]\n";

    fn file(folder: &tempfile::TempDir, text: &str) -> String {
        let path = folder.path().join("file.yaml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn without_settings_every_documented_rule_is_evaluated_under_the_name_of_the_host() {
        let alerts = settings(&[], &[]).alerts;
        assert!(alerts.is_on && alerts.plan.is_none());
        assert_eq!(alerts.server.as_str(), uname().nodename().to_string_lossy());
        let rules = alerts.rules();
        assert!(catalogue::documented().iter().all(|rule| rules.contains(rule)));
        let of = |objective: &Objective| objective.rules().unwrap().iter().all(|rule| rules.contains(rule));
        assert!(documented().iter().all(of));
        let off = settings(&[], &[("SQAL_ALERTS", "off"), ("SQAL_SERVER_NAME", "Usine 1")]).alerts;
        assert_eq!((off.rules().len(), off.server.as_str()), (0, "Usine 1"));
    }

    #[test]
    fn objectives_are_read_in_each_format_beside_the_documented_ones() {
        let folder = tempfile::tempdir().unwrap();
        for (text, id) in [(OURS, "sqal-frames"), (OPEN_SLO, "line-frames"), (SLOTH, "line-frames")] {
            let objectives = settings(&[], &[("SQAL_OBJECTIVES_FILE", file(&folder, text).as_str())]).alerts.objectives;
            assert_eq!(objectives.len(), documented().len() + 1, "{text}");
            assert!(objectives.iter().any(|objective| objective.id() == id), "{text}");
        }
    }

    #[test]
    fn an_objective_of_the_plant_takes_the_place_of_the_documented_one_with_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let text = OURS.replace("name: frames", "name: latency");
        let objectives = settings(&[], &[("SQAL_OBJECTIVES_FILE", file(&folder, &text).as_str())]).alerts.objectives;
        let ids: BTreeSet<_> = objectives.iter().map(Objective::id).collect();
        assert_eq!((ids.len(), objectives.len()), (documented().len(), documented().len()));
        let latency = objectives.iter().find(|objective| objective.name() == "latency").unwrap();
        assert_eq!(latency.labels_of_split().count(), 0);
    }

    #[test]
    fn an_objective_of_the_plant_with_the_name_of_another_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, &SLOTH.replace("name: frames", "name: latency"));
        let told = mistakes(&[], &[("SQAL_OBJECTIVES_FILE", path.as_str())]);
        let wanted = format!(
            "SQAL_OBJECTIVES_FILE (environment): {path}: objective line-latency: expected a name that sqal-latency does \
             not have"
        );
        assert_eq!(told, [wanted]);
    }

    #[test]
    fn every_mistake_of_a_file_of_objectives_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let twice = format!("{OURS}{}", OURS.split_once('\n').unwrap().1);
        let text = twice.replace("0.95", "95");
        let path = file(&folder, &text);
        let told = mistakes(&[], &[("SQAL_OBJECTIVES_FILE", path.as_str())]);
        let begin = format!("SQAL_OBJECTIVES_FILE (environment): {path}: document 1, line ");
        assert!(told.len() == 2 && told.iter().all(|line| line.starts_with(&begin)), "{told:#?}");
        let broken = mistakes(&[], &[("SQAL_OBJECTIVES_FILE", file(&folder, "apiVersion: [").as_str())]);
        assert_eq!(broken.len(), 1, "{broken:?}");
    }

    #[test]
    fn a_plan_names_only_what_this_server_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, PLAN);
        let channels = folder.path().join("channels.yaml");
        std::fs::write(&channels, "nurse: { kind: slack, url: 'https://hooks.slack.com/services/T0' }").unwrap();
        let (key, channels) = ("01".repeat(32), channels.to_str().unwrap());
        let plan = ("SQAL_ALERT_PLAN_FILE", path.as_str());
        let told = mistakes(&[], &[plan]);
        for right in ["quality.mail: without SMTP_HOST", "nurse.notice: nurse: expected", "erp.webhook: without MASTER"]
        {
            let begin = format!("SQAL_ALERT_PLAN_FILE (environment): {path}: receivers.{right}");
            assert_eq!(told.iter().filter(|line| line.starts_with(&begin)).count(), 1, "{right}: {told:#?}");
        }
        assert!(told.len() == 3 && !told.join("\n").contains('@'), "{told:#?}");
        let all = [
            plan,
            ("SMTP_HOST", "mail.example.com"),
            ("SMTP_FROM", "sqal@plant.example"),
            ("SQAL_NOTICE_CHANNELS_FILE", channels),
            ("MASTER_ENCRYPTION_KEY", key.as_str()),
        ];
        assert_eq!(settings(&[], &all).alerts.plan.unwrap().receivers().len(), 3);
    }

    #[test]
    fn every_mistake_of_a_plan_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, &PLAN.replace("https://", "ftp://").replace("to: [quality", "to: [qualty"));
        let told = mistakes(&[], &[("SQAL_ALERT_PLAN_FILE", path.as_str())]);
        for place in ["base_url", "routes[0].to"] {
            let begin = format!("SQAL_ALERT_PLAN_FILE (environment): {path}: {place}");
            assert_eq!(told.iter().filter(|line| line.starts_with(&begin)).count(), 1, "{place}: {told:#?}");
        }
        assert_eq!(told.len(), 2, "{told:#?}");
    }

    #[test]
    fn a_name_or_a_switch_that_cannot_be_is_told() {
        let long = "x".repeat(65);
        for (name, value) in [
            ("SQAL_ALERTS", "true"),
            ("SQAL_SERVER_NAME", " x"),
            ("SQAL_SERVER_NAME", long.as_str()),
            ("SQAL_ALERT_PLAN_FILE", "not-there.yaml"),
            ("SQAL_OBJECTIVES_FILE", "not-there.yaml"),
        ] {
            let told = mistakes(&[], &[(name, value)]);
            assert!(told.len() == 1 && told[0].starts_with(name), "{value}: {told:?}");
        }
    }
}

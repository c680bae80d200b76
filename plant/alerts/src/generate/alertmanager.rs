//! [`alertmanager`]: an example of a configuration of Alertmanager, with the routes and inhibitions
//! of the catalogue.

use super::yaml::YamlNode;
use crate::catalogue::{Inhibition, OF_ONE_NAME, WATCHDOG, inhibitions};

/// What stands on top of the file.
const HEAD: &str = "\
# An example for Alertmanager 0.25 and later: critical alerts call a person through PagerDuty, warnings go to
# Slack, and Watchdog goes to a service outside of the plant that calls when it no longer comes.
#
# The secrets are in files of their own, which only Alertmanager may read: PAGERDUTY_SETUP.md. Put your channel
# of Slack and the address of your dead man's switch in place of those below.
#
# Written by `sqal alerts generate`. Check a change with `amtool check-config alertmanager.example.yml`.
";

/// The name of the receiver of critical alerts, of warnings, and of [`WATCHDOG`].
const PAGER: &str = "pagerduty";
const CHAT: &str = "slack";
const HEARTBEAT: &str = "heartbeat";

/// A line for each of the first 20 alerts: 200 stations that fail together are one readable
/// message.
const LIST: &str = "\
{{ range $place, $alert := .Alerts }}{{ if lt $place 20 }}\
• {{ .Annotations.summary }} / {{ .Annotations.summary_fr }} ({{ .Status }})\n\
{{ end }}{{ end }}\
{{ if gt (len .Alerts) 20 }}… {{ len .Alerts }} in all\n{{ end }}";

/// A configuration that routes critical alerts to PagerDuty and warnings to Slack, groups both by
/// plant and alert, and does not tell what another alert explains.
#[must_use]
pub fn alertmanager() -> String {
    let file = YamlNode::Map(vec![
        ("global", YamlNode::Map(vec![("resolve_timeout", YamlNode::text("5m"))])),
        ("route", root()),
        ("receivers", YamlNode::List(vec![pager(), chat(), heartbeat()])),
        ("inhibit_rules", inhibit_rules()),
    ]);
    format!("{HEAD}{}", file.to_yaml())
}

/// The root of the routes. What no route takes goes to the chat: an alert that is routed nowhere
/// would be an alert that is never told.
fn root() -> YamlNode {
    let route = |receiver: &str, matcher: String| {
        vec![("receiver", YamlNode::text(receiver)), ("matchers", YamlNode::texts([matcher]))]
    };
    let mut watchdog = route(HEARTBEAT, is("alertname", WATCHDOG));
    watchdog.extend([
        ("group_wait", YamlNode::text("0s")),
        ("group_interval", YamlNode::text("1m")),
        ("repeat_interval", YamlNode::text("1m")),
    ]);
    let routes = [watchdog, route(PAGER, is("severity", "critical")), route(CHAT, is("severity", "warning"))];
    YamlNode::Map(vec![
        ("receiver", YamlNode::text(CHAT)),
        ("group_by", YamlNode::texts(["cluster", "alertname"])),
        ("group_wait", YamlNode::text("30s")),
        ("group_interval", YamlNode::text("5m")),
        ("repeat_interval", YamlNode::text("4h")),
        ("routes", YamlNode::List(routes.into_iter().map(YamlNode::Map).collect())),
    ])
}

fn pager() -> YamlNode {
    let first = "{{ (index .Alerts 0).Annotations.";
    let link = YamlNode::Map(vec![
        ("href", YamlNode::text(format!("{first}runbook_url }}}}"))),
        ("text", YamlNode::text("Runbook")),
    ]);
    let details = [
        ("alerts", LIST.to_owned()),
        ("description", format!("{first}description }}}}")),
        ("description_fr", format!("{first}description_fr }}}}")),
        ("firing", "{{ len .Alerts.Firing }}".to_owned()),
        ("resolved", "{{ len .Alerts.Resolved }}".to_owned()),
    ];
    let details = details.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    let title =
        format!("{first}summary }}}}{{{{ if gt (len .Alerts) 1 }}}} ({{{{ len .Alerts }}}} alerts){{{{ end }}}}");
    receiver(
        PAGER,
        "pagerduty_configs",
        vec![
            ("routing_key_file", YamlNode::text("/etc/alertmanager/pagerduty.key")),
            ("send_resolved", YamlNode::Flag(true)),
            ("severity", YamlNode::text("{{ .CommonLabels.severity }}")),
            ("class", YamlNode::text("{{ .GroupLabels.alertname }}")),
            ("group", YamlNode::text("{{ .GroupLabels.cluster }}")),
            ("client", YamlNode::text("SQAL")),
            ("description", YamlNode::text(title)),
            ("details", YamlNode::Labels(details)),
            ("links", YamlNode::List(vec![link])),
        ],
    )
}

fn chat() -> YamlNode {
    let title = "[{{ .Status | toUpper }}: {{ len .Alerts }}] {{ .GroupLabels.alertname }} {{ .GroupLabels.cluster }}";
    let page = "Runbook: {{ (index .Alerts 0).Annotations.runbook_url }}";
    receiver(
        CHAT,
        "slack_configs",
        vec![
            ("api_url_file", YamlNode::text("/etc/alertmanager/slack.url")),
            ("channel", YamlNode::text("#sqal")),
            ("send_resolved", YamlNode::Flag(true)),
            ("title", YamlNode::text(title)),
            ("text", YamlNode::text(format!("{LIST}{page}"))),
        ],
    )
}

fn heartbeat() -> YamlNode {
    let entries = vec![
        ("url", YamlNode::text("https://heartbeat.example/sqal")),
        // A dead man's switch is not told that it may rest.
        ("send_resolved", YamlNode::Flag(false)),
    ];
    receiver(HEARTBEAT, "webhook_configs", entries)
}

fn receiver(name: &str, kind: &'static str, settings: Vec<(&'static str, YamlNode)>) -> YamlNode {
    let settings = YamlNode::List(vec![YamlNode::Map(settings)]);
    YamlNode::Map(vec![("name", YamlNode::text(name)), (kind, settings)])
}

fn inhibit_rules() -> YamlNode {
    // A critical alert explains the warning of its own name on the same server, device or route.
    let by_severity = inhibit_rule(vec![is("severity", "critical")], vec![is("severity", "warning")], &OF_ONE_NAME);
    let inhibitions = inhibitions();
    let rules = inhibitions.iter().map(|inhibition| {
        let Inhibition { source, severity, targets, only, equal } = inhibition;
        let mut wanted = if targets.is_empty() {
            vec![format!("alertname != {source:?}")]
        } else {
            vec![one_of("alertname", targets)]
        };
        wanted.extend(only.map(|(label, values)| one_of(label, values)));
        let mut explaining = vec![is("alertname", source)];
        explaining.extend(severity.map(|severity| is("severity", severity.as_str())));
        inhibit_rule(explaining, wanted, equal)
    });
    YamlNode::List(rules.chain([by_severity]).collect())
}

fn inhibit_rule(source: Vec<String>, targets: Vec<String>, equal: &[&str]) -> YamlNode {
    YamlNode::Map(vec![
        ("source_matchers", YamlNode::texts(source)),
        ("target_matchers", YamlNode::texts(targets)),
        ("equal", YamlNode::texts(equal.iter().copied())),
    ])
}

/// A matcher of Alertmanager. The names of alerts and the values of labels that stand here are
/// words of the catalogue, which need no escape.
fn is(label: &str, value: &str) -> String {
    format!("{label} = \"{value}\"")
}

fn one_of(label: &str, values: &[&str]) -> String {
    match values {
        [value] => is(label, value),
        values => format!("{label} =~ \"{}\"", values.join("|")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::ERROR_BUDGET_BURN;

    fn file() -> serde_json::Value {
        serde_saphyr::from_str(&alertmanager()).unwrap()
    }

    #[test]
    fn alr_08_critical_alerts_go_to_the_pager_and_warnings_to_the_chat() {
        let route = &file()["route"];
        assert_eq!(route["group_by"], serde_json::json!(["cluster", "alertname"]));
        let routes: Vec<_> = route["routes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|route| {
                (route["matchers"][0].as_str().unwrap().to_owned(), route["receiver"].as_str().unwrap().to_owned())
            })
            .collect();
        let wanted = [
            ("alertname = \"Watchdog\"", "heartbeat"),
            ("severity = \"critical\"", "pagerduty"),
            ("severity = \"warning\"", "slack"),
        ];
        assert_eq!(routes, wanted.map(|(matcher, receiver)| (matcher.to_owned(), receiver.to_owned())));
    }

    #[test]
    fn no_secret_stands_in_the_file() {
        let text = alertmanager();
        for key in ["routing_key:", "service_key:", "api_url:", "password:"] {
            assert!(!text.contains(key), "{key}");
        }
    }

    #[test]
    fn every_inhibition_of_the_catalogue_is_written() {
        let rules = file()["inhibit_rules"].as_array().unwrap().clone();
        assert_eq!(rules.len(), inhibitions().len() + 1);
        let of_budget: Vec<_> = rules
            .iter()
            .filter(|rule| rule["target_matchers"][0].as_str().unwrap().contains(ERROR_BUDGET_BURN))
            .collect();
        let sources: Vec<_> = of_budget.iter().map(|rule| &rule["source_matchers"]).collect();
        assert_eq!(
            sources,
            [
                &serde_json::json!(["alertname = \"DiskNearlyFull\"", "severity = \"critical\""]),
                &serde_json::json!(["alertname = \"CircuitBreakerOpen\""]),
            ]
        );
        assert!(of_budget.iter().all(|rule| rule["equal"] == serde_json::json!(["cluster"])));
    }
}

//! [`prometheus`]: alert rules and objectives as a file of rules for Prometheus.

use std::fmt::Write as _;
use std::time::Duration;

use sqal_work::outbox::Language;

use super::RunbookBase;
use super::yaml::YamlNode;
use crate::catalogue::{WATCHDOG, WATCHDOG_RUNBOOK, outside};
use crate::objective::{Objective, RateWindow, Recording, UnreachableBurnError};
use crate::query::is_label_name;
use crate::rule::AlertRule;
use crate::station::Cause;
use crate::words::Words;

/// What stands on top of the file.
const HEAD: &str = "\
# Alert rules and objectives of SQAL, for Prometheus 2.42 and later: `rule_files: [alerts-slo.yml]`.
#
# Written by `sqal alerts generate`: it replaces what is changed here. What fires and what must not is in tests/.
";

/// The time between evaluations of an objective. Its shortest window has 5 minutes.
const OF_OBJECTIVES: &str = "1m";

/// The time between evaluations of what is read over 30 days: 43 200 points of each series. It is
/// below the 5 minutes after which Prometheus takes a series for gone.
const OF_PERIODS: &str = "2m";

/// A file of rules: those of the objectives with what they record, the given rules, those that
/// only a Prometheus can evaluate ([`outside`]), and [`WATCHDOG`].
///
/// ```
/// use sqal_alerts::catalogue;
/// use sqal_alerts::generate::{RunbookBase, prometheus};
/// use sqal_alerts::objective;
///
/// let (rules, objectives) = (catalogue::documented(), objective::documented());
/// let file = prometheus(&rules, &objectives, &RunbookBase::default())?;
/// assert!(file.contains("- alert: HighErrorRate\n"));
/// assert!(file.contains("runbook_url: docs/runbook/high-error-rate.md\n"));
/// # Ok::<(), objective::UnreachableBurnError>(())
/// ```
///
/// # Errors
///
/// [`UnreachableBurnError`] if an objective asks for a burn rate that it can never reach.
pub fn prometheus(
    rules: &[AlertRule],
    objectives: &[Objective],
    runbook: &RunbookBase,
) -> Result<String, UnreachableBurnError> {
    let alerts = |rules: &[AlertRule]| rules.iter().map(|rule| alert(rule, runbook)).collect::<Vec<_>>();
    let mut groups = Vec::new();
    for objective in objectives {
        let name = format!("sqal-objective-{}", objective.id());
        let is_of_period = |recording: &Recording| recording.query.longest() > RateWindow::D3.length();
        let (period, recent): (Vec<_>, Vec<_>) = objective.recordings().into_iter().partition(is_of_period);
        // In one group, because its rules are evaluated in their order: alerts read what was
        // recorded before them.
        let mut nodes: Vec<_> = recent.iter().map(record).collect();
        nodes.extend(alerts(&objective.rules()?));
        groups.push(group(&name, Some(OF_OBJECTIVES), nodes));
        groups.push(group(&format!("{name}-period"), Some(OF_PERIODS), period.iter().map(record).collect()));
    }
    groups.push(group("sqal-alerts", None, alerts(rules)));
    let mut nodes = alerts(&outside());
    nodes.push(watchdog(runbook));
    groups.push(group("sqal-outside", None, nodes));
    let file = YamlNode::Map(vec![("groups", YamlNode::List(groups))]);
    Ok(format!("{HEAD}{}", file.to_yaml()))
}

/// A group of rules, with the time between its evaluations if it is not that of the configuration.
fn group(name: &str, interval: Option<&str>, rules: Vec<YamlNode>) -> YamlNode {
    let mut entries = vec![("name", YamlNode::text(name))];
    entries.extend(interval.map(|interval| ("interval", YamlNode::text(interval))));
    entries.push(("rules", YamlNode::List(rules)));
    YamlNode::Map(entries)
}

fn record(recording: &Recording) -> YamlNode {
    let labels = recording.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    YamlNode::Map(vec![
        ("record", YamlNode::text(&recording.record)),
        ("expr", YamlNode::text(recording.query.promql())),
        ("labels", YamlNode::Labels(labels)),
    ])
}

fn alert(rule: &AlertRule, runbook: &RunbookBase) -> YamlNode {
    let mut entries =
        vec![("alert", YamlNode::text(rule.name().as_str())), ("expr", YamlNode::text(rule.query().promql()))];
    let hold = rule.hold();
    for (key, time) in [("for", hold.before), ("keep_firing_for", hold.after)] {
        if !time.is_zero() {
            entries.push((key, YamlNode::text(duration(time))));
        }
    }
    let mut labels = vec![("severity".to_owned(), rule.severity().as_str().to_owned())];
    labels.extend(rule.labels().iter().map(|(name, value)| (name.clone(), value.clone())));
    entries.push(("labels", YamlNode::Labels(labels)));
    entries.push(("annotations", annotations(rule.summary(), rule.description(), &runbook.page(rule.runbook()))));
    YamlNode::Map(entries)
}

/// The alert that always fires. It is no [`AlertRule`], because it has neither severity: it tells
/// the service outside of the plant that Prometheus and Alertmanager work.
fn watchdog(runbook: &RunbookBase) -> YamlNode {
    let summary = Words::new("Prometheus evaluates its rules", "Prometheus évalue ses règles");
    let description = Words::new(
        "This alert always fires. If it no longer arrives, no other alert does.",
        "Cette alerte est toujours active. Si elle n'arrive plus, aucune autre n'arrive.",
    );
    YamlNode::Map(vec![
        ("alert", YamlNode::text(WATCHDOG)),
        ("expr", YamlNode::text("vector(1)")),
        ("labels", YamlNode::Labels(vec![("severity".to_owned(), "none".to_owned())])),
        ("annotations", annotations(&summary, &description, &runbook.page(WATCHDOG_RUNBOOK))),
    ])
}

fn annotations(summary: &Words, description: &Words, page: &str) -> YamlNode {
    let text = |words: &Words, language| YamlNode::text(template(&words.text(language), language));
    YamlNode::Map(vec![
        ("summary", text(summary, Language::English)),
        ("description", text(description, Language::English)),
        ("summary_fr", text(summary, Language::French)),
        ("description_fr", text(description, Language::French)),
        ("runbook_url", YamlNode::text(page)),
    ])
}

/// A text of a language with its placeholders as templates of Prometheus. What Prometheus would
/// take for the beginning of a template is written as a text in one.
fn template(words: &str, language: Language) -> String {
    let literal = |text: &str| text.replace("{{", "{{ \"{{\" }}");
    let (mut rest, mut written) = (words, String::new());
    while let Some((before, after)) = rest.split_once('{') {
        written.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            rest = &rest[before.len()..];
            break;
        };
        match name {
            "cause" => written.push_str(&name_of_cause(language)),
            "value" => written.push_str("{{ $value | printf \"%.4g\" }}"),
            "value:count" => written.push_str("{{ $value | printf \"%.0f\" }}"),
            "value:bytes" => {
                written.push_str("{{ $value | humanize1024 }}");
                written.push_str(if language == Language::French { "o" } else { "B" });
            }
            name if is_label_name(name) => {
                // Writing to a `String` does not fail.
                let _ = write!(written, "{{{{ $labels.{name} }}}}");
            }
            name => written.push_str(&literal(&["{", name, "}"].concat())),
        }
        rest = behind;
    }
    written.push_str(&literal(rest));
    written
}

/// A template for the name of the cause that stands in the label `cause`. A value that is none of
/// the causes is shown as it is.
fn name_of_cause(language: Language) -> String {
    let mut written = String::from("{{ ");
    for cause in Cause::ALL {
        let name = cause.words();
        // Writing to a `String` does not fail.
        let _ = write!(written, "if eq $labels.cause \"{cause}\" }}}}{}{{{{ else ", name.text(language));
    }
    written.push_str("}}{{ $labels.cause }}{{ end }}");
    written
}

/// A time in the largest unit that leaves nothing over: `75m`, `1h`, `90s`.
fn duration(time: Duration) -> String {
    let millis = time.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(length, _)| millis.is_multiple_of(*length));
    let (length, name) = unit.unwrap_or((1, "ms"));
    format!("{}{name}", millis / length)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::documented;
    use crate::query::Query;
    use crate::rule::{Hold, Severity};

    fn file(rules: &[AlertRule]) -> serde_json::Value {
        let text = prometheus(rules, &[], &RunbookBase::new("https://a.example").unwrap()).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    }

    #[test]
    fn a_rule_is_written_with_all_that_it_says() {
        let rule = AlertRule::new(
            "A",
            Severity::Critical,
            Query::Number(1.0),
            Hold::minutes(75).keeping(5),
            Words::new("{device}: {value}", "{device} : {value}"),
            Words::new("l'eau: 5 %", "\"x\""),
            "a",
        );
        let rule = rule.unwrap().labelled("window", "1h").unwrap();
        let wanted = serde_json::json!({
            "alert": "A",
            "expr": "vector(1)",
            "for": "75m",
            "keep_firing_for": "5m",
            "labels": { "severity": "critical", "window": "1h" },
            "annotations": {
                "summary": "{{ $labels.device }}: {{ $value | printf \"%.4g\" }}",
                "summary_fr": "{{ $labels.device }}\u{a0}: {{ $value | printf \"%.4g\" }}",
                "description": "l'eau: 5 %",
                "description_fr": "\"x\"",
                "runbook_url": "https://a.example/a.md",
            },
        });
        assert_eq!(file(&[rule])["groups"][0]["rules"][0], wanted);
    }

    #[test]
    fn every_rule_stands_once_beside_those_of_prometheus_alone() {
        let rules = documented();
        let file = file(&rules);
        let count = |group: usize| file["groups"][group]["rules"].as_array().unwrap().len();
        assert_eq!((count(0), count(1)), (rules.len(), outside().len() + 1));
    }

    #[test]
    fn the_objectives_record_before_they_alert_and_groups_have_different_names() {
        let objectives = crate::objective::documented();
        let text = prometheus(&[], &objectives, &RunbookBase::default()).unwrap();
        let file: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let groups = file["groups"].as_array().unwrap();
        let names: BTreeSet<_> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();
        assert_eq!((names.len(), groups.len()), (2 * objectives.len() + 2, 2 * objectives.len() + 2));
        for pair in groups.chunks_exact(2).take(objectives.len()) {
            let [alerts, period] = [0, 1].map(|group: usize| {
                let rules = pair[group]["rules"].as_array().unwrap();
                rules.iter().map(|rule| rule.get("alert").is_some()).collect::<Vec<_>>()
            });
            assert!(alerts.is_sorted() && alerts.contains(&true) && alerts.contains(&false), "{}", pair[0]["name"]);
            assert_eq!(period, [false; 3], "{}: of 30 days are the share, the burn rate and the rest", pair[1]["name"]);
        }
    }

    #[test]
    fn a_text_of_a_plant_is_no_template_of_its_own() {
        for (words, written) in [
            ("{{ $externalURL }}", "{{ \"{{\" }} $externalURL }}"),
            ("{{{a}}}", "{{ \"{{\" }}{a}}}"),
            ("{a b} {1} {", "{a b} {1} {"),
            ("{{ {a}", "{{ \"{{\" }} {a}"),
            ("{{", "{{ \"{{\" }}"),
        ] {
            assert_eq!(template(words, Language::French), written);
        }
    }

    #[test]
    fn a_count_is_written_as_a_whole_number_and_memory_in_its_unit() {
        let words = Words::new("{value:count} of {value:bytes}", "{value:count} : {value:bytes}");
        for (language, between, byte) in [(Language::English, " of ", "B"), (Language::French, "\u{a0}: ", "o")] {
            let wanted = format!("{{{{ $value | printf \"%.0f\" }}}}{between}{{{{ $value | humanize1024 }}}}{byte}");
            assert_eq!(template(&words.text(language), language), wanted);
        }
    }

    #[test]
    fn every_cause_of_a_fault_is_written_by_its_name() {
        for language in [Language::English, Language::French] {
            let written = template("({cause})", language);
            for cause in Cause::ALL {
                let name = cause.words();
                let branch = format!("if eq $labels.cause \"{cause}\" }}}}{}{{{{ else ", name.text(language));
                assert!(written.contains(&branch), "{written}: {branch}");
            }
            assert!(written.starts_with("({{ if ") && written.ends_with("{{ else }}{{ $labels.cause }}{{ end }})"));
            assert_eq!((written.matches("{{").count(), written.matches("}}").count()), (12, 12), "{written}");
        }
    }

    #[test]
    fn a_time_is_written_in_one_unit() {
        for (millis, text) in [(4_500_000, "75m"), (3_600_000, "1h"), (90_000, "90s"), (1_001, "1001ms")] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }

    proptest! {
        /// After every `{{` of a template that is not ours stands a text that Prometheus prints.
        #[test]
        fn every_template_is_one_of_ours(words in "[{}1 ]{0,6}(\\{a\\})?[{}1 ]{0,6}") {
            let template = template(&words, Language::English);
            let written = template.replace("{{ \"{{\" }}", "").replace("{{ $labels.a }}", "");
            prop_assert!(!written.contains("{{"), "{} gives {}", words, template);
        }
    }
}

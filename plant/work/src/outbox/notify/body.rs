//! [`body`]: a notice in the JSON that its channel wants.

use serde::Serialize;

use super::channel::Form;
use super::notice::{Incident, IncidentAction, Notice};
use crate::outbox::headline::Severity;
use crate::outbox::language::Language;
use crate::wall::rfc3339;

/// A notice as our own JSON. Members are only ever added.
#[derive(Serialize)]
struct Plain<'a> {
    id: &'a str,
    title: &'a str,
    text: &'a str,
    severity: Severity,
    source: &'a str,
    link: Option<&'a str>,
    incident: Option<&'a Incident>,
    timestamp: String,
    language: Language,
}

/// A message of Slack's incoming webhooks.
#[derive(Serialize)]
struct Slack {
    text: String,
}

/// An event of the Events API v2 of `PagerDuty`.
#[derive(Serialize)]
struct PagerDuty<'a> {
    routing_key: &'a str,
    event_action: IncidentAction,
    dedup_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link<'a>>,
}

#[derive(Serialize)]
struct Payload<'a> {
    summary: &'a str,
    source: &'a str,
    severity: Severity,
    timestamp: String,
    custom_details: Details<'a>,
}

#[derive(Serialize)]
struct Details<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct Link<'a> {
    href: &'a str,
    text: &'a str,
}

/// The body of a notice. `id` names the message, and is the `dedup_key` of a notice without an
/// incident.
///
/// # Errors
///
/// The error of JSON, which texts and numbers never give.
pub(super) fn body(form: &Form, notice: &Notice, id: &str) -> Result<String, serde_json::Error> {
    match form {
        Form::Json(_) => serde_json::to_string(&Plain {
            id,
            title: notice.title(),
            text: notice.as_text(),
            severity: notice.severity(),
            source: notice.source(),
            link: notice.as_link(),
            incident: notice.incident(),
            timestamp: rfc3339(notice.at()),
            language: notice.language(),
        }),
        Form::Slack => serde_json::to_string(&Slack { text: slack_text(notice) }),
        Form::PagerDuty(routing_key) => serde_json::to_string(&pager_duty(notice, id, routing_key.expose())),
    }
}

/// The text of a notice in Slack's markup, in which `&`, `<` and `>` are escaped.
fn slack_text(notice: &Notice) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let state = state(notice);
    let mut text = format!("*[{state}]* {} ({})", escaped(notice.title()), escaped(notice.source()));
    if !notice.as_text().is_empty() {
        text.push('\n');
        text.push_str(&escaped(notice.as_text()));
    }
    if let Some(link) = notice.as_link() {
        text.push_str("\n<");
        text.push_str(&escaped(link));
        text.push('>');
    }
    text
}

/// What has become of the incident of a notice, or else how serious it is, in its language.
fn state(notice: &Notice) -> &'static str {
    match (notice.incident().map(Incident::action), notice.language()) {
        (Some(IncidentAction::Resolve), Language::English) => "resolved",
        (Some(IncidentAction::Resolve), Language::French) => "fin",
        (Some(IncidentAction::Acknowledge), Language::English) => "acknowledged",
        (Some(IncidentAction::Acknowledge), Language::French) => "acquittement",
        (Some(IncidentAction::Trigger) | None, Language::English) => notice.severity().as_str(),
        (Some(IncidentAction::Trigger) | None, Language::French) => match notice.severity() {
            Severity::Info => "information",
            Severity::Warning => "avertissement",
            Severity::Error => "erreur",
            Severity::Critical => "critique",
        },
    }
}

fn pager_duty<'a>(notice: &'a Notice, id: &'a str, routing_key: &'a str) -> PagerDuty<'a> {
    let (event_action, dedup_key) =
        notice.incident().map_or((IncidentAction::Trigger, id), |incident| (incident.action(), incident.key()));
    let is_trigger = event_action == IncidentAction::Trigger;
    let payload = is_trigger.then(|| Payload {
        summary: notice.title(),
        source: notice.source(),
        severity: notice.severity(),
        timestamp: rfc3339(notice.at()),
        custom_details: Details { text: notice.as_text() },
    });
    let link = notice.as_link().filter(|_| is_trigger).map(|href| Link { href, text: notice.title() });
    PagerDuty { routing_key, event_action, dedup_key, payload, links: link.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sqal_core::Timestamp;

    use super::*;
    use crate::outbox::secret::Secret;

    fn notice() -> Notice {
        let at = Timestamp::from_micros(1_729_983_600_000_000).unwrap();
        let notice = Notice::new("A < B & \"C\"", "station 3", Severity::Critical, Language::English, at).unwrap();
        notice.text("Two\nlines").unwrap().link("https://sqal.example/3?a=b&c=d").unwrap()
    }

    fn incident(action: IncidentAction) -> Notice {
        notice().of(Incident::new(action, "station 3 silent").unwrap())
    }

    fn written(form: &Form, notice: &Notice) -> Value {
        serde_json::from_str(&body(form, notice, "0123").unwrap()).unwrap()
    }

    #[test]
    fn our_own_json_has_every_member() {
        let expected = json!({
            "id": "0123", "title": "A < B & \"C\"", "text": "Two\nlines", "severity": "critical", "source": "station 3",
            "link": "https://sqal.example/3?a=b&c=d", "incident": {"action": "trigger", "key": "station 3 silent"},
            "timestamp": "2024-10-26T23:00:00Z", "language": "en",
        });
        assert_eq!(written(&Form::Json(None), &incident(IncidentAction::Trigger)), expected);
    }

    #[test]
    fn slack_gets_its_three_signs_escaped_and_a_link() {
        let text = "*[critical]* A &lt; B &amp; \"C\" (station 3)\nTwo\nlines\n<https://sqal.example/3?a=b&amp;c=d>";
        assert_eq!(written(&Form::Slack, &notice()), json!({ "text": text }));
        let resolved = written(&Form::Slack, &incident(IncidentAction::Resolve));
        assert!(resolved["text"].as_str().unwrap().starts_with("*[resolved]* "), "{resolved}");
    }

    #[test]
    fn slack_gets_the_state_in_the_language_of_the_notice() {
        let at = Timestamp::from_micros(1_729_983_600_000_000).unwrap();
        let of = |severity| Notice::new("POSTE3 est muet", "POSTE3", severity, Language::French, at).unwrap();
        let with = |action| of(Severity::Warning).of(Incident::new(action, "POSTE3 muet").unwrap());
        for (notice, state) in [
            (of(Severity::Info), "information"),
            (of(Severity::Error), "erreur"),
            (of(Severity::Critical), "critique"),
            (with(IncidentAction::Trigger), "avertissement"),
            (with(IncidentAction::Acknowledge), "acquittement"),
            (with(IncidentAction::Resolve), "fin"),
        ] {
            let text = format!("*[{state}]* POSTE3 est muet (POSTE3)");
            assert_eq!(written(&Form::Slack, &notice), json!({ "text": text }));
        }
    }

    #[test]
    fn pager_duty_gets_one_dedup_key_for_all_actions_of_an_incident() {
        let form = Form::PagerDuty(Secret::new("R".repeat(32)));
        let triggered = written(&form, &incident(IncidentAction::Trigger));
        let expected = json!({
            "routing_key": "R".repeat(32), "event_action": "trigger", "dedup_key": "station 3 silent",
            "payload": {
                "summary": "A < B & \"C\"", "source": "station 3", "severity": "critical",
                "timestamp": "2024-10-26T23:00:00Z", "custom_details": {"text": "Two\nlines"},
            },
            "links": [{"href": "https://sqal.example/3?a=b&c=d", "text": "A < B & \"C\""}],
        });
        assert_eq!(triggered, expected);
        for (action, word) in [(IncidentAction::Acknowledge, "acknowledge"), (IncidentAction::Resolve, "resolve")] {
            let expected =
                json!({"routing_key": "R".repeat(32), "event_action": word, "dedup_key": "station 3 silent"});
            assert_eq!(written(&form, &incident(action)), expected);
        }
        assert_eq!(written(&form, &notice())["dedup_key"], "0123");
    }
}

//! [`Teller`]: makes messages of a telling, for every way to each of its receivers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use sqal_core::{Name, Timestamp};
use sqal_storage::{StorageError, StorageErrorKind};
use sqal_work::outbox::mail::{InvalidLetter, InvalidRecipients, Letter, MailAddress, MailMessage, Subject};
use sqal_work::outbox::notify::{ChannelName, Incident, IncidentAction, InvalidNotice, Notice};
use sqal_work::outbox::webhook::{EventType, InvalidEvent, WebhookEvent};
use sqal_work::outbox::{self, DedupeKey, Language, Message, Outbox};

use super::plan::NotifyPlan;
use super::sentences::{one_line, text, title};
use super::telling::{Telling, TellingKind};
use super::view::AlertView;
use crate::rule::Severity;
use crate::times::rfc3339;
use crate::words::Words;

/// The longest source of a notice, in characters.
const LONGEST_SOURCE: usize = 100;

/// Makes messages of tellings and sends them.
///
/// Each destination gets a telling once, also if two receivers name it, if two servers send it, or
/// if a server sends it again after a crash: all messages of a telling have one key.
///
/// | kind | mail, notice | `event_action` at a pager | type of the webhook event |
/// |---|---|---|---|
/// | [`Trigger`](TellingKind::Trigger) | yes | `trigger` | `alert.triggered` |
/// | [`Escalation`](TellingKind::Escalation) | yes | `trigger` | `alert.triggered` |
/// | [`Reminder`](TellingKind::Reminder) | yes | `trigger` | `alert.triggered` |
/// | [`Acknowledge`](TellingKind::Acknowledge) | yes | `acknowledge` | `alert.acknowledged` |
/// | [`Resolve`](TellingKind::Resolve) | yes | `resolve` | `alert.resolved` |
#[derive(Clone, Debug)]
pub struct Teller {
    plan: Arc<NotifyPlan>,
}

/// A telling of which no message can be made. The bounds of tellings leave no such telling; if one
/// comes up all the same, it is logged, and the other messages are sent.
#[derive(Debug, thiserror::Error)]
enum InvalidMessage {
    #[error(transparent)]
    Letter(#[from] InvalidLetter),
    #[error(transparent)]
    Recipients(#[from] InvalidRecipients),
    #[error(transparent)]
    Notice(#[from] InvalidNotice),
    #[error(transparent)]
    Event(#[from] InvalidEvent),
}

/// The data of a webhook event. It names no person. Members are only ever added.
#[derive(Serialize)]
struct EventData<'a> {
    incident: &'a str,
    kind: TellingKind,
    severity: Severity,
    labels: &'a BTreeMap<String, String>,
    opened: String,
    count: usize,
    alerts: Vec<EventAlert<'a>>,
    link: String,
}

#[derive(Serialize)]
struct EventAlert<'a> {
    key: &'a str,
    alertname: &'a str,
    severity: Severity,
    labels: &'a BTreeMap<String, String>,
    summary: Words,
    value: Option<f64>,
    began: String,
    resolved: Option<String>,
    acknowledged: bool,
    runbook: String,
}

impl Teller {
    /// A teller that knows the receivers of a plan.
    #[must_use]
    pub fn new(plan: impl Into<Arc<NotifyPlan>>) -> Self {
        Self { plan: plan.into() }
    }

    /// The key of all messages of a telling.
    #[must_use]
    pub fn dedupe_key(telling: &Telling) -> DedupeKey {
        let (incident, kind, at) = (&telling.incident_key, telling.kind.as_str(), telling.at.micros());
        // The key of an incident is 32 hexadecimal digits; one that was altered in the database may
        // be anything, and still makes a key.
        let key = format!("alert {incident} {kind} {at}");
        Name::new(&key)
            .or_else(|_| Name::new(&format!("alert {kind} {at}")))
            .unwrap_or_else(|_| unreachable!("the word of a kind and a number are printable and short"))
    }

    /// The messages of a telling: a letter and a notice for each address and channel of its
    /// receivers, and one event if one of them has the webhooks. A receiver that is no longer in
    /// the plan gets none.
    #[must_use]
    pub fn messages(&self, telling: &Telling) -> Vec<Message> {
        let mut made: Vec<Result<Message, InvalidMessage>> = Vec::new();
        let mut has_webhook = false;
        for name in &telling.to {
            let Some(receiver) = self.plan.receivers().get(name) else {
                tracing::warn!(receiver = %name, "an alert was told to a receiver that is no longer in the plan");
                continue;
            };
            let language = receiver.language().unwrap_or(self.plan.language());
            if !receiver.mail().is_empty() {
                made.push(self.mail(receiver.mail(), telling, language));
            }
            made.extend(receiver.notice().iter().map(|channel| self.notice(channel, telling, language)));
            has_webhook |= receiver.has_webhook();
        }
        if has_webhook {
            made.push(self.event(telling));
        }
        let log = |error: &InvalidMessage| {
            let incident = telling.incident_key.as_str();
            tracing::error!(incident, error = %error, "a message about an alert cannot be made");
        };
        made.into_iter().filter_map(|message| message.inspect_err(log).ok()).collect()
    }

    /// Sends the messages of a telling. It can be called again, and sends each of them once.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the outbox cannot take a message at the moment. A message that the store
    /// refuses for good is logged.
    pub async fn tell(&self, outbox: &Outbox, telling: &Telling, now: Timestamp) -> Result<(), StorageError> {
        let key = Self::dedupe_key(telling);
        for message in self.messages(telling) {
            match outbox.send(&message, &key, now).await {
                Err(error) if error.kind == StorageErrorKind::Refused => {
                    let incident = telling.incident_key.as_str();
                    tracing::error!(incident, error = %error, "the store has refused a message about an alert");
                }
                sent => drop(sent?),
            }
        }
        Ok(())
    }

    fn mail(&self, to: &[MailAddress], telling: &Telling, language: Language) -> Result<Message, InvalidMessage> {
        let severity = match (telling.severity(), language) {
            (Severity::Critical, Language::English) => "critical",
            (Severity::Critical, Language::French) => "critique",
            (Severity::Warning, Language::English) => "warning",
            (Severity::Warning, Language::French) => "avertissement",
        };
        let subject: Subject = format!("[{severity}] {}", title(telling, language)).parse()?;
        let letter = Letter::new(subject, text(telling, &self.plan, language), language)?;
        Ok(MailMessage::new(to.iter().cloned(), letter)?.into())
    }

    fn notice(&self, channel: &ChannelName, telling: &Telling, language: Language) -> Result<Message, InvalidMessage> {
        let (action, severity) = match (telling.kind, telling.severity()) {
            (TellingKind::Acknowledge, _) => (IncidentAction::Acknowledge, outbox::Severity::Info),
            (TellingKind::Resolve, _) => (IncidentAction::Resolve, outbox::Severity::Info),
            (_, Severity::Warning) => (IncidentAction::Trigger, outbox::Severity::Warning),
            (_, Severity::Critical) => (IncidentAction::Trigger, outbox::Severity::Critical),
        };
        let notice = Notice::new(&title(telling, language), &source(telling), severity, language, telling.at)?
            .text(&text(telling, &self.plan, language))?
            .link(&self.plan.alerts_url())?
            .of(Incident::new(action, &telling.incident_key)?);
        Ok(Message::Notice { channel: channel.clone(), notice })
    }

    fn event(&self, telling: &Telling) -> Result<Message, InvalidMessage> {
        let kind: EventType = match telling.kind {
            TellingKind::Trigger | TellingKind::Escalation | TellingKind::Reminder => "alert.triggered",
            TellingKind::Acknowledge => "alert.acknowledged",
            TellingKind::Resolve => "alert.resolved",
        }
        .parse()?;
        let data = EventData {
            incident: &telling.incident_key,
            kind: telling.kind,
            severity: telling.severity(),
            labels: &telling.labels,
            opened: rfc3339(telling.opened),
            count: telling.count,
            alerts: telling.alerts.iter().map(|alert| self.event_alert(alert)).collect(),
            link: self.plan.alerts_url(),
        };
        Ok(WebhookEvent::new(kind, telling.at, &data)?.into())
    }

    fn event_alert<'a>(&self, alert: &'a AlertView) -> EventAlert<'a> {
        let filled = |language| alert.summary.filled(language, &alert.labels, alert.value);
        EventAlert {
            key: &alert.key,
            alertname: &alert.alertname,
            severity: alert.severity,
            labels: &alert.labels,
            summary: Words { en: filled(Language::English), fr: filled(Language::French) },
            value: alert.value,
            began: rfc3339(alert.began),
            resolved: alert.resolved.map(rfc3339),
            acknowledged: alert.is_acknowledged(),
            runbook: self.plan.runbook_url(&alert.runbook),
        }
    }
}

/// What a notice is about: the device of its one alert, or its server.
fn source(telling: &Telling) -> String {
    let label = match telling.alerts.as_slice() {
        [alert] => alert.label("device").or_else(|| alert.label("instance")),
        _ => None,
    };
    let source = one_line(label.unwrap_or_default(), LONGEST_SOURCE);
    if source.is_empty() { "sqal".to_owned() } else { source }
}

//! [`OutboxEvents`]: sends what happens to bugs as signed webhooks.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::Serialize;
use sqal_core::Name;
use sqal_storage::bugs::{Bug, BugStatus, BugTag};
use sqal_work::Outbox;
use sqal_work::outbox::DedupeKey;
use sqal_work::outbox::webhook::{InvalidEvent, WebhookEvent};

use crate::events::{BugEvent, BugEvents};
use crate::exchange::times::rfc3339;

/// Sends events as webhooks of the types `bug.created`, `bug.changed`, `bug.commented` and
/// `bug.regressed`.
///
/// An event is sent once, also if several servers send it: the key of its message is the id of the
/// bug with its revision, or with the id of the comment. The body names no person: neither the
/// reporter nor what people have written but the title.
#[derive(Clone, Debug)]
pub struct OutboxEvents {
    outbox: Outbox,
}

/// The data of a webhook event. Members are only ever added.
#[derive(Serialize)]
struct EventData<'a> {
    id: String,
    revision: u64,
    title: &'a str,
    status: &'static str,
    severity: &'static str,
    priority: &'static str,
    category: Option<&'a str>,
    tags: Vec<&'a str>,
    assignee: Option<&'a str>,
    source: &'static str,
    device_id: Option<&'a str>,
    firmware_version: Option<&'a str>,
    sample_id: Option<String>,
    created_at: String,
    updated_at: String,
    reopened: u32,
    by: &'a str,
    comment: Option<String>,
    group: Option<GroupData<'a>>,
    /// The status before the event.
    from: Option<&'static str>,
}

#[derive(Serialize)]
struct GroupData<'a> {
    count: u64,
    devices: u64,
    first_seen: String,
    last_seen: String,
    regressed_in: Option<&'a str>,
}

impl OutboxEvents {
    /// Sends to the endpoints of an outbox.
    #[must_use]
    pub const fn new(outbox: Outbox) -> Self {
        Self { outbox }
    }
}

#[async_trait]
impl BugEvents for OutboxEvents {
    async fn tell(&self, event: BugEvent) {
        match webhook(&event) {
            Ok(webhook) => {
                if let Err(error) = self.outbox.send(&webhook.into(), &dedupe_key(&event), event.at).await {
                    tracing::error!(bug = %event.bug.id, error = %error, "the event of a bug cannot be sent: the outbox has not taken it");
                }
            }
            Err(error) => tracing::error!(bug = %event.bug.id, error = %error, "the event of a bug cannot be made"),
        }
    }
}

/// The key under which an event is sent once. Comments leave the revision of a bug as it is, so
/// that their events have keys of their own.
fn dedupe_key(event: &BugEvent) -> DedupeKey {
    let (id, revision) = (event.bug.id, event.bug.revision);
    let key = match event.comment {
        Some(comment) => format!("bug {id} comment {comment}"),
        None => format!("bug {id} {revision}"),
    };
    Name::new(&key).unwrap_or_else(|_| unreachable!("words, digits and hyphens are printable and short"))
}

fn webhook(event: &BugEvent) -> Result<WebhookEvent, InvalidEvent> {
    let BugEvent { kind, from, bug, by, at, comment } = event;
    let (content, links) = (&bug.content, &bug.content.links);
    let data = EventData {
        id: bug.id.to_string(),
        revision: bug.revision,
        title: &content.title,
        status: content.status.as_str(),
        severity: content.severity.as_str(),
        priority: content.priority.as_str(),
        category: content.category.as_ref().map(Name::as_str),
        tags: tags(&content.tags),
        assignee: content.assignee.as_ref().map(Name::as_str),
        source: bug.source.as_str(),
        device_id: links.device_id.as_ref().map(Name::as_str),
        firmware_version: links.firmware_version.as_ref().map(Name::as_str),
        sample_id: links.sample_id.as_ref().map(ToString::to_string),
        created_at: rfc3339(bug.created_at),
        updated_at: rfc3339(bug.updated_at),
        reopened: bug.reopened,
        by: by.as_str(),
        comment: comment.as_ref().map(ToString::to_string),
        group: group(bug),
        from: from.map(BugStatus::as_str),
    };
    WebhookEvent::new(kind.as_str().parse()?, *at, &data)
}

fn tags(tags: &BTreeSet<BugTag>) -> Vec<&str> {
    tags.iter().map(Name::as_str).collect()
}

fn group(bug: &Bug) -> Option<GroupData<'_>> {
    bug.group.as_ref().map(|group| GroupData {
        count: group.count,
        devices: group.devices,
        first_seen: rfc3339(group.first_seen),
        last_seen: rfc3339(group.last_seen),
        regressed_in: group.regressed_in.as_ref().map(Name::as_str),
    })
}

#[cfg(test)]
mod tests {
    use sqal_core::Timestamp;
    use sqal_storage::bugs::{BugGroup, BugId, BugSource, GroupKey};

    use super::*;
    use crate::events::BugEventKind;
    use crate::report::{BugFields, NewBug};

    fn event() -> BugEvent {
        let text = |text: &str| Some(text.to_owned());
        let fields = BugFields {
            title: text("Écran gelé"),
            description: text("Demandez à Marie."),
            severity: text("high"),
            priority: text("urgent"),
            tags: Some(vec!["b".to_owned(), "a".to_owned()]),
            device_id: text("POSTE3"),
            reported_by_email: text("marie@example.fr"),
            ..BugFields::default()
        };
        let new = NewBug::of(fields).unwrap();
        let at = Timestamp::from_micros(1_729_983_600_000_000).unwrap();
        let group = BugGroup {
            key: GroupKey::from_bytes([7; 32]),
            count: 3,
            first_seen: at,
            last_seen: at,
            devices: 2,
            regressed_in: Name::new("2.4.0").ok(),
            regressed_at: Some(at),
        };
        let bug = Bug {
            id: BugId::from_random([0; 16]),
            revision: 5,
            source: BugSource::Device,
            reporter: new.reporter().and_then(|_| Name::new("bug-7").ok()),
            created_at: at,
            updated_at: at,
            ended_at: None,
            reopened: 1,
            content: new.content().clone(),
            group: Some(group),
        };
        let (kind, from, by) = (BugEventKind::Regressed, Some(BugStatus::Resolved), Name::new("device").unwrap());
        BugEvent { kind, from, bug, by, at, comment: None }
    }

    /// Receivers depend on this form: members are only ever added.
    #[test]
    fn an_event_is_this_body_and_names_no_person() {
        let webhook = webhook(&event()).unwrap();
        assert_eq!(webhook.kind().as_str(), "bug.regressed");
        let expected = concat!(
            r#"{"type":"bug.regressed","timestamp":"2024-10-26T23:00:00Z","data":{"#,
            r#""id":"00000000-0000-4000-8000-000000000000","revision":5,"title":"Écran gelé","status":"open","#,
            r#""severity":"high","priority":"urgent","category":null,"tags":["a","b"],"assignee":null,"#,
            r#""source":"device","device_id":"POSTE3","firmware_version":null,"sample_id":null,"#,
            r#""created_at":"2024-10-26T23:00:00Z","updated_at":"2024-10-26T23:00:00Z","reopened":1,"#,
            r#""by":"device","comment":null,"group":{"count":3,"devices":2,"#,
            r#""first_seen":"2024-10-26T23:00:00Z","last_seen":"2024-10-26T23:00:00Z","regressed_in":"2.4.0"},"from":"resolved"}}"#,
        );
        assert_eq!(webhook.body(), expected);
    }

    #[test]
    fn each_revision_and_each_comment_has_its_own_key() {
        let event = event();
        assert_eq!(dedupe_key(&event).as_str(), "bug 00000000-0000-4000-8000-000000000000 5");
        let comment = BugEvent { comment: Some(BugId::from_random([1; 16])), ..event };
        let key = dedupe_key(&comment);
        assert!(key.as_str().ends_with(" comment 01010101-0101-4101-8101-010101010101"), "{key}");
    }
}

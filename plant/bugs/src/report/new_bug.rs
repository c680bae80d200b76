//! [`NewBug`]: a report of a bug whose values are all valid.

use std::fmt;

use sqal_storage::bugs::{BugContent, BugLinks, BugStatus, BugTag};

use super::check::{
    Faults, MOST_LINKED_BUGS, MOST_TAGS, MOST_WATCHERS, check_bug_id, check_name, check_sample_id, check_steps,
    check_text, check_title, check_word, name_limit,
};
use super::invalid::{InvalidField, Limit};
use super::person::{MailAddress, PersonName, Reporter};

/// The fields of a new bug as a client has written them. Its `Debug` shows the title alone, because
/// the fields hold personal data.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BugFields {
    /// What is wrong, in a line: 1 to 200 characters, required.
    pub title: Option<String>,
    /// What is wrong: 1 to 20 000 characters, required.
    pub description: Option<String>,
    /// How it is seen again: at most 20 000 characters.
    pub reproduction_steps: Option<String>,
    /// How bad it is: a [`BugSeverity`](sqal_storage::bugs::BugSeverity), required.
    pub severity: Option<String>,
    /// How soon it shall be worked on: a [`BugPriority`](sqal_storage::bugs::BugPriority),
    /// required.
    pub priority: Option<String>,
    /// The kind of what is wrong: at most 32 bytes.
    pub category: Option<String>,
    /// The status: `open` if it is given.
    pub status: Option<String>,
    /// Words by which it is found: at most 20, each at most 64 bytes.
    pub tags: Option<Vec<String>>,
    /// Who works on it: the name of an account, at most 100 bytes.
    pub assignee: Option<String>,
    /// Who is told of its changes: the names of at most 20 accounts.
    pub watchers: Option<Vec<String>>,
    /// The device that it is about.
    pub device_id: Option<String>,
    /// The version of the firmware: at most 32 bytes.
    pub firmware_version: Option<String>,
    /// The id of the sample that shows it.
    pub sample_id: Option<String>,
    /// The rollout that it came with: at most 100 bytes.
    pub rollout: Option<String>,
    /// The profile by which was graded: at most 100 bytes.
    pub profile: Option<String>,
    /// The id of the bug that reports this fault already.
    pub duplicate_of: Option<String>,
    /// The ids of at most 50 bugs that wait for this one.
    pub blocks: Option<Vec<String>>,
    /// The ids of at most 50 bugs that have to do with this one.
    pub relates_to: Option<Vec<String>>,
    /// The name of the person who reports it: a personal datum.
    pub reported_by: Option<String>,
    /// The mail address of the person who reports it: a personal datum.
    pub reported_by_email: Option<String>,
}

impl fmt::Debug for BugFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BugFields").field("title", &self.title).finish_non_exhaustive()
    }
}

/// A report of a bug, before it is stored. Its `Debug` does not show the reporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBug {
    content: BugContent,
    reporter: Option<Reporter>,
}

impl NewBug {
    /// Checks all fields.
    ///
    /// # Errors
    ///
    /// Every [`InvalidField`], in the order of [`BugFields`].
    pub fn of(fields: BugFields) -> Result<Self, Vec<InvalidField>> {
        let mut faults = Faults::default();
        let title = faults.required("title", fields.title, check_title);
        let description = faults.required("description", fields.description, check_text);
        let reproduction_steps = faults.optional("reproduction_steps", fields.reproduction_steps, check_steps);
        let severity = faults.required("severity", fields.severity, check_word);
        let priority = faults.required("priority", fields.priority, check_word);
        let category = faults.optional("category", fields.category, check_name);
        let status = faults.optional("status", fields.status, check_open);
        let tags = faults.list("tags", fields.tags, MOST_TAGS, check_name);
        let assignee = faults.optional("assignee", fields.assignee, check_name);
        let watchers = faults.list("watchers", fields.watchers, MOST_WATCHERS, check_name);
        let links = BugLinks {
            device_id: faults.optional("device_id", fields.device_id, check_name),
            firmware_version: faults.optional("firmware_version", fields.firmware_version, check_name),
            sample_id: faults.optional("sample_id", fields.sample_id, check_sample_id),
            rollout: faults.optional("rollout", fields.rollout, check_name),
            profile: faults.optional("profile", fields.profile, check_name),
            duplicate_of: faults.optional("duplicate_of", fields.duplicate_of, check_bug_id),
            blocks: faults.list("blocks", fields.blocks, MOST_LINKED_BUGS, check_bug_id),
            relates_to: faults.list("relates_to", fields.relates_to, MOST_LINKED_BUGS, check_bug_id),
        };
        let name = faults.optional("reported_by", fields.reported_by, check_person);
        let mail = faults.optional("reported_by_email", fields.reported_by_email, check_mail);
        let (Some(title), Some(description), Some(severity), Some(priority)) = (title, description, severity, priority)
        else {
            return Err(faults.0);
        };
        if !faults.0.is_empty() {
            return Err(faults.0);
        }
        let content = BugContent {
            title,
            description,
            reproduction_steps: reproduction_steps.unwrap_or_default(),
            severity,
            priority,
            category,
            status: status.unwrap_or(BugStatus::Open),
            tags,
            assignee,
            watchers,
            links,
        };
        Ok(Self { content, reporter: Reporter::new(name, mail) })
    }

    /// The report with one more tag; its caller has checked that there is room for it.
    pub(crate) fn tagged(mut self, tag: Option<BugTag>) -> Self {
        self.content.tags.extend(tag);
        self
    }

    /// What is reported.
    #[must_use]
    pub const fn content(&self) -> &BugContent {
        &self.content
    }

    /// The person who reports it.
    #[must_use]
    pub const fn reporter(&self) -> Option<&Reporter> {
        self.reporter.as_ref()
    }
}

fn check_open(field: &'static str, text: &str) -> Result<BugStatus, InvalidField> {
    let is_open = |status: &BugStatus| *status == BugStatus::Open;
    let limit = || Limit::new("open, which every new bug is", "open : toute nouvelle anomalie est ouverte");
    text.parse().ok().filter(is_open).ok_or_else(|| InvalidField::new(field, text, limit()))
}

fn check_person(field: &'static str, text: &str) -> Result<PersonName, InvalidField> {
    PersonName::new(text).map_err(|_| InvalidField::personal(field, name_limit(200)))
}

fn check_mail(field: &'static str, text: &str) -> Result<MailAddress, InvalidField> {
    let limit = || {
        Limit::new(
            "a mail address with a domain, such as quality@example.com",
            "une adresse e-mail avec un domaine, par exemple qualite@example.com",
        )
    };
    MailAddress::new(text).map_err(|_| InvalidField::personal(field, limit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "a field of the input")]
    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn minimal() -> BugFields {
        BugFields {
            title: text("Écran gelé"),
            description: text("Depuis 6 h."),
            severity: text("high"),
            priority: text("urgent"),
            ..BugFields::default()
        }
    }

    #[test]
    fn bug_04_four_fields_are_enough() {
        let new = NewBug::of(minimal()).unwrap();
        assert_eq!((new.content().status, new.reporter()), (BugStatus::Open, None));
        for (field, without) in [
            ("title", BugFields { title: None, ..minimal() }),
            ("description", BugFields { description: None, ..minimal() }),
            ("severity", BugFields { severity: None, ..minimal() }),
            ("priority", BugFields { priority: None, ..minimal() }),
        ] {
            let refused = NewBug::of(without).unwrap_err();
            assert_eq!(refused.iter().map(|fault| fault.field).collect::<Vec<_>>(), [field]);
        }
    }

    #[test]
    fn all_faults_are_reported_at_once_with_field_value_and_limit() {
        let ids = Some(vec!["42".to_owned()]);
        let refused = NewBug::of(BugFields {
            title: text(&"x".repeat(201)),
            description: text(&"x".repeat(3_000_000)),
            reproduction_steps: text("\0"),
            severity: text("awful"),
            priority: None,
            category: text(""),
            status: text("closed"),
            tags: Some(vec!["x".to_owned(); 21]),
            assignee: text(" x"),
            watchers: Some(vec![String::new()]),
            device_id: text(&"x".repeat(101)),
            firmware_version: text(&"x".repeat(33)),
            sample_id: text("x"),
            rollout: text("\n"),
            profile: text("\t"),
            duplicate_of: text("x"),
            blocks: ids.clone(),
            relates_to: ids,
            reported_by: text(""),
            reported_by_email: text("marie@localhost"),
        })
        .unwrap_err();
        let fields: Vec<_> = refused.iter().map(|fault| fault.field).collect();
        assert_eq!(
            fields,
            [
                "title",
                "description",
                "reproduction_steps",
                "severity",
                "priority",
                "category",
                "status",
                "tags",
                "assignee",
                "watchers",
                "device_id",
                "firmware_version",
                "sample_id",
                "rollout",
                "profile",
                "duplicate_of",
                "blocks",
                "relates_to",
                "reported_by",
                "reported_by_email",
            ]
        );
        for fault in &refused {
            assert!(fault.value.chars().count() <= 100 && !fault.limit.is_empty(), "{fault}");
            assert_ne!(fault.limit, fault.limit_fr);
        }
        assert!(!format!("{refused:?}").contains("marie"), "a mail address is not shown");
    }

    #[test]
    fn equal_tags_are_one_and_no_debug_text_shows_the_reporter() {
        let fields = BugFields {
            tags: Some(vec!["a".to_owned(); 20]),
            reported_by: text("Marie"),
            reported_by_email: text("marie@example.fr"),
            ..minimal()
        };
        assert!(!format!("{fields:?}").to_lowercase().contains("marie"));
        let new = NewBug::of(fields).unwrap();
        assert_eq!(new.content().tags.len(), 1);
        assert_eq!(new.reporter().unwrap().mail().unwrap().as_str(), "marie@example.fr");
        assert!(!format!("{new:?}").to_lowercase().contains("marie"));
    }
}

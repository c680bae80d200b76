//! [`MeteredEvents`]: counts what happens to bugs before it is told further.

use std::sync::Arc;

use async_trait::async_trait;
use metrics::{counter, histogram};
use sqal_bugs::events::BugEventKind;
use sqal_bugs::{BugEvent, BugEvents};

/// Counts new bugs by their source in `bugs_created_total`, and the time to their end in
/// `bug_resolution_seconds`.
#[derive(Debug)]
pub(super) struct MeteredEvents(Arc<dyn BugEvents>);

impl MeteredEvents {
    /// Counts the events before they are told to `further`.
    pub(super) fn new(further: Arc<dyn BugEvents>) -> Self {
        Self(further)
    }
}

#[async_trait]
impl BugEvents for MeteredEvents {
    async fn tell(&self, event: BugEvent) {
        match event.kind {
            BugEventKind::Created => {
                counter!("bugs_created_total", "source" => event.bug.source.as_str()).increment(1);
            }
            BugEventKind::Changed => {
                if let Some(seconds) = resolution_seconds(&event) {
                    histogram!("bug_resolution_seconds").record(seconds);
                }
            }
            _ => {}
        }
        self.0.tell(event).await;
    }
}

/// The seconds from the report of a bug to its end, if the event is the step that ended it.
fn resolution_seconds(event: &BugEvent) -> Option<f64> {
    let was_open = event.from.is_some_and(|from| !from.is_ended());
    let ended = event.bug.ended_at.filter(|_| was_open)?;
    let micros = ended.micros().saturating_sub(event.bug.created_at.micros()).max(0);
    #[expect(clippy::cast_precision_loss, reason = "a histogram is of floating numbers")]
    let micros = micros as f64;
    Some(micros / 1e6)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use sqal_bugs::{BugBook, BugFields, BugPatch, NewBug, PatchFields};
    use sqal_core::{Name, Timestamp};
    use sqal_storage::MemoryStore;
    use sqal_storage::bugs::BugSource;

    use super::*;

    /// Keeps the kind of each event, and the time to the end that it shows.
    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<(&'static str, Option<f64>)>>);

    #[async_trait]
    impl BugEvents for Kept {
        async fn tell(&self, event: BugEvent) {
            self.0.lock().unwrap().push((event.kind.as_str(), resolution_seconds(&event)));
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000 + seconds * 1_000_000).unwrap()
    }

    fn patch(fields: PatchFields) -> BugPatch {
        BugPatch::of(fields).unwrap()
    }

    fn to(status: &str) -> BugPatch {
        let why = Some("it is so".to_owned());
        patch(PatchFields { status: Some(Some(status.to_owned())), why, ..PatchFields::default() })
    }

    #[tokio::test]
    async fn only_the_change_that_ends_a_bug_has_a_time_to_its_end_and_every_event_is_told_further() {
        let kept = Arc::new(Kept::default());
        let metered = Arc::new(MeteredEvents::new(kept.clone()));
        let book = BugBook::new(Arc::new(MemoryStore::new()), None, None, metered, Arc::new(|| [7; 16]));
        let text = |text: &str| Some(text.to_owned());
        let fields = BugFields {
            title: text("x"),
            description: text("y"),
            severity: text("low"),
            priority: text("low"),
            ..BugFields::default()
        };
        let by = Name::new("anna").unwrap();
        let bug = book.report(NewBug::of(fields).unwrap(), BugSource::Person, by, at(0)).await.unwrap();
        let assigned = PatchFields { assignee: Some(Some("bob".to_owned())), ..PatchFields::default() };
        for (seconds, patch) in [
            (10, to("in_progress")),
            (20, to("resolved")),
            // In the second of the end, and yet no end.
            (20, patch(assigned)),
            (20, to("closed")),
            (40, to("open")),
            (3_600, to("closed")),
        ] {
            book.change(&bug.id, None, &patch, by, at(seconds)).await.unwrap();
        }
        let expected = [
            ("bug.created", None),
            ("bug.changed", None),
            ("bug.changed", Some(20.0)),
            ("bug.changed", None),
            ("bug.changed", None),
            ("bug.changed", None),
            ("bug.changed", Some(3_600.0)),
        ];
        assert_eq!(*kept.0.lock().unwrap(), expected);
    }
}

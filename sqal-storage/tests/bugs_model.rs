//! Model-based tests: after any history of reports, changes, comments, occurrences and removals, a
//! SQL store answers every question as the memory store does.
//!
//! `SQAL_BUG_HISTORIES=10000 cargo test -p sqal-storage --all-features --test bugs_model` runs as
//! many histories.
#![cfg(all(feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bug_histories;
mod servers;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use bug_histories::{Command, Draft, SPAN, START, at, command, entry, id, key, name, query};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use sqal_core::{Name, Timestamp};
use sqal_storage::bugs::{BUG_SLOT_MICROS, BugAttachment, BugComment, BugId, BugQuery, BugSummary, Occurrences};
use sqal_storage::postgres::PostgresConfig;
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{Bugs, MemoryStore, PostgresStore, SqliteStore, blobs::BlobId};

/// Asks both stores and compares the answers, also the errors; returns the answer.
macro_rules! same {
    ($both:expr, $method:ident ( $($argument:expr),* )) => {{
        let answer = $both.store.$method($($argument),*).await.map_err(|error| error.kind);
        let expected = $both.model.$method($($argument),*).await.map_err(|error| error.kind);
        assert_eq!(answer, expected, stringify!($method));
        answer
    }};
}

/// A store beside its model.
struct Both<'s, S> {
    store: &'s S,
    model: MemoryStore,
    bugs: Vec<BugId>,
    comments: usize,
    attachments: usize,
}

impl<S: Bugs> Both<'_, S> {
    /// One of the bugs that were reported, also if it is gone.
    fn bug(&self, which: Index) -> BugId {
        if self.bugs.is_empty() { id(1, 0) } else { *which.get(&self.bugs) }
    }

    async fn change(&self, which: Index, draft: &Draft, time: i64, (steps, lies): (u64, bool), forgets_group: bool) {
        let Some(before) = self.model.bug(&self.bug(which)).await.unwrap() else { return };
        let mut after = draft.changed(&before, at(time));
        after.revision = before.revision + steps;
        if forgets_group {
            after.group = None;
        }
        let told = if lies { None } else { Some(before.content.status) };
        let entry = entry(&after, told, at(time));
        let _ = same!(self, change_bug(&after, &entry));
        let _ = same!(self, bug(&after.id));
    }

    async fn attach(&mut self, which: Index, again: bool, time: i64) {
        self.attachments += usize::from(!again);
        let content = [u8::try_from(self.attachments % 5).unwrap()];
        let attachment = BugAttachment {
            id: id(3, self.attachments),
            bug: self.bug(which),
            at: at(time),
            by: name("person", 1),
            name: name("Foto é", self.attachments),
            media_type: Name::new("image/png").unwrap(),
            len: 1,
            blob: BlobId::of(&content),
        };
        let _ = same!(self, attach(&attachment));
    }

    async fn comment(&mut self, which: Index, again: bool, is_internal: bool, time: i64) {
        self.comments += usize::from(!again);
        let comment = BugComment {
            id: id(2, self.comments),
            bug: self.bug(which),
            at: at(time),
            by: name("person", 1),
            is_internal,
            text: "it is dark".to_owned(),
        };
        let _ = same!(self, add_comment(&comment));
    }

    async fn run(&mut self, command: Command) {
        match command {
            Command::Report { draft, group, again, at: time } => {
                let id = again.map_or_else(|| id(1, self.bugs.len()), |again| self.bug(again));
                let bug = draft.bug(id, group, at(time));
                if same!(self, add_bug(&bug, &entry(&bug, None, at(time)))).is_ok() {
                    self.bugs.push(id);
                }
            }
            Command::Change { which, draft, at, steps, forgets_group, lies } => {
                self.change(which, &draft, at, (steps, lies), forgets_group).await;
            }
            Command::Comment { which, again, is_internal, at } => self.comment(which, again, is_internal, at).await,
            Command::Attach { which, again, at } => self.attach(which, again, at).await,
            Command::Detach { which, attachment } => {
                let attachment = id(3, attachment.index(self.attachments + 1));
                let _ = same!(self, detach(&self.bug(which), &attachment));
            }
            Command::Occur { group, count, first, last, devices } => {
                let devices = devices.iter().map(|number| name("device", *number)).collect();
                let seen = Occurrences { count, first: at(first), last: at(last), devices };
                let _ = same!(self, count_occurrences(&key(group), &seen));
            }
            Command::Remove(which) => {
                let _ = same!(self, remove_bug(&self.bug(which)));
            }
            Command::List { draft, asks, order, skip, limit, span } => {
                let _ = same!(self, bugs(&query(&draft, asks, order, skip, limit, span)));
            }
            Command::Summary(from, until) => {
                let _ = same!(self, bug_summary(at(from)..at(until)));
            }
            Command::Days(bounds) => self.days(bounds).await,
        }
    }

    /// Asks for days with these bounds as they are, and in their order.
    async fn days(&self, bounds: Vec<i64>) {
        let mut bounds: Vec<_> = bounds.into_iter().map(at).collect();
        let _ = same!(self, bug_days(&bounds));
        bounds.sort_unstable();
        let _ = same!(self, bug_days(&bounds));
    }

    /// Compares all that is kept.
    async fn compare(&self) {
        for bug in &self.bugs {
            let _ = same!(self, bug(bug));
            let _ = same!(self, bug_entries(bug, 0, 100));
            let _ = same!(self, bug_entries(bug, 1, 2));
            let _ = same!(self, comments(bug, 0, 100));
            let _ = same!(self, comments(bug, 1, 2));
            let _ = same!(self, attachments(bug, 100));
            let _ = same!(self, bug_devices(bug, 100));
            let _ = same!(self, bug_devices(bug, 1));
            let _ = same!(self, bugs_after(Some(bug), 3));
        }
        let _ = same!(self, bugs_after(None, 1000));
        for group in 0..3 {
            let _ = same!(self, bug_of_group(&key(group)));
        }
        for content in 0..5_u8 {
            let _ = same!(self, names_blob(&BlobId::of(&[content])));
        }
        let _ = same!(self, bugs(&BugQuery::newest(NonZeroU16::new(1000).unwrap())));
        let _ = same!(self, bug_categories(2));
        let _ = same!(self, bug_categories(100));
        let _ = same!(self, bug_summary(at(START)..at(START + SPAN)));
        self.days((-1..6).map(|day| START + day * SPAN / 4).collect()).await;
        self.days((0..40).map(|slot| START + slot * BUG_SLOT_MICROS).collect()).await;
    }

    /// Removes every bug: no sum must be left.
    async fn remove_all(&self) {
        for bug in &self.bugs {
            let _ = same!(self, remove_bug(bug));
        }
        let all = Timestamp::from_micros(i64::MIN / 1_000_000).unwrap()..at(START + 100 * SPAN);
        let summary = self.store.bug_summary(all).await.unwrap();
        assert_eq!(summary, BugSummary::default(), "something is left");
        assert_eq!(self.store.bug_categories(100).await.unwrap(), []);
    }
}

async fn play<S: Bugs>(store: &S, commands: Vec<Command>) {
    let mut both = Both { store, model: MemoryStore::new(), bugs: Vec::new(), comments: 0, attachments: 0 };
    for command in commands {
        Box::pin(both.run(command)).await;
    }
    Box::pin(both.compare()).await;
    both.remove_all().await;
    Box::pin(both.compare()).await;
}

/// The number of histories, unless the environment names another.
fn histories(usual: u32) -> u32 {
    #[expect(clippy::disallowed_methods, reason = "how a long run is told")]
    let told = std::env::var("SQAL_BUG_HISTORIES");
    told.map_or(usual, |told| told.parse().expect("SQAL_BUG_HISTORIES is a number"))
}

/// Runs histories. One store serves those that succeed, because each removes what it has made;
/// after one that fails the next has a new store.
fn run<S: Bugs>(usual: u32, open: impl AsyncFn() -> S) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let kept = RefCell::new(None);
    TestRunner::new(Config::with_cases(histories(usual)))
        .run(&prop::collection::vec(command(), 1..40), |commands| {
            let store = kept.take();
            let store = runtime.block_on(async {
                let store = match store {
                    Some(store) => store,
                    None => open().await,
                };
                play(&store, commands).await;
                store
            });
            *kept.borrow_mut() = Some(store);
            Ok(())
        })
        .unwrap();
}

#[test]
fn sqlite_is_indistinguishable_from_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let next = Cell::new(0);
    run(48, async || {
        next.set(next.get() + 1);
        let path = folder.path().join(format!("bugs_{}.db", next.get()));
        SqliteStore::open(&SqliteConfig::at(path)).await.unwrap()
    });
}

fn postgres(writers: u32) -> PostgresConfig {
    let mut config = servers::fresh_schema();
    (config.writers, config.readers) = (NonZeroU32::new(writers).unwrap(), NonZeroU32::MIN);
    config
}

#[test]
fn postgres_is_indistinguishable_from_the_model() {
    run(32, async || PostgresStore::open(&postgres(1)).await.unwrap());
}

/// Bugs of one group of sums go to other groups and back at once: no writer waits in a circle, and
/// the sums are those of a recount.
#[tokio::test(flavor = "multi_thread")]
async fn writers_that_change_the_same_sums_at_once_all_succeed() {
    const BUGS: usize = 6;
    const CHANGES: usize = 24;
    let store = Arc::new(PostgresStore::open(&postgres(4)).await.unwrap());
    let draft = |number: usize| Draft {
        words: vec![0],
        severity: number % 4,
        priority: 0,
        status: number % 3,
        category: Some(number % 2),
        tags: BTreeSet::new(),
        device: None,
        assignee: None,
        firmware: None,
        has_links: false,
    };
    let tasks: Vec<_> = (0..BUGS)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut bug = draft(number).bug(id(1, number), None, at(START));
                store.add_bug(&bug, &entry(&bug, None, at(START))).await.unwrap();
                for step in 1..=CHANGES {
                    let after = draft(number + step).changed(&bug, at(START));
                    let entry = entry(&after, Some(bug.content.status), at(START));
                    assert!(store.change_bug(&after, &entry).await.unwrap());
                    bug = after;
                }
                bug
            })
        })
        .collect();
    let mut expected = BugSummary { created: BUGS as u64, ..BugSummary::default() };
    for task in tasks {
        let bug = task.await.unwrap();
        *expected.bugs.entry((bug.content.status, bug.content.severity)).or_default() += 1;
    }
    let found = store.bug_summary(at(START)..at(START + SPAN)).await.unwrap();
    assert_eq!(found.bugs, expected.bugs);
    assert_eq!(found.created, expected.created);
}

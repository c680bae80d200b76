//! The bugs of a plant, as many as asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqal_http::services::{BugParts, BugProject, BugProjects};
use sqal_http::sqal_bugs::envelope::{EventRate, FaultIntake, IntakeLimits};
use sqal_http::sqal_bugs::{BugBook, BugFields, NewBug};
use sqal_http::{Services, TokenHash};
use sqal_storage::bugs::{BugId, BugSource};
use sqal_storage::memory::MemoryBlobs;
use sqal_storage::sealed::{Confidential, Key, KeyRing, Nonce, RandomnessError};
use sqal_storage::{Blobs, SealedFields, SqliteStore};

use crate::plant::{name, time};

/// The public key of the project 1.
pub(crate) const PUBLIC_KEY: &str = "0123456789abcdef";

/// The most attachments of a bug are 50.
const MOST_ATTACHED: u32 = 40;

/// The ids of what routes are asked for.
pub(crate) struct Tracker {
    /// The id of a bug with comments and attachments.
    pub(crate) bug: String,
    /// The id of an attachment that stays.
    pub(crate) attachment: String,
    /// The ids of two attachments to remove.
    pub(crate) removable: [String; 2],
}

impl Tracker {
    /// Stores this many bugs, one of them with as many comments, and gives the services the parts
    /// that show them.
    pub(crate) async fn of(store: &Arc<SqliteStore>, services: &mut Services, count: u32) -> Self {
        let book = book(store);
        let mut bug = BugId::from_bytes([0; 16]);
        for number in 0..count {
            let text = |text: &str| Some(format!("{text} {number}"));
            let new = NewBug::of(BugFields {
                title: text("The lamp flickers"),
                description: text("Since the restart"),
                severity: Some("high".to_owned()),
                priority: Some("urgent".to_owned()),
                category: text("category"),
                tags: Some(vec!["lamp".to_owned(), format!("tag {number}")]),
                reported_by: Some("Jean Dupont".to_owned()),
                reported_by_email: Some("jean.dupont@example.com".to_owned()),
                ..BugFields::default()
            });
            let at = time(-10_000 + i64::from(number));
            bug = book.report(new.unwrap(), BugSource::Person, name("marie"), at).await.unwrap().id;
        }
        for number in 0..count {
            let text = format!("comment {number}");
            book.comment(&bug, text, number % 2 == 0, name("marie"), time(-5000)).await.unwrap();
        }
        let mut attached = Vec::new();
        for number in 0..count.clamp(3, MOST_ATTACHED) {
            let (file, bytes) = (format!("{number}.log"), format!("line {number}\n").into_bytes());
            let one = book.attach(&bug, &file, bytes, None, name("marie"), time(-4000)).await.unwrap();
            attached.push(one.id.to_string());
        }
        services.plant.bugs = Some(parts(book));
        let [attachment, one, other]: [String; 3] = attached[..3].to_vec().try_into().unwrap();
        Self { bug: bug.to_string(), attachment, removable: [one, other] }
    }
}

fn book(store: &Arc<SqliteStore>) -> BugBook {
    let fields: Arc<dyn SealedFields> = store.clone();
    let nonces: fn() -> Result<Nonce, RandomnessError> = Nonce::random;
    let confidential = Confidential::new(fields, KeyRing::new(Key::from_bytes([7; 32])), nonces);
    let next = AtomicU32::new(1);
    let random = Arc::new(move || {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        bytes
    });
    let blobs: Option<Arc<dyn Blobs>> = Some(Arc::new(MemoryBlobs::new()));
    BugBook::new(store.clone(), blobs, Some(Arc::new(confidential)), Arc::new(()), random)
}

fn parts(book: BugBook) -> BugParts {
    let keys = vec![TokenHash::of(PUBLIC_KEY)];
    let project = BugProject { keys, source: BugSource::Device, rate: EventRate::default() };
    BugParts {
        book,
        zone: "Europe/Paris".parse().unwrap(),
        projects: Arc::new(BugProjects::new([(1, project)])),
        page: None,
        intake: Arc::new(FaultIntake::new(IntakeLimits::default())),
    }
}

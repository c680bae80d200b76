//! A plant in memory with bugs, whose clock a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use sqal_core::{Name, Timestamp};
use sqal_http::services::{BugParts, BugProject, BugProjects, PageDsn};
use sqal_http::sqal_bugs::BugBook;
use sqal_http::sqal_bugs::envelope::{EventRate, FaultIntake, IntakeLimits};
use sqal_http::{Access, Grant, Profile, Profiles, Quotas, Role, Services, Token, TokenFile, TokenHash, router};
use sqal_storage::bugs::BugSource;
use sqal_storage::memory::MemoryBlobs;
use sqal_storage::sealed::{Confidential, Key, KeyRing, Nonce, RandomnessError};
use sqal_storage::{BatchWriter, Blobs, MemoryStore, SealedFields, WriterConfig};
use tower::ServiceExt;

pub(crate) use crate::asked::{Answer, ask};

/// 2026-11-21T12:00:00Z.
pub(crate) const NOON: i64 = 1_795_262_400_000_000;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;

/// The public key of the project of devices.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

/// The public key that comes after it.
pub(crate) const NEXT_KEY: &str = "fedcba9876543210fedcba9876543210";

/// The number of events of a device in a minute.
pub(crate) const EVENTS: u32 = 20;

/// An answer whose body is not JSON, or is compared byte by byte.
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Raw {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A plant in Paris whose clock begins at noon of UTC. Anne is an administrator, Marie a quality
/// engineer, Paul a viewer; the text of a token is the name of its holder.
pub(crate) struct Plant {
    pub(crate) app: Router,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) book: BugBook,
    pub(crate) intake: Arc<FaultIntake>,
    pub(crate) blobs: Arc<MemoryBlobs>,
}

/// Services over a store, without bugs.
pub(crate) fn services(store: &Arc<MemoryStore>, clock: &Arc<AtomicI64>) -> Services {
    let (writer, _task) = BatchWriter::start(Arc::clone(store) as _, WriterConfig::usual());
    let profiles = Profiles::new([("foie".parse().unwrap(), Profile::example())]).unwrap();
    let clock = Arc::clone(clock);
    let now = move || Timestamp::from_micros(clock.load(Ordering::Relaxed)).unwrap();
    let mut services = Services::new(Arc::clone(store) as _, writer, profiles, now);
    services.door.quotas = Arc::new(Quotas::none());
    services
}

fn tokens() -> Access {
    let token = |holder: &str, role| Token {
        name: Name::new(holder).unwrap(),
        grant: Grant::Role(role),
        sha256: TokenHash::of(holder),
        until: None,
    };
    let tokens =
        vec![token("anne", Role::Administrator), token("marie", Role::QualityEngineer), token("paul", Role::Viewer)];
    Access::of(TokenFile { tokens }).unwrap()
}

impl Plant {
    pub(crate) fn new() -> Self {
        Self::with_key(true)
    }

    /// A plant that can seal names of people, or cannot.
    pub(crate) fn with_key(has_key: bool) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(AtomicI64::new(NOON)));
        let fields: Arc<dyn SealedFields> = Arc::clone(&store) as _;
        let nonces: fn() -> Result<Nonce, RandomnessError> = Nonce::random;
        let ring = KeyRing::new(Key::from_bytes([7; 32]));
        let confidential = has_key.then(|| Arc::new(Confidential::new(fields, ring, nonces)));
        let number = AtomicU8::new(1);
        let random = Arc::new(move || [number.fetch_add(1, Ordering::Relaxed); 16]);
        let blobs = Arc::new(MemoryBlobs::new());
        let kept: Arc<dyn Blobs> = blobs.clone();
        let book = BugBook::new(Arc::clone(&store) as _, Some(kept), confidential, Arc::new(()), random);
        let intake = Arc::new(FaultIntake::new(IntakeLimits::default()));
        let (keys, rate) = ([KEY, NEXT_KEY].map(TokenHash::of).to_vec(), EventRate::per_minute(EVENTS).unwrap());
        let devices = BugProject { keys, source: BugSource::Device, rate };
        let keys = vec![TokenHash::of("of the page")];
        let page = BugProject { keys, source: BugSource::Page, rate: EventRate::default() };
        let mut services = services(&store, &clock);
        services.door.access = Arc::new(tokens());
        services.plant.bugs = Some(BugParts {
            book: book.clone(),
            zone: "Europe/Paris".parse().unwrap(),
            projects: Arc::new(BugProjects::new([(1, devices), (2, page)])),
            page: Some(PageDsn { project: 2, key: "of the page".to_owned() }),
            intake: Arc::clone(&intake),
        });
        Self { app: router(services), clock, book, intake, blobs }
    }

    pub(crate) fn later(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::Relaxed);
    }

    /// Moves the clock to a time, as RFC 3339 writes it.
    pub(crate) fn at(&self, text: &str) {
        let time = sqal_protocol::time::parse(text).unwrap();
        self.clock.store(time.micros(), Ordering::Relaxed);
    }

    pub(crate) async fn as_person(&self, person: &str, method: &str, path: &str, body: &Value) -> Answer {
        ask(&self.app, method, path, &[("authorization", &format!("Bearer {person}"))], body).await
    }

    /// What Marie reads.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.as_person("marie", "GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Marie's call.
    pub(crate) async fn marie(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.as_person("marie", method, path, body).await
    }

    /// A call with any body.
    pub(crate) async fn raw(&self, method: &str, path: &str, fields: &[(&str, &str)], body: impl Into<Body>) -> Raw {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let response = self.app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 20_000_000).await.unwrap().to_vec();
        Raw { status, headers, body }
    }

    /// Reports a bug, and returns its path under `/api/v1`.
    pub(crate) async fn reported(&self, body: &Value) -> String {
        let answer = self.marie("POST", "/api/v1/bugs", body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        format!("/api/v1/bugs/{}", answer.body["id"].as_str().unwrap())
    }
}

/// The least that a bug needs (BUG-04).
pub(crate) fn minimal() -> Value {
    json!({
        "title": "The lamp flickers", "description": "Since the restart at 6:00.",
        "severity": "high", "priority": "urgent",
    })
}

/// The minimal bug with one more field, or another value.
pub(crate) fn with(field: &str, value: impl Into<Value>) -> Value {
    let mut bug = minimal();
    bug[field] = value.into();
    bug
}

/// What a problem says of each value: its place, the value, and the limit.
pub(crate) fn told(problem: &Value) -> Vec<(String, String, String)> {
    let violations = problem["violations"].as_array().unwrap_or_else(|| panic!("no violations: {problem}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    violations.iter().map(|one| (text(&one["pointer"]), text(&one["value"]), text(&one["limit"]))).collect()
}

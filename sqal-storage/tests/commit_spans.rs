//! The commit of the writer is a span that follows from the spans of its samples, and ends before
//! they are answered.
#![cfg(all(feature = "conformance", feature = "profile"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_storage::conformance::sample;
use sqal_storage::{
    BatchWriter, Inserted, MemoryStore, SampleQuery, SampleStore, StorageError, StorageErrorKind, WriterConfig,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Instrument, Subscriber, debug_span};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

/// What happens to spans, in its order.
#[derive(Clone, Debug, Default)]
struct Story(Arc<Mutex<Vec<String>>>);

impl Story {
    fn tell(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Tells what happens on this thread until the guard is dropped.
    fn begin(&self) -> impl Sized {
        tracing_subscriber::registry().with(self.clone()).set_default()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Story {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let root = if span.parent().is_none() { "root " } else { "" };
        self.tell(format!("{root}{} begins", span.name()));
        attributes.record(&mut Values(self));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Values(self));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let name = |id| context.span(id).unwrap().name();
        self.tell(format!("{} follows from {}", name(id), name(follows)));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.tell(format!("{} ends", context.span(&id).unwrap().name()));
    }
}

struct Values<'a>(&'a Story);

impl Visit for Values<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.tell(format!("{} = {value:?}", field.name()));
    }
}

/// A store that is away.
#[derive(Debug)]
struct Away;

fn away() -> StorageError {
    StorageError::new("away", StorageErrorKind::Unavailable)
}

#[async_trait]
impl SampleStore for Away {
    async fn insert(&self, _: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        Err(away())
    }
    async fn get(&self, _: &SampleId) -> Result<Option<Sample>, StorageError> {
        Err(away())
    }
    async fn query(&self, _: &SampleQuery) -> Result<Page, StorageError> {
        Err(away())
    }
    async fn hourly(&self, _: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        Err(away())
    }
    async fn by_device(&self, _: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        Err(away())
    }
    async fn ping(&self) -> Result<(), StorageError> {
        Err(away())
    }
}

fn one(name: &str) -> Box<Sample> {
    Box::new(sample("good", 1_000_000, name, 0.0))
}

#[tokio::test]
async fn a_commit_follows_from_its_samples_and_ends_before_their_receipts() {
    let story = Story::default();
    let _telling = story.begin();
    let (handle, _writer) = BatchWriter::start(Arc::new(MemoryStore::new()), WriterConfig::usual());
    let first = handle.submit(one("1")).instrument(debug_span!("first")).await.unwrap();
    let second = handle.submit(one("2")).instrument(debug_span!("second")).await.unwrap();
    assert!(first.outcome().await.is_ok());
    story.tell("the first is answered".to_owned());
    assert!(second.outcome().await.is_ok());
    let expected = [
        "root first begins",
        "root second begins",
        "root commit begins",
        "otel.kind = \"client\"",
        "db.operation.name = \"commit\"",
        "db.operation.batch.size = 2",
        "commit follows from first",
        "commit follows from second",
        "commit ends",
        "first ends",
        "second ends",
        "the first is answered",
    ];
    assert_eq!(story.told(), expected);
}

#[tokio::test]
async fn a_commit_of_samples_that_nothing_follows_is_no_span() {
    let story = Story::default();
    let _telling = story.begin();
    let (handle, _writer) = BatchWriter::start(Arc::new(MemoryStore::new()), WriterConfig::usual());
    let receipt = handle.submit(one("1")).await.unwrap();
    assert!(receipt.outcome().await.is_ok());
    assert_eq!(story.told(), Vec::<String>::new());
}

#[tokio::test]
async fn a_commit_that_fails_says_so() {
    let story = Story::default();
    let _telling = story.begin();
    let mut config = WriterConfig::usual();
    config.tries = 1;
    let (handle, _writer) = BatchWriter::start(Arc::new(Away), config);
    let receipt = handle.submit(one("1")).instrument(debug_span!("first")).await.unwrap();
    assert!(receipt.outcome().await.is_err());
    let told = story.told();
    let at = |line: &str| told.iter().position(|told| told == line);
    assert!(at("otel.status_code = \"ERROR\"").is_some_and(|failed| Some(failed) < at("commit ends")), "{told:?}");
}

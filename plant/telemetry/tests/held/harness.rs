//! A layer for tests: ids and times that the test chooses, and a sink that keeps what it is given.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use sqal_telemetry::held::{AttributeValue, FinishedSpan, FinishedTrace, HeadSampling, HeldTraces, TraceSink};
use tracing::Dispatch;
use tracing_subscriber::prelude::*;

/// Keeps the traces that it is given.
#[derive(Default)]
pub(crate) struct Sink(Mutex<Vec<FinishedTrace>>);

impl TraceSink for Sink {
    fn take(&self, trace: FinishedTrace) {
        self.0.lock().unwrap().push(trace);
    }
}

impl Sink {
    /// The traces so far, in the order in which they came.
    pub(crate) fn taken(&self) -> Vec<FinishedTrace> {
        self.0.lock().unwrap().clone()
    }
}

thread_local! {
    static CHOSEN: RefCell<VecDeque<u64>> = const { RefCell::new(VecDeque::new()) };
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The numbers that the layer draws next in this thread: for a root first the two halves of the
/// trace id, then the span id.
pub(crate) fn choose(numbers: impl IntoIterator<Item = u64>) {
    CHOSEN.with_borrow_mut(|chosen| chosen.extend(numbers));
}

/// Numbers that differ, unless the test has chosen some.
pub(crate) fn random() -> u64 {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    let next = || DRAWN.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    CHOSEN.with_borrow_mut(VecDeque::pop_front).unwrap_or_else(next)
}

/// Lets time pass in this thread.
pub(crate) fn pass(millis: u64) {
    NOW.set(NOW.get() + Duration::from_millis(millis));
}

/// The wall time of this thread, which stands still until [`pass`] is called.
pub(crate) fn wall() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + NOW.get()
}

#[expect(clippy::disallowed_methods, reason = "some instant to count from; none can be made otherwise")]
fn now() -> (Instant, SystemTime) {
    static BASE: OnceLock<Instant> = OnceLock::new();
    // Later than the start of the machine's clock by more than any time of these tests.
    let base = *BASE.get_or_init(|| Instant::now() + Duration::from_secs(3600));
    (base + NOW.get(), wall())
}

/// A subscriber that follows the spans of these tests.
pub(crate) fn follow(sampling: HeadSampling) -> (Arc<Sink>, Dispatch) {
    let sink = Arc::new(Sink::default());
    let held = HeldTraces::new(sink.clone(), sampling, &["held", "sqal"], random).with_clock(now);
    (sink, Dispatch::new(tracing_subscriber::registry().with(held.layer())))
}

/// The traces that are kept of this work.
pub(crate) fn kept(sampling: HeadSampling, work: impl FnOnce(&Sink)) -> Vec<FinishedTrace> {
    let (sink, dispatch) = follow(sampling);
    tracing::dispatcher::with_default(&dispatch, || work(&sink));
    sink.taken()
}

/// The only trace that is kept of this work, which is sampled.
pub(crate) fn only(work: impl FnOnce(&Sink)) -> FinishedTrace {
    let mut taken = kept(HeadSampling::Always, work);
    assert_eq!(taken.len(), 1, "{taken:?}");
    taken.remove(0)
}

/// The only span of a trace with this name.
pub(crate) fn span<'a>(trace: &'a FinishedTrace, name: &str) -> &'a FinishedSpan {
    let mut found = trace.spans.iter().filter(|span| span.name == name);
    let only = found.next().unwrap_or_else(|| panic!("no span {name}: {trace:?}"));
    assert_eq!(found.next(), None, "two spans {name}");
    only
}

/// The value of an attribute.
pub(crate) fn value<'a>(span: &'a FinishedSpan, name: &str) -> Option<&'a AttributeValue> {
    let mut found = span.attributes.iter().filter(|(other, _)| *other == name).map(|(_, value)| value);
    let value = found.next();
    assert_eq!(found.next(), None, "two attributes {name}");
    value
}

/// The names of the spans of a trace.
pub(crate) fn names(trace: &FinishedTrace) -> Vec<&str> {
    trace.spans.iter().map(|span| &*span.name).collect()
}

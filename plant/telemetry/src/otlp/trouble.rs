//! [`Trouble`]: tells the log when a collector stops accepting spans and when it accepts them
//! again, and nothing in between.

use std::fmt::Display;
use std::time::{Duration, Instant};

use tracing::{info, warn};

/// A failure that comes back within this time belongs to the same trouble, so that a collector that
/// rejects every other batch has no line for each.
const CALM: Duration = Duration::from_secs(60);

/// Whether a collector accepts spans.
#[derive(Debug)]
pub(super) struct Trouble {
    host: String,
    /// What has happened since the trouble began; `None` while all is well.
    since: Option<Since>,
}

#[derive(Debug)]
struct Since {
    /// The tries that failed.
    failed: u64,
    /// The number of traces that had been dropped before.
    dropped_before: u64,
    /// The first batch after the last failure that was accepted.
    accepts_from: Option<Instant>,
}

impl Trouble {
    /// No trouble with this collector.
    pub(super) const fn none(host: String) -> Self {
        Self { host, since: None }
    }

    /// The host of the collector.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Whether there is trouble.
    pub(super) const fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// A try failed. `dropped` is the number of traces that were dropped since the process began.
    pub(super) fn failed(&mut self, cause: &impl Display, dropped: u64) {
        if let Some(since) = &mut self.since {
            since.failed += 1;
            since.accepts_from = None;
            return;
        }
        self.since = Some(Since { failed: 1, dropped_before: dropped, accepts_from: None });
        let host = &self.host;
        warn!(
            host,
            %cause,
            "the collector does not accept traces; what it may accept later waits until the queue is full"
        );
    }

    /// A batch was accepted. The trouble has ended if nothing failed since a batch of a minute ago.
    pub(super) fn accepted(&mut self, dropped: u64, now: Instant) {
        let Some(since) = &mut self.since else { return };
        let accepts_from = *since.accepts_from.get_or_insert(now);
        if now.saturating_duration_since(accepts_from) < CALM {
            return;
        }
        let (host, failed, dropped) = (&self.host, since.failed, dropped.saturating_sub(since.dropped_before));
        info!(host, failed, dropped, "the collector accepts traces again");
        self.since = None;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The lines that are logged meanwhile.
    pub(in crate::otlp) fn lines_of(work: impl FnOnce()) -> String {
        #[derive(Clone, Default)]
        struct Lines(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Lines {
            fn write(&mut self, text: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(text)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let lines = Lines::default();
        let written = lines.clone();
        let writer = move || written.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).without_time().finish();
        tracing::subscriber::with_default(subscriber, work);
        let lines = lines.0.lock().unwrap();
        String::from_utf8(lines.clone()).unwrap()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment")]
    fn a_trouble_is_one_line_when_it_begins_and_one_with_its_counts_when_it_ends() {
        let now = Instant::now();
        let lines = lines_of(|| {
            let mut trouble = Trouble::none("collector:4317".to_owned());
            trouble.accepted(3, now);
            for dropped in 3..10 {
                trouble.failed(&"Connection refused (os error 111)", dropped);
            }
            trouble.accepted(9, now);
            trouble.accepted(9, now + CALM);
            trouble.accepted(9, now + CALM);
        });
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        for part in ["WARN", "host=\"collector:4317\"", "cause=Connection refused (os error 111)"] {
            assert!(lines[0].contains(part), "{part}: {lines:?}");
        }
        for part in ["INFO", "host=\"collector:4317\"", "failed=7", "dropped=6"] {
            assert!(lines[1].contains(part), "{part}: {lines:?}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment")]
    fn a_collector_that_fails_again_and_again_has_one_line() {
        let now = Instant::now();
        let lines = lines_of(|| {
            let mut trouble = Trouble::none("collector:4317".to_owned());
            for minute in 0..100 {
                trouble.failed(&"1 of 2 spans rejected", 0);
                trouble.accepted(0, now + CALM * minute);
                trouble.accepted(0, now + CALM * minute + CALM / 2);
            }
        });
        assert_eq!(lines.lines().count(), 1, "{lines}");
    }
}

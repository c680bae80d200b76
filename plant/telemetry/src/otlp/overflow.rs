//! [`Overflow`]: tells the log when more traces are kept than the queue holds, and when that is
//! over.

use std::time::{Duration, Instant};

use tracing::{info, warn};

/// Without a dropped trace for this time, the queue has room again.
const CALM: Duration = Duration::from_secs(60);

/// Whether the queue was full lately although the collector accepts traces.
#[derive(Debug, Default)]
pub(super) struct Overflow {
    /// The number of traces that the full queue had dropped at the last look.
    known: u64,
    since: Option<Since>,
}

#[derive(Debug)]
struct Since {
    dropped_before: u64,
    last: Instant,
}

impl Overflow {
    /// Looks at the number of traces that the full queue has dropped since the process began. It is
    /// called after a batch was accepted. `is_told` says that a trouble of the collector explains
    /// them.
    pub(super) fn look(&mut self, dropped: u64, is_told: bool, now: Instant) {
        let before = std::mem::replace(&mut self.known, dropped);
        if dropped > before {
            match &mut self.since {
                Some(since) => since.last = now,
                None if is_told => {}
                None => {
                    self.since = Some(Since { dropped_before: before, last: now });
                    warn!(
                        dropped = dropped - before,
                        "more traces are kept than leave: the queue is full, and the rest is dropped; sample less, or enlarge the queue"
                    );
                }
            }
        } else if let Some(since) = self.since.take_if(|since| now.saturating_duration_since(since.last) >= CALM) {
            info!(dropped = dropped.saturating_sub(since.dropped_before), "the queue of traces has room again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trouble::tests::lines_of;
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment")]
    fn a_queue_that_overflows_is_one_line_when_it_begins_and_one_when_it_ends() {
        let now = Instant::now();
        let lines = lines_of(|| {
            let mut overflow = Overflow::default();
            overflow.look(0, false, now);
            for dropped in 1..100 {
                overflow.look(dropped, false, now + CALM / 100 * u32::try_from(dropped).unwrap());
            }
            overflow.look(99, false, now + CALM);
            overflow.look(99, false, now + CALM * 2);
            overflow.look(99, false, now + CALM * 3);
        });
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("WARN") && lines[0].contains("dropped=1"), "{lines:?}");
        assert!(lines[1].contains("INFO") && lines[1].contains("dropped=99"), "{lines:?}");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment")]
    fn what_a_trouble_of_the_collector_explains_is_not_told_again() {
        let now = Instant::now();
        let lines = lines_of(|| {
            let mut overflow = Overflow::default();
            overflow.look(50, true, now);
            overflow.look(50, false, now + CALM);
        });
        assert_eq!(lines, "");
    }
}

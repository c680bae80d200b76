//! [`Gate`]: decides which messages to a destination are sent by themselves, and which are counted
//! in a digest.
//!
//! ```text
//!                 room in the bucket                       every message
//!              +---------------------+                 +-------------------+
//!              v                     |                 v                   |
//!         +---------+   no room   +-----------------------+                |
//!         | SENDING | ----------> | COLLECTING, batch n+1 | ---------------+
//!         +---------+             +-----------------------+
//!              ^                     |
//!              +---------------------+
//!                the batch is frozen: its digest is delivered
//! ```
//!
//! The state of a destination is one small record, and each message changes it by compare-and-swap.
//! The record names the last message that changed it. A second message first writes down what
//! became of the last one, so a message is admitted once and counted once, also if a process dies
//! between two writes.

mod admission;
mod digest;
mod limits;

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use super::headline::{Headline, Severity};
use super::language::Language;
use crate::wall::later;

pub(crate) use admission::{Admission, Admissions, Applicant, OpenBatch, REMEMBERED};
pub(crate) use digest::{Digest, Digests};
pub use limits::{InvalidStormLimits, StormLimits};

/// The most titles that a digest shows.
const TITLES: usize = 10;

/// How a message is treated at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The limits decide.
    Limited,
    /// The message is sent by itself whatever the limits are.
    Passes,
    /// The message is collected.
    Collected,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    /// The message is sent by itself.
    Sent,
    /// The message is counted in the digest of this batch.
    Collected(u64),
}

/// The state of a destination. A default value is the state before the first message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Gate {
    /// When the bucket is full again, in microseconds since 1970.
    full_at: i64,
    /// The number of the newest batch; 0 if there was none.
    batch: u64,
    /// How many digests in a row the storm has had.
    level: u32,
    /// When the last batch was frozen, in microseconds since 1970.
    frozen_at: Option<i64>,
    /// The newest batch, while it is open.
    open: Option<Batch>,
    /// The last message that changed this state.
    last: Option<Last>,
}

/// The message that changed a gate last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    id: String,
    fate: Fate,
}

/// The messages that are collected for one digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Batch {
    count: u64,
    /// The times of the first and the last message, in microseconds since 1970.
    since: i64,
    until: i64,
    /// When the digest is due, in microseconds since 1970.
    due: i64,
    worst: Severity,
    /// The titles of the first messages.
    titles: Vec<String>,
    language: Language,
    /// The job of the digest, once it is known.
    job: Option<u64>,
}

impl Gate {
    /// Decides about a message that this gate has not seen.
    fn admit(&mut self, id: &str, rule: Rule, headline: &Headline, limits: &StormLimits, now: Timestamp) -> Fate {
        let is_sent = match rule {
            Rule::Passes => true,
            Rule::Collected => false,
            // While a batch is open, every message joins it: none overtakes those before it.
            Rule::Limited => self.open.is_none() && self.has_room(limits, now),
        };
        let fate = if is_sent {
            self.full_at = self.filling(limits, now).saturating_add(limits.every_micros());
            Fate::Sent
        } else {
            self.collect(headline, limits, now)
        };
        self.last = Some(Last { id: id.to_owned(), fate });
        fate
    }

    /// When the bucket is full again; never before now, and never later than an empty bucket takes.
    /// A clock that ran ahead for a while therefore closes no gate for longer.
    fn filling(&self, limits: &StormLimits, now: Timestamp) -> i64 {
        let now = now.micros();
        self.full_at.clamp(now, now.saturating_add(limits.span_micros()))
    }

    /// Whether the bucket holds one more message (the generic cell rate algorithm).
    fn has_room(&self, limits: &StormLimits, now: Timestamp) -> bool {
        let after = self.filling(limits, now).saturating_add(limits.every_micros());
        after <= now.micros().saturating_add(limits.span_micros())
    }

    fn collect(&mut self, headline: &Headline, limits: &StormLimits, now: Timestamp) -> Fate {
        if self.open.is_none() {
            self.level = if self.storm_goes_on(limits, now) { self.level.saturating_add(1) } else { 0 };
            self.batch += 1;
        }
        let due = later(now, limits.digest_wait(self.level)).micros();
        let now = now.micros();
        let batch = self.open.get_or_insert_with(|| Batch {
            count: 0,
            since: now,
            until: now,
            due,
            worst: headline.severity,
            titles: Vec::new(),
            language: headline.language,
            job: None,
        });
        batch.count += 1;
        (batch.since, batch.until) = (batch.since.min(now), batch.until.max(now));
        batch.worst = batch.worst.max(headline.severity);
        if batch.titles.len() < TITLES {
            batch.titles.push(headline.title.clone());
        }
        Fate::Collected(self.batch)
    }

    /// Whether the last batch was frozen no longer ago than it had waited.
    fn storm_goes_on(&self, limits: &StormLimits, now: Timestamp) -> bool {
        let wait = i64::try_from(limits.digest_wait(self.level).as_micros()).unwrap_or(i64::MAX);
        self.frozen_at.is_some_and(|frozen| now.micros().saturating_sub(frozen) <= wait)
    }

    /// The batch of this number, while it is open.
    fn open_batch(&self, number: u64) -> Option<&Batch> {
        self.open.as_ref().filter(|_| self.batch == number)
    }

    /// Closes the open batch: the next collected message begins another one.
    fn freeze(&mut self, now: Timestamp) {
        self.open = None;
        self.frozen_at = Some(now.micros());
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn headline(severity: Severity) -> Headline {
        Headline::new("title", severity, Language::English)
    }

    /// 3 at once, one more every 10 seconds, a digest after 20 seconds, at most 80.
    fn limits() -> StormLimits {
        let s = Duration::from_secs;
        StormLimits::new(NonZeroU32::new(3).unwrap(), s(10), s(20), s(80)).unwrap()
    }

    fn admit(gate: &mut Gate, rule: Rule, seconds: i64) -> Fate {
        gate.admit("id", rule, &headline(Severity::Info), &limits(), at(seconds))
    }

    #[test]
    fn a_burst_is_sent_and_the_rest_is_collected_until_the_batch_is_frozen() {
        let mut gate = Gate::default();
        for _ in 0..3 {
            assert_eq!(admit(&mut gate, Rule::Limited, 0), Fate::Sent);
        }
        // At 15 there is room again, but the open batch takes every message.
        for seconds in [0, 1, 15] {
            assert_eq!(admit(&mut gate, Rule::Limited, seconds), Fate::Collected(1));
        }
        let batch = gate.open_batch(1).unwrap();
        assert_eq!((batch.count, batch.since, batch.until, batch.due), (3, 0, 15_000_000, 20_000_000));
        gate.freeze(at(20));
        assert_eq!(admit(&mut gate, Rule::Limited, 20), Fate::Sent);
        assert_eq!(gate.open_batch(1), None);
    }

    #[test]
    fn a_storm_that_goes_on_gets_digests_at_ever_longer_waits_and_a_calm_ends_it() {
        let mut gate = Gate::default();
        let mut waits = Vec::new();
        let mut now = 0;
        for _ in 0..5 {
            while admit(&mut gate, Rule::Limited, now) == Fate::Sent {}
            let due = gate.open.as_ref().unwrap().due / 1_000_000;
            waits.push(due - now);
            now = due;
            gate.freeze(at(now));
        }
        assert_eq!(waits, [20, 40, 80, 80, 80]);
        now += 81;
        while admit(&mut gate, Rule::Limited, now) == Fate::Sent {}
        assert_eq!(gate.open.as_ref().unwrap().due / 1_000_000 - now, 20);
        assert_eq!(gate.batch, 6);
    }

    #[test]
    fn a_clock_that_ran_ahead_closes_the_gate_no_longer_than_an_empty_bucket() {
        let mut gate = Gate::default();
        for _ in 0..3 {
            admit(&mut gate, Rule::Limited, 1_000_000);
        }
        assert_eq!(admit(&mut gate, Rule::Passes, 0), Fate::Sent);
        assert!(gate.full_at <= 40_000_000, "{}", gate.full_at);
        assert_eq!(admit(&mut gate, Rule::Limited, 30), Fate::Sent);
    }

    #[test]
    fn a_digest_shows_the_first_titles_and_the_worst_severity() {
        let mut gate = Gate::default();
        for k in 0..30 {
            let severity = if k == 17 { Severity::Critical } else { Severity::Warning };
            let headline = Headline::new(&format!("title {k}"), severity, Language::French);
            gate.admit("id", Rule::Collected, &headline, &limits(), at(k));
        }
        let batch = gate.open_batch(1).unwrap();
        assert_eq!((batch.count, batch.worst, batch.language), (30, Severity::Critical, Language::French));
        assert_eq!(batch.titles, (0..10).map(|k| format!("title {k}")).collect::<Vec<_>>());
    }

    /// A database may hold this text from an earlier version: it is read for ever.
    #[test]
    fn the_first_form_of_a_gate_is_read_for_ever() {
        let text = r#"{"full_at":5,"batch":2,"level":1,"frozen_at":4,"open":{"count":3,"since":1,"until":2,"due":9,
            "worst":"warning","titles":["a"],"language":"fr","job":7},"last":{"id":"x","fate":{"collected":2}}}"#;
        let gate: Gate = serde_json::from_str(text).unwrap();
        assert_eq!((gate.open_batch(2).unwrap().count, gate.last.unwrap().fate), (3, Fate::Collected(2)));
        assert_eq!(serde_json::from_str::<Gate>("{}").unwrap(), Gate::default());
        assert_eq!(serde_json::from_str::<Fate>(r#""sent""#).unwrap(), Fate::Sent);
    }

    proptest! {
        /// Of any messages at any times, at most the burst and one for each interval are sent by
        /// themselves, and every other message is in exactly one batch.
        #[test]
        fn no_message_is_lost_and_what_is_sent_is_bounded(steps in prop::collection::vec((0_i64..30, any::<bool>()), 1..300)) {
            let (mut gate, mut now, mut sent, mut told) = (Gate::default(), 0, 0_i64, 0);
            for (step, freezes) in &steps {
                now += step;
                if *freezes {
                    told += gate.open.as_ref().map_or(0, |batch| batch.count);
                    gate.freeze(at(now));
                }
                if admit(&mut gate, Rule::Limited, now) == Fate::Sent {
                    sent += 1;
                }
            }
            told += gate.open.as_ref().map_or(0, |batch| batch.count);
            prop_assert!(sent <= 3 + now / 10, "{sent} in {now} seconds");
            prop_assert_eq!(u64::try_from(sent).unwrap() + told, steps.len() as u64);
        }
    }
}

//! [`CacheAlert`]: when the caches answer too few of their reads, and when they answer enough of
//! them again (CCH-10).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sqal_resilience::outage::{Outage, Recovery};
use sqal_storage::cache::CacheStats;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::settings::HitRateThreshold;

/// The time between two looks at the counts of the caches.
const EVERY: Duration = Duration::from_secs(15);

/// The time over which reads are counted. A share that falls again within this time belongs to the
/// same alert.
const WINDOW: Duration = Duration::from_mins(5);

/// The fewest reads in that time from which the share says something about the load of the
/// database: about three a second. Fewer are no load, whatever the caches answer. A single
/// dashboard that polls the newest samples finds a newer one each time (`docs/storage.md`).
const FEWEST: u64 = 1_000;

/// The counts of the caches at one time.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    hits: u64,
    misses: u64,
}

/// Compares the share of hits of the last five minutes with its threshold.
#[derive(Debug)]
pub(crate) struct CacheAlert {
    threshold: HitRateThreshold,
    /// The looks of the last five minutes, the oldest first, with one look before them.
    looks: VecDeque<Look>,
    low: Outage,
}

/// What is told about the share of hits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CacheNotice {
    /// The share has fallen below the threshold.
    Low { hit_ratio: f64, reads: u64 },
    /// The share is no longer below the threshold, or there are too few reads.
    Over(Recovery),
}

impl CacheAlert {
    /// An alert for caches that were not read before this time.
    pub(crate) fn new(threshold: HitRateThreshold, now: Instant) -> Self {
        let looks = VecDeque::from([Look { at: now, hits: 0, misses: 0 }]);
        Self { threshold, looks, low: Outage::calm_after(WINDOW) }
    }

    /// Looks at the counts of all caches together, and returns what is to be told now.
    pub(crate) fn check_cache_alert(&mut self, stats: &CacheStats, now: Instant) -> Option<CacheNotice> {
        let look = Look { at: now, hits: stats.hits, misses: stats.misses };
        while self.looks.get(1).is_some_and(|next| now.saturating_duration_since(next.at) >= WINDOW) {
            self.looks.pop_front();
        }
        let first = self.looks.front().copied().unwrap_or(look);
        self.looks.push_back(look);
        let hits = look.hits.saturating_sub(first.hits);
        let reads = hits + look.misses.saturating_sub(first.misses);
        let hit_ratio = share(hits, reads);
        if reads >= FEWEST && hit_ratio < self.threshold.share() {
            self.low.failed(now).then_some(CacheNotice::Low { hit_ratio, reads })
        } else {
            self.low.succeeded(now).map(CacheNotice::Over)
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
fn share(hits: u64, reads: u64) -> f64 {
    hits as f64 / reads as f64
}

/// Looks at the caches for ever, and logs when their share of hits falls below the threshold, and
/// when it is no longer below.
pub(crate) async fn watch(threshold: HitRateThreshold, stats: impl Fn() -> CacheStats) {
    let now = || tokio::time::Instant::now().into_std();
    let mut alert = CacheAlert::new(threshold, now());
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match alert.check_cache_alert(&stats(), now()) {
            Some(CacheNotice::Low { hit_ratio, reads }) => {
                let (hit_ratio, threshold) = ((hit_ratio * 1_000.0).round() / 1_000.0, threshold.share());
                warn!(
                    hit_ratio,
                    threshold,
                    reads,
                    "the caches answer too few of the reads of the last five minutes: look for clients that poll the \
                     newest sample more slowly than it changes, and for a shared cache that is too small"
                );
            }
            Some(CacheNotice::Over(recovery)) => {
                info!(seconds = recovery.seconds(), "the caches no longer answer too few reads");
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use fixtures::logged::LoggedLines;
    use sqal_resilience::{Clock, ManualClock};
    use tracing_subscriber::util::SubscriberInitExt;

    use super::*;

    fn usual() -> HitRateThreshold {
        "0.70".parse().unwrap()
    }

    fn stats(hits: u64, misses: u64) -> CacheStats {
        let mut stats = CacheStats::default();
        (stats.hits, stats.misses) = (hits, misses);
        stats
    }

    /// A day of looks at caches that are read evenly: what was told, with the seconds since the
    /// beginning.
    fn told(
        threshold: HitRateThreshold,
        reads_and_hits_in_a_look: impl Fn(u64) -> (u64, u64),
    ) -> Vec<(u64, CacheNotice)> {
        let clock = ManualClock::new();
        let mut alert = CacheAlert::new(threshold, clock.now());
        let (mut sum, mut told) = ((0, 0), Vec::new());
        for look in 1..=24 * 240 {
            clock.advance(EVERY);
            let (reads, hits) = reads_and_hits_in_a_look(look);
            sum = (sum.0 + hits, sum.1 + reads - hits);
            let notice = alert.check_cache_alert(&stats(sum.0, sum.1), clock.now());
            told.extend(notice.map(|notice| (look * EVERY.as_secs(), notice)));
        }
        told
    }

    /// The figures are those of `docs/storage.md` for dashboards that poll, in 15 seconds.
    #[test]
    fn cch_10_a_line_with_few_or_many_dashboards_is_no_alert() {
        for (dashboards, reads, hits) in [(1, 12, 4), (2, 24, 8), (5, 60, 44), (10, 120, 104), (20, 240, 224)] {
            let told = told(usual(), |_| (reads, hits));
            assert!(told.is_empty(), "{dashboards} dashboards: {told:?}");
        }
    }

    #[test]
    fn cch_10_a_share_below_the_threshold_is_told_once_and_so_is_its_end() {
        // From the second hour on, an hour without a hit.
        let told = told(usual(), |look| if (240..480).contains(&look) { (120, 0) } else { (120, 104) });
        let [(begins, low), (ends, over)] = told[..] else { panic!("{told:?}") };
        // Of 20 looks in five minutes, 4 without a hit leave 69 % of the reads.
        assert_eq!(begins, 243 * 15);
        let CacheNotice::Low { hit_ratio, reads } = low else { panic!("{low:?}") };
        assert!((hit_ratio - 0.693).abs() < 0.001 && reads == 2_400, "{low:?}");
        // 17 looks with hits bring the share back, and five minutes later it is told.
        let CacheNotice::Over(recovery) = over else { panic!("{over:?}") };
        assert_eq!((recovery.lasted.as_secs(), ends), ((479 + 17 - 243) * 15, (479 + 17 + 20) * 15));
    }

    #[test]
    fn a_threshold_of_zero_is_never_told_and_one_of_one_at_the_first_miss() {
        assert!(told("0".parse().unwrap(), |_| (1_000, 0)).is_empty());
        let told = told("1".parse().unwrap(), |look| (1_000, if look == 9 { 999 } else { 1_000 }));
        assert_eq!(told[0].0, 9 * 15, "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn cch_10_the_log_has_a_line_when_it_begins_and_one_when_it_ends() {
        let lines = LoggedLines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _logging = subscriber.set_default();
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        let watching = watch(usual(), || stats(hits.load(Ordering::Relaxed), misses.load(Ordering::Relaxed)));
        let reading = async {
            for count in [&misses, &hits] {
                for _ in 0..60 {
                    tokio::time::sleep(EVERY).await;
                    count.fetch_add(100, Ordering::Relaxed);
                }
            }
        };
        tokio::select! {
            biased;
            () = reading => {}
            () = watching => unreachable!("it never ends"),
        }
        let text = lines.text();
        let lines: Vec<_> = text.lines().collect();
        let [begins, ends] = lines[..] else { panic!("{text}") };
        assert!(begins.contains("WARN") && begins.contains("hit_ratio=0.0 threshold=0.7 reads=1000"), "{begins}");
        assert!(ends.contains("INFO") && ends.contains("the caches no longer answer too few reads"), "{ends}");
    }
}

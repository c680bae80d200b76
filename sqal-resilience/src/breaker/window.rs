//! [`Calls`]: the calls of a window by kind; each report costs the same, however many there are.

use super::config::Window;

/// The number of steps in which a time window forgets.
const STEPS: usize = 16;

/// What one call adds to the counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) failed: bool,
    pub(super) slow: bool,
    pub(super) abandoned: bool,
}

/// The number of calls in a window, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of all calls.
    pub calls: u32,
    /// The number of calls that failed.
    pub failures: u32,
    /// The number of calls that were slow, whether they failed or not.
    pub slow: u32,
    /// The number of calls whose permit was dropped without a report.
    pub abandoned: u32,
}

impl Counts {
    const fn add(&mut self, kind: Kind) {
        self.calls = self.calls.saturating_add(1);
        self.failures = self.failures.saturating_add(kind.failed as u32);
        self.slow = self.slow.saturating_add(kind.slow as u32);
        self.abandoned = self.abandoned.saturating_add(kind.abandoned as u32);
    }

    const fn take(&mut self, kind: Kind) {
        self.calls = self.calls.saturating_sub(1);
        self.failures = self.failures.saturating_sub(kind.failed as u32);
        self.slow = self.slow.saturating_sub(kind.slow as u32);
        self.abandoned = self.abandoned.saturating_sub(kind.abandoned as u32);
    }
}

/// The calls of a window.
#[derive(Debug)]
pub(super) enum Calls {
    /// A ring of the last calls with their sums.
    Last { ring: Box<[Kind]>, next: usize, filled: usize, sum: Counts },
    /// Counts for each of the last steps of time. A slot holds the number of its step, so that an
    /// old slot is not taken for a new one.
    Recent { step: u64, slots: Box<[(u64, Counts); STEPS]> },
}

impl Calls {
    pub(super) fn new(window: Window) -> Self {
        match window {
            Window::Calls(size) => Self::Last {
                ring: vec![Kind::default(); size.get() as usize].into_boxed_slice(),
                next: 0,
                filled: 0,
                sum: Counts::default(),
            },
            Window::Time(length) => {
                let step = u64::try_from(length.as_nanos() / STEPS as u128).unwrap_or(u64::MAX).max(1);
                Self::Recent { step, slots: Box::new([(u64::MAX, Counts::default()); STEPS]) }
            }
        }
    }

    pub(super) const fn depends_on_time(&self) -> bool {
        matches!(self, Self::Recent { .. })
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Last { next, filled, sum, .. } => (*next, *filled, *sum) = (0, 0, Counts::default()),
            Self::Recent { slots, .. } => slots.fill((u64::MAX, Counts::default())),
        }
    }

    pub(super) fn record(&mut self, kind: Kind, now: u64) {
        match self {
            Self::Last { ring, next, filled, sum } => {
                if *filled == ring.len() {
                    sum.take(ring[*next]);
                } else {
                    *filled += 1;
                }
                ring[*next] = kind;
                sum.add(kind);
                *next = (*next + 1) % ring.len();
            }
            Self::Recent { step, slots } => {
                let slice = now / *step;
                #[expect(clippy::cast_possible_truncation, reason = "below 16")]
                let (counted, counts) = &mut slots[(slice % STEPS as u64) as usize];
                if *counted != slice {
                    (*counted, *counts) = (slice, Counts::default());
                }
                counts.add(kind);
            }
        }
    }

    /// The sums of the window that ends at `now`.
    pub(super) fn counts(&self, now: u64) -> Counts {
        match self {
            Self::Last { sum, .. } => *sum,
            Self::Recent { step, slots } => {
                let slice = now / step;
                let recent = |counted: u64| counted <= slice && slice - counted < STEPS as u64;
                let mut sum = Counts::default();
                for (_, counts) in slots.iter().filter(|(counted, _)| recent(*counted)) {
                    sum.calls = sum.calls.saturating_add(counts.calls);
                    sum.failures = sum.failures.saturating_add(counts.failures);
                    sum.slow = sum.slow.saturating_add(counts.slow);
                    sum.abandoned = sum.abandoned.saturating_add(counts.abandoned);
                }
                sum
            }
        }
    }
}

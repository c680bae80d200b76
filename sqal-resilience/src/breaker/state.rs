//! [`State`], and the word in which a breaker publishes it to threads that take no lock.

/// The state of a breaker. The numbers are those of the metric `circuit_breaker_state`, as
/// resilience4j has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Calls are admitted.
    Closed = 0,
    /// Calls are refused until the open time is over.
    Open = 1,
    /// A limited number of probes is admitted.
    HalfOpen = 2,
    /// Calls are admitted and not counted, until the state is changed by hand.
    Disabled = 3,
    /// Calls are refused, until the state is changed by hand.
    ForcedOpen = 4,
    /// Calls are admitted and counted, and nothing opens the breaker.
    MetricsOnly = 5,
}

impl State {
    /// A stable name for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Disabled => "disabled",
            Self::ForcedOpen => "forced_open",
            Self::MetricsOnly => "metrics_only",
        }
    }
}

/// The state word: generation (43 bits), failures in a row (16), whether calls are timed (1),
/// whether they are counted in a window (1), state (3).
///
/// It is written under the lock only, so one load of it is a consistent view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    pub(super) const COUNTED: u64 = 1 << 3;
    pub(super) const TIMED: u64 = 1 << 4;
    pub(super) const FAILURES: u32 = 5;
    pub(super) const GENERATION: u32 = 21;

    pub(super) const fn state(self) -> State {
        match self.0 & 7 {
            0 => State::Closed,
            1 => State::Open,
            2 => State::HalfOpen,
            3 => State::Disabled,
            4 => State::ForcedOpen,
            _ => State::MetricsOnly,
        }
    }

    pub(super) const fn generation(self) -> u64 {
        self.0 >> Self::GENERATION
    }

    /// Whether a success of this generation changes nothing: the breaker is closed, there is no
    /// failure to forget, and there is no window to count in.
    pub(super) const fn success_changes_nothing(self, generation: u64) -> bool {
        self.0 & ((1 << Self::GENERATION) - 1) & !Self::TIMED == 0 && self.generation() == generation
    }
}

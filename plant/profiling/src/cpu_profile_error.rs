//! [`CpuProfileError`]: why there is no CPU profile.

use std::time::Duration;

/// A caller is told to come back after this time at least.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// Why there is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CpuProfileError {
    /// Another profile is being taken.
    #[error("another profile is being taken; it ends in about {} s", .free_after.as_secs())]
    Busy {
        /// The time after which that profile has ended, in whole seconds.
        free_after: Duration,
    },
    /// This program cannot be sampled: see
    /// [`CpuProfiler::is_supported`](crate::CpuProfiler::is_supported).
    #[error("this program has no sampler: CPU profiles are taken on Linux with glibc, on x86-64 and ARM64")]
    Unsupported,
    /// The sampler has failed.
    #[error("the sampler has failed: {0}")]
    Failed(String),
}

impl CpuProfileError {
    /// Another profile is being taken, which ends after this time, as far as that is known.
    pub(crate) fn busy(left: Duration) -> Self {
        let whole = Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0));
        Self::Busy { free_after: whole.max(LEAST_WAIT) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_comes_back_after_whole_seconds_and_never_at_once() {
        let told = |left| CpuProfileError::busy(left).to_string();
        let text = |seconds| format!("another profile is being taken; it ends in about {seconds} s");
        assert_eq!(told(Duration::from_millis(19_500)), text(20));
        assert_eq!(told(Duration::from_secs(7)), text(7));
        assert_eq!(told(Duration::ZERO), text(1), "its functions are being named");
    }
}

//! [`HeadSampling`]: which traces are kept, decided when they begin.

use crate::context::TraceId;

/// 2^63. OpenTelemetry's SDKs shift the lower 8 bytes of an id right by one bit, and sample the id
/// if the result is below the share of 2^63.
#[expect(clippy::lossy_float_literal, reason = "a power of two is exact")]
const SHARES: f64 = 9_223_372_036_854_775_808.0;

/// The decision of the head for traces that begin here. A trace that continues a remote one is
/// sampled exactly if the remote one is (OpenTelemetry's `parentbased` samplers).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HeadSampling {
    /// Every trace is sampled.
    Always,
    /// No trace is sampled. Traces with an error are kept nevertheless.
    Never,
    /// This share of the traces is sampled.
    Ratio(SampledShare),
}

impl HeadSampling {
    /// Whether a trace that begins here is sampled. Every process that samples the same share
    /// decides the same for an id, because the id decides (OpenTelemetry's `TraceIdRatioBased`).
    ///
    /// ```
    /// use sqal_telemetry::TraceId;
    /// use sqal_telemetry::held::{HeadSampling, SampledShare};
    ///
    /// let half = HeadSampling::Ratio(SampledShare::new(0.5)?);
    /// assert!(half.samples(TraceId::new(1).unwrap()));
    /// assert!(!half.samples(TraceId::new(u128::from(u64::MAX)).unwrap()));
    /// # Ok::<_, sqal_telemetry::held::InvalidSampledShare>(())
    /// ```
    #[must_use]
    pub fn samples(self, trace: TraceId) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Ratio(share) => share.samples(trace),
        }
    }
}

/// A share of all traces, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct SampledShare(f64);

impl SampledShare {
    /// A share.
    ///
    /// # Errors
    ///
    /// [`InvalidSampledShare`] if the number is not between 0 and 1.
    pub fn new(share: f64) -> Result<Self, InvalidSampledShare> {
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(InvalidSampledShare(share)) }
    }

    /// The number, from 0 to 1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    fn samples(self, trace: TraceId) -> bool {
        if self.0 >= 1.0 {
            return true;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to below 2^63")]
        let bound = (self.0 * SHARES) as u64;
        let drawn = (trace.get() & u128::from(u64::MAX)) >> 1;
        drawn < u128::from(bound)
    }
}

/// The share is refused: it is not a number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the share of sampled traces must be from 0 to 1, and it is {0}")]
pub struct InvalidSampledShare(f64);

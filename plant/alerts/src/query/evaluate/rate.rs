//! `rate` and `increase`: how much a counter has grown in a range.

use crate::query::series::Sample;

/// A range of time in milliseconds since 1970. Both ends belong to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Window {
    /// The increase of a counter in the whole range.
    pub(super) fn increase(self, samples: &[Sample]) -> Option<f64> {
        self.extrapolated(samples, 1.0)
    }

    /// The increase of a counter by the second.
    pub(super) fn rate(self, samples: &[Sample]) -> Option<f64> {
        self.extrapolated(samples, seconds(self.to - self.from))
    }

    /// The increase between the first and the last sample, extrapolated to the range and divided
    /// by `per`. `None` for fewer than two samples.
    ///
    /// A border of the range that is nearer to its sample than 1.1 times the mean interval is
    /// reached; otherwise the series is taken to begin or end half an interval beyond its sample.
    /// It never begins before the counter would have been zero.
    fn extrapolated(self, samples: &[Sample], per: f64) -> Option<f64> {
        let [first, .., last] = samples else { return None };
        let mut increase = last.value - first.value;
        for (before, after) in samples.iter().zip(samples.iter().skip(1)) {
            // The counter has begun again at zero.
            if after.value < before.value {
                increase += before.value;
            }
        }
        let sampled = seconds(last.millis - first.millis);
        let intervals = f64::from(u32::try_from(samples.len() - 1).unwrap_or(u32::MAX));
        let mean = sampled / intervals;
        let (mut to_start, to_end) = (seconds(first.millis - self.from), seconds(self.to - last.millis));
        if increase > 0.0 && first.value >= 0.0 {
            let to_zero = sampled * (first.value / increase);
            if to_zero < to_start {
                to_start = to_zero;
            }
        }
        let reach = |distance: f64| if distance < mean * 1.1 { distance } else { mean / 2.0 };
        let extent = sampled + reach(to_start) + reach(to_end);
        Some(increase * (extent / sampled / per))
    }
}

/// Milliseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of the years 0 to 9999 are below 2^53")]
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

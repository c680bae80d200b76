//! [`Drift`]: the change of a series of readings from its beginning to its end, beside its noise.

/// The change along a straight line through a series, with its standard uncertainty; in the unit of
/// the series.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Drift {
    /// The change from the first to the last reading.
    pub change: f64,
    /// The standard uncertainty of the change, from the scatter about the line.
    pub u: f64,
}

impl Drift {
    /// The drift of a series; `None` for fewer than three readings.
    ///
    /// The method is simple linear regression on the index of the reading (NIST e-Handbook
    /// 4.1.4.1).
    #[must_use]
    pub fn of(series: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let (mut n, mut sum) = (0.0, 0.0);
        for x in series.clone() {
            n += 1.0;
            sum += x;
        }
        if n < 3.0 {
            return None;
        }
        let (mean, middle) = (sum / n, (n - 1.0) / 2.0);
        let (mut along, mut spread, mut squares, mut at) = (0.0, 0.0, 0.0, -middle);
        for x in series {
            along += at * (x - mean);
            spread += at * at;
            squares += (x - mean) * (x - mean);
            at += 1.0;
        }
        let slope = along / spread;
        let left = (squares - slope * along).max(0.0) / (n - 2.0);
        Some(Self { change: slope * (n - 1.0), u: libm::sqrt(left / spread) * (n - 1.0) })
    }

    /// Whether the series has settled: its change is at most `allowed`, or at most three times the
    /// standard uncertainty of the change.
    #[must_use]
    pub fn has_settled(self, allowed: f64) -> bool {
        self.change.abs() <= allowed.max(3.0 * self.u)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_noise_is_not_called_one() {
        let line = Drift::of((0..11).map(|k| 5.0 + 0.2 * f64::from(k))).unwrap();
        assert!((line.change - 2.0).abs() < 1e-12 && line.u < 1e-7 && !line.has_settled(0.5) && line.has_settled(2.5));
        let noise = Drift::of((0..40).map(|k| f64::from(k * 7919 % 13))).unwrap();
        assert!(noise.has_settled(0.0), "{noise:?}");
        assert_eq!(Drift::of([1.0, 2.0].into_iter()), None);
    }
}

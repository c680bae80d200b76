//! Control limits: individuals, X̄-R and X̄-S, and the attribute charts p, np, c and u.
//!
//! Formulas: NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2 and 6.3.3.

use super::Moments;

/// The centre line of a chart and its limits three standard deviations away.
///
/// It is complete. A plant whose centre and spread are given, not estimated, writes it down itself.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Limits {
    /// The lower control limit.
    pub low: f64,
    /// The centre line.
    pub center: f64,
    /// The upper control limit.
    pub high: f64,
    /// One standard deviation. A limit that was cut off at 0 or 1 lies nearer to the centre than
    /// three of them.
    pub sigma: f64,
}

impl Limits {
    const fn about(center: f64, three_sigma: f64) -> Self {
        Self { low: center - three_sigma, center, high: center + three_sigma, sigma: three_sigma / 3.0 }
    }

    /// The limits with a lower one of at least 0, for a count or share.
    const fn at_least_zero(self) -> Self {
        Self { low: if self.low > 0.0 { self.low } else { 0.0 }, ..self }
    }

    /// Whether a point lies within the limits.
    #[must_use]
    pub fn hold(&self, x: f64) -> bool {
        (self.low..=self.high).contains(&x)
    }

    /// The distance of a point from the centre in standard deviations, which
    /// [`super::run_rules::RunRules`] takes. `None` for limits without width.
    #[must_use]
    pub fn z(&self, x: f64) -> Option<f64> {
        (self.sigma > 0.0).then(|| (x - self.center) / self.sigma)
    }
}

/// The chart for single values: centre and limits from the mean moving range, x̄ ± 3 MR̄/d₂(2).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Individuals {
    values: Moments,
    ranges: Moments,
    first: Option<f64>,
    last: Option<f64>,
}

impl Individuals {
    /// Takes the next value. If it is not finite, it is left out and the result is `false`.
    pub fn push(&mut self, x: f64) -> bool {
        if !self.values.push(x) {
            return false;
        }
        if let Some(last) = self.last {
            self.ranges.push(libm::fabs(x - last));
        }
        self.first = self.first.or(Some(x));
        self.last = Some(x);
        true
    }

    /// Joins this stream with the stream that follows it.
    #[must_use]
    pub fn followed_by(&self, next: &Self) -> Self {
        let mut ranges = self.ranges.merged(&next.ranges);
        if let (Some(last), Some(first)) = (self.last, next.first) {
            ranges.push(libm::fabs(first - last));
        }
        Self {
            values: self.values.merged(&next.values),
            ranges,
            first: self.first.or(next.first),
            last: next.last.or(self.last),
        }
    }

    /// The mean moving range; `None` for fewer than two values.
    #[must_use]
    pub fn mean_range(&self) -> Option<f64> {
        self.ranges.mean()
    }

    /// The limits; `None` for fewer than two values.
    #[must_use]
    pub fn limits(&self) -> Option<Limits> {
        let constants = Constants::of(2)?;
        Some(Limits::about(self.values.mean()?, 3.0 * self.mean_range()? / constants.d2))
    }
}

/// The constants that relate the mean range and the mean standard deviation of samples from a
/// normal process to its standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Constants {
    /// E(range)/σ.
    pub d2: f64,
    /// sd(range)/σ.
    pub d3: f64,
    /// E(s)/σ.
    pub c4: f64,
}

/// The constants for subgroups of 2 to 10: d₂ = ∫1 − Φⁿ − (1 − Φ)ⁿ; c₄ = √(2/(n−1))
/// Γ(n/2)/Γ((n−1)/2). A test integrates them again.
const CONSTANTS: [Constants; 9] = [
    Constants { d2: core::f64::consts::FRAC_2_SQRT_PI, d3: 0.852_502_466_427_426, c4: 0.797_884_560_802_865_4 },
    Constants { d2: 1.692_568_750_643_269, d3: 0.888_368_004_045_205, c4: 0.886_226_925_452_758 },
    Constants { d2: 2.058_750_746_007_928, d3: 0.879_808_202_824_98, c4: 0.921_317_731_923_561_3 },
    Constants { d2: 2.325_928_947_281_039, d3: 0.864_081_941_099_505, c4: 0.939_985_602_986_625_1 },
    Constants { d2: 2.534_412_721_222_943, d3: 0.848_039_686_117_491, c4: 0.951_532_861_948_144_6 },
    Constants { d2: 2.704_356_751_213_808_7, d3: 0.833_205_335_622_292, c4: 0.959_368_788_699_833 },
    Constants { d2: 2.847_200_612_090_555_5, d3: 0.819_831_489_791_935, c4: 0.965_030_456_147_371_9 },
    Constants { d2: 2.970_026_324_418_474, d3: 0.807_834_274_553_318, c4: 0.969_310_699_713_954_1 },
    Constants { d2: 3.077_505_461_670_346, d3: 0.797_050_673_519_407, c4: 0.972_659_274_121_588_3 },
];

impl Constants {
    /// The constants for subgroups of `size`; `None` outside 2 to 10.
    #[must_use]
    pub fn of(size: usize) -> Option<Self> {
        size.checked_sub(2).and_then(|k| CONSTANTS.get(k)).copied()
    }
}

/// Subgroups of equal size, 2 to 10: charts for their means, ranges and standard deviations.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "StoredSubgroups"))]
pub struct Subgroups {
    size: usize,
    means: Moments,
    ranges: Moments,
    deviations: Moments,
}

/// Subgroups as they are deserialized, before they are checked.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSubgroups {
    size: usize,
    means: Moments,
    ranges: Moments,
    deviations: Moments,
}

#[cfg(feature = "serde")]
impl TryFrom<StoredSubgroups> for Subgroups {
    type Error = InvalidSubgroup;

    fn try_from(stored: StoredSubgroups) -> Result<Self, InvalidSubgroup> {
        let StoredSubgroups { size, means, ranges, deviations } = stored;
        Ok(Self { means, ranges, deviations, ..Self::of(size)? })
    }
}

/// A subgroup that the chart cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSubgroup {
    /// Its size differs from that of the chart, or lies outside 2 to 10.
    #[error("a subgroup of {given}: expected {expected} values, 2 to 10")]
    Size {
        /// The number of its values.
        given: usize,
        /// The number of values that the chart takes.
        expected: usize,
    },
    /// A value is not finite.
    #[error("value {0} of the subgroup is not a finite number")]
    NotFinite(usize),
}

impl Subgroups {
    /// Charts for subgroups of `size` values.
    ///
    /// # Errors
    ///
    /// [`InvalidSubgroup::Size`] if `size` is not 2 to 10.
    pub fn of(size: usize) -> Result<Self, InvalidSubgroup> {
        Constants::of(size).ok_or(InvalidSubgroup::Size { given: size, expected: size })?;
        let empty = Moments::default();
        Ok(Self { size, means: empty, ranges: empty, deviations: empty })
    }

    /// Takes the next subgroup.
    ///
    /// # Errors
    ///
    /// [`InvalidSubgroup`] if it has another size, or a value that is not finite.
    pub fn push(&mut self, values: &[f64]) -> Result<(), InvalidSubgroup> {
        if values.len() != self.size {
            return Err(InvalidSubgroup::Size { given: values.len(), expected: self.size });
        }
        if let Some(k) = values.iter().position(|x| !x.is_finite()) {
            return Err(InvalidSubgroup::NotFinite(k));
        }
        let (mut moments, mut low, mut high) = (Moments::default(), f64::INFINITY, f64::NEG_INFINITY);
        for x in values {
            moments.push(*x);
            (low, high) = (low.min(*x), high.max(*x));
        }
        self.means.push(moments.mean().unwrap_or_default());
        self.ranges.push(high - low);
        self.deviations.push(moments.sd().unwrap_or_default());
        Ok(())
    }

    /// Joins both sets of subgroups; `None` if their sizes differ.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Option<Self> {
        (self.size == other.size).then(|| Self {
            size: self.size,
            means: self.means.merged(&other.means),
            ranges: self.ranges.merged(&other.ranges),
            deviations: self.deviations.merged(&other.deviations),
        })
    }

    fn constants(&self) -> Option<Constants> {
        Constants::of(self.size)
    }

    #[expect(clippy::cast_precision_loss, reason = "2 to 10")]
    fn root_n(&self) -> f64 {
        libm::sqrt(self.size as f64)
    }

    /// The chart of the means with limits from the ranges: x̿ ± A₂R̄. `None` without a subgroup.
    #[must_use]
    pub fn means_by_range(&self) -> Option<Limits> {
        let sigma = self.ranges.mean()? / self.constants()?.d2;
        Some(Limits::about(self.means.mean()?, 3.0 * sigma / self.root_n()))
    }

    /// The chart of the means with limits from the standard deviations: x̿ ± A₃s̄. `None` without a
    /// subgroup.
    #[must_use]
    pub fn means_by_deviation(&self) -> Option<Limits> {
        let sigma = self.deviations.mean()? / self.constants()?.c4;
        Some(Limits::about(self.means.mean()?, 3.0 * sigma / self.root_n()))
    }

    /// The chart of the ranges: D₃R̄ to D₄R̄. `None` without a subgroup.
    #[must_use]
    pub fn ranges(&self) -> Option<Limits> {
        let (center, constants) = (self.ranges.mean()?, self.constants()?);
        Some(Limits::about(center, 3.0 * center * constants.d3 / constants.d2).at_least_zero())
    }

    /// The chart of the standard deviations: B₃s̄ to B₄s̄. `None` without a subgroup.
    #[must_use]
    pub fn deviations(&self) -> Option<Limits> {
        let (center, c4) = (self.deviations.mean()?, self.constants()?.c4);
        Some(Limits::about(center, 3.0 * center * libm::sqrt(1.0 - c4 * c4) / c4).at_least_zero())
    }
}

/// Counts of nonconforming items, or of nonconformities, from which attribute charts are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Attributes {
    samples: u64,
    inspected: u64,
    counted: u64,
}

impl Attributes {
    /// Takes the next sample: the number of items inspected, and the number of nonconforming ones
    /// among them (or of nonconformities on them).
    pub const fn push(&mut self, inspected: u64, counted: u64) {
        self.samples += 1;
        self.inspected += inspected;
        self.counted += counted;
    }

    /// Joins both streams.
    #[must_use]
    pub const fn merged(&self, other: &Self) -> Self {
        Self {
            samples: self.samples + other.samples,
            inspected: self.inspected + other.inspected,
            counted: self.counted + other.counted,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
    fn ratio(counted: u64, of: u64) -> Option<f64> {
        (of > 0).then(|| counted as f64 / of as f64)
    }

    /// The p chart for a sample of `n` items: the share of nonconforming ones.
    #[must_use]
    pub fn p(&self, n: u32) -> Option<Limits> {
        let p = Self::ratio(self.counted, self.inspected).filter(|p| *p <= 1.0 && n > 0)?;
        let limits = Limits::about(p, 3.0 * libm::sqrt(p * (1.0 - p) / f64::from(n))).at_least_zero();
        Some(Limits { high: limits.high.min(1.0), ..limits })
    }

    /// The np chart for samples of `n` items: the number of nonconforming ones.
    #[must_use]
    pub fn np(&self, n: u32) -> Option<Limits> {
        let (p, n) = (self.p(n)?, f64::from(n));
        Some(Limits { low: p.low * n, center: p.center * n, high: p.high * n, sigma: p.sigma * n })
    }

    /// The c chart: the number of nonconformities in a sample of constant size.
    #[must_use]
    pub fn c(&self) -> Option<Limits> {
        let c = Self::ratio(self.counted, self.samples)?;
        Some(Limits::about(c, 3.0 * libm::sqrt(c)).at_least_zero())
    }

    /// The u chart for a sample of `n` items: the number of nonconformities per item.
    #[must_use]
    pub fn u(&self, n: u32) -> Option<Limits> {
        let u = Self::ratio(self.counted, self.inspected).filter(|_| n > 0)?;
        Some(Limits::about(u, 3.0 * libm::sqrt(u / f64::from(n))).at_least_zero())
    }
}

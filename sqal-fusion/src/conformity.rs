//! Conformity with a tolerance: its probability, and the risks of deciding on a measurement.
//!
//! Source: JCGM 106:2012.

use sqal_core::{Measured, Score, normal::normal_cdf};

/// The interval in which a quantity conforms; a one-sided one is open to infinity on the other
/// side.
///
/// Tools disagree on risks because they interpret one-sided limits differently. Here the open side
/// has no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    low: f64,
    high: f64,
}

/// Two limits that enclose no interval.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("limits {low} to {high} enclose nothing: the lower must be below the upper, and one of them finite")]
#[non_exhaustive]
pub struct InvalidTolerance {
    /// The lower limit offered.
    pub low: f64,
    /// The upper limit offered.
    pub high: f64,
}

impl Tolerance {
    /// At least `low`.
    ///
    /// # Errors
    ///
    /// [`InvalidTolerance`] if `low` is not finite.
    pub const fn at_least(low: f64) -> Result<Self, InvalidTolerance> {
        Self::between(low, f64::INFINITY)
    }

    /// At most `high`.
    ///
    /// # Errors
    ///
    /// [`InvalidTolerance`] if `high` is not finite.
    pub const fn at_most(high: f64) -> Result<Self, InvalidTolerance> {
        Self::between(f64::NEG_INFINITY, high)
    }

    /// From `low` to `high`, limits included.
    ///
    /// # Errors
    ///
    /// [`InvalidTolerance`] if the lower limit is not below the upper, or neither is finite.
    pub const fn between(low: f64, high: f64) -> Result<Self, InvalidTolerance> {
        if low < high && (low.is_finite() || high.is_finite()) {
            Ok(Self { low, high })
        } else {
            Err(InvalidTolerance { low, high })
        }
    }

    /// The lower limit; −∞ if there is none.
    #[must_use]
    pub const fn low(&self) -> f64 {
        self.low
    }

    /// The upper limit; ∞ if there is none.
    #[must_use]
    pub const fn high(&self) -> f64 {
        self.high
    }

    /// Whether a value lies within the limits.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The interval of measured values that are accepted when each limit is moved inwards by a
    /// guard band `w` (outwards if `w` is negative).
    ///
    /// # Errors
    ///
    /// [`InvalidTolerance`] if the guard bands meet, so that no value can be accepted.
    pub const fn guarded(&self, w: f64) -> Result<Self, InvalidTolerance> {
        Self::between(self.low + w, self.high - w)
    }

    /// The probability that the quantity conforms, given the measurement and no prior knowledge
    /// (JCGM 106:2012, 7).
    ///
    /// ```
    /// use sqal_core::Measured;
    /// use sqal_fusion::conformity::Tolerance;
    ///
    /// let viscosity = Tolerance::between(12.5, 16.3)?;
    /// assert!((viscosity.probability(Measured::new(13.6, 1.8)?).get() - 0.66).abs() < 5e-3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn probability(&self, measured: Measured) -> Score {
        Score::nearest(self.mass(measured.value(), measured.u()))
    }

    /// P(low ≤ X ≤ high) for a normal X with this mean and the standard deviation u.
    fn mass(&self, mean: f64, u: f64) -> f64 {
        if u.is_nan() || u < 0.0 {
            f64::NAN
        } else if u > 0.0 {
            let (low, high) = ((self.low - mean) / u, (self.high - mean) / u);
            // In the upper tail both probabilities are nearly 1 and their difference is rounding
            // noise. Mirrored to the lower tail, it is exact.
            if low > 0.0 { normal_cdf(-low) - normal_cdf(-high) } else { normal_cdf(high) - normal_cdf(low) }
        } else {
            f64::from(u8::from(self.holds(mean)))
        }
    }
}

/// The effect of deciding on measurements over a whole production (JCGM 106:2012, 9.5; "global"
/// risks).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Risk {
    /// The share of all items that do not conform and are accepted: the consumer's risk (PFA).
    pub consumer: f64,
    /// The share of all items that conform and are rejected: the producer's risk (PFR).
    pub producer: f64,
    /// The share of all items that are accepted.
    pub accepted: f64,
}

impl Risk {
    /// The share of the *accepted* items that do not conform (CPFA), which is the share that a
    /// customer receives. `None` if no item is accepted.
    #[must_use]
    pub fn consumer_among_accepted(&self) -> Option<f64> {
        (self.accepted > 0.0).then_some(self.consumer / self.accepted)
    }
}

/// The probability density of true values. Every function from `f64` to `f64` implements it.
pub trait Density {
    /// The density at this value.
    fn at(&self, value: f64) -> f64;
}

impl<F: Fn(f64) -> f64> Density for F {
    #[inline]
    fn at(&self, value: f64) -> f64 {
        self(value)
    }
}

/// The density of a normal distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    mean: f64,
    sd: f64,
}

impl Density for Normal {
    #[inline]
    fn at(&self, value: f64) -> f64 {
        let z = (value - self.mean) / self.sd;
        libm::exp(-0.5 * z * z) / self.sd * 0.398_942_280_401_432_7
    }
}

/// The distribution of the true values over production, before any measurement. `Production`
/// without a type argument is normal and can be the type of a field.
///
/// ```
/// use sqal_fusion::conformity::{Production, Tolerance};
///
/// struct Line { production: Production }
///
/// let line = Line { production: Production::normal(3.8, 0.6)? };
/// let chilled = Tolerance::between(2.0, 5.0)?;
/// assert!(line.production.risk(0.083, &chilled, &chilled).consumer < 0.01);
/// # Ok::<(), sqal_fusion::conformity::InvalidTolerance>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Production<D = Normal> {
    density: D,
    range: (f64, f64),
}

impl Production<Normal> {
    /// A production whose true values are normal, with this mean and this standard deviation of the
    /// process.
    ///
    /// # Errors
    ///
    /// [`InvalidTolerance`] if the standard deviation is not positive or a number is not finite,
    /// because then there is nothing to decide.
    pub fn normal(mean: f64, standard_deviation: f64) -> Result<Self, InvalidTolerance> {
        let density = Normal { mean, sd: standard_deviation };
        Self::new(density, mean - 9.0 * standard_deviation, mean + 9.0 * standard_deviation)
    }
}

impl<D: Density> Production<D> {
    /// A production from the probability density of its true values and the range from `low` to
    /// `high` that holds nearly all of them. The share outside the range is neglected.
    ///
    /// # Errors
    ///
    /// [`InvalidTolerance`] if the range is not finite, or encloses nothing.
    pub fn new(density: D, low: f64, high: f64) -> Result<Self, InvalidTolerance> {
        if low < high && low.is_finite() && high.is_finite() {
            Ok(Self { density, range: (low, high) })
        } else {
            Err(InvalidTolerance { low, high })
        }
    }

    /// The risks of accepting items whose measured value lies within `acceptance`, with a standard
    /// uncertainty of measurement `u`. An item conforms if its true value lies within `tolerance`.
    ///
    /// The integral is by Gauss-Legendre. The range is cut at every limit and nine `u` on either
    /// side of it, where the probability of acceptance changes. For densities as smooth as a normal
    /// one, the result is good to about 1e-12. A `u` that is negative or NaN gives NaN.
    #[must_use]
    pub fn risk(&self, u: f64, tolerance: &Tolerance, acceptance: &Tolerance) -> Risk {
        let accepted = |x: f64| self.density.at(x) * acceptance.mass(x, u);
        let rejected = |x: f64| self.density.at(x) * (1.0 - acceptance.mass(x, u));
        let (low, high) = self.range;
        let (from, to) = (tolerance.low.clamp(low, high), tolerance.high.clamp(low, high));
        // The probability of acceptance is a step of width u at each limit. The range is cut there
        // and around it, so that the panels resolve the step.
        let mut cuts = [-9.0 * u, 0.0, 9.0 * u, -9.0 * u, 0.0, 9.0 * u];
        for (k, cut) in cuts.iter_mut().enumerate() {
            let at = if k < 3 { acceptance.low } else { acceptance.high };
            *cut = (at + *cut).clamp(low, high);
        }
        cuts.sort_unstable_by(f64::total_cmp);
        let consumer = integral(&accepted, low, from, &cuts, u) + integral(&accepted, to, high, &cuts, u);
        let conforming = integral(&accepted, from, to, &cuts, u);
        Risk { consumer, producer: integral(&rejected, from, to, &cuts, u), accepted: consumer + conforming }
    }

    /// The smallest guard band that reduces the consumer's risk to `target` (JCGM 106:2012, 9.5.4).
    /// It is negative if the risk without a guard band is below `target`. If every guard band of
    /// the search range reaches `target`, it is the most negative of them.
    ///
    /// `None` if no guard band reaches `target`; with two limits, only guard bands that leave an
    /// interval of acceptance are tried.
    #[must_use]
    pub fn guard_band(&self, u: f64, tolerance: &Tolerance, target: f64) -> Option<f64> {
        // With a guard band of this size nothing is left to accept. For two limits it reaches their
        // middle. For one limit it lies nine u beyond the whole production.
        let width = tolerance.high - tolerance.low;
        let limit = if tolerance.low.is_finite() { tolerance.low } else { tolerance.high };
        let farthest = (self.range.1 - limit).abs().max((self.range.0 - limit).abs());
        let most = if width.is_finite() { 0.5 * width } else { farthest + 9.0 * u };
        let consumer =
            |w: f64| tolerance.guarded(w).map_or(0.0, |acceptance| self.risk(u, tolerance, &acceptance).consumer);
        let (mut low, mut high) = (-most, most);
        if consumer(low) <= target {
            return Some(low);
        }
        if consumer(high) > target {
            return None;
        }
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            *(if consumer(middle) > target { &mut low } else { &mut high }) = middle;
        }
        Some(high)
    }
}

/// Nodes and weights of the ten-point Gauss-Legendre rule on −1 to 1 (the positive half).
const GAUSS: [(f64, f64); 5] = [
    (0.148_874_338_981_631_2, 0.295_524_224_714_752_9),
    (0.433_395_394_129_247_2, 0.269_266_719_309_996_4),
    (0.679_409_568_299_024_4, 0.219_086_362_515_982),
    (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
    (0.973_906_528_517_171_7, 0.066_671_344_308_688_14),
];

/// ∫f from `from` to `to`, cut at the places `cuts`, which are in ascending order.
fn integral(f: &impl Fn(f64) -> f64, from: f64, to: f64, cuts: &[f64], u: f64) -> f64 {
    let (mut sum, mut begin) = (0.0, from);
    for cut in cuts.iter().map(|cut| cut.clamp(from, to)).chain([to]) {
        sum += smooth_integral(f, begin, cut, u);
        begin = cut;
    }
    sum
}

pub(crate) fn smooth_integral(f: &impl Fn(f64) -> f64, from: f64, to: f64, u: f64) -> f64 {
    if to <= from {
        return 0.0;
    }
    // A very small uncertainty is a step, and the range is already cut at the steps.
    let wanted = libm::ceil((to - from) / (0.5 * u)).clamp(64.0, 4096.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "64 to 4096")]
    let panels = wanted as u32;
    let half = 0.5 * (to - from) / wanted;
    let panel = |k: u32| -> f64 {
        let middle = from + half * (2.0 * f64::from(k) + 1.0);
        GAUSS.iter().map(|(node, weight)| weight * (f(middle - half * node) + f(middle + half * node))).sum()
    };
    half * (0..panels).map(panel).sum::<f64>()
}

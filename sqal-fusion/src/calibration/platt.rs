//! Platt's calibration: a logistic curve on the logit of the raw confidence.
//!
//! It has two parameters only, so few labels suffice.

use sqal_core::Score;

/// The distance from 0 and 1 at which raw confidences are clamped before their logit is taken.
const EDGE: f64 = 1e-12;

/// p = 1/(1 + exp(a·logit(raw) + b)), rising: a ≤ 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Raw", into = "Raw"))]
pub struct Platt {
    a: f64,
    b: f64,
    /// The covariance of a and b: the variance of a, the variance of b, then their covariance.
    covariance: [f64; 3],
}

/// Parameters that are not finite, or a curve that falls.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "a = {a}, b = {b} is no rising logistic curve: both must be finite, a at most 0, and their covariance positive"
)]
#[non_exhaustive]
pub struct InvalidPlatt {
    /// The slope offered.
    pub a: f64,
    /// The offset offered.
    pub b: f64,
}

impl Platt {
    /// A curve from its slope a, its offset b, and their covariance: the variance of a, the
    /// variance of b, then the covariance.
    ///
    /// # Errors
    ///
    /// [`InvalidPlatt`] if a number is not finite, if the curve falls, or if the covariance is not
    /// positive.
    pub fn new(a: f64, b: f64, covariance: [f64; 3]) -> Result<Self, InvalidPlatt> {
        let [va, vb, vab] = covariance;
        let sound = va >= 0.0 && vb >= 0.0 && vab * vab <= va * vb * (1.0 + 1e-9);
        if a.is_finite() && b.is_finite() && a <= 0.0 && sound && covariance.iter().all(|v| v.is_finite()) {
            Ok(Self { a, b, covariance })
        } else {
            Err(InvalidPlatt { a, b })
        }
    }

    /// The slope.
    #[must_use]
    pub const fn a(&self) -> f64 {
        self.a
    }

    /// The offset.
    #[must_use]
    pub const fn b(&self) -> f64 {
        self.b
    }

    /// The curve at a raw confidence.
    #[must_use]
    pub fn at(&self, raw: Score) -> Score {
        Score::nearest(logistic(-(self.a * logit(raw) + self.b)))
    }

    /// The standard uncertainty of the curve at a raw confidence, by the delta method.
    pub(super) fn u_at(&self, raw: Score) -> f64 {
        let (x, p) = (logit(raw), self.at(raw).get());
        let [va, vb, vab] = self.covariance;
        p * (1.0 - p) * libm::sqrt((va * x * x + 2.0 * vab * x + vb).max(0.0))
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn logit(raw: Score) -> f64 {
    let p = raw.get().clamp(EDGE, 1.0 - EDGE);
    libm::log(p / (1.0 - p))
}

#[cfg(feature = "alloc")]
impl Platt {
    /// Fits by maximum likelihood with Platt's targets (n₊ + 1)/(n₊ + 2) and 1/(n₋ + 2), by
    /// Newton's method with halved steps (Lin, Lin and Weng 2007).
    ///
    /// If the labels contradict the confidence, so that the curve would fall, the curve is level.
    pub(super) fn fit(labels: &[super::Label]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 labelled samples")]
        let count = |correct: bool| labels.iter().filter(|label| label.correct == correct).count() as f64;
        let (right, wrong) = (count(true), count(false));
        let (high, low) = ((right + 1.0) / (right + 2.0), 1.0 / (wrong + 2.0));
        let points = || labels.iter().map(|label| (logit(label.confidence), if label.correct { high } else { low }));
        // −log-likelihood, written so that neither exponential overflows.
        let loss = |a: f64, b: f64| -> f64 {
            let one = |(x, target): (f64, f64)| {
                let f = a * x + b;
                let larger = libm::log1p(libm::exp(-libm::fabs(f)));
                if f >= 0.0 { target * f + larger } else { (target - 1.0) * f + larger }
            };
            points().map(one).sum()
        };
        let (mut a, mut b) = (0.0, libm::log((wrong + 1.0) / (right + 1.0)));
        let mut value = loss(a, b);
        let mut hessian = [0.0; 3];
        for _ in 0..100 {
            let (mut ga, mut gb) = (0.0, 0.0);
            hessian = [1e-12, 1e-12, 0.0];
            for (x, target) in points() {
                let p = logistic(-(a * x + b));
                let (gradient, curvature) = (target - p, p * (1.0 - p));
                ga += x * gradient;
                gb += gradient;
                hessian[0] += x * x * curvature;
                hessian[1] += curvature;
                hessian[2] += x * curvature;
            }
            let determinant = hessian[0] * hessian[1] - hessian[2] * hessian[2];
            let da = -(hessian[1] * ga - hessian[2] * gb) / determinant;
            let db = -(hessian[0] * gb - hessian[2] * ga) / determinant;
            if ga * ga + gb * gb < 1e-24 {
                break;
            }
            let mut step = 1.0;
            let better = loop {
                let next = loss(a + step * da, b + step * db);
                if next < value {
                    break Some(next);
                }
                step *= 0.5;
                if step < 1e-10 {
                    break None;
                }
            };
            let Some(next) = better else { break };
            (a, b, value) = (a + step * da, b + step * db, next);
        }
        let determinant = hessian[0] * hessian[1] - hessian[2] * hessian[2];
        let covariance = [hessian[1] / determinant, hessian[0] / determinant, -hessian[2] / determinant];
        let level =
            Self { a: 0.0, b: libm::log((wrong + 1.0) / (right + 1.0)), covariance: [0.0, 1.0 / hessian[1], 0.0] };
        Self::new(a, b, covariance).unwrap_or(level)
    }
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    a: f64,
    b: f64,
    covariance: [f64; 3],
}

#[cfg(feature = "serde")]
impl TryFrom<Raw> for Platt {
    type Error = InvalidPlatt;

    fn try_from(raw: Raw) -> Result<Self, InvalidPlatt> {
        Self::new(raw.a, raw.b, raw.covariance)
    }
}

#[cfg(feature = "serde")]
impl From<Platt> for Raw {
    fn from(platt: Platt) -> Self {
        Self { a: platt.a, b: platt.b, covariance: platt.covariance }
    }
}

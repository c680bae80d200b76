//! Isotonic regression: the rising curve nearest to the observations.
//!
//! It makes no assumption about the shape of the curve.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use arrayvec::ArrayVec;
use sqal_core::Score;

/// The most knots of a curve. A fit with more joins the neighbours that differ least.
pub const MAX_KNOTS: usize = 128;

/// One knot of an isotonic curve.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Knot {
    /// The raw confidence.
    pub raw: Score,
    /// The frequency observed there.
    pub calibrated: Score,
    /// The number of labels that the frequency is taken from.
    pub labels: u32,
}

/// A rising curve from raw to calibrated confidence: straight between its knots, and level beyond
/// the first and the last.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "ArrayVec<Knot, MAX_KNOTS>", into = "ArrayVec<Knot, MAX_KNOTS>"))]
pub struct Isotonic {
    knots: ArrayVec<Knot, MAX_KNOTS>,
}

/// Why knots do not make a rising curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIsotonic {
    /// There is no knot.
    #[error("a curve needs a knot")]
    Empty,
    /// There are more than [`MAX_KNOTS`] knots.
    #[error("{0} knots: at most {MAX_KNOTS} are held")]
    TooMany(usize),
    /// A knot lies left of the previous one, or below it, or has no labels.
    #[error("knot {0} lies left of or below the one before it, or rests on no label")]
    Falls(usize),
}

impl Isotonic {
    /// A curve from its knots.
    ///
    /// # Errors
    ///
    /// [`InvalidIsotonic`] if there is no knot, there are too many, or they do not rise.
    pub fn new(knots: &[Knot]) -> Result<Self, InvalidIsotonic> {
        if knots.is_empty() {
            return Err(InvalidIsotonic::Empty);
        }
        for (k, knot) in knots.iter().enumerate() {
            let before = k.checked_sub(1).map(|before| knots[before]);
            if knot.labels == 0 || before.is_some_and(|b| b.raw >= knot.raw || b.calibrated > knot.calibrated) {
                return Err(InvalidIsotonic::Falls(k));
            }
        }
        let knots = ArrayVec::try_from(knots).map_err(|_| InvalidIsotonic::TooMany(knots.len()))?;
        Ok(Self { knots })
    }

    /// The knots, from left to right.
    #[must_use]
    pub fn knots(&self) -> &[Knot] {
        &self.knots
    }

    /// The curve at a raw confidence.
    #[must_use]
    pub fn at(&self, raw: Score) -> Score {
        let (left, right, share) = self.between(raw);
        let (low, high) = (left.calibrated.get(), right.calibrated.get());
        // Without the clamp, rounding could lead beyond a knot, and the curve would fall by a last
        // digit.
        Score::nearest((low + share * (high - low)).clamp(low, high))
    }

    /// The standard uncertainty of the curve at a raw confidence: that of a frequency among the
    /// labels of its knots (the posterior deviation from a uniform prior).
    pub(super) fn u_at(&self, raw: Score) -> f64 {
        let (left, right, share) = self.between(raw);
        let u = |knot: &Knot| {
            let n = f64::from(knot.labels);
            let p = (knot.calibrated.get() * n + 1.0) / (n + 2.0);
            libm::sqrt(p * (1.0 - p) / (n + 3.0))
        };
        u(left) + share * (u(right) - u(left))
    }

    /// The knots on either side of a raw confidence, and how far it lies between them, 0 to 1.
    fn between(&self, raw: Score) -> (&Knot, &Knot, f64) {
        let right = self.knots.partition_point(|knot| knot.raw < raw);
        let last = self.knots.len() - 1;
        let (left, right) = (&self.knots[right.saturating_sub(1)], &self.knots[right.min(last)]);
        let width = right.raw.get() - left.raw.get();
        let share = if width > 0.0 { ((raw.get() - left.raw.get()) / width).clamp(0.0, 1.0) } else { 0.0 };
        (left, right, share)
    }
}

/// One observation: `y` at the place `x`, with a weight.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The place on the axis by which points are ordered.
    pub x: f64,
    /// The observed value.
    pub y: f64,
    /// The weight, positive.
    pub weight: f64,
}

/// A level stretch of an isotonic fit.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// The place of its first point.
    pub from: f64,
    /// The place of its last point.
    pub to: f64,
    /// The level: the weighted mean of the observed values.
    pub level: f64,
    /// The sum of the weights of its points.
    pub weight: f64,
}

#[cfg(feature = "alloc")]
impl Block {
    /// This block and its right neighbour as one.
    fn joined(&self, right: &Self) -> Self {
        let weight = self.weight + right.weight;
        let level = self.level + (right.level - self.level) * (right.weight / weight);
        Self { from: self.from, to: right.to, level, weight }
    }
}

/// Gives the least-squares rising fit as blocks from left to right (pool adjacent violators; Ayer
/// et al. 1955, Barlow et al. 1972).
///
/// Points at one place are averaged first, so their order does not matter. Points that are not
/// finite or have no positive weight are left out.
#[cfg(feature = "alloc")]
#[must_use]
pub fn pool_adjacent_violators(points: &[Point]) -> Vec<Block> {
    let usable =
        |point: &&Point| point.x.is_finite() && point.y.is_finite() && point.weight > 0.0 && point.weight.is_finite();
    let mut sorted: Vec<Point> = points.iter().filter(usable).copied().collect();
    sorted.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut blocks: Vec<Block> = Vec::new();
    for place in sorted.chunk_by(|a, b| a.x >= b.x) {
        let weight: f64 = place.iter().map(|point| point.weight).sum();
        let level = place.iter().map(|point| point.weight * point.y).sum::<f64>() / weight;
        blocks.push(Block { from: place[0].x, to: place[0].x, level, weight });
        // A block that is not above the one before it joins it.
        while let [.., before, last] = blocks.as_slice()
            && before.level >= last.level
        {
            let joined = before.joined(last);
            blocks.truncate(blocks.len() - 2);
            blocks.push(joined);
        }
    }
    blocks
}

#[cfg(feature = "alloc")]
impl Isotonic {
    /// Fits the curve to labels. For n labels in all, each frequency is kept 1/(n + 2) away from 0
    /// and 1, because no finite number of labels proves certainty. The uncertainty of a frequency
    /// shows how few labels it is taken from.
    pub(super) fn fit(labels: &[super::Label]) -> Self {
        let points: Vec<Point> = labels
            .iter()
            .map(|label| Point { x: label.confidence.get(), y: f64::from(u8::from(label.correct)), weight: 1.0 })
            .collect();
        let mut blocks = pool_adjacent_violators(&points);
        // Each block has two knots: its two ends.
        while blocks.len() > MAX_KNOTS / 2 {
            join_the_most_alike(&mut blocks);
        }
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 labelled samples")]
        let least = 1.0 / (labels.len() as f64 + 2.0);
        let mut knots = ArrayVec::new();
        for block in blocks {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of labels")]
            let labels = block.weight as u32;
            let calibrated = Score::nearest(block.level.clamp(least, 1.0 - least));
            let knot = |raw: f64| Knot { raw: Score::nearest(raw), calibrated, labels };
            knots.push(knot(block.from));
            if block.to > block.from {
                knots.push(knot(block.to));
            }
        }
        Self { knots }
    }
}

/// Joins the two neighbours whose union adds the least squared error, w₁w₂/(w₁ + w₂) (l₂ − l₁)².
#[cfg(feature = "alloc")]
fn join_the_most_alike(blocks: &mut Vec<Block>) {
    let loss = |k: usize| {
        let (a, b) = (&blocks[k], &blocks[k + 1]);
        a.weight * b.weight / (a.weight + b.weight) * (b.level - a.level) * (b.level - a.level)
    };
    if let Some(k) = (0..blocks.len() - 1).min_by(|a, b| loss(*a).total_cmp(&loss(*b))) {
        let right = blocks.remove(k + 1);
        blocks[k] = blocks[k].joined(&right);
    }
}

/// The interval of the calibrated confidence of one more sample (Venn-Abers predictor; Vovk and
/// Petej 2014). Its ends are the isotonic fit at that sample if it turns out wrong, and if it turns
/// out right.
///
/// Fewer labels give a wider interval. One of the two ends is calibrated, whatever the
/// distribution.
#[cfg(feature = "alloc")]
#[must_use]
pub fn venn_abers(labels: &[super::Label], raw: Score) -> (Score, Score) {
    let with = |outcome: f64| {
        let known = labels.iter().map(|label| Point {
            x: label.confidence.get(),
            y: f64::from(u8::from(label.correct)),
            weight: 1.0,
        });
        let points: Vec<Point> = known.chain([Point { x: raw.get(), y: outcome, weight: 1.0 }]).collect();
        let blocks = pool_adjacent_violators(&points);
        let here = blocks.iter().find(|block| (block.from..=block.to).contains(&raw.get()));
        Score::nearest(here.map_or(outcome, |block| block.level))
    };
    (with(0.0), with(1.0))
}

#[cfg(feature = "serde")]
impl TryFrom<ArrayVec<Knot, MAX_KNOTS>> for Isotonic {
    type Error = InvalidIsotonic;

    fn try_from(knots: ArrayVec<Knot, MAX_KNOTS>) -> Result<Self, InvalidIsotonic> {
        Self::new(&knots)
    }
}

#[cfg(feature = "serde")]
impl From<Isotonic> for ArrayVec<Knot, MAX_KNOTS> {
    fn from(curve: Isotonic) -> Self {
        curve.knots
    }
}

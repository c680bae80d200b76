//! [`Reliability`]: measures whether a confidence agrees with the observed frequency.
//!
//! It holds the reliability diagram, ECE, MCE, ACE, and the Brier score with its decomposition.

use alloc::vec::Vec;

use sqal_core::{Score, normal::normal_quantile};

use super::{Label, Point, pool_adjacent_violators};

/// One bin of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Bin {
    /// The number of samples in the bin, at least 1.
    pub samples: usize,
    /// The mean confidence of its samples.
    pub confidence: f64,
    /// The share of its samples that were right.
    pub frequency: f64,
    /// The interval that holds the frequency in nine of ten cases if the confidence is true (normal
    /// approximation of the binomial).
    pub band: (f64, f64),
}

impl Bin {
    fn of(labels: &[Label]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 labelled samples")]
        let n = labels.len() as f64;
        let confidence = labels.iter().map(|label| label.confidence.get()).sum::<f64>() / n;
        let frequency = labels.iter().map(outcome).sum::<f64>() / n;
        let half = normal_quantile(0.95) * libm::sqrt(confidence * (1.0 - confidence) / n);
        let band = ((confidence - half).max(0.0), (confidence + half).min(1.0));
        Self { samples: labels.len(), confidence, frequency, band }
    }

    /// The distance between confidence and frequency.
    #[must_use]
    pub fn gap(&self) -> f64 {
        libm::fabs(self.confidence - self.frequency)
    }
}

fn outcome(label: &Label) -> f64 {
    f64::from(u8::from(label.correct))
}

/// The way in which samples are put into bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Binning {
    /// Bins of equal width from 0 to 1; empty bins are left out.
    EqualWidth(usize),
    /// Bins of as equal a number of samples as possible, in the order of confidence. Samples with
    /// equal confidence are all in one bin.
    EqualMass(usize),
}

/// The calibration figures of a set of labelled samples.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Reliability {
    /// The number of samples.
    pub samples: usize,
    /// The diagram, from the bin of lowest confidence to that of the highest.
    pub bins: Vec<Bin>,
    /// The expected calibration error: the mean gap of the bins, weighted by their samples.
    pub ece: f64,
    /// The maximum calibration error: the largest gap.
    pub mce: f64,
    /// The average calibration error: the mean gap of the bins, all with equal weight.
    pub ace: f64,
    /// The Brier score: the mean square of confidence − outcome.
    pub brier: f64,
    /// 1 − Brier/uncertainty. Above 0, the confidence predicts better than the base rate does.
    /// `None` if all outcomes are equal.
    pub skill: Option<f64>,
    /// The mean negative log-likelihood; confidences are clamped 1e-15 away from 0 and 1.
    pub log_loss: f64,
    /// The miscalibration of Brier = miscalibration − discrimination + uncertainty (CORP;
    /// Dimitriadis, Gneiting and Jordan 2021).
    pub miscalibration: f64,
    /// The discrimination: how well the confidence separates right samples from wrong ones.
    pub discrimination: f64,
    /// The variance of the outcomes.
    pub uncertainty: f64,
}

impl Reliability {
    /// The figures of labelled samples; `None` if there is no sample or no bin.
    ///
    /// ```
    /// use sqal_core::Score;
    /// use sqal_fusion::calibration::{Label, reliability::{Binning, Reliability}};
    ///
    /// let label = |confidence, correct| Label { confidence: Score::nearest(confidence), correct };
    /// let labels = [label(0.9, true), label(0.9, false), label(0.2, false)];
    /// let reliability = Reliability::of(&labels, Binning::EqualWidth(10)).unwrap();
    /// assert!((reliability.ece - (2.0 * 0.4 + 0.2) / 3.0).abs() < 1e-12 && (reliability.mce - 0.4).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn of(labels: &[Label], binning: Binning) -> Option<Self> {
        let mut sorted = labels.to_vec();
        sorted.sort_by_key(|label| label.confidence);
        let bins = match binning {
            Binning::EqualWidth(0) | Binning::EqualMass(0) => return None,
            Binning::EqualWidth(count) => of_equal_width(&sorted, count),
            Binning::EqualMass(count) => of_equal_mass(&sorted, count),
        };
        if bins.is_empty() {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 labelled samples")]
        let (n, bin_count) = (labels.len() as f64, bins.len() as f64);
        let mean = |f: &dyn Fn(&Label) -> f64| sorted.iter().map(f).sum::<f64>() / n;
        let square = |x: f64| x * x;
        let base = mean(&outcome);
        let brier = mean(&|label| square(label.confidence.get() - outcome(label)));
        let uncertainty = base * (1.0 - base);
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 labelled samples")]
        let ece = bins.iter().map(|bin| bin.gap() * bin.samples as f64).sum::<f64>() / n;
        let recalibrated = recalibrated_brier(&sorted);
        let log_loss = mean(&|label| {
            let p = label.confidence.get().clamp(1e-15, 1.0 - 1e-15);
            -libm::log(if label.correct { p } else { 1.0 - p })
        });
        Some(Self {
            samples: labels.len(),
            ece,
            mce: bins.iter().map(Bin::gap).fold(0.0, f64::max),
            ace: bins.iter().map(Bin::gap).sum::<f64>() / bin_count,
            bins,
            brier,
            skill: (uncertainty > 0.0).then_some(1.0 - brier / uncertainty),
            log_loss,
            miscalibration: brier - recalibrated,
            discrimination: uncertainty - recalibrated,
            uncertainty,
        })
    }
}

fn of_equal_width(sorted: &[Label], count: usize) -> Vec<Bin> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a bin's number"
    )]
    let bin = |label: &Label| ((label.confidence.get() * count as f64) as usize).min(count - 1);
    sorted.chunk_by(|a, b| bin(a) == bin(b)).map(Bin::of).collect()
}

fn of_equal_mass(sorted: &[Label], count: usize) -> Vec<Bin> {
    // The first `larger` bins have one sample more. Samples of equal confidence stay in one bin,
    // because which of them were right would depend on their order.
    let (each, larger) = (sorted.len() / count, sorted.len() % count);
    let mut bins = Vec::new();
    let (mut start, mut wanted) = (0, 0);
    for k in 0..count {
        wanted += each + usize::from(k < larger);
        if wanted > start {
            let last = sorted[wanted - 1].confidence;
            let end = sorted.partition_point(|label| label.confidence <= last);
            bins.push(Bin::of(&sorted[start..end]));
            start = end;
        }
    }
    bins
}

/// The Brier score of the best rising recalibration.
fn recalibrated_brier(labels: &[Label]) -> f64 {
    let points: Vec<Point> =
        labels.iter().map(|label| Point { x: label.confidence.get(), y: outcome(label), weight: 1.0 }).collect();
    let blocks = pool_adjacent_violators(&points);
    // A block of level l and weight w has l·w right samples: Σ(l − o)² = w l (1 − l).
    let left: f64 = blocks.iter().map(|block| block.weight * block.level * (1.0 - block.level)).sum();
    let all: f64 = blocks.iter().map(|block| block.weight).sum();
    left / all
}

/// The two-sided interval that holds the true share with probability `coverage`, if `hits` of
/// `samples` were observed (Clopper and Pearson 1934).
///
/// ```
/// use sqal_fusion::calibration::reliability::clopper_pearson;
/// use sqal_core::Score;
///
/// // Nothing seen in 3000: "the rule of three".
/// let (low, high) = clopper_pearson(0, 3000, Score::nearest(0.90));
/// assert!(low == 0.0 && (high - 3.0 / 3000.0).abs() < 2e-6);
/// ```
#[must_use]
pub fn clopper_pearson(hits: u64, samples: u64, coverage: Score) -> (f64, f64) {
    let (hits, tail) = (hits.min(samples), 0.5 * (1.0 - coverage.get()));
    #[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
    let (x, n) = (hits as f64, samples as f64);
    let low = if hits == 0 { 0.0 } else { statrs::function::beta::inv_beta_reg(x, n - x + 1.0, tail) };
    let high = if hits == samples { 1.0 } else { statrs::function::beta::inv_beta_reg(x + 1.0, n - x, 1.0 - tail) };
    (low, high)
}

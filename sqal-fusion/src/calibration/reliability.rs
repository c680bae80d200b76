//! [`Reliability`]: whether a confidence means what it says, by diagram, ECE, MCE, ACE, Brier score and its decomposition.

use alloc::vec::Vec;

use sqal_core::{Score, normal_quantile};

use super::{Label, Point, pool_adjacent_violators};

/// One bin of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Bin {
    /// How many samples are in it, at least 1.
    pub samples: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// How often they were right.
    pub frequency: f64,
    /// Between what the frequency lies in nine of ten cases if the confidence is true (normal approximation of the binomial).
    pub band: (f64, f64),
}

impl Bin {
    fn of(labels: &[Label]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "nobody labels 2^53 samples")]
        let n = labels.len() as f64;
        let confidence = labels.iter().map(|label| label.confidence.get()).sum::<f64>() / n;
        let frequency = labels.iter().map(outcome).sum::<f64>() / n;
        let half = normal_quantile(0.95) * libm::sqrt(confidence * (1.0 - confidence) / n);
        let band = ((confidence - half).max(0.0), (confidence + half).min(1.0));
        Self { samples: labels.len(), confidence, frequency, band }
    }

    /// How far confidence and frequency are apart.
    #[must_use]
    pub fn gap(&self) -> f64 {
        libm::fabs(self.confidence - self.frequency)
    }
}

fn outcome(label: &Label) -> f64 {
    f64::from(u8::from(label.correct))
}

/// How the samples of a diagram are put into bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Binning {
    /// Bins of equal width from 0 to 1; empty ones are left out.
    EqualWidth(usize),
    /// Bins of as equal a number of samples as can be, in the order of confidence; samples of one confidence are all in one bin.
    EqualMass(usize),
}

/// What a set of labelled samples says about the confidence that they were given.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Reliability {
    /// How many samples there are.
    pub samples: usize,
    /// The diagram, from the least sure bin to the surest.
    pub bins: Vec<Bin>,
    /// The expected calibration error: the mean gap of the bins, weighted by their samples.
    pub ece: f64,
    /// The maximum calibration error: the largest gap.
    pub mce: f64,
    /// The average calibration error: the mean gap of the bins, each counting the same.
    pub ace: f64,
    /// The Brier score: the mean square of confidence − outcome.
    pub brier: f64,
    /// 1 − Brier/uncertainty: above 0 the confidence says more than the base rate; `None` if all outcomes are the same.
    pub skill: Option<f64>,
    /// The mean negative log-likelihood; confidences are drawn in from 0 and 1 by 1e-15.
    pub log_loss: f64,
    /// Brier = miscalibration − discrimination + uncertainty (CORP; Dimitriadis, Gneiting and Jordan 2021).
    pub miscalibration: f64,
    /// How much the confidence tells right from wrong.
    pub discrimination: f64,
    /// The variance of the outcomes: what there was to tell.
    pub uncertainty: f64,
}

impl Reliability {
    /// The figures of labelled samples; `None` if there is none, or no bin to put them into.
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
        #[expect(clippy::cast_precision_loss, reason = "nobody labels 2^53 samples")]
        let (n, bin_count) = (labels.len() as f64, bins.len() as f64);
        let mean = |f: &dyn Fn(&Label) -> f64| sorted.iter().map(f).sum::<f64>() / n;
        let square = |x: f64| x * x;
        let base = mean(&outcome);
        let brier = mean(&|label| square(label.confidence.get() - outcome(label)));
        let uncertainty = base * (1.0 - base);
        #[expect(clippy::cast_precision_loss, reason = "nobody labels 2^53 samples")]
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
    // The first `larger` bins have one sample more. Equal confidences are never parted: which of them were right would be chance.
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

/// The Brier score that the best rising recalibration would have.
fn recalibrated_brier(labels: &[Label]) -> f64 {
    let points: Vec<Point> =
        labels.iter().map(|label| Point { x: label.confidence.get(), y: outcome(label), weight: 1.0 }).collect();
    let blocks = pool_adjacent_violators(&points);
    // Within a block of level l there are l·w right ones: Σ(l − o)² = w l (1 − l).
    let left: f64 = blocks.iter().map(|block| block.weight * block.level * (1.0 - block.level)).sum();
    let all: f64 = blocks.iter().map(|block| block.weight).sum();
    left / all
}

/// The share of `samples` that `hits` are, with the two-sided interval that holds the true share with `coverage` (Clopper and Pearson 1934).
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
    #[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^53")]
    let (x, n) = (hits as f64, samples as f64);
    let low = if hits == 0 { 0.0 } else { statrs::function::beta::inv_beta_reg(x, n - x + 1.0, tail) };
    let high = if hits == samples { 1.0 } else { statrs::function::beta::inv_beta_reg(x + 1.0, n - x, 1.0 - tail) };
    (low, high)
}

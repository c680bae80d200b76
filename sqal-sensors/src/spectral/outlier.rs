//! [`ProductReference`]: the spectra of a product, and a test whether a reading is one of them.
//!
//! Indices were developed for one product. A reading far from all of its spectra (a foreign body, a
//! stain, another product) still gives index values, but they have no meaning. Hotelling's T²
//! detects such a reading.

use sqal_core::{Measured, findings::OutlierTest};

use crate::InvalidProfile;

/// The mean absorbances of a product in F1 to F8, and their variation from tray to tray.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct ProductReference {
    /// The mean absorbance of each band.
    pub mean: [f64; 8],
    /// The covariance of the bands, shrunk so that it can be inverted.
    pub covariance: [[f64; 8]; 8],
    /// The number of trays from which it was estimated.
    pub trays: u32,
    /// The share by which the covariance was shrunk towards a multiple of the identity, 0 to 1.
    pub shrinkage: f64,
}

/// Why trays are not a valid reference.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidReference {
    /// Fewer than 20 trays.
    #[error("{0} trays: at least 20 are needed")]
    TooFew(u32),
    /// A number is not finite.
    #[error("an absorbance of tray {0} is not a finite number")]
    Number(u32),
    /// All trays are equal.
    #[error("the trays do not vary: no covariance can be estimated")]
    NoVariation,
}

impl ProductReference {
    /// Estimates the reference from the absorbances of good trays.
    ///
    /// The sample covariance of eight bands from a few dozen trays is nearly singular; therefore it
    /// is shrunk towards a multiple of the identity by the share that minimises the expected
    /// squared error (Ledoit & Wolf 2004, J. Multivariate Anal. 88, 365).
    ///
    /// # Errors
    ///
    /// [`InvalidReference`] if there are fewer than 20 trays, if a number is not finite, or if the
    /// trays do not vary.
    pub fn fit(trays: impl Iterator<Item = [f64; 8]> + Clone) -> Result<Self, InvalidReference> {
        let (mut n, mut mean) = (0_u32, [0.0; 8]);
        for tray in trays.clone() {
            if !tray.iter().all(|a| a.is_finite()) {
                return Err(InvalidReference::Number(n));
            }
            n += 1;
            for (sum, a) in mean.iter_mut().zip(tray) {
                *sum += a;
            }
        }
        if n < 20 {
            return Err(InvalidReference::TooFew(n));
        }
        let count = f64::from(n);
        let mean = mean.map(|sum| sum / count);
        let centred = |tray: [f64; 8]| -> [f64; 8] { core::array::from_fn(|i| tray[i] - mean[i]) };
        let mut sample = [[0.0; 8]; 8];
        for x in trays.clone().map(centred) {
            for_each(&mut sample, |i, j, s| *s += x[i] * x[j] / count);
        }
        let scale = (0..8).map(|i| sample[i][i]).sum::<f64>() / 8.0;
        if scale <= 0.0 {
            return Err(InvalidReference::NoVariation);
        }
        // δ² is the squared distance of the sample from the target, β² that of the sample from the
        // truth.
        let target = |i: usize, j: usize| if i == j { scale } else { 0.0 };
        let (mut delta, mut beta) = (0.0, 0.0);
        for_each(&mut sample, |i, j, s| delta += (*s - target(i, j)) * (*s - target(i, j)));
        for x in trays.map(centred) {
            for_each(&mut sample, |i, j, s| beta += (x[i] * x[j] - *s) * (x[i] * x[j] - *s));
        }
        let beta = beta / (count * count);
        let shrinkage = if delta > 0.0 { (beta / delta).min(1.0) } else { 1.0 };
        for_each(&mut sample, |i, j, s| *s = shrinkage * target(i, j) + (1.0 - shrinkage) * *s);
        Ok(Self { mean, covariance: sample, trays: n, shrinkage })
    }

    /// Checks that the numbers are finite and that the covariance is symmetric and positive
    /// definite.
    pub(crate) fn check(&self) -> Result<(), InvalidProfile> {
        let finite = self.mean.iter().chain(self.covariance.as_flattened()).all(|x| x.is_finite());
        let mirrored =
            (0..64).all(|k| self.covariance[k / 8][k % 8].to_bits() == self.covariance[k % 8][k / 8].to_bits());
        if finite && mirrored && distance_squared(&self.covariance, [0.0; 8]).is_some() {
            return Ok(());
        }
        let least = (0..8).map(|i| self.covariance[i][i]).fold(f64::INFINITY, f64::min);
        let expected = "a symmetric, positive definite matrix of finite numbers (its least diagonal is shown)";
        Err(InvalidProfile::Number { field: "spectral.reference.covariance", value: least, expected })
    }

    /// T² = d'(Σ + diag u²)⁻¹ d with d = A − mean, and its probability for a spectrum of the
    /// product; `None` if a band is missing.
    ///
    /// The reading's own noise is added, so that a noisy reading does not count as foreign because
    /// of its noise.
    pub(super) fn test(&self, absorbance: &[Option<Measured>; 8]) -> Option<OutlierTest> {
        let mut covariance = self.covariance;
        let mut off = [0.0; 8];
        for (i, band) in absorbance.iter().enumerate() {
            let band = (*band)?;
            off[i] = band.value() - self.mean[i];
            covariance[i][i] += band.u() * band.u();
        }
        let t2 = distance_squared(&covariance, off)?;
        Some(OutlierTest { t2, p: chi_squared_8(t2) })
    }
}

fn for_each(matrix: &mut [[f64; 8]; 8], mut f: impl FnMut(usize, usize, &mut f64)) {
    for (i, row) in matrix.iter_mut().enumerate() {
        for (j, value) in row.iter_mut().enumerate() {
            f(i, j, value);
        }
    }
}

/// d'M⁻¹d by Cholesky; `None` if M is not positive definite.
fn distance_squared(matrix: &[[f64; 8]; 8], d: [f64; 8]) -> Option<f64> {
    let mut lower = [[0.0; 8]; 8];
    let mut sum = 0.0;
    let mut w = [0.0; 8];
    for i in 0..8 {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let left = matrix[i][j] - known;
            if i == j {
                if left <= 0.0 {
                    return None;
                }
                lower[i][i] = libm::sqrt(left);
            } else {
                lower[i][j] = left / lower[j][j];
            }
        }
        let known: f64 = (0..i).map(|k| lower[i][k] * w[k]).sum();
        w[i] = (d[i] - known) / lower[i][i];
        sum += w[i] * w[i];
    }
    Some(sum)
}

/// P(χ² > x) for 8 degrees of freedom: exp(−x/2) Σ (x/2)ᵏ/k! for k < 4 (DLMF 8.4.10).
fn chi_squared_8(x: f64) -> f64 {
    let h = x / 2.0;
    libm::exp(-h) * (1.0 + h * (1.0 + h / 2.0 * (1.0 + h / 3.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// A deterministic set of trays: eight bands that follow two hidden causes and a small part of
    /// their own.
    fn trays(n: u32) -> Vec<[f64; 8]> {
        let wave = |k: u32, i: u32| (f64::from(k * 37 + i * 101) * 0.618).sin();
        (0..n)
            .map(|k| {
                core::array::from_fn(|i| {
                    let i = u32::try_from(i).unwrap();
                    0.3 + 0.05 * wave(k, 0) + 0.02 * f64::from(i) * wave(k, 99) + 0.005 * wave(k, i + 1)
                })
            })
            .collect()
    }

    /// The probabilities agree with the χ² table (8 degrees): NIST/SEMATECH e-Handbook 1.3.6.7.4.
    #[test]
    fn the_probability_is_that_of_eight_degrees() {
        for (x, p) in [(13.362, 0.10), (15.507, 0.05), (17.535, 0.025), (20.090, 0.01), (26.124, 0.001)] {
            assert!((chi_squared_8(x) - p).abs() < 5e-5 * (1.0 + p), "{x}: {}", chi_squared_8(x));
        }
    }

    #[test]
    fn trays_of_the_product_pass_and_a_foreign_spectrum_does_not() {
        let reference = ProductReference::fit(trays(200).into_iter()).unwrap();
        assert!((0.0..0.2).contains(&reference.shrinkage), "{}", reference.shrinkage);
        let reading = |a: [f64; 8]| a.map(|a| Measured::new(a, 1e-3).ok());
        let strange = trays(200).into_iter().filter(|tray| reference.test(&reading(*tray)).unwrap().p < 0.01).count();
        assert!(strange <= 8, "{strange} of 200");
        let foreign = core::array::from_fn(|i| if i % 2 == 0 { 0.6 } else { 0.1 });
        assert!(reference.test(&reading(foreign)).unwrap().p < 1e-9);
        let mut noisy = reading(foreign);
        noisy[0] = Measured::new(0.6, 10.0).ok();
        assert!(reference.test(&noisy).unwrap().t2 < reference.test(&reading(foreign)).unwrap().t2);
        noisy[3] = None;
        assert_eq!(reference.test(&noisy), None);
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        assert_eq!(ProductReference::fit(trays(19).into_iter()), Err(InvalidReference::TooFew(19)));
        assert_eq!(ProductReference::fit([[0.5; 8]; 30].into_iter()), Err(InvalidReference::NoVariation));
        let mut wrong = trays(30);
        wrong[7][2] = f64::NAN;
        assert_eq!(ProductReference::fit(wrong.into_iter()), Err(InvalidReference::Number(7)));
    }

    proptest! {
        /// For any trays, the shrunk covariance can be inverted, and the reference passes its own
        /// check.
        #[test]
        fn any_fit_is_a_usable_reference(rows in prop::collection::vec(prop::array::uniform8(-2.0..3.0_f64), 20..40)) {
            let reference = ProductReference::fit(rows.into_iter()).unwrap();
            prop_assert!(reference.check().is_ok());
            prop_assert!((0.0..=1.0).contains(&reference.shrinkage));
        }
    }
}

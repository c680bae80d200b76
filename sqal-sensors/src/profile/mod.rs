//! [`TofProfile`] and [`SpectralProfile`]: everything a plant must tune, and nothing that is physics.

mod spectral;
mod tof;

pub use spectral::{Anchors, ColorTarget, SpectralProfile, SpectralWeights, WhiteReference};
pub use tof::{HeightReference, NoiseModel, TofProfile, TofWeights, Tray, U_SYSTEMATIC_UNCALIBRATED_MM};

use crate::{Desirability, NotADesirability};

/// What is wrong in a profile.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProfile {
    /// A number is not usable.
    #[error("{field} is {value}: expected {expected}")]
    Number {
        /// The field's path.
        field: &'static str,
        /// The number found.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A specification is not usable.
    #[error("{field}: {source}")]
    Specification {
        /// The field's path.
        field: &'static str,
        /// What is wrong with it.
        source: NotADesirability,
    },
}

pub(crate) const POSITIVE: &str = "a positive number below 1e12";
pub(crate) const NOT_NEGATIVE: &str = "a number from 0 to 1e12";

/// No quantity of a tray is larger; below it no product of three overflows.
const LARGEST: f64 = 1e12;

pub(crate) fn number(field: &'static str, value: f64, expected: &'static str) -> Result<(), InvalidProfile> {
    let right = value < LARGEST && (value > 0.0 || value == 0.0 && expected == NOT_NEGATIVE);
    if right { Ok(()) } else { Err(InvalidProfile::Number { field, value, expected }) }
}

fn specification(field: &'static str, desirability: &Desirability) -> Result<(), InvalidProfile> {
    desirability.check().map_err(|source| InvalidProfile::Specification { field, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn the_examples_are_valid() {
        assert_eq!((TofProfile::example().check(), SpectralProfile::example().check()), (Ok(()), Ok(())));
        assert_eq!(TofProfile::example().tray.zones().len(), 24);
    }

    #[test]
    fn weights_may_be_0_if_one_is_positive() {
        let mut profile = TofProfile::example();
        profile.weights = TofWeights { volume: 0.0, height: 1.0, variation: 0.0, reflectance: 0.0 };
        assert_eq!(profile.check(), Ok(()));
        profile.weights.height = 0.0;
        let refused = profile.check().unwrap_err().to_string();
        assert_eq!(refused, "tof.weights (their sum) is 0: expected a positive number below 1e12");
        let mut profile = SpectralProfile::example();
        profile.weights = SpectralWeights { freshness: 0.0, fat: 0.0, oxidation: 0.0, uniformity: 0.0, color: 1.0 };
        assert_eq!(profile.check(), Ok(()));
        profile.weights = SpectralWeights { uniformity: 1.0, color: 0.0, ..profile.weights };
        let refused = profile.check().unwrap_err().to_string();
        assert!(refused.starts_with("spectral.weights (their sum without uniformity) is 0"), "{refused}");
    }

    #[test]
    fn a_wrong_number_is_named_with_its_value_and_what_is_expected() {
        let mut profile = TofProfile::example();
        profile.u_systematic_mm = -1.0;
        assert_eq!(
            profile.check().unwrap_err().to_string(),
            "tof.u_systematic_mm is -1: expected a number from 0 to 1e12"
        );
        let mut profile = TofProfile::example();
        profile.tray.rows = [3, 8];
        assert!(profile.check().unwrap_err().to_string().starts_with("tof.tray.rows is 8"));
        let mut profile = TofProfile::example();
        profile.weights.height = -0.1;
        assert_eq!(
            profile.check().unwrap_err().to_string(),
            "tof.weights.height is -0.1: expected a number from 0 to 1e12"
        );
        let mut profile = SpectralProfile::example();
        profile.oxidation = Desirability::Smaller { at: 0.3, width: 0.0 };
        assert_eq!(profile.check().unwrap_err().to_string(), "spectral.oxidation: width 0 is not a positive number");
    }
}

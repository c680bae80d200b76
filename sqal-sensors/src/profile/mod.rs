//! [`TofProfile`] and [`SpectralProfile`]: the settings of a plant, without physics.

mod mount;
mod spectral;
mod tof;

pub use mount::{InvalidRotation, Mount, Rotation};
pub use spectral::{Anchors, ColorTarget, SpectralProfile, SpectralWeights, WhiteReference};
pub use tof::{HeightReference, NoiseModel, TofProfile, TofWeights, Tray, U_SYSTEMATIC_UNCALIBRATED_MM};

use crate::{Desirability, InvalidProfile};

pub(crate) const POSITIVE: &str = "a positive number below 1e12";
pub(crate) const NOT_NEGATIVE: &str = "a number from 0 to 1e12";

/// No quantity of a tray is larger. Up to this limit no product of three quantities overflows.
const LARGEST: f64 = 1e12;

pub(crate) fn number(field: &'static str, value: f64, expected: &'static str) -> Result<(), InvalidProfile> {
    let right = value < LARGEST && (value > 0.0 || value == 0.0 && expected == NOT_NEGATIVE);
    if right { Ok(()) } else { Err(InvalidProfile::Number { field, value, expected }) }
}

fn needed(field: &'static str, given: bool, needs: &'static str, there: bool) -> Result<(), InvalidProfile> {
    if given && !there { Err(InvalidProfile::Incomplete { field, needs }) } else { Ok(()) }
}

fn specification(field: &'static str, desirability: &Desirability) -> Result<(), InvalidProfile> {
    desirability.check().map_err(|source| InvalidProfile::Specification { field, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    /// A profile without a mount keeps its text, and therefore its hash, from before mounts were
    /// added.
    #[cfg(feature = "serde")]
    #[test]
    fn a_mount_is_written_only_where_there_is_one() {
        let mut profile = TofProfile::example();
        let text = serde_json::to_string(&profile).unwrap();
        assert!(!text.contains("mount"), "{text}");
        assert_eq!(serde_json::from_str::<TofProfile>(&text).unwrap(), profile);
        profile.mount = Mount { rotation: Rotation::Clockwise270, mirrored: true };
        let text = serde_json::to_string(&profile).unwrap();
        assert!(text.contains(r#""mount":{"rotation":270,"mirrored":true}"#), "{text}");
        assert_eq!(serde_json::from_str::<TofProfile>(&text).unwrap(), profile);
        let partly = text.replace(r#","mirrored":true"#, "");
        assert!(!serde_json::from_str::<TofProfile>(&partly).unwrap().mount.mirrored);
        let refused = serde_json::from_str::<TofProfile>(&text.replace("270", "45")).unwrap_err().to_string();
        assert!(refused.contains("expected 0, 90, 180 or 270 degrees"), "{refused}");
    }

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

    /// A product without blood pigment and without a colour of fat: only its colour is rated.
    fn without_indices() -> SpectralProfile {
        SpectralProfile {
            anchors: None,
            oxidation: None,
            carotenoid: None,
            heme: None,
            max_oxidation: None,
            max_heme: None,
            weights: SpectralWeights { freshness: 0.0, fat: 0.0, oxidation: 0.0, uniformity: 0.0, color: 1.0 },
            ..SpectralProfile::example()
        }
    }

    #[test]
    fn indices_may_be_left_out_and_what_needs_one_names_it() {
        assert_eq!(without_indices().check(), Ok(()));
        let refused = |profile: SpectralProfile| profile.check().unwrap_err().to_string();
        let mut profile = without_indices();
        profile.max_oxidation = Some(0.6);
        assert_eq!(refused(profile), "spectral.max_oxidation needs spectral.anchors, which is not given");
        let mut profile = without_indices();
        profile.oxidation = SpectralProfile::example().oxidation;
        assert_eq!(refused(profile), "spectral.oxidation needs spectral.anchors, which is not given");
        let mut profile = without_indices();
        profile.weights.oxidation = 0.2;
        assert_eq!(refused(profile), "spectral.weights.oxidation needs spectral.anchors, which is not given");
        let mut profile = SpectralProfile { lightness: None, ..without_indices() };
        profile.weights.fat = 0.2;
        let needs = "spectral.carotenoid, spectral.heme or spectral.lightness";
        assert_eq!(refused(profile), std::format!("spectral.weights.fat needs {needs}, which is not given"));
        let mut profile = SpectralProfile { color_target: None, ..without_indices() };
        profile.weights.freshness = 0.2;
        let needs = "spectral.oxidation or spectral.color_target";
        assert_eq!(refused(profile), std::format!("spectral.weights.freshness needs {needs}, which is not given"));
    }

    /// The hash of a profile is computed from its text, so an index that is given is written as
    /// before it became optional.
    #[cfg(feature = "serde")]
    #[test]
    fn what_is_given_is_written_as_before_and_what_is_absent_or_null_is_left_out() {
        let text = serde_json::to_string(&SpectralProfile::example()).unwrap();
        let order = [
            r#""lightness":{"larger":{"at":60.0,"width":3.0}},"anchors":{"oxidation_fresh":0.03,"oxidation_full":0.55,"measured":true},"#,
            r#""oxidation":{"smaller":{"at":0.45,"width":0.12}},"carotenoid":{"target":{"lo":0.02,"hi":0.2,"width":0.02}},"#,
            r#""heme":{"smaller":{"at":0.5,"width":0.08}},"max_oxidation":0.6,"max_heme":0.55,"shot_noise":0.004,"#,
        ];
        assert!(text.contains(&order.concat()), "{text}");
        assert!(text.ends_with(r#""scale":{"a_plus":0.95,"a":0.85,"b":0.7,"c":0.5}}"#), "{text}");
        let left_out = without_indices();
        let mut value = serde_json::to_value(&left_out).unwrap();
        assert_eq!(serde_json::from_value::<SpectralProfile>(value.clone()).unwrap(), left_out);
        for key in ["anchors", "oxidation", "carotenoid", "heme", "max_oxidation", "max_heme"] {
            value.as_object_mut().unwrap().remove(key);
        }
        assert_eq!(serde_json::from_value::<SpectralProfile>(value).unwrap(), left_out);
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
        profile.oxidation = Some(Desirability::Smaller { at: 0.3, width: 0.0 });
        assert_eq!(profile.check().unwrap_err().to_string(), "spectral.oxidation: width 0 is not a positive number");
    }
}

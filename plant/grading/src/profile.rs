//! [`Profile`] and [`Profiles`]: named, versioned and hashed rules by which products are judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqal_core::{Grade, Inspection, Name, ProfileRef, Spectrum, TofFrame, grade::GradeScale};
use sqal_fusion::calibration::Calibration;
use sqal_fusion::{DecisionRule, Guard, Inspector, MostUnseen, PowerMeanRule, SensorWeights};
use sqal_sensors::{InvalidProfile, SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile};

/// All settings of a product and its station: both sensors' profiles, the fusion and the grades.
///
/// Unknown keys are refused, because a misspelt threshold must not silently become a default.
///
/// A plant reads its profiles from a [`ProfileFile`](crate::ProfileFile). A program begins with
/// [`Profile::example`] and sets the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a profile")]
#[non_exhaustive]
pub struct Profile {
    /// The version. It must be increased with each change of the profile.
    pub version: u32,
    /// The settings of the time-of-flight sensor.
    pub tof: TofProfile,
    /// The settings of the spectral sensor.
    pub spectral: SpectralProfile,
    /// How the two scores are combined.
    pub fusion: PowerMeanRule,
    /// The weight of each sensor.
    pub weights: SensorWeights,
    /// The score at which each grade begins, for the verdict and for each sensor alone.
    pub scale: GradeScale,
    /// How certain each grade must be.
    pub guard: Guard,
    /// The best grade of a tray of which too little was measured. If left out it is B; REJECT holds
    /// the tray back.
    #[serde(default = "incomplete")]
    pub incomplete: Grade,
    /// How much may be unseen for each grade; the defaults if left out. A tray of which more is
    /// unseen is REJECT, not measured.
    #[serde(default, skip_serializing_if = "is_default")]
    pub most_unseen: MostUnseen,
    /// The calibration that makes the confidence meaningful, fitted from samples of known grade. It
    /// is `null`, or left out, until there are such samples.
    #[serde(default)]
    pub calibration: Option<Calibration>,
}

fn incomplete() -> Grade {
    DecisionRule::default().incomplete
}

/// Whether these are the defaults. A profile that leaves the limits out keeps the text, and so the
/// hash, that it had before the limits existed.
fn is_default(most: &MostUnseen) -> bool {
    *most == MostUnseen::default()
}

impl Profile {
    /// A complete profile of an imagined product, for examples and tests.
    #[must_use]
    pub fn example() -> Self {
        Self {
            version: 1,
            tof: TofProfile::example(),
            spectral: SpectralProfile::example(),
            fusion: PowerMeanRule::default(),
            weights: SensorWeights::default(),
            scale: GradeScale::default(),
            guard: Guard::default(),
            incomplete: incomplete(),
            most_unseen: MostUnseen::default(),
            calibration: None,
        }
    }

    /// The inspector that judges by this profile.
    ///
    /// ```
    /// use sqal_grading::Profile;
    /// use sqal_grading::sqal_core::verdict::Language;
    ///
    /// let inspector = Profile::example().inspector()?;
    /// let verdict = inspector.inspect(None, None).verdict;
    /// assert!(verdict.explain(Language::English).to_string().starts_with("REJECT"));
    /// # Ok::<(), sqal_grading::sqal_sensors::InvalidProfile>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidProfile`] for the first number that is not valid.
    pub fn inspector(&self) -> Result<ProfileInspector, InvalidProfile> {
        let (tof, spectral) = (TofAnalyzer::new(self.tof.clone())?, SpectralAnalyzer::new(self.spectral.clone())?);
        let mut inspector = Inspector::new(tof, spectral, self.fusion, self.scale);
        inspector.decision.guard = self.guard;
        inspector.decision.incomplete = self.incomplete;
        inspector.decision.most_unseen = self.most_unseen;
        inspector.weights = self.weights;
        inspector.confidence_calibration = self.calibration.clone().unwrap_or_default();
        Ok(inspector)
    }
}

/// The inspector of a profile: both sensors' analysis, joined by a weighted power mean.
pub type ProfileInspector = Inspector<TofAnalyzer, SpectralAnalyzer, PowerMeanRule>;

/// A profile that is ready to judge.
#[derive(Debug)]
struct Ready {
    reference: ProfileRef,
    profile: Profile,
    inspector: ProfileInspector,
}

/// The profiles that a service judges by, by name. A clone shares them.
///
/// ```
/// use sqal_grading::sqal_core::Grade;
/// use sqal_grading::{Profile, Profiles};
///
/// let name = "terrine".parse()?;
/// let profiles = Profiles::new([(name, Profile::example())])?;
/// let (inspection, by) = profiles.inspect(&name, None, None).expect("a known name");
/// assert_eq!(inspection.verdict.grade, Grade::Reject, "nothing was measured");
/// assert_eq!((by.name, by.version), (name, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Profiles(BTreeMap<Name<64>, Arc<Ready>>);

/// Why profiles cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProfiles {
    /// There is no profile.
    #[error("there is no profile: at least one is needed")]
    None,
    /// A profile has a number that is not valid.
    #[error("profile {name}: {source}")]
    Invalid {
        /// The profile's name.
        name: Name<64>,
        /// What is wrong.
        source: InvalidProfile,
    },
    /// A profile cannot be serialized, so it cannot be hashed.
    #[error("profile {name} has a number that cannot be written: {source}")]
    Text {
        /// The profile's name.
        name: Name<64>,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// The field of the first sensor scale that differs from the profile's scale.
fn other_scale(profile: &Profile) -> Option<&'static str> {
    let scales = [("tof.scale", profile.tof.scale), ("spectral.scale", profile.spectral.scale)];
    let other = scales.into_iter().find(|(_, scale)| scale.is_some_and(|scale| scale != profile.scale));
    other.map(|(field, _)| field)
}

impl Ready {
    fn new(name: Name<64>, profile: Profile) -> Result<Self, InvalidProfiles> {
        let invalid = |source| InvalidProfiles::Invalid { name, source };
        // Fields are in the order of the type, so one profile has one text, whichever file it came
        // from.
        let text = serde_json::to_string(&profile).map_err(|source| InvalidProfiles::Text { name, source })?;
        let reference = ProfileRef { name, version: profile.version, hash: ProfileRef::hash_of(&text) };
        let inspector = profile.inspector().map_err(invalid)?;
        Ok(Self { reference, profile, inspector })
    }
}

impl Profiles {
    /// Checks and hashes profiles.
    ///
    /// # Errors
    ///
    /// [`InvalidProfiles`] if there is no profile, or for the first profile that is not valid.
    pub fn new(profiles: impl IntoIterator<Item = (Name<64>, Profile)>) -> Result<Self, InvalidProfiles> {
        let mut ready = BTreeMap::new();
        for (name, profile) in profiles {
            if let Some(field) = other_scale(&profile) {
                return Err(InvalidProfiles::Invalid { name, source: InvalidProfile::Scale { field } });
            }
            ready.insert(name, Arc::new(Ready::new(name, profile)?));
        }
        if ready.is_empty() { Err(InvalidProfiles::None) } else { Ok(Self(ready)) }
    }

    /// A profile that was decided on. An earlier version of this program may have taken the
    /// decision, and let a sensor's scale differ from the profile's scale.
    ///
    /// Such a decision stays in force; the profile's scale grades everything.
    ///
    /// # Errors
    ///
    /// [`InvalidProfiles`] if the profile is not valid for another reason.
    pub fn decided(name: Name<64>, profile: Profile) -> Result<Self, InvalidProfiles> {
        let ready = Ready::new(name, profile)?;
        Ok(Self(BTreeMap::from([(name, Arc::new(ready))])))
    }

    /// Adds other profiles to these. One of them replaces the profile of its name here if that is
    /// older or of the same version. `None` if nothing would change, or if there would be more than
    /// `most`.
    #[must_use]
    pub fn with(&self, others: &Self, most: usize) -> Option<Self> {
        let mut all = self.0.clone();
        for (name, other) in &others.0 {
            let newer = |known: &Arc<Ready>| {
                other.reference.version >= known.reference.version && other.reference != known.reference
            };
            if all.get(name).is_none_or(newer) {
                all.insert(*name, Arc::clone(other));
            }
        }
        let changed = all.len() != self.0.len() || all.iter().zip(&self.0).any(|((_, a), (_, b))| !Arc::ptr_eq(a, b));
        (changed && all.len() <= most).then_some(Self(all))
    }

    /// The number of profiles.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The names of the profiles, in order.
    pub fn names(&self) -> impl Iterator<Item = &Name<64>> {
        self.0.keys()
    }

    /// Every profile with its reference, by name.
    pub fn all(&self) -> impl Iterator<Item = (&ProfileRef, &Profile)> {
        self.0.values().map(|ready| (&ready.reference, &ready.profile))
    }

    /// The profile with this name.
    #[must_use]
    pub fn get(&self, name: &Name<64>) -> Option<(&ProfileRef, &Profile)> {
        self.0.get(name).map(|ready| (&ready.reference, &ready.profile))
    }

    /// The reference of the profile with this name.
    #[must_use]
    pub fn reference(&self, name: &Name<64>) -> Option<ProfileRef> {
        self.0.get(name).map(|ready| ready.reference)
    }

    /// Judges a product by a profile; `None` if there is no profile of that name.
    #[must_use]
    pub fn inspect(
        &self,
        name: &Name<64>,
        frame: Option<&TofFrame>,
        spectrum: Option<&Spectrum>,
    ) -> Option<(Inspection, ProfileRef)> {
        let ready = self.0.get(name)?;
        Some((ready.inspector.inspect(frame, spectrum), ready.reference))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_refused_and_named() {
        let text = serde_json::to_string(&Profile::example()).unwrap().replace("max_tilt_deg", "max_tild_deg");
        let refused = serde_json::from_str::<Profile>(&text).unwrap_err().to_string();
        assert!(refused.contains("max_tild_deg"), "{refused}");
    }

    #[test]
    fn the_hash_follows_every_number() {
        let hash = |profile: Profile| {
            let name: Name<64> = "p".parse().unwrap();
            Profiles::new([(name, profile)]).unwrap().inspect(&name, None, None).unwrap().1.hash
        };
        let mut other = Profile::example();
        other.tof.max_tilt_deg += 1e-9;
        assert_eq!(hash(Profile::example()), hash(Profile::example()));
        assert_ne!(hash(Profile::example()), hash(other));
    }

    /// A profile has one scale. A sensor's own scale may be left out or repeat it. If it differs,
    /// the profile is refused, and the error names the field.
    #[test]
    fn the_scale_is_given_once() {
        let mut left_out = Profile::example();
        (left_out.tof.scale, left_out.spectral.scale) = (None, None);
        left_out.scale = GradeScale::new(0.999, 0.998, 0.997, 0.996).unwrap();
        let text = serde_json::to_string(&left_out).unwrap();
        assert_eq!(text.matches(r#""scale""#).count(), 1, "{text}");
        assert_eq!(serde_json::from_str::<Profile>(&text).unwrap(), left_out);
        let name: Name<64> = "p".parse().unwrap();
        let profiles = Profiles::new([(name, left_out.clone())]).unwrap();
        let reading = fixtures::scene::Station::new(1).read(fixtures::scene::Scene::GOOD, fixtures::scene::Fault::None);
        let (inspection, _) = profiles.inspect(&name, reading.frame.as_ref(), reading.spectrum.as_ref()).unwrap();
        let tof = inspection.tof.unwrap();
        let score = sqal_core::Score::nearest(tof.score.unwrap().value());
        assert!(tof.grade.unwrap() <= left_out.scale.grade_of(score));
        assert!(tof.grade.unwrap() < GradeScale::default().grade_of(score), "graded by the profile's scale: {score:?}");
        for field in ["tof.scale", "spectral.scale"] {
            let mut differs = left_out.clone();
            let own = if field == "tof.scale" { &mut differs.tof.scale } else { &mut differs.spectral.scale };
            *own = Some(GradeScale::default());
            let decided = Profiles::decided(name, differs.clone()).unwrap();
            let (inspection, _) = decided.inspect(&name, reading.frame.as_ref(), reading.spectrum.as_ref()).unwrap();
            assert_eq!(inspection.tof.unwrap().grade, tof.grade, "{field}");
            let refused = Profiles::new([(name, differs)]).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("profile p: {field} is not the profile's scale")), "{refused}");
        }
    }

    #[test]
    fn a_wrong_number_is_named_with_its_profile() {
        let mut profile = Profile::example();
        profile.spectral.shot_noise = 0.0;
        let refused = Profiles::new([("foie".parse().unwrap(), profile)]).unwrap_err().to_string();
        assert_eq!(refused, "profile foie: spectral.shot_noise is 0: expected a positive number below 1e12");
        assert!(matches!(Profiles::new([]), Err(InvalidProfiles::None)));
    }
}

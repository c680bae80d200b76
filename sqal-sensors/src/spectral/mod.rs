//! [`SpectralAnalyzer`]: the steps from an AS7341 reading to an assessment, in order.
//!
//! The formulas of the steps are in the other files of this module.

mod color;
mod correction;
mod defects;
mod dual;
mod indices;
mod outlier;
mod positions;
mod readout;
mod reflectance;
mod traced;

use sqal_core::{
    AnalysisError, Analyzer, Channel, Flag, Flags, Measured, Score, SpectralFindings, Spectrum, analyze::Assessment,
    grade::GradeScale, spectrum::AdcStatus, unseen::Unseen,
};

pub use color::{ColorCalibration, ColorFit, FitError, ciede2000, lab, tristimulus, yellowness_e313};
pub use outlier::{InvalidReference, ProductReference};
pub use positions::{AverageError, AveragedSpectrum, MAX_SHOTS, average_shots, color_uniformity};
pub use reflectance::absorbance;

use crate::tof::judged;
use crate::{InvalidProfile, SpectralProfile};
use correction::LEAST_COUNTS;
use traced::{Traced, join};

/// Analyses spectra of one product at one station.
#[derive(Clone, Debug)]
pub struct SpectralAnalyzer {
    profile: SpectralProfile,
    scale: GradeScale,
}

impl SpectralAnalyzer {
    /// An analyser for a profile.
    ///
    /// # Errors
    ///
    /// [`InvalidProfile`] names the first field that is wrong.
    pub fn new(profile: SpectralProfile) -> Result<Self, InvalidProfile> {
        let scale = profile.scale.unwrap_or_default();
        profile.check().map(|()| Self { profile, scale })
    }

    /// The profile.
    #[must_use]
    pub const fn profile(&self) -> &SpectralProfile {
        &self.profile
    }
}

impl Analyzer for SpectralAnalyzer {
    type Reading = Spectrum;
    type Findings = SpectralFindings;

    fn graded_by(self, scale: GradeScale) -> Self {
        Self { scale, ..self }
    }

    #[expect(clippy::too_many_lines, reason = "the steps of an analysis in their order; each is a function")]
    fn analyze(&self, spectrum: &Spectrum) -> Result<Assessment<SpectralFindings>, AnalysisError> {
        let profile = &self.profile;
        let mut flags = Flags::default();
        let basic = correction::basic_counts(spectrum, profile, &mut flags);
        // Clear is not needed, so it may saturate alone. Analogue saturation lowers every count,
        // and the counts do not show it.
        let bands = &Channel::ALL[..8];
        let usable = bands.iter().filter(|band| basic[band.index()].is_some()).count();
        if usable == 0 {
            return Err(AnalysisError::NothingUsable);
        }
        let amplified = spectrum.adc_status() != AdcStatus::AnalogSaturation;
        if !amplified {
            flags.insert(Flag::AnalogSaturation);
        }
        let swapped = readout::has_swapped_bytes(spectrum);
        if swapped {
            flags.insert(Flag::BytesSwapped);
        }
        if readout::has_repeated_bands(spectrum) {
            flags.insert(Flag::RepeatedBands);
        }
        let trusted = amplified && !swapped;
        if spectrum.adc_status() == AdcStatus::DigitalSaturation {
            // One clipped shot in an average does not show in the counts.
            flags.insert(Flag::Saturated);
        }
        // Analogue saturation lowers every count, and swapped bytes give arbitrary counts. In both
        // cases the counts are shown, but nothing is derived from them.
        let untrusted = [None; 10];
        // A band with very few counts is dark, or its channel is defective. Its reflectance is
        // unknown, not 0.
        let lit: [Option<Measured>; 10] =
            core::array::from_fn(|k| basic[k].filter(|_| spectrum.counts(Channel::ALL[k]) >= LEAST_COUNTS));
        let reflectance = reflectance::against_white(if trusted { &lit } else { &untrusted }, profile, &mut flags);
        let target = profile.color_target.as_ref().map(|target| target.lab);
        let color = profile.color.as_ref().filter(|_| trusted);
        let color = color.and_then(|map| color::of_product(&reflectance, map, target));
        let likeness = color.as_ref().and_then(|color| color.distance?.meets(&profile.color_target?.delta_e00));
        let absorbance = absorbance(&reflectance);
        let heme = indices::heme(&absorbance);
        let oxidation = trusted.then(|| indices::oxidation(&absorbance, heme, profile, &mut flags)).flatten();
        let freshness = indices::freshness(oxidation, likeness, profile);
        let lightness = color.as_ref().map(|color| color.lightness);
        let fat = trusted.then(|| indices::fat_quality(&absorbance, heme, lightness, profile)).flatten();
        let outlier = profile.reference.as_ref().and_then(|reference| reference.test(&absorbance));
        let stated = |index: Option<Traced>| index.and_then(|index| index.measured());
        // One reading has one place, so it has no uniformity.
        let mut assessment = Assessment::new(SpectralFindings::UNMEASURED);
        let findings = &mut assessment.findings;
        findings.basic_counts = basic.map(|one| one.map(Measured::value));
        findings.reflectance = reflectance;
        findings.snr = correction::least_snr(&basic);
        findings.nir_to_clear = reflectance::nir_to_clear(&reflectance);
        findings.outlier = outlier;
        findings.color = color.as_ref().map(|color| color.findings);
        findings.color_score = stated(likeness);
        findings.oxidation_index = stated(oxidation);
        findings.freshness_index = stated(freshness);
        findings.fat_quality_index = stated(fat);
        let near_limit = |index: &Measured| index.value().min(1.0 - index.value()) < 3.0 * index.u();
        let indices = [findings.oxidation_index, findings.freshness_index, findings.fat_quality_index];
        if indices.iter().flatten().any(near_limit) {
            flags.insert(Flag::NearLimit);
        }

        let heme = heme.and_then(|heme| heme.measured());
        let defects = defects::find(spectrum, findings, heme, flags, profile);
        let weights = &profile.weights;
        let joined = join([
            (weights.freshness, freshness),
            (weights.oxidation, oxidation.map(|o| o.through(1.0 - o.value, -1.0))),
            (weights.fat, fat),
            (weights.uniformity, None),
            (weights.color, likeness),
        ]);
        let joined = joined.and_then(|(score, coverage)| Some((score.measured()?, coverage)));
        let judged = judged(joined, &defects, &self.scale);
        let seen = lit[..8].iter().flatten().count();
        #[expect(clippy::cast_precision_loss, reason = "at most 8")]
        let seen = seen as f64 / 8.0;
        let foreign = outlier.is_some_and(|outlier| outlier.p < defects::FOREIGN);
        let reliability = match (trusted, foreign) {
            (false, _) => Score::ZERO,
            (true, true) => Score::nearest(0.3 * seen),
            (true, false) => Score::nearest(seen),
        };
        // If the counts are not trusted, all bands count as unseen.
        let unseen_bands = if trusted { 1.0 - seen } else { 1.0 };
        assessment.score = judged.score;
        assessment.undefected = judged.undefected;
        assessment.grade = judged.grade;
        assessment.reliability = reliability;
        assessment.coverage = judged.coverage;
        assessment.unseen = Unseen { channels: Score::nearest(unseen_bands), ..Unseen::NOTHING };
        (assessment.defects, assessment.flags) = (defects, flags);
        Ok(assessment)
    }
}

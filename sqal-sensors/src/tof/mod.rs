//! [`TofAnalyzer`]: the steps from a time-of-flight frame to an assessment, in order.
//!
//! The formulas of the steps are in the other files of this module.

mod areal;
mod bins;
mod cnh;
mod defects;
mod geometry;
mod outliers;
pub(crate) mod pulses;
mod reference;
mod reflectance;
mod screen;
mod surface;
mod uld;
pub(crate) mod validity;
mod volume;

use sqal_core::{
    AnalysisError, Analyzer, Defects, Flag, Flags, Grade, Measured, Score, TofFindings, TofFrame, analyze::Assessment,
    grade::GradeScale, unseen::Unseen, verdict::Cap,
};

pub use areal::{areal_parameters, levelled};
pub use cnh::{CNH_BIN_MM, CnhError, CnhHistograms, cnh_bin_centre_mm};
pub use pulses::{CnhLayout, Pulse, pulse};
pub use uld::{UldError, decode_uld_frame};

use crate::desirability::{Part, join, measured};
use crate::{Desirability, InvalidProfile, Mount, TofProfile};

/// Analyses frames of one product at one station.
#[derive(Clone, Debug)]
pub struct TofAnalyzer {
    profile: TofProfile,
    scale: GradeScale,
}

/// Whether the frame is without a matrix that the profile asks for: reflectances that have a
/// weight, or amplitudes that have a lower limit. Two products that differ only there look alike,
/// so nothing of the product counts as seen. A profile for such a sensor leaves them out: weight 0,
/// limit 0.
fn lacks_a_matrix(frame: &TofFrame, profile: &TofProfile) -> bool {
    let reading = frame.reading();
    (reading.reflectance_percent.is_none() && profile.weights.reflectance > 0.0)
        || (reading.amplitude_kcps.is_none() && profile.min_amplitude_kcps > 0.0)
}

impl TofAnalyzer {
    /// An analyser for a profile.
    ///
    /// # Errors
    ///
    /// [`InvalidProfile`] names the first field that is wrong.
    pub fn new(profile: TofProfile) -> Result<Self, InvalidProfile> {
        let scale = profile.scale.unwrap_or_default();
        profile.check().map(|()| Self { profile, scale })
    }

    /// The profile.
    #[must_use]
    pub const fn profile(&self) -> &TofProfile {
        &self.profile
    }

    /// Analyses a frame with the histograms that belong to it.
    ///
    /// It does all that [`Analyzer::analyze`] does, and adds `pulse_analysis`. Zones that see more
    /// than one surface count with twice their noise, and zones without any return do not count.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`] if no zone is usable.
    pub fn analyze_with_histograms(
        &self,
        frame: &TofFrame,
        histograms: &CnhHistograms<'_>,
        layout: CnhLayout,
    ) -> Result<Assessment<TofFindings>, AnalysisError> {
        let mut flags = Flags::default();
        let mut seen = pulses::judge(histograms, layout, &self.profile, &mut flags);
        let mount = self.profile.mount;
        (seen.doubtful, seen.dark) = (mount.zones(seen.doubtful), mount.zones(seen.dark));
        self.judge(frame, Some(&seen), flags)
    }
}

impl Analyzer for TofAnalyzer {
    type Reading = TofFrame;
    type Findings = TofFindings;

    fn graded_by(self, scale: GradeScale) -> Self {
        Self { scale, ..self }
    }

    fn analyze(&self, frame: &TofFrame) -> Result<Assessment<TofFindings>, AnalysisError> {
        self.judge(frame, None, Flags::default())
    }
}

impl TofAnalyzer {
    /// Runs all steps. `frame` is in the sensor's order, `pulses` in the mounted orientation.
    ///
    /// It is inlined, so that a caller that is compiled for more of the processor's instructions
    /// compiles the steps with them too.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "instructions of the caller do not reach into a function of its own")]
    #[expect(clippy::too_many_lines, reason = "the steps of an analysis in their order; each is a function")]
    pub(crate) fn judge(
        &self,
        frame: &TofFrame,
        pulses: Option<&pulses::Seen>,
        mut flags: Flags,
    ) -> Result<Assessment<TofFindings>, AnalysisError> {
        let profile = &self.profile;
        let turned;
        let frame = if profile.mount == Mount::default() {
            frame
        } else {
            turned = profile.mount.frame(frame);
            &turned
        };
        let tray = profile.tray.zones();
        let zones = validity::judge(frame, profile, pulses, &mut flags);
        if zones.valid.is_empty() {
            return Err(AnalysisError::NothingUsable);
        }
        let usable = validity::is_usable(&zones, tray);
        if !usable {
            flags.insert(Flag::InsufficientZones);
        }
        let surface = usable.then(|| reference::heights(&zones, tray, profile, &mut flags)).flatten();

        // Bare floor lies beside a free-standing product, and its reflectance is not the product's.
        let of_the_product =
            surface.as_ref().map(|s| s.whole).filter(|whole| profile.tray.area_mm2.is_none() && whole.len() >= 2);
        let percent = frame.reading().reflectance_percent.as_ref().map(|grid| grid.map(|value| f64::from(*value)));
        if percent.is_none() {
            flags.insert(Flag::ReflectanceMissing);
        }
        let reflectance = percent
            .as_ref()
            .and_then(|percent| reflectance::statistics(percent, &zones, of_the_product.unwrap_or(tray), profile));

        // The zones are a sample of a tray of known area. The volume of a free-standing product is
        // the sum over its zones.
        let areas = surface.as_ref().filter(|_| profile.tray.area_mm2.is_none()).map(volume::zone_areas);
        let unseen_mm = surface.as_ref().map_or(0.0, |s| volume::unseen_mm(s, profile));
        let volume = surface.as_ref().and_then(|s| match &areas {
            Some(areas) => volume::of_zones(s, areas),
            None => volume::of_tray(s, unseen_mm, profile),
        });
        if areas.is_some() {
            flags.insert(Flag::ZoneAreas);
        }
        let height = surface.as_ref().and_then(|s| surface::mean_height(s, areas.as_ref(), unseen_mm));
        let roughness = surface.as_ref().and_then(|s| surface::roughness(s, profile));
        if let Some(surface) = &surface {
            if surface.product.is_empty() {
                flags.insert(Flag::NoProduct);
            }
            if roughness.is_some_and(|r| r.below_noise) {
                flags.insert(Flag::BelowNoise);
            }
            if roughness.is_some_and(|r| r.levelled_below_noise) {
                flags.insert(Flag::LevelledBelowNoise);
            }
        }
        let product = surface.as_ref().and_then(|s| Some((s.product_heights(), s.spacing_mm()?)));
        let mut assessment = Assessment::new(TofFindings::UNMEASURED);
        let findings = &mut assessment.findings;
        findings.valid_zones = u8::try_from(zones.valid.len()).unwrap_or(u8::MAX);
        findings.height_mm = surface.as_ref().map(reference::Surface::height_map);
        findings.volume_mm3 = volume;
        findings.avg_height_mm = height;
        findings.height_variation_mm = roughness.map(|r| r.variation);
        findings.surface_uniformity = roughness.and_then(|r| r.uniformity);
        findings.tilt_deg = roughness.and_then(|r| r.tilt);
        findings.areal = product.as_ref().and_then(|(heights, (dx, dy))| heights.areal_parameters(*dx, *dy));
        findings.areal_levelled =
            product.as_ref().and_then(|(heights, (dx, dy))| heights.levelled(*dx, *dy)?.areal_parameters(*dx, *dy));
        findings.bins_analysis = surface.as_ref().and_then(|s| bins::histogram(s, profile));
        findings.pulse_analysis = pulses.and_then(|seen| seen.statistics);
        findings.reflectance_analysis = reflectance;

        let (mut dents, mut spots) = (outliers::Blobs::new(), outliers::Blobs::new());
        if let Some(surface) = &surface {
            // If there are no reflectances, only the heights are screened: the second place repeats
            // them, and its result is not used.
            let second = percent.as_ref().unwrap_or(&surface.height_mm);
            let [is_dented, is_spotted] = screen::may_be_remarkable(surface, [&surface.height_mm, second]);
            if is_dented {
                dents = outliers::find(&surface.height_mm, surface);
            }
            if let Some(percent) = percent.as_ref().filter(|_| is_spotted) {
                spots = outliers::find(percent, surface);
            }
        }
        let defects = defects::find(findings, &zones, tray, surface.as_ref(), &dents, &spots, profile);
        let part =
            |weight: f64, d: &Desirability, x: Option<Measured>| -> Part { (weight, x.map(|x| d.of_measured(x))) };
        let weights = &profile.weights;
        // Volume, height and their errors come from one height map, so their uncertainties are
        // added.
        let joined = join(
            [
                part(weights.volume, &profile.volume_mm3, findings.volume_mm3),
                part(weights.height, &profile.height_mm, findings.avg_height_mm),
                part(weights.variation, &profile.variation_mm, findings.height_variation_mm),
                part(weights.reflectance, &profile.reflectance_percent, reflectance.map(|r| r.mean)),
            ],
            0..2,
        );
        let judged = judged(joined, &defects, &self.scale);
        let lacking = lacks_a_matrix(frame, profile);
        let unseen = validity::unseen(&zones, tray, surface.is_some(), profile);
        assessment.score = judged.score;
        assessment.undefected = judged.undefected;
        assessment.grade = judged.grade;
        assessment.reliability = validity::reliability(&zones, tray);
        assessment.coverage = if lacking { Score::ZERO } else { judged.coverage };
        assessment.unseen = Unseen { area: if lacking { Score::ONE } else { unseen.area }, ..unseen };
        (assessment.defects, assessment.flags) = (defects, flags);
        Ok(assessment)
    }
}

/// The score of one sensor, before and after its defects.
pub(crate) struct Judged {
    pub(crate) score: Option<Measured>,
    pub(crate) undefected: Option<Measured>,
    pub(crate) grade: Option<Grade>,
    pub(crate) coverage: Score,
}

/// Subtracts the defects from the score, grades it by simple acceptance, and caps the grade.
///
/// Each defect of the product subtracts its severity's share times its probability. The uncertainty
/// stays as it was before: a score of 0 for a tray that seems empty is no more certain than the
/// score before defects.
pub(crate) fn judged(joined: Option<(Measured, Score)>, defects: &Defects, scale: &GradeScale) -> Judged {
    let Some((undefected, coverage)) = joined else {
        return Judged { score: None, undefected: None, grade: None, coverage: Score::ZERO };
    };
    let of_the_product = defects.iter().filter(|defect| !defect.kind.is_of_the_reading());
    let left: f64 = of_the_product.map(|defect| 1.0 - defect.severity.penalty() * defect.probability.get()).product();
    let score = measured(undefected.value() * left, undefected.u());
    let best = Cap::on(defects.iter().map(|d| d.severity).max(), coverage).map_or(Grade::APlus, |(best, _)| best);
    let grade = scale.grade_of(Score::nearest(undefected.value() * left)).min(best);
    Judged { score, undefected: Some(undefected), grade: Some(grade), coverage }
}

//! A pair of readings, and an inspector whose analyses are given.

use sqal_core::analyze::Assessment;
use sqal_core::grade::GradeScale;
use sqal_core::unseen::Unseen;
use sqal_core::{AnalysisError, Analyzer, Defects, Measured, Score, SpectralFindings, Spectrum, TofFindings, TofFrame};
use sqal_fusion::{Inspector, PowerMeanRule};

/// An analyser that returns a given assessment.
pub(crate) struct Told<R, F>(pub(crate) Option<Assessment<F>>, pub(crate) std::marker::PhantomData<R>);

impl<R, F: Clone> Analyzer for Told<R, F> {
    type Reading = R;
    type Findings = F;

    fn analyze(&self, _: &R) -> Result<Assessment<F>, AnalysisError> {
        self.0.clone().ok_or(AnalysisError::NothingUsable)
    }
}

pub(crate) fn told<F>(findings: F, score: Option<f64>, reliability: f64, defects: Defects) -> Assessment<F> {
    let mut told = Assessment::new(findings);
    told.score = score.map(|score| Measured::new(score, 0.02).unwrap());
    told.undefected = told.score;
    told.reliability = Score::nearest(reliability);
    told.coverage = Score::ONE;
    told.unseen = Unseen::NOTHING;
    told.defects = defects;
    told
}

/// An assessment with one change.
pub(crate) fn changed<F>(mut told: Assessment<F>, change: impl FnOnce(&mut Assessment<F>)) -> Assessment<F> {
    change(&mut told);
    told
}

pub(crate) fn inspector(
    tof: Option<Assessment<TofFindings>>,
    spectral: Option<Assessment<SpectralFindings>>,
) -> Inspector<Told<TofFrame, TofFindings>, Told<Spectrum, SpectralFindings>, PowerMeanRule> {
    let (tof, spectral) = (Told(tof, std::marker::PhantomData), Told(spectral, std::marker::PhantomData));
    Inspector::new(tof, spectral, PowerMeanRule::default(), GradeScale::default())
}

pub(crate) const SHAPE: TofFindings = {
    let mut shape = TofFindings::UNMEASURED;
    shape.valid_zones = 64;
    shape
};

pub(crate) const COLOUR: SpectralFindings = SpectralFindings::UNMEASURED;

pub(crate) fn readings() -> (TofFrame, Spectrum) {
    let reading = fixtures::scene::Station::new(1).read(fixtures::scene::Scene::GOOD, fixtures::scene::Fault::None);
    (reading.frame.unwrap(), reading.spectrum.unwrap())
}

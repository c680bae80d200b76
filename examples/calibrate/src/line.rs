//! [`run`]: a simulated line, on which real and perfect instruments judge each tray.

use std::thread;

use fixtures::scene::{Fault, Reading, Scene, Station, WHITE};
use sqal_core::{
    Analyzer, DefectKind, Defects, Gain, Grade, IntegrationTime, Measured, Score, Spectrum, Verdict,
    analyze::Assessment, grade::GradeScale, spectrum::AdcStatus, verdict::Cap,
};
use sqal_fusion::{Inspector, PowerMeanRule};
use sqal_sensors::{HeightReference, InvalidProfile, SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile};

/// The score of one instrument, and its reliability.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) score: Measured,
    pub(crate) reliability: Score,
}

/// One tray: its verdict and its true grade.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) confidence_raw: Score,
    pub(crate) point_grade: Grade,
    pub(crate) probabilities: [f64; 5],
    pub(crate) said: [Option<Said>; 2],
    pub(crate) coverage: Score,
    pub(crate) true_grade: Grade,
    pub(crate) fault: Fault,
}

impl Judged {
    /// Whether the verdict reports a fault of the reading, or a spectrum unlike those of the
    /// product.
    pub(crate) fn alarm(&self) -> bool {
        let alarm = |kind: DefectKind| kind.is_of_the_reading() || kind == DefectKind::SpectralOutOfDistribution;
        self.verdict.defects.iter().any(|defect| alarm(defect.kind))
    }
}

type Judge = Inspector<TofAnalyzer, SpectralAnalyzer, PowerMeanRule>;

fn judge(tof: TofProfile, spectral: SpectralProfile) -> Result<Judge, InvalidProfile> {
    let (tof, spectral) = (TofAnalyzer::new(tof)?, SpectralAnalyzer::new(spectral)?);
    Ok(Inspector::new(tof, spectral, PowerMeanRule::default(), GradeScale::default()))
}

/// The counts of the perfect instrument for each basic count of the station. They are high enough
/// that no digit is lost to rounding.
const EXACT_UNIT: f64 = 350.0;

/// An inspector with instruments without noise and without a common error, by otherwise equal
/// profiles.
fn perfect() -> Result<Judge, InvalidProfile> {
    let (gain, time) = exact_settings();
    let mut spectral = SpectralProfile::example();
    (spectral.shot_noise, spectral.read_noise) = (1e-12, 0.0);
    let unit = EXACT_UNIT / (gain.multiplier() * time.millis());
    if let Some(reference) = spectral.white_reference.as_mut() {
        reference.white = reference.white.map(|white| white * unit);
        reference.u_relative = 0.0;
    }
    let mut tof = TofProfile::example();
    tof.u_systematic_mm = 0.0;
    if let HeightReference::Flat { u_mm, .. } = &mut tof.reference {
        *u_mm = 0.0;
    }
    judge(tof, spectral)
}

fn exact_settings() -> (Gain, IntegrationTime) {
    (
        Gain::from_multiplier(512.0).expect("512 is a gain of the AS7341"),
        IntegrationTime::from_millis(182.0).expect("182 ms is possible"),
    )
}

/// The true grade of a scene: that of the score of perfect instruments, capped by its defects.
///
/// There is no guard, because there is no uncertainty. Only defects of the product count, because
/// perfect instruments neither fail nor disagree.
fn true_grade(scene: &Scene, perfect: &Judge) -> Grade {
    let (gain, time) = exact_settings();
    let reflectance = scene.reflectance();
    #[expect(clippy::cast_possible_truncation, reason = "the reading's own precision")]
    let counts = std::array::from_fn(|k| (WHITE[k] * reflectance[k] / 0.98 * EXACT_UNIT) as f32);
    let spectrum = Spectrum::new(counts, gain, time, AdcStatus::Clear).expect("within the full scale");
    let verdict = perfect.inspect(Some(&Station::noiseless(scene)), Some(&spectrum)).verdict;
    let gravest =
        verdict.defects.iter().filter(|defect| !defect.kind.is_of_the_reading()).map(|defect| defect.severity).max();
    let point = verdict.point_grade.unwrap_or(Grade::Reject);
    Cap::on(gravest, Score::ONE).map_or(point, |(best, _)| point.min(best))
}

/// The contribution of an instrument's assessment to a fusion; `None` if it has no score or no
/// reliability.
fn said<F>(assessment: Option<&Assessment<F>>) -> Option<Said> {
    let assessment = assessment.filter(|assessment| assessment.reliability > Score::ZERO)?;
    Some(Said { score: assessment.score?, reliability: assessment.reliability })
}

fn judged(reading: &Reading, instruments: &Judge, perfect: &Judge) -> Judged {
    let tof = reading.frame.as_ref().and_then(|frame| instruments.tof.analyze(frame).ok());
    let spectral = reading.spectrum.as_ref().and_then(|spectrum| instruments.spectral.analyze(spectrum).ok());
    let verdict = instruments.judge(tof.as_ref(), spectral.as_ref());
    let nothing = [0.0, 0.0, 0.0, 0.0, 1.0];
    Judged {
        confidence_raw: verdict.confidence,
        point_grade: verdict.point_grade.unwrap_or(Grade::Reject),
        probabilities: verdict.score.map_or(nothing, |score| instruments.decision.probabilities(score)),
        said: [said(tof.as_ref()), said(spectral.as_ref())],
        coverage: verdict.coverage,
        true_grade: true_grade(&reading.scene, perfect),
        fault: reading.fault,
        verdict,
    }
}

/// The defects of a tray, which all rules of the study use.
pub(crate) fn defects(judged: &Judged) -> &Defects {
    &judged.verdict.defects
}

/// The number of trays of a station before the next seed. It is fixed, so that the trays do not
/// depend on the number of cores.
const SHIFT: u32 = 2500;

/// Simulates and judges a line of `trays` trays.
///
/// # Errors
///
/// If the example profiles were not valid.
pub(crate) fn run(trays: u32, seed: u64) -> Result<Vec<Judged>, InvalidProfile> {
    let (instruments, perfect) = (judge(TofProfile::example(), SpectralProfile::example())?, perfect()?);
    let shifts: Vec<(u64, u32)> =
        (0..trays.div_ceil(SHIFT)).map(|k| (u64::from(k), SHIFT.min(trays - k * SHIFT))).collect();
    let one = |(number, trays): &(u64, u32)| -> Vec<Judged> {
        let mut station = Station::new(seed.wrapping_add(*number));
        (0..*trays)
            .map(|k| {
                let reading = station.next_reading();
                // The station's own faults do not include stray light. The trays for it are
                // selected by a hash of their place, so that a regular sample of trays includes
                // some of them.
                let stray = reading.fault == Fault::None && (k.wrapping_mul(0x9E37_79B1) >> 16).is_multiple_of(40);
                let reading = if stray { station.read(reading.scene, Fault::StrayLight) } else { reading };
                judged(&reading, &instruments, &perfect)
            })
            .collect()
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let each = shifts.len().div_ceil(cores).max(1);
    let done = thread::scope(|scope| {
        let workers: Vec<_> = shifts
            .chunks(each)
            .map(|chunk| scope.spawn(move || chunk.iter().flat_map(one).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    Ok(done)
}

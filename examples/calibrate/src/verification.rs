//! [`print()`]: how well a calibration predicts labelled samples that it was not fitted on.

use std::io;

use sqal_core::Score;
use sqal_fusion::calibration::conformal::ConformalGrades;
use sqal_fusion::calibration::reliability::{Binning, Reliability};
use sqal_fusion::calibration::{Calibration, Label};

use crate::labels::{Row, labels};
use crate::share::share;

/// Prints the reliability diagram and its figures, and the size of conformal sets.
pub(crate) fn print(
    out: &mut impl io::Write,
    rows: &[Row],
    calibration: &Calibration,
) -> Result<(), Box<dyn std::error::Error>> {
    let calibrated: Vec<Label> = labels(rows)
        .into_iter()
        .map(|label| Label { confidence: calibration.calibrate(label.confidence), ..label })
        .collect();
    let reliability = Reliability::of(&calibrated, Binning::EqualMass(10)).ok_or("there are no labelled samples")?;
    writeln!(out, "samples  confidence  frequency  band of nine in ten")?;
    for bin in &reliability.bins {
        let (low, high) = bin.band;
        let outside = if (low..=high).contains(&bin.frequency) { "" } else { "  outside" };
        let (samples, confidence, frequency) = (bin.samples, bin.confidence, bin.frequency);
        writeln!(out, "{samples:7}  {confidence:10.4}  {frequency:9.4}  {low:.4} to {high:.4}{outside}")?;
    }
    let skill = reliability.skill.map_or_else(|| "none".to_owned(), |skill| format!("{skill:.4}"));
    writeln!(
        out,
        "ECE {:.4}, MCE {:.4}, Brier {:.4}, skill {skill}",
        reliability.ece, reliability.mce, reliability.brier
    )?;
    writeln!(
        out,
        "miscalibration {:.4}, discrimination {:.4}, uncertainty {:.4}",
        reliability.miscalibration, reliability.discrimination, reliability.uncertainty
    )?;
    // Half of the samples set the threshold, and the other half test it.
    let samples: Vec<_> = rows.iter().map(|row| (row.probabilities(), row.true_grade)).collect();
    let (known, new) = samples.split_at(samples.len() / 2);
    match ConformalGrades::fit(known, Score::nearest(0.1)) {
        Ok(conformal) => {
            let sets: Vec<_> = new.iter().map(|(p, truth)| (conformal.contiguous(p), truth)).collect();
            let held = sets.iter().filter(|(set, truth)| set.contains(truth)).count();
            let grades: usize = sets.iter().map(|(set, _)| set.len()).sum();
            writeln!(
                out,
                "grade sets of 90 %: {:.1} % hold the true grade, {:.2} grades each",
                share(held, new.len()) * 100.0,
                share(grades, new.len())
            )?;
        }
        Err(refused) => writeln!(out, "no grade sets: {refused}")?,
    }
    Ok(())
}

//! Fits and verifies a calibration of confidence from labelled samples, and studies a line.
//!
//! The samples are in a CSV file, and their true grade is known. The line is simulated as a whole.
//!
//! ```text
//! calibrate simulate --trays 5000 > labels.csv      # or a panel's own file with the same columns
//! calibrate fit labels.csv --version 1 > calibration.json
//! calibrate verify labels.csv calibration.json
//! calibrate study --trays 200000                    # the table of docs/fusion.md
//! ```

mod labels;
mod line;
mod study;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sqal_core::Score;
use sqal_fusion::calibration::conformal::ConformalGrades;
use sqal_fusion::calibration::reliability::{Binning, Reliability};
use sqal_fusion::calibration::{Calibration, Label};

/// The arguments of the command line.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Writes the labelled samples of a simulated line as CSV.
    Simulate {
        /// The number of trays.
        #[arg(long, default_value_t = 5000)]
        trays: u32,
        /// The seed: equal seeds give equal trays.
        #[arg(long, default_value_t = 20_261_126)]
        seed: u64,
    },
    /// Fits a calibration and writes it as JSON, for a profile.
    Fit {
        /// The labelled samples.
        labels: PathBuf,
        /// The version of the calibration, at least 1; each verdict states it.
        #[arg(long)]
        version: u32,
    },
    /// Prints how well a calibration predicts labelled samples that it was not fitted on.
    Verify {
        /// The labelled samples.
        labels: PathBuf,
        /// The calibration; without it the raw confidence is judged.
        calibration: Option<PathBuf>,
    },
    /// Judges a whole line by four rules and prints a table.
    Study {
        /// The number of trays.
        #[arg(long, default_value_t = 200_000)]
        trays: u32,
        /// The seed: equal seeds give equal trays.
        #[arg(long, default_value_t = 20_261_126)]
        seed: u64,
        /// A document into which the table is also written.
        #[arg(long)]
        write: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed, nothing is left to do.
            let _ = writeln!(io::stderr(), "calibrate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    match task {
        Task::Simulate { trays, seed } => labels::write(&mut out, line::run(trays, seed)?.iter().map(labels::Row::of))?,
        Task::Fit { labels, version } => {
            let calibration = Calibration::fit(&labels::labels(&labels::read(File::open(labels)?)?), version)?;
            serde_json::to_writer_pretty(&mut out, &calibration)?;
            writeln!(out)?;
        }
        Task::Verify { labels, calibration } => {
            let rows = labels::read(File::open(labels)?)?;
            let calibration = match calibration {
                Some(path) => serde_json::from_reader(File::open(path)?)?,
                None => Calibration::NONE,
            };
            verify(&mut out, &rows, &calibration)?;
        }
        Task::Study { trays, seed, write } => {
            let table = study::table(&line::run(trays, seed)?, trays, seed)?;
            write!(out, "{table}")?;
            if let Some(path) = write {
                study::write_into(&path, &table)?;
            }
        }
    }
    Ok(())
}

/// Prints the reliability diagram and its figures, and the size of conformal sets.
fn verify(
    out: &mut impl io::Write,
    rows: &[labels::Row],
    calibration: &Calibration,
) -> Result<(), Box<dyn std::error::Error>> {
    let calibrated: Vec<Label> = labels::labels(rows)
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
            let share = |count: usize| {
                f64::from(u32::try_from(count).unwrap_or(u32::MAX))
                    / f64::from(u32::try_from(new.len()).unwrap_or(1).max(1))
            };
            writeln!(
                out,
                "grade sets of 90 %: {:.1} % hold the true grade, {:.2} grades each",
                share(held) * 100.0,
                share(grades)
            )?;
        }
        Err(refused) => writeln!(out, "no grade sets: {refused}")?,
    }
    Ok(())
}

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
mod share;
mod study;
mod verification;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sqal_fusion::calibration::Calibration;

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
            verification::print(&mut out, &rows, &calibration)?;
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

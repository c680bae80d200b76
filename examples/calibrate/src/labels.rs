//! [`Row`]: one labelled sample as a line of CSV.

use std::io;

use serde::{Deserialize, Serialize};
use sqal_core::{Grade, Score};
use sqal_fusion::calibration::Label;

use crate::line::Judged;

/// A verdict and the truth about its tray.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The confidence of the verdict before calibration.
    pub(crate) confidence_raw: Score,
    /// The grade by simple acceptance, to which the confidence refers.
    pub(crate) point_grade: Grade,
    /// The grade by the reference method.
    pub(crate) true_grade: Grade,
    p_a_plus: f64,
    p_a: f64,
    p_b: f64,
    p_c: f64,
    p_reject: f64,
}

impl Row {
    pub(crate) fn of(judged: &Judged) -> Self {
        let [p_a_plus, p_a, p_b, p_c, p_reject] = judged.probabilities;
        let Judged { confidence_raw, point_grade, true_grade, .. } = *judged;
        Self { confidence_raw, point_grade, true_grade, p_a_plus, p_a, p_b, p_c, p_reject }
    }

    /// The probabilities of the grades, from A+ to REJECT.
    pub(crate) const fn probabilities(&self) -> [f64; 5] {
        [self.p_a_plus, self.p_a, self.p_b, self.p_c, self.p_reject]
    }
}

/// The labels for fitting a calibration.
pub(crate) fn labels(rows: &[Row]) -> Vec<Label> {
    rows.iter()
        .map(|row| Label { confidence: row.confidence_raw, correct: row.point_grade == row.true_grade })
        .collect()
}

/// Reads labelled samples. An error names the line and the column.
pub(crate) fn read(from: impl io::Read) -> Result<Vec<Row>, csv::Error> {
    csv::Reader::from_reader(from).deserialize().collect()
}

/// Writes labelled samples.
pub(crate) fn write(to: &mut impl io::Write, rows: impl Iterator<Item = Row>) -> Result<(), csv::Error> {
    let mut writer = csv::Writer::from_writer(to);
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(writer.flush()?)
}

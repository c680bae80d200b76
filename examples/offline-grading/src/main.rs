//! Grades ten trays with two crates, without a runtime, network or database.
//!
//! It prints one line per tray.

use std::io::{self, Write};

use fixtures::scene::Station;
use sqal_core::grade::GradeScale;
use sqal_core::verdict::Language;
use sqal_fusion::{Inspector, PowerMeanRule};
use sqal_sensors::{SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile};

fn main() -> io::Result<()> {
    grade_trays(10, &mut io::stdout().lock())
}

fn grade_trays(count: usize, out: &mut impl Write) -> io::Result<()> {
    let inspector = Inspector::new(
        TofAnalyzer::new(TofProfile::example()).map_err(io::Error::other)?,
        SpectralAnalyzer::new(SpectralProfile::example()).map_err(io::Error::other)?,
        PowerMeanRule::default(),
        GradeScale::default(),
    );
    let mut station = Station::new(1);
    for tray in 1..=count {
        let reading = station.next_reading();
        let inspection = inspector.inspect(reading.frame.as_ref(), reading.spectrum.as_ref());
        writeln!(out, "tray {tray}: {}", inspection.verdict.explain(Language::English))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tray_gets_one_line_with_its_grade() {
        let mut out = Vec::new();
        grade_trays(10, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 10);
        assert!(
            text.lines().all(|line| ["A+", "A", "B", "C", "REJECT"].iter().any(|g| line.contains(&format!(": {g}: ")))),
            "{text}"
        );
    }
}

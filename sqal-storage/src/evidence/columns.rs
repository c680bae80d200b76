//! [`Columns`]: the columns of a sample that are a function of its binary forms, as stored and as
//! expected.

use serde_json::Value;

use crate::record::Record;

/// The columns that show the content of the binary forms in SQL.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Columns {
    pub(crate) numbers: [Option<f64>; 31],
    pub(crate) texts: [Option<String>; 7],
    /// The text of a JSON array; a database may write the same value in another way.
    pub(crate) defects: String,
}

impl Columns {
    /// The names of the numbers, in order.
    pub(crate) const NUMBERS: [&'static str; 31] = [
        "volume_mm3",
        "avg_height_mm",
        "height_variation_mm",
        "surface_uniformity",
        "tof_score",
        "integration_time_ms",
        "gain",
        "color_score",
        "freshness_index",
        "fat_quality_index",
        "oxidation_index",
        "color_uniformity",
        "spectral_score",
        "score",
        "confidence",
        "processing_ms",
        "temperature_c",
        "humidity_percent",
        "volume_mm3_u",
        "avg_height_mm_u",
        "height_variation_mm_u",
        "surface_uniformity_u",
        "tof_score_u",
        "color_score_u",
        "freshness_index_u",
        "fat_quality_index_u",
        "oxidation_index_u",
        "color_uniformity_u",
        "spectral_score_u",
        "score_u",
        "profile_version",
    ];

    /// How many numbers, and how many texts, a row has that was stored before uncertainties had
    /// columns.
    const OLD: (usize, usize) = (18, 4);

    /// The names of the texts, in order.
    pub(crate) const TEXTS: [&'static str; 7] =
        ["tof_grade", "spectral_grade", "grade", "firmware_version", "profile", "flags", "purpose"];

    /// The columns that a record has.
    pub(crate) fn of(record: &Record<'_>) -> Self {
        let u = record.uncertainties.map(|u| u.map(f64::from));
        Self {
            numbers: [
                record.volume_mm3,
                record.avg_height_mm,
                record.height_variation_mm,
                record.surface_uniformity,
                record.tof_score,
                record.integration_time_ms,
                record.gain,
                record.color_score,
                record.freshness_index,
                record.fat_quality_index,
                record.oxidation_index,
                record.color_uniformity,
                record.spectral_score,
                record.score,
                Some(record.confidence),
                Some(record.processing_ms),
                record.temperature_c.map(f64::from),
                record.humidity_percent.map(f64::from),
                u[0],
                u[1],
                u[2],
                u[3],
                u[4],
                u[5],
                u[6],
                u[7],
                u[8],
                u[9],
                u[10],
                u[11],
                Some(f64::from(record.profile_version)),
            ],
            texts: [
                record.tof_grade,
                record.spectral_grade,
                Some(record.grade),
                record.firmware_version,
                Some(record.profile),
                record.flags.as_deref(),
                record.purpose,
            ]
            .map(|text| text.map(str::to_owned)),
            defects: record.defects.clone(),
        }
    }

    /// Whether the row was stored before uncertainties, profile, flags and purpose had columns. A
    /// row that was stored since then names its profile.
    ///
    /// Emptying all these columns of a newer row makes it look old: it hides what they say from
    /// SQL, where a calibration is then shown as a product. A schema that went a version down and
    /// up again leaves such rows. The binary forms still hold everything; hours and the interface
    /// read those, and no value can be changed this way.
    fn is_old(&self) -> bool {
        let (numbers, texts) = Self::OLD;
        self.numbers[numbers..].iter().all(Option::is_none) && self.texts[texts..].iter().all(Option::is_none)
    }

    /// The names of the columns that are not as expected.
    pub(crate) fn differences(&self, expected: &Self) -> Vec<&'static str> {
        let (numbers, texts) = if self.is_old() { Self::OLD } else { (self.numbers.len(), self.texts.len()) };
        let numbers = Self::NUMBERS.iter().zip(self.numbers.iter().zip(&expected.numbers)).take(numbers);
        let texts = Self::TEXTS.iter().zip(self.texts.iter().zip(&expected.texts)).take(texts);
        let mut different: Vec<_> =
            numbers.filter(|(_, (found, expected))| found != expected).map(|(name, _)| *name).collect();
        different.extend(texts.filter(|(_, (found, expected))| found != expected).map(|(name, _)| *name));
        if self.defects != expected.defects && !same_json(&self.defects, &expected.defects) {
            different.push("defects");
        }
        different
    }
}

/// Whether two texts are the same JSON value.
///
/// A database may write numbers and order names in another way. An old sample has its zones as one
/// number, with a bit per zone.
fn same_json(a: &str, b: &str) -> bool {
    match (serde_json::from_str::<Value>(a), serde_json::from_str::<Value>(b)) {
        (Ok(a), Ok(b)) => same_value(&a, &b),
        _ => false,
    }
}

fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            let same = |name: &str, a: &Value, b: &Value| match (name, a, b) {
                ("zones", Value::Number(a), Value::Array(b)) => a.as_u64() == bits(b),
                (_, a, b) => same_value(a, b),
            };
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(name, a, b)))
        }
        (a, b) => a == b,
    }
}

/// A list of zones as a number with one bit per zone.
fn bits(zones: &[Value]) -> Option<u64> {
    let bit = |set: u64, zone: &Value| Some(set | 1_u64.checked_shl(u32::try_from(zone.as_u64()?).ok()?)?);
    zones.iter().try_fold(0, bit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::strategy;
    use proptest::prelude::*;

    proptest! {
        /// Detects two columns that were swapped anywhere on the way: each name stands for one
        /// value.
        #[test]
        fn every_column_that_is_changed_is_named(sample in strategy::sample(), at in 0..39_usize) {
            let record = Record::of(&sample, sample.id(), "test").unwrap();
            let expected = Columns::of(&record);
            prop_assert_eq!(expected.differences(&expected), Vec::<&str>::new());
            let mut found = expected.clone();
            let name = if at < 31 {
                found.numbers[at] = Some(found.numbers[at].map_or(0.25, |number| number + 1.0 + number.abs()));
                Columns::NUMBERS[at]
            } else if at < 38 {
                found.texts[at - 31] = Some("?".to_owned());
                Columns::TEXTS[at - 31]
            } else {
                "[\"nothing\"]".clone_into(&mut found.defects);
                "defects"
            };
            prop_assert_eq!(found.differences(&expected), vec![name]);
        }
    }

    proptest! {
        /// A row that was stored before these columns existed has none of them, and its zones as
        /// one number; its other columns are compared.
        #[test]
        fn a_row_of_old_is_as_it_was_written(sample in strategy::sample(), at in 0..18_usize) {
            let record = Record::of(&sample, sample.id(), "test").unwrap();
            let expected = Columns::of(&record);
            let mut old = expected.clone();
            old.numbers[18..].fill(None);
            old.texts[4..].fill(None);
            old.defects = serde_json::to_string(&sample.inspection.verdict.defects).unwrap();
            prop_assert_eq!(old.differences(&expected), Vec::<&str>::new());
            old.numbers[at] = Some(old.numbers[at].map_or(0.25, |number| number + 1.0 + number.abs()));
            prop_assert_eq!(old.differences(&expected), vec![Columns::NUMBERS[at]]);
        }
    }

    #[test]
    fn a_database_may_write_the_same_json_in_its_own_way() {
        assert!(same_json(r#"[{"a": 1e17, "b": [null]}]"#, r#"[{"b":[null],"a":100000000000000000}]"#));
        for other in [r#"[{"a": 2, "b": [null]}]"#, r#"[{"a": 1e17}]"#, "[]", "nothing"] {
            assert!(!same_json(r#"[{"a": 1e17, "b": [null]}]"#, other), "{other}");
        }
    }
}

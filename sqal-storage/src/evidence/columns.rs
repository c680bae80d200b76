//! [`Columns`]: the columns of a sample that are a function of its binary forms, as they are stored and as they should be.

use serde_json::Value;

use crate::record::Record;

/// The columns that say in SQL what the binary forms hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Columns {
    pub(crate) numbers: [Option<f64>; 18],
    pub(crate) texts: [Option<String>; 4],
    /// The text of a JSON array; a database may write the same value in another way.
    pub(crate) defects: String,
}

impl Columns {
    /// The names of the numbers, in order.
    pub(crate) const NUMBERS: [&'static str; 18] = [
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
    ];

    /// The names of the texts, in order.
    pub(crate) const TEXTS: [&'static str; 4] = ["tof_grade", "spectral_grade", "grade", "firmware_version"];

    /// The columns that a record has.
    pub(crate) fn of(record: &Record<'_>) -> Self {
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
            ],
            texts: [record.tof_grade, record.spectral_grade, Some(record.grade), record.firmware_version]
                .map(|text| text.map(str::to_owned)),
            defects: record.defects.clone(),
        }
    }

    /// The names of the columns that are not as they should be.
    pub(crate) fn differences(&self, expected: &Self) -> Vec<&'static str> {
        let numbers = Self::NUMBERS.iter().zip(self.numbers.iter().zip(&expected.numbers));
        let texts = Self::TEXTS.iter().zip(self.texts.iter().zip(&expected.texts));
        let mut different: Vec<_> =
            numbers.filter(|(_, (found, expected))| found != expected).map(|(name, _)| *name).collect();
        different.extend(texts.filter(|(_, (found, expected))| found != expected).map(|(name, _)| *name));
        if self.defects != expected.defects && !same_json(&self.defects, &expected.defects) {
            different.push("defects");
        }
        different
    }
}

/// Whether two texts are the same JSON value, however a database writes numbers and orders names.
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
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same_value(a, b)))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::strategy;
    use proptest::prelude::*;

    proptest! {
        /// Two columns that were swapped anywhere on the way would be told here: every name stands for one value.
        #[test]
        fn every_column_that_is_changed_is_named(sample in strategy::sample(), at in 0..23_usize) {
            let record = Record::of(&sample, sample.id(), "test").unwrap();
            let expected = Columns::of(&record);
            prop_assert_eq!(expected.differences(&expected), Vec::<&str>::new());
            let mut found = expected.clone();
            let name = if at < 18 {
                found.numbers[at] = Some(found.numbers[at].map_or(0.25, |number| number + 1.0 + number.abs()));
                Columns::NUMBERS[at]
            } else if at < 22 {
                found.texts[at - 18] = Some("?".to_owned());
                Columns::TEXTS[at - 18]
            } else {
                "[\"nothing\"]".clone_into(&mut found.defects);
                "defects"
            };
            prop_assert_eq!(found.differences(&expected), vec![name]);
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

//! Reads the metrics of a server in Prometheus' text format.

use std::collections::BTreeMap;

use crate::process::Server;

/// A family of metrics as a scraper reads it.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) samples: Vec<Sample>,
}

/// One line of a family. The lines of a histogram have `_bucket`, `_sum` and `_count` behind its
/// name.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

impl Sample {
    /// Whether these are its labels, in this order.
    pub(crate) fn has(&self, labels: &[(&str, &str)]) -> bool {
        self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(labels.iter().copied())
    }

    fn read(line: &str) -> Self {
        let (name, mut rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let mut labels = Vec::new();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner;
            // No value of a label of this server has a quote.
            while let Some((label, (value, after))) =
                rest.split_once("=\"").map(|(label, after)| (label, after.split_once('"').unwrap()))
            {
                labels.push((label.trim_start_matches(',').to_owned(), value.to_owned()));
                rest = after;
            }
            rest = rest.strip_prefix('}').unwrap();
        }
        Self { name: name.to_owned(), labels, value: rest.trim().parse().unwrap() }
    }
}

/// All families that a server has now, by name.
pub(crate) fn scrape(server: &Server) -> BTreeMap<String, Family> {
    let (status, text) = server.get("/metrics");
    assert_eq!(status, 200, "{text}");
    let (mut families, mut present) = (BTreeMap::<String, Family>::new(), String::new());
    for line in text.as_str().unwrap().lines().filter(|line| !line.is_empty()) {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help.clone_into(&mut families.entry(name.to_owned()).or_default().help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            name.clone_into(&mut present);
            kind.clone_into(&mut families.entry(name.to_owned()).or_default().kind);
        } else {
            let sample = Sample::read(line);
            assert!(sample.name.starts_with(&present), "{line} stands in {present}");
            families.get_mut(&present).unwrap().samples.push(sample);
        }
    }
    families
}

/// The value of a series; `None` if the server does not have it.
pub(crate) fn value(families: &BTreeMap<String, Family>, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let family = families.iter().find(|(family, _)| {
        *family == name
            || name.strip_prefix(family.as_str()).is_some_and(|end| matches!(end, "_bucket" | "_sum" | "_count"))
    });
    let samples = &family?.1.samples;
    samples.iter().find(|sample| sample.name == name && sample.has(labels)).map(|sample| sample.value)
}

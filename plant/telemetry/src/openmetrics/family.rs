//! [`Family`]: the samples of a metric with its type and its help, by the names of OpenMetrics.

use std::collections::{HashMap, HashSet};

use super::line::{SampleLine, TextLine};

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FamilyType {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Unknown,
}

impl FamilyType {
    /// The type that a word of the text format means; `untyped` is unknown.
    fn of(word: &str) -> Self {
        match word {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "summary" => Self::Summary,
            _ => Self::Unknown,
        }
    }

    /// The word for it in OpenMetrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Unknown => "unknown",
        }
    }

    /// What the names of samples have behind the name of their family in the text format.
    const fn written(self) -> &'static [&'static str] {
        match self {
            Self::Counter | Self::Gauge | Self::Unknown => &[""],
            Self::Histogram => &["_bucket", "_sum", "_count"],
            Self::Summary => &["", "_sum", "_count"],
        }
    }

    /// What the names of samples may have behind the name of their family in OpenMetrics. The name
    /// of the family itself is one of them, because families have different names too.
    const fn possible(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["", "_total", "_created"],
            Self::Gauge | Self::Unknown => &[""],
            Self::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
            Self::Summary => &["", "_sum", "_count", "_created"],
        }
    }

    /// The order in which families take their names. A gauge has no other name, and a counter has
    /// one with which it collides with nothing.
    const fn rank(self) -> u8 {
        match self {
            Self::Gauge | Self::Unknown => 0,
            Self::Histogram | Self::Summary => 1,
            Self::Counter => 2,
        }
    }
}

/// A metric with all its series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Family<'t> {
    pub(super) name: &'t str,
    pub(super) kind: FamilyType,
    /// As it is escaped in the text format.
    pub(super) help: &'t str,
    pub(super) samples: Vec<SampleLine<'t>>,
}

/// The families of a text, each once, in the order in which they begin. Samples belong to the
/// family before them as far as their names allow it.
pub(super) fn families(text: &str) -> Vec<Family<'_>> {
    let mut reader = Reader::default();
    // A line may end with a carriage return that belongs to its text.
    for line in text.split('\n').filter_map(TextLine::read) {
        match line {
            TextLine::Help { family, text } => {
                let family = reader.family(family);
                if family.help.is_empty() {
                    family.help = text;
                }
            }
            TextLine::Type { family, word } => {
                let family = reader.family(family);
                if family.samples.is_empty() {
                    family.kind = FamilyType::of(word);
                }
            }
            TextLine::Sample(sample) => reader.family_of(&sample).samples.push(sample),
        }
    }
    settled(reader.families)
}

/// The families that were read.
#[derive(Default)]
struct Reader<'t> {
    families: Vec<Family<'t>>,
    places: HashMap<&'t str, usize>,
    /// The place of the family to which the last line belongs.
    current: usize,
}

impl<'t> Reader<'t> {
    /// The family of a name; a new one is of unknown type.
    fn family(&mut self, name: &'t str) -> &mut Family<'t> {
        let next = self.families.len();
        self.current = *self.places.entry(name).or_insert(next);
        if self.current == next {
            self.families.push(Family { name, kind: FamilyType::Unknown, help: "", samples: Vec::new() });
        }
        &mut self.families[self.current]
    }

    /// The family of a sample.
    fn family_of(&mut self, sample: &SampleLine<'t>) -> &mut Family<'t> {
        let belongs = self.families.get(self.current).is_some_and(|family| {
            let behind = sample.name.strip_prefix(family.name);
            behind.is_some_and(|behind| family.kind.written().contains(&behind))
        });
        let name = if belongs { self.families[self.current].name } else { sample.name };
        self.family(name)
    }
}

/// Gives the families their names of OpenMetrics, which allow no two families a sample of one name,
/// also none that is not there (`_created`). A counter has its name without `_total`.
///
/// A counter without `_total`, and a family whose names another has, become families of unknown
/// type, one for each name of their samples. Only two families that share a sample's name in the
/// text format still share it.
fn settled(families: Vec<Family<'_>>) -> Vec<Family<'_>> {
    let mut waiting: Vec<_> = families.into_iter().map(Family::named_as_counter).enumerate().collect();
    waiting.sort_by_key(|(_, family)| family.kind.rank());
    let mut taken = HashSet::new();
    let mut settled = Vec::with_capacity(waiting.len());
    for (place, family) in waiting {
        let names: Vec<_> = family.kind.possible().iter().map(|behind| format!("{}{behind}", family.name)).collect();
        if names.iter().any(|name| taken.contains(name)) {
            settled.extend(family.taken_apart().into_iter().map(|part| (place, part)));
        } else {
            taken.extend(names);
            settled.push((place, family));
        }
    }
    settled.sort_by_key(|(place, _)| *place);
    settled.into_iter().map(|(_, family)| family).collect()
}

impl Family<'_> {
    /// A counter by its name without `_total`; if it has no `_total`, its type is unknown.
    fn named_as_counter(mut self) -> Self {
        if self.kind == FamilyType::Counter {
            match self.name.strip_suffix("_total").filter(|name| !name.is_empty()) {
                Some(name) => self.name = name,
                None => self.kind = FamilyType::Unknown,
            }
        }
        self
    }

    /// A family of unknown type for each name of a sample.
    fn taken_apart(self) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        for sample in self.samples {
            if let Some(part) = parts.iter_mut().find(|part| part.name == sample.name) {
                part.samples.push(sample);
            } else {
                let (name, kind, help) = (sample.name, FamilyType::Unknown, self.help);
                parts.push(Self { name, kind, help, samples: vec![sample] });
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<(&str, &str, usize)> {
        families(text).iter().map(|family| (family.name, family.kind.as_str(), family.samples.len())).collect()
    }

    #[test]
    fn a_counter_has_its_name_without_total_or_is_unknown() {
        assert_eq!(
            named(
                "# TYPE seen_total counter\nseen_total 1\n# TYPE odd counter\nodd 2\n# TYPE _total counter\n_total 3\n"
            ),
            [("seen", "counter", 1), ("odd", "unknown", 1), ("_total", "unknown", 1)]
        );
    }

    #[test]
    fn a_counter_whose_name_is_taken_keeps_its_total() {
        for (kind, other) in [("gauge", "jobs"), ("gauge", "jobs_created"), ("histogram", "jobs"), ("summary", "jobs")]
        {
            let sample = if kind == "histogram" { "jobs_count" } else { other };
            let text = format!("# TYPE jobs_total counter\njobs_total 1\n# TYPE {other} {kind}\n{sample} 1\n");
            assert_eq!(named(&text), [("jobs_total", "unknown", 1), (other, kind, 1)], "{text}");
        }
    }

    #[test]
    fn a_histogram_whose_names_are_taken_is_taken_apart() {
        let text = "# TYPE took histogram\ntook_bucket{le=\"+Inf\"} 1\ntook_sum 2\ntook_count 1\n# TYPE took gauge\n\
                    # TYPE took_created gauge\ntook_created 3\n";
        assert_eq!(
            named(text),
            [
                ("took_bucket", "unknown", 1),
                ("took_sum", "unknown", 1),
                ("took_count", "unknown", 1),
                ("took_created", "gauge", 1)
            ]
        );
    }

    #[test]
    fn a_family_in_two_places_is_one() {
        let text =
            "# TYPE a gauge\na{x=\"1\"} 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\na{x=\"2\"} 1\nc 1\na{x=\"3\"} 1\n";
        assert_eq!(named(text), [("a", "gauge", 3), ("b", "gauge", 1), ("c", "unknown", 1)]);
    }
}

//! [`InvalidObjectiveFile`]: every mistake of a file of objectives, each with its place.

use std::collections::BTreeSet;

use super::Objective;

/// A text that is no file of objectives. It holds every mistake, unless the text is no YAML or has
/// a key that the file cannot have: then it holds the first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct InvalidObjectiveFile(Vec<String>);

/// Where an objective stands in a file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Number of the document in the file, from 1.
    pub(super) document: usize,
    /// Line at which the objective begins, from 1; 0 if it is not known.
    pub(super) line: u64,
    /// What the objective, or the document, is called in the file.
    pub(super) name: String,
}

impl InvalidObjectiveFile {
    /// The mistakes, each on one line: the document and the line, what stands there, and what is
    /// expected.
    #[must_use]
    pub fn mistakes(&self) -> &[String] {
        &self.0
    }

    /// A text that is no YAML, or not of the keys and types of the file.
    pub(super) fn yaml(error: &serde_saphyr::Error) -> Self {
        Self(vec![error.without_snippet().to_string()])
    }
}

impl Place {
    fn mistake(&self, why: &str) -> String {
        let line = if self.line > 0 { format!(", line {}", self.line) } else { String::new() };
        format!("document {}{line}, {}: {why}", self.document, self.name)
    }
}

/// The objectives of a file, or all its mistakes. An objective with the name of an earlier one, and
/// one with a burn rate that it cannot reach, are mistakes too.
pub(super) fn gathered(
    read: impl IntoIterator<Item = (Place, Result<Objective, String>)>,
) -> Result<Vec<Objective>, InvalidObjectiveFile> {
    let (mut objectives, mut mistakes, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (place, objective) in read {
        let checked = objective.and_then(|objective| {
            objective.burn_rules().map_err(|error| error.to_string())?;
            if ids.insert(objective.id()) { Ok(objective) } else { Err(format!("{} is there twice", objective.id())) }
        });
        match checked {
            Ok(objective) => objectives.push(objective),
            Err(why) => mistakes.push(place.mistake(&why)),
        }
    }
    if mistakes.is_empty() { Ok(objectives) } else { Err(InvalidObjectiveFile(mistakes)) }
}

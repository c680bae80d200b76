//! [`Severity`] and [`Headline`]: what a digest shows of a message that it stands for.

use serde::{Deserialize, Serialize};

use super::language::Language;

/// How serious a message is, in the four words that `PagerDuty` uses as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing has to be done.
    Info,
    /// Something should be looked at.
    Warning,
    /// Something has failed.
    Error,
    /// Something must be done at once.
    Critical,
}

impl Severity {
    /// The word of the severity, as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// The longest title in a digest, in characters.
const LONGEST_TITLE: usize = 120;

/// What a digest shows of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Headline {
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) language: Language,
}

impl Headline {
    /// A headline whose title is cut to one line of at most 120 characters.
    pub(crate) fn new(title: &str, severity: Severity, language: Language) -> Self {
        Self { title: one_line(title, LONGEST_TITLE), severity, language }
    }
}

/// A text as one line of at most `most` characters; control characters become spaces.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

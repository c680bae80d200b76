//! The values of all settings, where each comes from, and the mistakes in them.
//!
//! Arguments have priority over environment variables. A variable has priority over the file that
//! is named by the variable with `_FILE` (CFG-06).

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clap::ArgMatches;

use super::row::Setting;
use crate::plain_file;

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Argument(String),
    /// The environment variable of the setting.
    Environment,
    /// A file that a variable or a flag names.
    File(String),
    /// The default: the setting was not given.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(flag) => write!(f, "--{flag}"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting whose value is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The name of the setting.
    pub name: &'static str,
    /// The source of the value.
    pub source: Source,
    /// The fault, without secret text.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name, self.source, self.what)
    }
}

/// The value of one setting.
#[derive(Debug)]
struct Found {
    /// The text; `None` if the setting is not set.
    text: Option<String>,
    source: Source,
}

/// The values of all settings, in the order of their table.
#[derive(Debug)]
pub(super) struct Values {
    table: &'static [Setting],
    found: Vec<Found>,
    /// The mistakes found up to now.
    pub(super) mistakes: Vec<Mistake>,
}

impl Values {
    /// Looks up every setting of a table; `variable` reads the environment.
    pub(super) fn find(
        table: &'static [Setting],
        matches: &ArgMatches,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut mistakes = Vec::new();
        let found = table.iter().map(|setting| look(setting, matches, &variable, &mut mistakes)).collect();
        Self { table, found, mistakes }
    }

    fn found(&self, setting: &Setting) -> &Found {
        let row = self.table.iter().zip(&self.found).find(|(row, _)| row.name == setting.name);
        let (_, found) = row.unwrap_or_else(|| unreachable!("{} is in the table", setting.name));
        found
    }

    /// The text of a setting, if it is set.
    pub(super) fn text(&self, setting: &Setting) -> Option<&str> {
        self.found(setting).text.as_deref()
    }

    /// Whether the setting was given, and is not the default.
    pub(super) fn is_given(&self, setting: &Setting) -> bool {
        self.found(setting).source != Source::Default
    }

    /// A value made from the text. If `make` refuses the text, a mistake is added.
    pub(super) fn read<T>(&mut self, setting: &Setting, make: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(setting)?;
        let made = make(text);
        if made.is_none() {
            let shown = if setting.secret { "what it holds".to_owned() } else { format!("{text:?}") };
            self.wrong(setting, format!("{shown} cannot be used: expected {}", setting.expected));
        }
        made
    }

    /// A value parsed from the text. If the text cannot be parsed, a mistake is added.
    pub(super) fn parsed<T: FromStr>(&mut self, setting: &Setting) -> Option<T> {
        self.read(setting, |text| text.parse().ok())
    }

    /// Adds a mistake.
    pub(super) fn wrong(&mut self, setting: &Setting, what: impl Into<String>) {
        let source = self.found(setting).source.clone();
        self.mistakes.push(Mistake { name: setting.name, source, what: what.into() });
    }

    /// All settings with their values and sources, one per line; secrets are hidden.
    pub(super) fn shown(&self) -> String {
        let line = |(setting, found): (&Setting, &Found)| {
            let value = match &found.text {
                None => "(not set)",
                Some(_) if setting.secret => "(hidden)",
                Some(text) => text.as_str(),
            };
            format!("{} = {value}    # {}", setting.name, found.source)
        };
        self.table.iter().zip(&self.found).map(line).collect::<Vec<_>>().join("\n")
    }
}

fn look(
    setting: &'static Setting,
    matches: &ArgMatches,
    variable: impl Fn(&str) -> Option<String>,
    mistakes: &mut Vec<Mistake>,
) -> Found {
    // An empty variable counts as not set.
    let variable = |name: &str| variable(name).filter(|text| !text.is_empty());
    if let Some(text) = matches.get_one::<String>(setting.name) {
        return Found { text: Some(text.clone()), source: Source::Argument(setting.flag()) };
    }
    let named = if setting.secret { matches.get_one::<String>(&setting.file()).cloned() } else { None };
    if let Some(text) = variable(setting.name).filter(|_| named.is_none()) {
        return Found { text: Some(text), source: Source::Environment };
    }
    if let Some(path) = named.or_else(|| variable(&setting.file())).filter(|_| setting.secret) {
        return match plain_file::text_of_unnamed(Path::new(&path)) {
            Ok(text) => Found { text: Some(text.trim().to_owned()), source: Source::File(path) },
            Err(error) => {
                // A variable that should name a file may hold the secret itself, so a text that
                // names no file is not shown.
                let (source, what) =
                    (Source::Environment, format!("the file that {} names cannot be read: {error}", setting.file()));
                mistakes.push(Mistake { name: setting.name, source: source.clone(), what });
                Found { text: None, source }
            }
        };
    }
    Found { text: setting.default.map(str::to_owned), source: Source::Default }
}

//! [`LogFilter`]: which events become lines of the log, as a checked text.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, LevelFilter};
use tracing_subscriber::layer::Filter;

use super::foreign::ForeignLimit;

/// Which events become lines: directives with commas between them, `info,sqal_http=debug`.
///
/// A directive is a level (`off`, `error`, `warn`, `info`, `debug`, `trace`), or `target=level`, or
/// a directive on spans in brackets, as [`EnvFilter`] reads it (`[frame]=trace`; values of fields
/// are compared as texts, not as regular expressions). Of two directives, the one with the longer
/// target counts. A name without a level is refused: it would be a target of which everything is
/// logged, and most likely it is a misspelt level.
///
/// Whatever the directives ask for, the lines of other crates than `sqal…` and your own end at
/// level debug, and those of `lettre` at level info. In more detail, libraries write tokens, logins
/// and messages.
///
/// ```
/// use sqal_telemetry::log::LogFilter;
///
/// let filter: LogFilter = "info, sqal_http=debug".parse()?;
/// assert_eq!(filter.as_str(), "info,sqal_http=debug");
/// let refused = "info,sqal_http=debgu".parse::<LogFilter>().unwrap_err();
/// assert!(refused.to_string().starts_with("directive 2, \"sqal_http=debgu\": expected "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogFilter(String);

impl LogFilter {
    /// The most bytes of a filter.
    pub const LONGEST: usize = 1024;

    /// The directives with commas between them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This filter with another one laid over it: where both have a directive for one target, the
    /// other's counts.
    pub(super) fn under(&self, over: &Self) -> Self {
        Self(format!("{},{}", self.0, over.0))
    }

    /// This filter for a [layer](tracing_subscriber::Layer::with_filter) whose filter never
    /// changes; see [`LogControl`](super::LogControl) for one that does. `own` are the beginnings
    /// of the targets of your program, beside `sqal`.
    #[must_use]
    pub fn for_layer<S>(&self, own: &'static [&'static str]) -> impl Filter<S> + Send + Sync + use<S> {
        FilterExt::<S>::and(self.to_env_filter(), ForeignLimit { own })
    }

    /// The filter as the layer's library knows it, without the limit for other crates.
    pub(super) fn to_env_filter(&self) -> EnvFilter {
        // The text was parsed when it was checked. The default lets errors through.
        parse(&self.0).unwrap_or_default()
    }
}

/// Regular expressions are left out: a caller could write one that takes all memory.
fn parse(text: &str) -> Option<EnvFilter> {
    EnvFilter::builder().with_regex(false).parse(text).ok()
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LogFilter {
    type Err = InvalidLogFilter;

    fn from_str(text: &str) -> Result<Self, InvalidLogFilter> {
        if text.len() > Self::LONGEST {
            return Err(InvalidLogFilter::TooLong(text.len()));
        }
        let mut directives = Vec::new();
        for (number, directive) in (1..).zip(text.split(',')).map(|(number, part)| (number, part.trim())) {
            // As in `EnvFilter`, a comma too many is no fault.
            if directive.is_empty() {
                continue;
            }
            if !is_directive(directive) {
                let text = directive.chars().take(InvalidLogFilter::SHOWN).collect();
                return Err(InvalidLogFilter::Directive { number, text });
            }
            directives.push(directive);
        }
        if directives.is_empty() { Err(InvalidLogFilter::Empty) } else { Ok(Self(directives.join(","))) }
    }
}

/// Whether a text without a comma is a directive.
fn is_directive(text: &str) -> bool {
    // Targets are paths of modules. The parser cuts texts of several bytes a character at wrong
    // places.
    let is_printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let is_level = |level: &str| !level.is_empty() && level.parse::<LevelFilter>().is_ok();
    let has_level = match text.split_once('=') {
        _ if text.contains('[') => true,
        Some((_, level)) => is_level(level),
        None => is_level(text),
    };
    is_printable && has_level && parse(text).is_some()
}

/// Why a text is no filter of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidLogFilter {
    /// The text has no directive.
    Empty,
    /// The text has this number of bytes, which is more than [`LogFilter::LONGEST`].
    TooLong(usize),
    /// A directive is not valid.
    Directive {
        /// Which of the directives it is, from 1 on.
        number: usize,
        /// The directive, cut after 80 characters.
        text: String,
    },
}

impl InvalidLogFilter {
    /// What a filter is, for a message.
    pub const EXPECTED: &str =
        "a level (off, error, warn, info, debug, trace) or target=level, several with commas, at most 1024 bytes";

    /// The number of characters of a refused directive that the error holds.
    const SHOWN: usize = 80;
}

impl fmt::Display for InvalidLogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no directive")?,
            Self::TooLong(bytes) => write!(f, "{bytes} bytes")?,
            Self::Directive { number, text } => write!(f, "directive {number}, {text:?}")?,
        }
        write!(f, ": expected {}", Self::EXPECTED)
    }
}

impl Error for InvalidLogFilter {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(text: &str) -> Result<LogFilter, InvalidLogFilter> {
        text.parse()
    }

    #[test]
    fn a_wrong_directive_is_named_with_its_place() {
        for (text, number, directive) in [
            ("inof", 1, "inof"),
            ("info,sqal_http=loud", 2, "sqal_http=loud"),
            ("info,,sqal_http=", 3, "sqal_http="),
            ("sqal_http", 1, "sqal_http"),
            ("sqal=debug, =info", 2, "=info"),
            ("info,[frame", 2, "[frame"),
            ("info,é=debug", 2, "é=debug"),
            ("a=b=info", 1, "a=b=info"),
        ] {
            let refused = InvalidLogFilter::Directive { number, text: directive.to_owned() };
            assert_eq!(filter(text), Err(refused), "{text}");
        }
        assert_eq!(filter(" , "), Err(InvalidLogFilter::Empty));
        assert_eq!(filter(&"a".repeat(1025)), Err(InvalidLogFilter::TooLong(1025)));
        let long = filter(&"x".repeat(1024)).unwrap_err().to_string();
        assert!(long.len() < 300, "{long}");
    }

    #[test]
    fn the_filters_of_operators_are_read() {
        for text in ["info", "WARN", "info,sqal_http=debug", "off,sqal_http::door=trace", "info,[frame]=trace", "3"] {
            assert_eq!(filter(text).unwrap().as_str(), text);
        }
        assert_eq!(filter(" info ,sqal_http=debug,").unwrap().as_str(), "info,sqal_http=debug");
    }

    #[test]
    fn a_filter_laid_over_another_one_counts() {
        let usual = filter("info,sqal_http=warn").unwrap();
        let shown = usual.under(&filter("sqal_http=debug").unwrap()).to_env_filter().to_string();
        assert!(shown.contains("sqal_http=debug") && shown.contains("info") && !shown.contains("warn"), "{shown}");
        let shown = usual.under(&filter("error").unwrap()).to_env_filter().to_string();
        assert!(shown.contains("sqal_http=warn") && shown.contains("error") && !shown.contains("info"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_is_refused_in_few_words(text in ".{0,200}|[a-z_=,\\[\\]{}\" éE]{0,60}") {
            match filter(&text) {
                Ok(read) => {
                    // What was checked can be parsed, and reads back as itself.
                    prop_assert!(parse(read.as_str()).is_some());
                    prop_assert_eq!(filter(read.as_str()), Ok(read));
                }
                Err(refused) => prop_assert!(refused.to_string().len() < 1000),
            }
        }
    }
}

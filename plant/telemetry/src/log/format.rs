//! [`LogFormat`]: the form of the lines of a log.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The form of the lines of a log; its text is `text` or `json`.
///
/// ```
/// use sqal_telemetry::log::LogFormat;
///
/// assert_eq!("json".parse(), Ok(LogFormat::Json));
/// let refused = "xml".parse::<LogFormat>().unwrap_err();
/// assert_eq!(refused.to_string(), "\"xml\" is no format of a log: expected text or json");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// Lines for people: the time, the level, the message, and the fields as `name=value`.
    #[default]
    Text,
    /// Lines for programs: one JSON object a line, with the fields as members.
    Json,
}

impl LogFormat {
    /// The text of the format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LogFormat {
    type Err = InvalidLogFormat;

    fn from_str(text: &str) -> Result<Self, InvalidLogFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(InvalidLogFormat(other.chars().take(InvalidLogFormat::SHOWN).collect())),
        }
    }
}

/// A text that is neither `text` nor `json`; the error holds at most 20 characters of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidLogFormat(String);

impl InvalidLogFormat {
    /// The number of characters of the refused text that the error shows.
    const SHOWN: usize = 20;
}

impl fmt::Display for InvalidLogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no format of a log: expected text or json", self.0)
    }
}

impl Error for InvalidLogFormat {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_read_back_from_its_text_and_nothing_else_is_one() {
        for format in [LogFormat::Text, LogFormat::Json] {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        for wrong in ["", "JSON", "text ", "logfmt"] {
            assert!(wrong.parse::<LogFormat>().is_err(), "{wrong:?}");
        }
        let long = "x\n".repeat(1000).parse::<LogFormat>().unwrap_err().to_string();
        assert!(long.len() < 100 && !long.contains('\n'), "{long}");
    }
}

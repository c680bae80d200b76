//! Figures as an operator reads them: decimals in the sign of a language, scores with their
//! uncertainty, probabilities in percent.

use core::fmt::{self, Write as _};

use super::{Language, Verdict};
use crate::{Measured, Score};

/// A number with a fixed count of decimals and the decimal sign of a language.
pub(super) struct Decimal(pub(super) f64, pub(super) usize, pub(super) Language);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, digits, language) = *self;
        match language {
            Language::English => write!(f, "{value:.digits$}"),
            Language::French => write!(DecimalComma(f), "{value:.digits$}"),
        }
    }
}

/// A writer that turns the decimal point of a number into a comma.
struct DecimalComma<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for DecimalComma<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (k, part) in text.split('.').enumerate() {
            if k > 0 {
                self.0.write_str(",")?;
            }
            self.0.write_str(part)?;
        }
        Ok(())
    }
}

/// A score with its standard uncertainty, or the text that it is not measurable.
pub(super) struct ScoreText(pub(super) Measured, pub(super) Language);

impl fmt::Display for ScoreText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(score, language) = *self;
        if score.u() >= Verdict::NOT_MEASURABLE_U {
            return f.write_str(match language {
                Language::English => "not measurable",
                Language::French => "non mesurable",
            });
        }
        write!(f, "{} ± {}", Decimal(score.value(), 3, language), Decimal(score.u(), 3, language))
    }
}

/// A probability in whole percent; rounding never turns it into certainty.
pub(super) struct Chance(pub(super) Score);

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get() {
            p if p >= 0.995 => f.write_str(">\u{a0}99\u{a0}%"),
            p if p < 0.005 => f.write_str("<\u{a0}1\u{a0}%"),
            p => write!(f, "{:.0}\u{a0}%", p * 100.0),
        }
    }
}

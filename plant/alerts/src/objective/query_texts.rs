//! The queries of an objective, as the text of a file has them.

use crate::query::Selector;

use super::Indicator;
use super::selector_text::{self, CounterSum};

/// The numerator of an objective in a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum NumeratorText<'a> {
    Bad(&'a str),
    Good(&'a str),
}

/// Both queries of an objective in a file, with their keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueryTexts<'a> {
    pub(super) numerator: NumeratorText<'a>,
    /// The key of the numerator in the file.
    pub(super) numerator_key: &'static str,
    pub(super) total: &'a str,
    /// The key of the total in the file.
    pub(super) total_key: &'static str,
    /// Whether each counter must have the range `{{.window}}`.
    pub(super) is_windowed: bool,
}

impl QueryTexts<'_> {
    /// The indicator, whose counters are changed by `narrowed`, and the labels that both queries
    /// are summed by.
    pub(super) fn read(
        &self,
        narrowed: impl Fn(Selector) -> Result<Selector, String>,
    ) -> Result<(Indicator, Vec<String>), String> {
        let sum = |key: &str, text: &str| {
            let mut sum = selector_text::read(text).map_err(|why| format!("{key} {why}"))?;
            if self.is_windowed && !sum.is_windowed {
                return Err(format!("{key} {text:?}: expected the range [{{{{.window}}}}] after each counter"));
            }
            sum.counters = sum.counters.into_iter().map(&narrowed).collect::<Result<_, _>>()?;
            Ok::<CounterSum, String>(sum)
        };
        let (NumeratorText::Bad(text) | NumeratorText::Good(text)) = self.numerator;
        let (part, total) = (sum(self.numerator_key, text)?, sum(self.total_key, self.total)?);
        if part.by != total.by {
            return Err(format!(
                "{} is summed by {:?} and {} by {:?}: expected the labels after by to be equal",
                self.numerator_key, part.by, self.total_key, total.by
            ));
        }
        let indicator = match self.numerator {
            NumeratorText::Bad(_) => Indicator::of_bad(part.counters, total.counters),
            NumeratorText::Good(_) => Indicator::of_good(part.counters, total.counters),
        };
        Ok((indicator.map_err(|error| error.to_string())?, total.by))
    }
}

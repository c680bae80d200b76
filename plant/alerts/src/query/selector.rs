//! [`Selector`]: a metric and what its labels must be.

use std::fmt::{self, Write as _};

use super::names;
use super::pattern::Pattern;

/// A metric and what its labels must be: `http_requests_total{status=~"5.."}`.
///
/// As in Prometheus, a label that a series does not have counts as empty, and conditions on one
/// label must all hold. The conditions are sorted by their text, so that two selectors with equal
/// conditions are equal.
///
/// ```
/// use sqal_alerts::query::Selector;
///
/// let selector = Selector::new("http_requests_total")
///     .with("method", "GET")
///     .without("endpoint", "/health")
///     .matching("status", &["500", "503"]);
/// assert_eq!(
///     selector.to_string(),
///     r#"http_requests_total{endpoint!="/health",method="GET",status=~"500|503"}"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector {
    metric: String,
    matchers: Vec<Matcher>,
}

/// One condition on a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Matcher {
    /// Name of the label.
    pub(super) label: String,
    /// What its value must be.
    pub(super) test: Test,
}

/// What the value of a label must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Test {
    /// `=`
    Equal(String),
    /// `!=`
    Unequal(String),
    /// `=~`
    Match(Pattern),
    /// `!~`
    Mismatch(Pattern),
}

/// A part of a query that PromQL would refuse, or a regular expression beyond those that a
/// [`Selector`] can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidQuery {
    /// The name of a metric.
    #[error("metric {0:?}: expected letters, digits, _ and :, and no digit at the beginning")]
    Metric(String),
    /// The name of a label in a selector.
    #[error("label {0:?}: expected letters, digits and _, no digit at the beginning, and not __name__")]
    Label(String),
    /// The regular expression for a label.
    #[error(
        "label {label}: regular expression {regex:?}: expected literal characters, ., .*, .+ and |, and not {part:?}"
    )]
    Regex {
        /// The label.
        label: String,
        /// The whole expression.
        regex: String,
        /// What of it is not supported.
        part: String,
    },
}

impl Selector {
    /// Every series of a metric. A character that the name of a metric cannot have becomes `_`;
    /// names from a file are checked by [`Selector::try_new`].
    #[must_use]
    pub fn new(metric: &str) -> Self {
        Self { metric: names::metric(metric).into_owned(), matchers: Vec::new() }
    }

    /// Every series of a metric whose name comes from a file.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery::Metric`] if Prometheus would not take the name.
    pub fn try_new(metric: &str) -> Result<Self, InvalidQuery> {
        if names::is_metric(metric) { Ok(Self::new(metric)) } else { Err(InvalidQuery::Metric(metric.to_owned())) }
    }

    /// `label="value"`: the label has this value; if `value` is empty, the label is empty or
    /// missing. A character that the name of a label cannot have becomes `_`, here and in the
    /// methods below; names from a file are checked by [`Selector::checked_label`].
    #[must_use]
    pub fn with(self, label: &str, value: &str) -> Self {
        self.tested(label, Test::Equal(value.to_owned()))
    }

    /// `label!="value"`: the label has another value, or is missing.
    #[must_use]
    pub fn without(self, label: &str, value: &str) -> Self {
        self.tested(label, Test::Unequal(value.to_owned()))
    }

    /// `label=~"a|b"`: the label has one of these values. Without values, the label is empty or
    /// missing.
    #[must_use]
    pub fn matching(self, label: &str, values: &[&str]) -> Self {
        self.tested(label, Test::Match(Pattern::literals(values)))
    }

    /// `label!~"a|b"`: the label has none of these values.
    #[must_use]
    pub fn mismatching(self, label: &str, values: &[&str]) -> Self {
        self.tested(label, Test::Mismatch(Pattern::literals(values)))
    }

    /// `label=~"prefix.*"`: the label begins with a text.
    #[must_use]
    pub fn matching_prefix(self, label: &str, prefix: &str) -> Self {
        self.tested(label, Test::Match(Pattern::prefix(prefix)))
    }

    /// `label=~"5.."`: the label is an HTTP status that begins with a digit.
    #[must_use]
    pub fn status_class(self, label: &str, first_digit: u8) -> Self {
        self.tested(label, Test::Match(Pattern::beginning(&first_digit.to_string(), 2)))
    }

    /// `label=~"regex"`, of a regular expression from a file.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery::Label`] if Prometheus would not take the name, [`InvalidQuery::Regex`] if
    /// the expression has more than literal characters, `.`, `.*`, `.+`, `|` and one group around
    /// everything.
    pub fn try_matching(self, label: &str, regex: &str) -> Result<Self, InvalidQuery> {
        let test = Test::Match(pattern(label, regex)?);
        Ok(self.tested(Self::checked_label(label)?, test))
    }

    /// `label!~"regex"`, of a regular expression from a file.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery::Label`] and [`InvalidQuery::Regex`], where [`Selector::try_matching`] gives
    /// them.
    pub fn try_mismatching(self, label: &str, regex: &str) -> Result<Self, InvalidQuery> {
        let test = Test::Mismatch(pattern(label, regex)?);
        Ok(self.tested(Self::checked_label(label)?, test))
    }

    /// The name of a label from a file, for [`Selector::with`] and [`Selector::without`].
    ///
    /// # Errors
    ///
    /// [`InvalidQuery::Label`] if Prometheus would not take the name in a selector.
    pub fn checked_label(label: &str) -> Result<&str, InvalidQuery> {
        let is_legal = names::is_label(label) && label != "__name__";
        if is_legal { Ok(label) } else { Err(InvalidQuery::Label(label.to_owned())) }
    }

    /// The name of the metric.
    #[must_use]
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// The conditions on labels.
    pub(super) fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// Whether a series of the metric is selected: `value` gives the value of a label, and the
    /// empty text for a label that is missing.
    pub(super) fn selects<'a>(&self, value: impl Fn(&str) -> &'a str) -> bool {
        self.matchers.iter().all(|matcher| matcher.test.is_match(value(&matcher.label)))
    }

    fn tested(mut self, label: &str, test: Test) -> Self {
        self.matchers.push(Matcher { label: names::matched_label(label).into_owned(), test });
        self.matchers.sort_by_cached_key(Matcher::to_string);
        self
    }
}

/// The text of PromQL.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut conditions: Vec<String> = self.matchers.iter().map(Matcher::to_string).collect();
        if names::is_plain_metric(&self.metric) {
            f.write_str(&self.metric)?;
        } else {
            conditions.insert(0, format!("{}=\"{}\"", names::NAME, self.metric));
        }
        if conditions.is_empty() { Ok(()) } else { write!(f, "{{{}}}", conditions.join(",")) }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operator, value) = match &self.test {
            Test::Equal(value) => ("=", value.clone()),
            Test::Unequal(value) => ("!=", value.clone()),
            Test::Match(pattern) => ("=~", pattern.regex()),
            Test::Mismatch(pattern) => ("!~", pattern.regex()),
        };
        write!(f, "{}{operator}{}", self.label, quoted(&value))
    }
}

impl Test {
    fn is_match(&self, value: &str) -> bool {
        match self {
            Self::Equal(expected) => expected == value,
            Self::Unequal(refused) => refused != value,
            Self::Match(pattern) => pattern.is_match(value),
            Self::Mismatch(pattern) => !pattern.is_match(value),
        }
    }
}

/// A string of PromQL. Its lexer takes neither a line feed in a string nor U+FFFD, which it uses
/// for broken UTF-8.
fn quoted(value: &str) -> String {
    let mut text = String::from('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => _ = write!(text, "\\{c}"),
            '\n' => text.push_str("\\n"),
            c if c.is_control() || c == char::REPLACEMENT_CHARACTER => _ = write!(text, "\\u{:04x}", u32::from(c)),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// Reads the regular expression of a label.
fn pattern(label: &str, regex: &str) -> Result<Pattern, InvalidQuery> {
    Pattern::read(regex).map_err(|part| InvalidQuery::Regex { label: label.to_owned(), regex: regex.to_owned(), part })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_is_missing_counts_as_empty() {
        let selects = |selector: &Selector| selector.selects(|_| "");
        let up = Selector::new("up");
        assert!(selects(&up.clone().with("job", "")));
        assert!(selects(&up.clone().without("job", "a")));
        assert!(selects(&up.clone().mismatching("job", &["a"])));
        assert!(!selects(&up.clone().without("job", "")));
        assert!(!selects(&up.matching("job", &["a"])));
    }

    #[test]
    fn selectors_that_ask_for_the_same_are_equal() {
        let (a, b) = (Selector::new("up").with("a", "1").without("b", "2"), Selector::new("up").without("b", "2"));
        assert_eq!(a, b.with("a", "1"));
    }

    #[test]
    fn the_text_is_what_promql_reads() {
        let value = "a\"b\\c\nd\u{1}\u{fffd}é";
        for (selector, text) in [
            (Selector::new("up"), "up"),
            (Selector::new("up").with("a", value), r#"up{a="a\"b\\c\nd\u0001\ufffdé"}"#),
            (Selector::new("up").matching("a", &["a.b", "c|d"]), r#"up{a=~"a\\.b|c\\|d"}"#),
            (Selector::new("up").status_class("a", 5), r#"up{a=~"5.."}"#),
            (Selector::new("up").matching_prefix("a", "/api/"), r#"up{a=~"/api/.*"}"#),
            (Selector::new("up").mismatching("a", &["x", "y"]), r#"up{a!~"x|y"}"#),
            (Selector::new("on").with("a", "b"), r#"{__name__="on",a="b"}"#),
        ] {
            assert_eq!(selector.to_string(), text);
        }
    }

    #[test]
    fn names_from_a_file_are_refused_with_their_text() {
        assert_eq!(Selector::try_new("a b"), Err(InvalidQuery::Metric("a b".to_owned())));
        assert_eq!(Selector::checked_label("__name__"), Err(InvalidQuery::Label("__name__".to_owned())));
        let error = Selector::new("up").try_matching("status", "[45]..").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"label status: regular expression "[45]..": expected literal characters, ., .*, .+ and |, and not "[""#
        );
        assert!(Selector::new("up").try_mismatching("a-b", "x").is_err());
    }
}

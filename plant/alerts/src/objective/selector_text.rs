//! The counters that a query of an objective adds, read from its `PromQL`.
//!
//! Of `PromQL` exactly this is read, because a burn alert needs the counters themselves, to read
//! them over windows of its own:
//!
//! ```text
//! sum   := term ("+" term)*
//! term  := "sum" [by] "(" rates ")" [by] | rates
//! rates := ("rate" | "increase") "(" counter range ")" | counter [range]
//! by    := "by" "(" [label ("," label)*] ")"
//! range := "[" ("{{.window}}" | duration) "]"
//! ```
//!
//! where `counter` is a selector, `metric{a="b",c!="d",e=~"5..|429"}`.

use crate::query::Selector;

/// The counters of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CounterSum {
    /// The counters.
    pub(super) counters: Vec<Selector>,
    /// The labels after `by`.
    pub(super) by: Vec<String>,
    /// Whether every counter has the range `{{.window}}`, which Sloth fills in.
    pub(super) is_windowed: bool,
}

/// The most counters of a query, so that a file cannot make a rule of any length.
const MOST_COUNTERS: usize = 16;

/// Reads a query, or says what is wrong with it and where.
pub(super) fn read(text: &str) -> Result<CounterSum, String> {
    let mut cursor = Cursor { text, at: 0 };
    let mut sum = CounterSum { counters: Vec::new(), by: Vec::new(), is_windowed: true };
    loop {
        let (counter, by, is_windowed) = cursor.term()?;
        sum.is_windowed &= is_windowed;
        if sum.counters.is_empty() {
            sum.by = by;
        } else if sum.by != by {
            return Err(cursor.wrong("the labels after by of the counter before"));
        }
        sum.counters.push(counter);
        if sum.counters.len() > MOST_COUNTERS {
            return Err(cursor.wrong("at most 16 counters"));
        }
        if !cursor.eat("+") {
            break;
        }
    }
    if cursor.rest().is_empty() { Ok(sum) } else { Err(cursor.wrong("the end, or + and another counter")) }
}

/// A text and how far it has been read.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// What has not been read, without the white space before it.
    fn rest(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    /// Reads a symbol if it comes next.
    fn eat(&mut self, symbol: &str) -> bool {
        let is_next = self.rest().starts_with(symbol);
        if is_next {
            self.at += symbol.len();
        }
        is_next
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.eat(symbol) { Ok(()) } else { Err(self.wrong(symbol)) }
    }

    /// Reads letters, digits, `_` and `:`.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let word = rest.find(|c: char| !is_part(c)).and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.at += word.len();
        word
    }

    fn wrong(&mut self, expected: &str) -> String {
        let rest: String = self.rest().chars().take(40).collect();
        let found = if rest.is_empty() { "the end".to_owned() } else { format!("{rest:?}") };
        format!("{:?}: found {found}, expected {expected}", self.text)
    }

    /// A term: its counter, the labels after `by`, and whether its range is `{{.window}}`.
    fn term(&mut self) -> Result<(Selector, Vec<String>, bool), String> {
        let before = self.at;
        if self.word() != "sum" || !(self.rest().starts_with('(') || self.rest().starts_with("by")) {
            self.at = before;
            let (counter, is_windowed) = self.rates()?;
            return Ok((counter, Vec::new(), is_windowed));
        }
        let mut by = self.by()?;
        self.expect("(")?;
        let (counter, is_windowed) = self.rates()?;
        self.expect(")")?;
        if by.is_empty() {
            by = self.by()?;
        }
        Ok((counter, by, is_windowed))
    }

    /// The labels after `by`, if it comes next.
    fn by(&mut self) -> Result<Vec<String>, String> {
        let mut labels = Vec::new();
        if !self.eat("by") {
            return Ok(labels);
        }
        self.expect("(")?;
        while !self.eat(")") {
            match self.word() {
                "" => return Err(self.wrong("a label")),
                label => labels.push(label.to_owned()),
            }
            if !self.eat(",") && !self.rest().starts_with(')') {
                return Err(self.wrong(", or )"));
            }
        }
        Ok(labels)
    }

    /// A counter, or its rate, and whether its range is `{{.window}}`.
    fn rates(&mut self) -> Result<(Selector, bool), String> {
        let before = self.at;
        if matches!(self.word(), "rate" | "increase") && self.eat("(") {
            let counter = self.counter()?;
            let range = self.range()?.ok_or_else(|| self.wrong("a range such as [5m]"))?;
            self.expect(")")?;
            return Ok((counter, range));
        }
        self.at = before;
        let counter = self.counter()?;
        Ok((counter, self.range()?.unwrap_or(false)))
    }

    /// A range, if one comes next: whether it is `{{.window}}`.
    fn range(&mut self) -> Result<Option<bool>, String> {
        if !self.eat("[") {
            return Ok(None);
        }
        if self.eat("{{") {
            self.expect(".window")?;
            self.expect("}}")?;
            self.expect("]")?;
            return Ok(Some(true));
        }
        let duration = self.word();
        let is_duration = duration.starts_with(|c: char| c.is_ascii_digit())
            && duration.chars().all(|c| c.is_ascii_digit() || "smhdwy".contains(c))
            && !duration.ends_with(|c: char| c.is_ascii_digit());
        if is_duration { self.expect("]").map(|()| Some(false)) } else { Err(self.wrong("a range such as [5m]")) }
    }

    /// A metric with conditions on its labels.
    fn counter(&mut self) -> Result<Selector, String> {
        let metric = self.word();
        if metric.is_empty() {
            return Err(self.wrong("a metric"));
        }
        if self.rest().starts_with('(') {
            return Err(format!("{:?}: {metric}( is not supported, only sum, rate and increase are", self.text));
        }
        let mut selector = Selector::try_new(metric).map_err(|error| error.to_string())?;
        if selector.to_string() != metric {
            // A word of PromQL: a metric of this name is selected in another way.
            return Err(format!("{:?}: expected a metric, and not the word {metric}", self.text));
        }
        if !self.eat("{") {
            return Ok(selector);
        }
        while !self.eat("}") {
            selector = self.condition(selector)?;
            if !self.eat(",") && !self.rest().starts_with('}') {
                return Err(self.wrong(", or }"));
            }
        }
        Ok(selector)
    }

    /// Adds one condition to a selector.
    fn condition(&mut self, selector: Selector) -> Result<Selector, String> {
        let label = match self.word() {
            "" => return Err(self.wrong("a label")),
            label => Selector::checked_label(label).map_err(|error| error.to_string())?,
        };
        let Some(operator) = ["=~", "!~", "!=", "="].into_iter().find(|operator| self.eat(operator)) else {
            return Err(self.wrong("=, !=, =~ or !~"));
        };
        let value = self.quoted()?;
        match operator {
            "=~" => selector.try_matching(label, &value).map_err(|error| error.to_string()),
            "!~" => selector.try_mismatching(label, &value).map_err(|error| error.to_string()),
            "!=" => Ok(selector.without(label, &value)),
            _ => Ok(selector.with(label, &value)),
        }
    }

    /// A text in `"`, `'` or backquotes.
    fn quoted(&mut self) -> Result<String, String> {
        let mut rest = self.rest().chars();
        let Some(quote) = rest.next().filter(|quote| matches!(quote, '"' | '\'' | '`')) else {
            return Err(self.wrong("a value in quotes"));
        };
        let mut value = String::new();
        loop {
            match rest.next() {
                Some(end) if end == quote => break,
                Some('\\') if quote != '`' => match rest.next() {
                    Some('n') => value.push('\n'),
                    Some('t') => value.push('\t'),
                    Some(escaped @ ('\\' | '"' | '\'')) => value.push(escaped),
                    _ => return Err(self.wrong("a value with the escapes \\\\, \\\", \\', \\n and \\t alone")),
                },
                Some(character) => value.push(character),
                None => return Err(self.wrong("a quote that is closed")),
            }
        }
        self.at = self.text.len() - rest.as_str().len();
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::Query;

    /// The counters of a text as `PromQL`.
    fn counters(text: &str) -> Vec<String> {
        read(text).unwrap().counters.into_iter().map(|counter| Query::from(counter).promql()).collect()
    }

    #[test]
    fn the_counters_are_those_that_prometheus_would_read() {
        for (text, expected) in [
            ("a_total", vec!["a_total"]),
            ("a_total{}", vec!["a_total"]),
            (" sum ( rate( a_total { b = 'c' , } [5m] ) ) ", vec![r#"a_total{b="c"}"#]),
            ("sum(increase(a_total[1h30m]))", vec!["a_total"]),
            ("hits_total + misses_total", vec!["hits_total", "misses_total"]),
            (
                r#"sum(rate(http_count{job="my",code=~"(5..|429)"}[{{.window}}]))"#,
                vec![r#"http_count{code=~"5..|429",job="my"}"#],
            ),
            (r#"a_total{b!="c",d!~"e|f"}"#, vec![r#"a_total{b!="c",d!~"e|f"}"#]),
            (r#"a_total{b="\"\\"}"#, vec![r#"a_total{b="\"\\"}"#]),
            ("sum_total", vec!["sum_total"]),
            ("rate_total + increase", vec!["rate_total", "increase"]),
            ("a_total{b=`\\`}", vec![r#"a_total{b="\\"}"#]),
        ] {
            assert_eq!(counters(text), expected, "{text}");
        }
    }

    #[test]
    fn labels_after_by_are_read_on_both_sides_of_the_parentheses() {
        for text in ["sum by (x, y) (rate(a_total[5m]))", "sum(a_total) by (x,y,)", "sum by(x,y)(a_total[5m])"] {
            assert_eq!(read(text).unwrap().by, ["x", "y"], "{text}");
        }
        assert!(read("sum by (x) (a_total) + sum(b_total)").unwrap_err().contains("labels after by"));
    }

    #[test]
    fn only_a_query_whose_every_range_is_the_window_is_windowed() {
        for (text, is_windowed) in [
            ("sum(rate(a_total[{{.window}}]))", true),
            ("sum(rate(a_total[{{ .window }}])) + sum(rate(b_total[{{.window}}]))", true),
            ("sum(rate(a_total[{{.window}}])) + sum(rate(b_total[5m]))", false),
            ("a_total", false),
        ] {
            assert_eq!(read(text).unwrap().is_windowed, is_windowed, "{text}");
        }
    }

    #[test]
    fn what_is_beyond_the_forms_is_refused_with_its_text() {
        for (text, part) in [
            ("", "expected a metric"),
            ("a_total - b_total", "found \"- b_total\""),
            ("sum(rate(a_total[5m])", "found the end, expected )"),
            ("histogram_quantile(0.9, a_bucket)", "histogram_quantile( is not supported"),
            ("sum(rate(a_total))", "a range such as [5m]"),
            ("rate(a_total[5])", "a range such as [5m]"),
            ("rate(a_total[{{.other}}])", "expected .window"),
            ("a_total{b}", "=, !=, =~ or !~"),
            ("a_total{b=c}", "a value in quotes"),
            ("a_total{b=\"c}", "a quote that is closed"),
            ("a_total{b=\"\\d\"}", "escapes"),
            ("a_total{b=\"c\" d=\"e\"}", ", or }"),
            ("a_total{__name__=\"c\"}", "__name__"),
            ("a_total{b=~\"[45]..\"}", "and not \"[\""),
            ("1a", "metric \"1a\""),
            ("sum", "and not the word sum"),
            ("a_total or on() vector(0)", "found \"or on() vector(0)\""),
            ("sum without (x) (a_total)", "and not the word sum"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let many = vec!["a_total"; MOST_COUNTERS + 1].join("+");
        assert!(read(&many).unwrap_err().contains("at most 16"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            if let Err(error) = read(&text) {
                prop_assert!(!error.is_empty());
            }
        }

        #[test]
        fn a_text_of_the_right_symbols_is_read_or_refused(
            text in r#"(sum|rate|by|a_total|b|é| |\(|\)|\{|\}|\[|\]|"|'|`|=~|=|!|,|\+|5m|\\|\.window){0,24}"#,
        ) {
            if let Ok(sum) = read(&text) {
                // What was read is written as PromQL that is read as the same counters.
                let again: Vec<_> = sum.counters.iter().map(|counter| Query::from(counter.clone()).promql()).collect();
                prop_assert_eq!(read(&again.join(" + ")).unwrap().counters, sum.counters);
            }
        }
    }
}

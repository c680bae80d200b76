//! [`TextLine`]: reads the lines of Prometheus' text format 0.0.4.

/// A line of the text. Empty lines and other comments are none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TextLine<'t> {
    /// What a family means.
    Help { family: &'t str, text: &'t str },
    /// The word for the type of a family.
    Type { family: &'t str, word: &'t str },
    /// A value.
    Sample(SampleLine<'t>),
}

/// A value of a series, as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SampleLine<'t> {
    pub(super) name: &'t str,
    /// The text between the braces, with its escapes; empty without labels.
    pub(super) labels: &'t str,
    pub(super) value: f64,
    /// The value as it is written.
    pub(super) digits: &'t str,
    /// Milliseconds since 1970.
    pub(super) timestamp: Option<i64>,
}

impl<'t> TextLine<'t> {
    /// Reads a line without its line break. `None` if it is none of the three.
    pub(super) fn read(line: &'t str) -> Option<Self> {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (family, text) = rest.split_once(' ').unwrap_or((rest, ""));
            Some(Self::Help { family, text })
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (family, word) = rest.split_once(' ')?;
            Some(Self::Type { family, word })
        } else if line.starts_with('#') {
            None
        } else {
            SampleLine::read(line).map(Self::Sample)
        }
    }
}

impl<'t> SampleLine<'t> {
    fn read(line: &'t str) -> Option<Self> {
        let (name, rest) = line.split_at_checked(line.find(['{', ' ', '\t'])?)?;
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(inside) => {
                let (labels, rest) = inside.split_at_checked(unquoted(inside, '}')?)?;
                (labels, rest.strip_prefix('}')?)
            }
            None => ("", rest),
        };
        let mut words = rest.split_ascii_whitespace();
        let digits = words.next()?;
        let timestamp = match words.next() {
            Some(word) => Some(word.parse().ok()?),
            None => None,
        };
        let mut all = Labels(labels);
        while all.next().is_some() {}
        let is_whole = all.0.is_empty() && words.next().is_none() && !name.is_empty();
        let value = digits.parse().ok()?;
        is_whole.then_some(Self { name, labels, value, digits, timestamp })
    }

    /// The labels in order: each name, and its value with its escapes.
    pub(super) const fn labels(self) -> Labels<'t> {
        Labels(self.labels)
    }

    /// The number that a label has as its value.
    pub(super) fn number_of(self, label: &str) -> Option<f64> {
        self.labels().find(|(name, _)| *name == label)?.1.parse().ok()
    }
}

/// The labels of a sample that were not read yet.
pub(super) struct Labels<'t>(&'t str);

impl<'t> Iterator for Labels<'t> {
    type Item = (&'t str, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, behind) = self.0.split_once("=\"")?;
        let (value, behind) = behind.split_at_checked(end_of_value(behind)?)?;
        let behind = behind.strip_prefix('"')?;
        self.0 = behind.strip_prefix(',').unwrap_or(behind);
        Some((name, value))
    }
}

/// Where a letter stands for the first time outside of quotes.
fn unquoted(text: &str, letter: char) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, found) in text.char_indices() {
        match found {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if found == letter && !is_quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// Where the quoted value ends at whose beginning a text begins.
fn end_of_value(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, found)| {
        let ends = found == '"' && !is_escaped;
        is_escaped = found == '\\' && !is_escaped;
        ends.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(line: &str) -> Option<SampleLine<'_>> {
        match TextLine::read(line) {
            Some(TextLine::Sample(sample)) => Some(sample),
            _ => None,
        }
    }

    #[test]
    fn a_brace_or_a_quote_in_a_value_ends_nothing() {
        let read = sample(r#"seen_total{a="}{\"\\",b="\n=\"c,"} 3 1395066363000"#).unwrap();
        assert_eq!((read.name, read.digits, read.timestamp), ("seen_total", "3", Some(1_395_066_363_000)));
        assert_eq!(read.labels().collect::<Vec<_>>(), [("a", r#"}{\"\\"#), ("b", r#"\n=\"c,"#)]);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_left_out() {
        for line in [
            "",
            "# a comment",
            "# TYPE up",
            "up",
            "up x",
            "up 1 2 3",
            "{a=\"b\"} 1",
            "up{a=\"b} 1",
            "up{a=b} 1",
            "up 1 soon",
        ] {
            assert_eq!(TextLine::read(line), None, "{line}");
        }
        assert_eq!(sample("up\t1").map(|read| (read.name, read.digits)), Some(("up", "1")));
        assert!(sample("rate NaN").unwrap().value.is_nan());
    }
}

//! Reading Prometheus' text format, version 0.0.4.

use crate::query::{Labels, names};

/// One sample of a page. Its timestamp, if it has one, is left out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExposedSample<'a> {
    pub(super) metric: &'a str,
    pub(super) labels: Labels,
    pub(super) value: f64,
}

/// The samples of a page, and an error for each line that is none and no comment either.
///
/// Prometheus throws a page away that has one bad line; here the other lines count. A label value
/// with a line feed that is not written as `\n` makes a bad line, and what follows a `#` behind a
/// sample, as the exemplars of `OpenMetrics`, is left out.
pub(super) fn samples(page: &str) -> impl Iterator<Item = Result<ExposedSample<'_>, BadLineError>> {
    let lines = page.split('\n').map(without_blank);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| sample(line).ok_or(BadLineError))
}

/// A line that is no line of the text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadLineError;

fn sample(line: &str) -> Option<ExposedSample<'_>> {
    let (metric, rest) = name(line, true)?;
    let rest = without_blank(rest);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Labels::new(), rest),
    };
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    let value = number(words.next()?)?;
    let behind = words.next();
    let behind = if behind.is_some_and(is_timestamp) { words.next() } else { behind };
    let is_whole = behind.is_none_or(|word| word.starts_with('#'));
    is_whole.then_some(ExposedSample { metric, labels, value })
}

/// The labels behind an opening brace, and what follows the closing one. A comma may stand behind
/// the last label.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        rest = without_blank(rest);
        if let Some(after) = rest.strip_prefix('}') {
            // An empty label is none.
            labels.retain(|_, value| !value.is_empty());
            return Some((labels, after));
        }
        let (label, after) = name(rest, false)?;
        let (value, after) = quoted(without_blank(without_blank(after).strip_prefix('=')?).strip_prefix('"')?)?;
        if label == names::NAME || labels.insert(label.to_owned(), value).is_some() {
            return None;
        }
        rest = without_blank(after);
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// The name at the beginning of a text, and what follows it.
fn name(text: &str, is_metric: bool) -> Option<(&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (is_metric && c == ':');
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_name = if is_metric { names::is_metric(name) } else { names::is_label(name) };
    is_name.then_some((name, rest))
}

/// The value behind an opening quote, and what follows the closing one. A backslash that escapes
/// nothing stays as it is.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return text.get(at + 1..).map(|rest| (value, rest)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            c => value.push(c),
        }
    }
    None
}

/// A number as Go reads it, without its hexadecimal form: an infinity is written as one, and NaN
/// has no sign.
pub(in crate::query) fn number(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let is_overflow = number.is_infinite() && text.contains(|c: char| c.is_ascii_digit());
    let is_signed_nan = number.is_nan() && text.starts_with(['+', '-']);
    (!is_overflow && !is_signed_nan).then_some(number)
}

/// Whether a word behind the value is a timestamp: milliseconds, or the seconds of `OpenMetrics`.
fn is_timestamp(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '.'))
}

fn without_blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The metric, the labels and the value of a line.
    type Read = (String, Vec<(String, String)>, f64);

    fn read(line: &str) -> Option<Read> {
        let sample = samples(line).next()?.ok()?;
        Some((sample.metric.to_owned(), sample.labels.into_iter().collect(), sample.value))
    }

    fn owned(metric: &str, labels: &[(&str, &str)], value: f64) -> Read {
        let labels = labels.iter().map(|&(label, value)| (label.to_owned(), value.to_owned())).collect();
        (metric.to_owned(), labels, value)
    }

    #[test]
    fn lines_are_read_as_prometheus_reads_them() {
        for (line, metric, labels, value) in [
            ("up 1", "up", &[][..], 1.0),
            ("\t up\t1  ", "up", &[][..], 1.0),
            ("a:b{} -1.5e3", "a:b", &[][..], -1500.0),
            ("a{b=\"c\"}2", "a", &[("b", "c")][..], 2.0),
            ("a { b = \"c\" , d=\"e\", } 2 1395066363000", "a", &[("b", "c"), ("d", "e")][..], 2.0),
            ("a{b=\"c\" d=\"e\"} +Inf", "a", &[("b", "c"), ("d", "e")][..], f64::INFINITY),
            (r#"a{b="x\\y\"z\n\t{}="} .5"#, "a", &[("b", "x\\y\"z\n\\t{}=")][..], 0.5),
            ("a{b=\"\"} 1", "a", &[][..], 1.0),
            ("a_bucket{le=\"1\"} 4 # {trace_id=\"x\"} 0.5 1.5", "a_bucket", &[("le", "1")][..], 4.0),
        ] {
            assert_eq!(read(line), Some(owned(metric, labels, value)), "{line}");
        }
        assert!(read("a NaN").unwrap().2.is_nan());
    }

    #[test]
    fn what_is_no_sample_is_a_bad_line() {
        for line in [
            "up",
            "up one",
            "1up 1",
            "up 1 2 x",
            "up 1 2 3",
            "up{a} 1",
            "up{a=b} 1",
            "up{a=\"b} 1",
            "up{a=\"b\"",
            "up{,a=\"b\"} 1",
            "up{a=\"b\",a=\"c\"} 1",
            "up{__name__=\"b\"} 1",
            "up 1\r",
            "up 1e400",
            "up +NaN",
            "up 0x1p-2",
            "é 1",
            "{} 1",
        ] {
            assert_eq!(samples(line).collect::<Vec<_>>(), [Err(BadLineError)], "{line}");
        }
        for line in ["", "  ", "# HELP up x", "#", " # TYPE up gauge"] {
            assert_eq!(samples(line).count(), 0, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(page in any::<String>(), near in r#"[ab_:{}="\\ ,#1.eN\n]{0,40}"#) {
            prop_assert!(samples(&page).count() <= page.split('\n').count());
            prop_assert!(samples(&near).count() <= near.split('\n').count());
        }

        #[test]
        fn what_is_written_by_the_rules_is_read_back(
            labels in proptest::collection::btree_map("[a-z]{1,8}", any::<String>(), 0..5),
            value in any::<f64>(),
        ) {
            let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let written: Vec<_> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
            let shown = if value.is_infinite() { format!("{value:+}") } else { value.to_string() };
            let line = format!("metric{{{}}} {shown}", written.join(","));
            let sample = samples(&line).next().unwrap().unwrap();
            let kept: Labels = labels.into_iter().filter(|(_, text)| !text.is_empty()).collect();
            prop_assert_eq!(sample.labels, kept);
            prop_assert!(sample.value.to_bits() == value.to_bits() || value.is_nan());
        }
    }
}

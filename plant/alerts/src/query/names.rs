//! Names of metrics and labels that PromQL can read.

use std::borrow::Cow;

/// The label that holds the name of a metric.
pub(super) const NAME: &str = "__name__";

/// Words that have another meaning in PromQL where the name of a metric can stand.
const RESERVED: [&str; 28] = [
    "and",
    "atan2",
    "avg",
    "bool",
    "bottomk",
    "by",
    "count",
    "count_values",
    "end",
    "group",
    "group_left",
    "group_right",
    "ignoring",
    "inf",
    "max",
    "min",
    "nan",
    "offset",
    "on",
    "or",
    "quantile",
    "start",
    "stddev",
    "stdvar",
    "sum",
    "topk",
    "unless",
    "without",
];

/// Whether a text is the name of a metric: a letter, `_` or `:`, then also digits.
pub(super) fn is_metric(text: &str) -> bool {
    is_name(text, |byte| byte == b':')
}

/// Whether a text is the name of a label, and of an alert: a letter or `_`, then also digits.
pub(crate) fn is_label(text: &str) -> bool {
    is_name(text, |_| false)
}

/// Whether the name of a metric can stand before the braces of a selector.
pub(super) fn is_plain_metric(name: &str) -> bool {
    !RESERVED.iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// The name of a metric, with `_` for what it cannot have.
pub(super) fn metric(text: &str) -> Cow<'_, str> {
    legal(text, |byte| byte == b':')
}

/// The name of a label in a list, with `_` for what it cannot have. PromQL reads `inf` and `nan`
/// in a list as numbers.
pub(super) fn label(text: &str) -> Cow<'_, str> {
    if text.eq_ignore_ascii_case("inf") || text.eq_ignore_ascii_case("nan") {
        return Cow::Owned(format!("{text}_"));
    }
    legal(text, |_| false)
}

/// The name of a label in the braces of a selector, with `_` for what it cannot have. The name of
/// the metric stands before the braces, so `__name__` is none.
pub(super) fn matched_label(text: &str) -> Cow<'_, str> {
    if text == NAME { Cow::Borrowed("_name_") } else { legal(text, |_| false) }
}

fn is_name(text: &str, is_also: impl Fn(u8) -> bool) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || is_also(byte);
    text.bytes().next().is_some_and(is_letter) && text.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

fn legal(text: &str, is_also: impl Fn(u8) -> bool + Copy) -> Cow<'_, str> {
    if is_name(text, is_also) {
        return Cow::Borrowed(text);
    }
    let may_stand = |c: char| c.is_ascii_alphanumeric() || c == '_' || u8::try_from(c).is_ok_and(is_also);
    let replaced: String = text.chars().map(|c| if may_stand(c) { c } else { '_' }).collect();
    // A digit at the beginning, or nothing at all, needs a letter before it.
    let is_begun = replaced.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    Cow::Owned(if is_begun { replaced } else { format!("_{replaced}") })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_that_is_legal_stays_as_it_is() {
        for name in ["up", "_", "a1", "slo:sli_error:ratio_rate5m", ":a"] {
            assert_eq!(metric(name), name);
        }
        assert_eq!(label("endpoint"), "endpoint");
        assert_eq!(label("__name__"), "__name__");
        assert_eq!(matched_label("__name__"), "_name_");
        for (text, name) in [("", "_"), ("1a", "_1a"), ("a-b c", "a_b_c"), ("é:", "_:")] {
            assert_eq!(metric(text), name);
        }
        assert_eq!(label("a:b"), "a_b");
        assert_eq!(label("NaN"), "NaN_");
    }

    proptest! {
        #[test]
        fn every_text_becomes_a_legal_name(text in any::<String>()) {
            prop_assert!(is_metric(&metric(&text)));
            prop_assert!(is_label(&label(&text)));
            prop_assert!(is_label(&matched_label(&text)));
        }
    }
}

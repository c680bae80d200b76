//! [`Words::filled`]: a text whose placeholders have the values of an alert.

use std::collections::BTreeMap;

use sqal_work::outbox::Language;

use crate::station::Cause;
use crate::words::Words;

impl Words {
    /// The text in a language with its placeholders filled, in one pass: a label whose value looks
    /// like a placeholder is not filled again. A placeholder without a value stays as it is
    /// written.
    #[must_use]
    pub fn filled(&self, language: Language, labels: &BTreeMap<String, String>, value: Option<f64>) -> String {
        let (mut rest, mut filled) = (self.text(language), String::new());
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                rest = &rest[before.len()..];
                break;
            };
            match (labels.get(name), value) {
                (Some(word), _) => filled.push_str(&named(name, word, language)),
                (None, Some(value)) if name == "value" => filled.push_str(&shown(value, language)),
                _ => {
                    filled.push('{');
                    filled.push_str(name);
                    filled.push('}');
                }
            }
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }
}

/// The value of a label as people read it: the cause of a fault of a station has a name.
fn named(label: &str, value: &str, language: Language) -> String {
    let cause = Cause::ALL.into_iter().find(|cause| label == "cause" && cause.as_str() == value);
    cause.map_or_else(|| value.to_owned(), |cause| cause.words().text(language).to_owned())
}

/// A number with at most three digits behind the decimal sign of the language.
fn shown(value: f64, language: Language) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match language {
        Language::English => text.to_owned(),
        Language::French => text.replace('.', ","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_a_fault_is_shown_by_its_name() {
        let labels = BTreeMap::from([("cause".to_owned(), "window_dirty".to_owned())]);
        let words = Words::new("a fault ({cause})", "un défaut ({cause})");
        assert_eq!(words.filled(Language::English, &labels, None), "a fault (window dirty)");
        assert_eq!(words.filled(Language::French, &labels, None), "un défaut (vitre sale)");
    }

    #[test]
    fn a_value_that_looks_like_a_placeholder_is_not_filled_again() {
        let labels = BTreeMap::from([("device".to_owned(), "{device}{value}".to_owned())]);
        let words = Words::new("{device}: {value} {other} {", "{device} : {value}");
        assert_eq!(words.filled(Language::English, &labels, Some(0.125)), "{device}{value}: 0.125 {other} {");
        assert_eq!(words.filled(Language::French, &labels, Some(2.50)), "{device}{value} : 2,5");
        assert_eq!(words.filled(Language::French, &labels, None), "{device}{value} : {value}");
    }
}

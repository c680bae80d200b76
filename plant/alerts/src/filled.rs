//! [`Words::filled`]: a text whose placeholders have the values of an alert.

use std::collections::BTreeMap;

use sqal_work::outbox::Language;

use crate::station::Cause;
use crate::words::{NO_BREAK, Words};

impl Words {
    /// The text in a language with its placeholders filled, in one pass: a label whose value looks
    /// like a placeholder is not filled again. A placeholder without a value stays as it is
    /// written.
    #[must_use]
    pub fn filled(&self, language: Language, labels: &BTreeMap<String, String>, value: Option<f64>) -> String {
        let text = self.text(language);
        let (mut rest, mut filled) = (&*text, String::new());
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                rest = &rest[before.len()..];
                break;
            };
            let label = labels.get(name).map(|word| named(name, word, language));
            if let Some(known) = label.or_else(|| shown(name, value?, language)) {
                filled.push_str(&known);
            } else {
                filled.extend(["{", name, "}"]);
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
    cause.map_or_else(|| value.to_owned(), |cause| cause.words().text(language).into_owned())
}

/// The value of a rule as its placeholder asks for it; `None` if the placeholder is of a label.
fn shown(placeholder: &str, value: f64, language: Language) -> Option<String> {
    match placeholder {
        "value" => Some(decimal(value, 3, language)),
        "value:count" => Some(grouped(value)),
        "value:bytes" => Some(memory(value, language)),
        _ => None,
    }
}

/// A number with at most this many digits behind the decimal sign of the language.
fn decimal(value: f64, digits: usize, language: Language) -> String {
    let text = format!("{value:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match language {
        Language::English => text.to_owned(),
        Language::French => text.replace('.', ","),
    }
}

/// A whole number, from five digits on in groups of three: `1 600 000`.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    if digits.len() < 5 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return digits;
    }
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(NO_BREAK);
        }
        grouped.push(digit);
    }
    grouped
}

/// An amount of memory in the largest unit of which it has one: `3 GiB`, in French `3 Gio`.
fn memory(bytes: f64, language: Language) -> String {
    let larger = |(size, prefix): (f64, &'static str), next: &'static str| {
        if size >= 1024.0 { (size / 1024.0, next) } else { (size, prefix) }
    };
    let (size, prefix) = ["Ki", "Mi", "Gi", "Ti"].into_iter().fold((bytes, ""), larger);
    let byte = match language {
        Language::English => "B",
        Language::French => "o",
    };
    format!("{}{NO_BREAK}{prefix}{byte}", decimal(size, 1, language))
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
        assert_eq!(words.filled(Language::French, &labels, Some(2.50)), "{device}{value}\u{a0}: 2,5");
        assert_eq!(words.filled(Language::French, &labels, None), "{device}{value}\u{a0}: {value}");
    }

    #[test]
    fn a_count_and_an_amount_of_memory_are_shown_as_people_read_them() {
        let labels = BTreeMap::new();
        let words = Words::new("{value:count}, {value:bytes}", "{value:count} ; {value:bytes}");
        let both = |value| [Language::English, Language::French].map(|of| words.filled(of, &labels, Some(value)));
        assert_eq!(both(999.4), ["999, 999.4\u{a0}B", "999\u{a0}; 999,4\u{a0}o"]);
        assert_eq!(both(2048.0), ["2048, 2\u{a0}KiB", "2048\u{a0}; 2\u{a0}Kio"]);
        let (count, large) = ("3\u{a0}221\u{a0}225\u{a0}472", both(3_221_225_472.0));
        assert_eq!(large, [format!("{count}, 3\u{a0}GiB"), format!("{count}\u{a0}; 3\u{a0}Gio")]);
        assert_eq!(words.filled(Language::English, &labels, None), words.en);
    }
}

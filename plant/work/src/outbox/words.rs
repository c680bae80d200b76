//! The texts of digests, in English and in French.

use super::gate::Digest;
use super::language::Language;
use crate::wall::rfc3339;

/// The title of a digest, which is the subject of its mail.
pub(crate) fn digest_title(digest: &Digest) -> String {
    let count = digest.count;
    match (digest.language, count) {
        (Language::English, 1) => "1 more message".to_owned(),
        (Language::English, _) => format!("{count} more messages"),
        (Language::French, 1) => "1 autre message".to_owned(),
        (Language::French, _) => format!("{count} autres messages"),
    }
}

/// The text of a digest: how many messages there were, from when to when, and the first titles.
pub(crate) fn digest_text(digest: &Digest) -> String {
    let Digest { count, since, until, titles, language, .. } = digest;
    let (title, since, until) = (digest_title(digest), rfc3339(*since), rfc3339(*until));
    let (head, rest) = match language {
        Language::English => (
            format!(
                "{title} came between {since} and {until}, above what is sent one by one to this destination. None of \
                 them is sent again."
            ),
            "further messages",
        ),
        Language::French => (
            format!(
                "{title} entre {since} et {until}, au-dessus de ce que cette destination reçoit un par un. Aucun ne \
                 sera envoyé à nouveau."
            ),
            "autres messages",
        ),
    };
    let mut lines = vec![head, String::new()];
    lines.extend(titles.iter().map(|title| format!("- {title}")));
    let untold = count.saturating_sub(u64::try_from(titles.len()).unwrap_or(u64::MAX));
    if untold > 0 {
        lines.push(format!("- … {untold} {rest}"));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use sqal_core::Timestamp;

    use super::*;
    use crate::outbox::headline::Severity;

    fn digest(language: Language, count: u64, titles: &[&str]) -> Digest {
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        Digest {
            count,
            since: at(1_729_983_600_000_000),
            until: at(1_729_983_660_000_000),
            worst: Severity::Error,
            titles: titles.iter().map(|title| (*title).to_owned()).collect(),
            language,
        }
    }

    #[test]
    fn both_languages_say_how_many_from_when_to_when_and_which() {
        for (language, title, other) in [
            (Language::English, "12 more messages", "1 more message"),
            (Language::French, "12 autres messages", "1 autre message"),
        ] {
            let twelve = digest(language, 12, &["Station 3 is silent", "Station 4 is silent"]);
            assert_eq!(
                (digest_title(&twelve).as_str(), digest_title(&digest(language, 1, &[])).as_str()),
                (title, other)
            );
            let text = digest_text(&twelve);
            for part in ["12", "2024-10-26T23:00:00Z", "2024-10-26T23:01:00Z", "- Station 3 is silent\n", "- … 10 "] {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert!(!digest_text(&digest(language, 1, &["one"])).contains('…'));
        }
    }
}

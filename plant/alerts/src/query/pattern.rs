//! [`Pattern`]: the regular expressions that a selector can have.
//!
//! They are a subset of RE2 that needs no engine: alternatives of literal characters, `.`, `.*`
//! and `.+`. As in Prometheus, a pattern matches the whole value of a label, and `.` is any
//! character but a line feed.

use std::fmt::Write as _;

/// One part of an alternative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Piece {
    /// Exactly this character.
    Literal(char),
    /// `.`: one character.
    One,
    /// `.*`: any number of characters.
    Run,
}

impl Piece {
    fn is_match(self, c: char) -> bool {
        match self {
            Self::Literal(literal) => literal == c,
            Self::One | Self::Run => c != '\n',
        }
    }
}

/// Alternatives, of which one must match the whole value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pattern(Vec<Vec<Piece>>);

impl Pattern {
    /// Matches exactly the given texts.
    pub(super) fn literals(texts: &[&str]) -> Self {
        Self(texts.iter().map(|text| text.chars().map(Piece::Literal).collect()).collect())
    }

    /// Matches what begins with a text.
    pub(super) fn prefix(text: &str) -> Self {
        Self(vec![text.chars().map(Piece::Literal).chain([Piece::Run]).collect()])
    }

    /// Matches a text and then as many characters as `characters`.
    pub(super) fn beginning(text: &str, characters: usize) -> Self {
        let rest = std::iter::repeat_n(Piece::One, characters);
        Self(vec![text.chars().map(Piece::Literal).chain(rest).collect()])
    }

    /// Reads a regular expression, or says what of it cannot be read.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).filter(|_| !text.ends_with("\\)"));
        let inner = inner.map_or(text, |inner| inner.strip_prefix("?:").unwrap_or(inner));
        let (mut all, mut pieces) = (Vec::new(), Vec::new());
        let mut rest = inner.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '|' => all.push(std::mem::take(&mut pieces)),
                '.' if rest.next_if_eq(&'*').is_some() => pieces.push(Piece::Run),
                '.' if rest.next_if_eq(&'+').is_some() => pieces.extend([Piece::One, Piece::Run]),
                '.' => pieces.push(Piece::One),
                '\\' => match rest.next() {
                    Some(escaped) if escaped.is_ascii_punctuation() => pieces.push(Piece::Literal(escaped)),
                    other => return Err(format!("\\{}", other.map(String::from).unwrap_or_default())),
                },
                '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return Err(c.to_string()),
                c => pieces.push(Piece::Literal(c)),
            }
            // `.*?`, `.++` and `.{2}` are other expressions: the next turn refuses what follows.
        }
        all.push(pieces);
        Ok(Self(all))
    }

    /// Whether the whole value matches. Without alternatives only the empty value does, as for
    /// the regular expression of no characters.
    pub(super) fn is_match(&self, value: &str) -> bool {
        if self.0.is_empty() { value.is_empty() } else { self.0.iter().any(|pieces| matches_whole(pieces, value)) }
    }

    /// The text as a regular expression of RE2.
    pub(super) fn regex(&self) -> String {
        let mut text = String::new();
        for (at, pieces) in self.0.iter().enumerate() {
            if at > 0 {
                text.push('|');
            }
            for piece in pieces {
                match piece {
                    Piece::Literal(c) if r"\.+*?()|[]{}^$".contains(*c) => _ = write!(text, "\\{c}"),
                    Piece::Literal(c) => text.push(*c),
                    Piece::One => text.push('.'),
                    Piece::Run => text.push_str(".*"),
                }
            }
        }
        text
    }
}

/// Whether pieces match a whole value: the usual matching of wildcards, which goes back to the
/// last run only and so takes at most pieces × characters steps.
fn matches_whole(pieces: &[Piece], value: &str) -> bool {
    let (mut piece, mut rest) = (0, value);
    // Where the last run stands, and what was left of the value when it was extended last.
    let mut run: Option<(usize, &str)> = None;
    loop {
        let next = rest.chars().next();
        match (pieces.get(piece), next) {
            (None, None) => return true,
            (Some(Piece::Run), _) => {
                run = Some((piece, rest));
                piece += 1;
                continue;
            }
            (Some(single), Some(c)) if single.is_match(c) => {
                piece += 1;
                rest = &rest[c.len_utf8()..];
                continue;
            }
            _ => {}
        }
        // A mismatch: the last run takes one character more.
        let Some((at, from)) = run else { return false };
        let Some(c) = from.chars().next().filter(|&c| Piece::Run.is_match(c)) else { return false };
        let from = &from[c.len_utf8()..];
        run = Some((at, from));
        (piece, rest) = (at + 1, from);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(regex: &str, value: &str) -> bool {
        Pattern::read(regex).unwrap().is_match(value)
    }

    #[test]
    fn a_pattern_matches_the_whole_value() {
        for (regex, value, expected) in [
            ("5..", "500", true),
            ("5..", "50", false),
            ("5..", "5000", false),
            ("5..", "50\n", false),
            ("a|b|", "", true),
            ("a|b", "ab", false),
            ("(5..|429)", "429", true),
            ("(?:5..|429)", "503", true),
            ("/api/.*", "/api/", true),
            ("/api/.+", "/api/", false),
            (".*a.*b", "xxaxxab", true),
            (".*a.*b", "xxaxxac", false),
            (".*", "a\nb", false),
            (r"a\.b", "a.b", true),
            (r"a\.b", "axb", false),
            ("", "", true),
            ("é.", "éé", true),
        ] {
            assert_eq!(matches(regex, value), expected, "{regex} {value:?}");
        }
    }

    #[test]
    fn what_needs_an_engine_is_refused() {
        for regex in ["[45]..", "a+", "a?", "^a$", "a{2}", "(a)(b)", "(a", r"\d", "\\", ".*?", "(a|b)c", r"(a\)"] {
            assert!(Pattern::read(regex).is_err(), "{regex}");
        }
    }

    proptest! {
        #[test]
        fn a_literal_matches_itself_alone(text in any::<String>(), other in any::<String>()) {
            let pattern = Pattern::literals(&[&text]);
            prop_assert!(pattern.is_match(&text));
            prop_assert_eq!(pattern.is_match(&other), other == text);
            prop_assert_eq!(Pattern::read(&pattern.regex()), Ok(pattern));
        }

        #[test]
        fn what_is_read_is_written_as_an_expression_that_matches_the_same(
            text in r"[ab.*+|\\()?]{0,12}",
            value in "[ab\n]{0,8}",
        ) {
            if let Ok(pattern) = Pattern::read(&text) {
                let again = Pattern::read(&pattern.regex()).unwrap();
                prop_assert_eq!(again.is_match(&value), pattern.is_match(&value));
            }
        }
    }
}

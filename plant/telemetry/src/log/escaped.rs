//! [`OneLine`] and [`JsonText`]: writers that escape what would end a line, move the cursor of a
//! terminal, or turn the direction of the text.

use std::fmt::{self, Write};

/// The most bytes of one message or value. A longer one is cut there and ends with `…`, so that no
/// text fills the memory of a log that is read slowly.
const LONGEST: usize = 16 * 1024;

/// Whether a character must not reach a log as it is: control characters (ASCII and C1), the line
/// and paragraph separators, and the marks that turn the direction of a text.
const fn breaks_a_line(c: char) -> bool {
    matches!(
        c,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

const fn needs_escape_in_json(c: char) -> bool {
    matches!(c, '"' | '\\') || breaks_a_line(c)
}

/// The escape of a character that text and JSON write alike.
const fn short_escape(c: char) -> Option<&'static str> {
    match c {
        '\n' => Some("\\n"),
        '\r' => Some("\\r"),
        '\t' => Some("\\t"),
        '"' => Some("\\\""),
        '\\' => Some("\\\\"),
        _ => None,
    }
}

/// What is left of [`LONGEST`]; `None` behind the place of a cut.
#[derive(Clone, Copy)]
struct Room(Option<usize>);

impl Room {
    const WHOLE: Self = Self(Some(LONGEST));

    /// The beginning of a text that has room, and whether it is cut here.
    fn fit<'t>(&mut self, text: &'t str) -> (&'t str, bool) {
        let Some(left) = self.0 else { return ("", false) };
        self.0 = left.checked_sub(text.len());
        if self.0.is_some() {
            return (text, false);
        }
        let end = (0..=left).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        (&text[..end], true)
    }
}

/// Writes a text whose control characters become `\n`, `\r`, `\t` or `\u{1b}`.
pub(super) struct OneLine<'a, W>(&'a mut W, Room);

impl<'a, W> OneLine<'a, W> {
    /// Writes one value.
    pub(super) const fn new(to: &'a mut W) -> Self {
        Self(to, Room::WHOLE)
    }
}

impl<W: Write> Write for OneLine<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, self.1.fit(text), breaks_a_line, |to, c| write!(to, "\\u{{{:x}}}", u32::from(c)))
    }
}

/// Writes the inside of a JSON string. Every character that is escaped is of the basic plane, so
/// `\u001b` has four digits.
pub(super) struct JsonText<'a, W>(&'a mut W, Room);

impl<'a, W> JsonText<'a, W> {
    /// Writes one value.
    pub(super) const fn new(to: &'a mut W) -> Self {
        Self(to, Room::WHOLE)
    }
}

impl<W: Write> Write for JsonText<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, self.1.fit(text), needs_escape_in_json, |to, c| write!(to, "\\u{:04x}", u32::from(c)))
    }
}

/// Writes a text in pieces: what is `unsafe_in` the format is escaped, the rest stays as it is.
fn escape<W: Write>(
    to: &mut W,
    (text, is_cut): (&str, bool),
    unsafe_in: fn(char) -> bool,
    long_escape: fn(&mut W, char) -> fmt::Result,
) -> fmt::Result {
    let mut begin = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| unsafe_in(*c)) {
        to.write_str(&text[begin..at])?;
        match short_escape(c) {
            Some(short) => to.write_str(short)?,
            None => long_escape(to, c)?,
        }
        begin = at + c.len_utf8();
    }
    to.write_str(&text[begin..])?;
    if is_cut { to.write_char('…') } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_line(text: &str) -> String {
        let mut written = String::new();
        OneLine::new(&mut written).write_str(text).unwrap();
        written
    }

    fn in_json(text: &str) -> String {
        let mut written = String::from("\"");
        JsonText::new(&mut written).write_str(text).unwrap();
        written.push('"');
        written
    }

    #[test]
    fn what_would_break_a_line_is_written_as_its_escape() {
        assert_eq!(
            one_line("a\nb\r\tc\x1b[31m\u{9b}d\u{2028}\u{202e}e"),
            r"a\nb\r\tc\u{1b}[31m\u{9b}d\u{2028}\u{202e}e"
        );
        assert_eq!(one_line("Échantillon \"x\" \\ é"), "Échantillon \"x\" \\ é");
        assert_eq!(in_json("a\"\\\n\x1b\u{202e}é"), "\"a\\\"\\\\\\n\\u001b\\u202eé\"");
    }

    #[test]
    fn a_long_text_is_cut_once_at_a_whole_character() {
        let mut written = String::new();
        let mut value = OneLine::new(&mut written);
        for _ in 0..3 {
            value.write_str(&"é".repeat(LONGEST / 2 - 1)).unwrap();
        }
        assert_eq!(written, format!("{}…", "é".repeat(LONGEST / 2)));
        let odd = format!("x{}", "é".repeat(LONGEST));
        assert_eq!(one_line(&odd), format!("x{}…", "é".repeat(LONGEST / 2 - 1)));
        let whole = "x".repeat(LONGEST);
        assert_eq!(one_line(&whole), whole);
        assert_eq!(in_json(&format!("{whole}x")), format!("\"{whole}…\""));
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_line(text in any::<String>()) {
            prop_assert!(!one_line(&text).chars().any(breaks_a_line));
            prop_assert!(!in_json(&text).chars().any(breaks_a_line));
        }

        #[test]
        fn json_gives_back_what_was_written(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&in_json(&text)).unwrap(), text);
        }
    }
}

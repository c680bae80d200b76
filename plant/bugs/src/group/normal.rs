//! Texts without what differs from one occurrence of a fault to the next.

use crate::envelope::text::cut;

/// The longest message that is compared, in bytes.
const LONGEST: usize = 1024;

/// The longest quoted value, in bytes.
const LONGEST_QUOTE: usize = 256;

/// What stands for a part that differs.
const VARYING: char = '#';

/// A message: `#` stands for numbers, times, addresses, UUIDs, hashes, and quoted values.
pub(crate) fn message(text: &str) -> String {
    let mut out = String::new();
    let mut rest = cut(text, LONGEST);
    // The character before the rest, as it was written.
    let mut before = None;
    while let Some(first) = rest.chars().next() {
        let is_start = !before.is_some_and(char::is_alphanumeric);
        let taken = if let Some(len) = varying(rest).filter(|_| is_start) {
            push_varying(&mut out);
            len
        } else if first.is_alphanumeric() {
            let word = first_word(rest);
            push_word(&mut out, word);
            word.len()
        } else {
            push_other(&mut out, first);
            first.len_utf8()
        };
        let (head, tail) = rest.split_at_checked(taken).unwrap_or((rest, ""));
        before = head.chars().next_back();
        rest = tail;
    }
    out.truncate(out.trim_end().len());
    out
}

/// The name of a function, a type or a module: `#` stands for addresses, hashes and numbers that
/// stand alone; digits within a name are part of it.
pub(crate) fn symbol(text: &str) -> String {
    let is_hash = |part: &str| part.len() == 17 && part.starts_with('h') && part.bytes().skip(1).all(is_hex);
    let text = text.rsplit_once("::").filter(|&(_, end)| is_hash(end)).map_or(text, |(name, _)| name);
    by_words(text, |word| is_address(word) || is_hash_like(word) || word.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The name of a file without its folders: `#` stands for digits, and for the hash that a build
/// puts into it (`index-BfR3a9xQ.js`, `main.3f2a1b9c.js`).
pub(crate) fn file(path: &str) -> String {
    let path = path.split('?').next().unwrap_or(path);
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let split = stem.len().checked_sub(8).and_then(|at| stem.split_at_checked(at));
    let stem = match split {
        Some((head, hash)) if head.ends_with(['-', '.']) && is_build_hash(hash) => format!("{head}{VARYING}"),
        _ => stem.to_owned(),
    };
    let stem = by_words(&stem, |word| is_address(word) || is_hash_like(word));
    let mut out = String::new();
    for character in stem.chars() {
        if character.is_ascii_digit() || character == VARYING {
            if !out.ends_with(VARYING) {
                out.push(VARYING);
            }
        } else {
            out.push(character);
        }
    }
    format!("{out}.{end}")
}

/// A text in which `#` stands for each word that differs.
fn by_words(text: &str, differs: impl Fn(&str) -> bool) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = first_word(rest);
        if word.is_empty() {
            out.push(first);
        } else if differs(word) {
            // A `#` that the text has already stands for the same.
            if !out.ends_with(VARYING) {
                out.push(VARYING);
            }
        } else {
            out.push_str(word);
        }
        rest = rest.get(word.len().max(first.len_utf8())..).unwrap_or_default();
    }
    out
}

/// The letters and digits at the beginning of a text.
fn first_word(text: &str) -> &str {
    let end = text.find(|character: char| !character.is_alphanumeric()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// The length of the part at the beginning of a text that differs as a whole.
fn varying(text: &str) -> Option<usize> {
    quoted(text).or_else(|| uuid(text)).or_else(|| hardware_address(text)).or_else(|| {
        let word = first_word(text);
        (is_address(word) || is_hash_like(word) || is_power(word)).then_some(word.len())
    })
}

/// The length of a value in quotes.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"' | '`'))?;
    let inner = cut(text.get(1..)?, LONGEST_QUOTE);
    let inner = inner.split('\n').next().unwrap_or(inner);
    let is_end = |at: usize| {
        let after = text.get(at + 2..).unwrap_or_default().chars().next();
        !after.is_some_and(char::is_alphanumeric)
    };
    inner.match_indices(quote).find(|(at, _)| is_end(*at)).map(|(at, _)| at + 2)
}

/// The length of a UUID.
fn uuid(text: &str) -> Option<usize> {
    let is_digit = |(at, byte): (usize, u8)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { is_hex(byte) };
    whole_word(text, 36).filter(|head| head.bytes().enumerate().all(is_digit)).map(str::len)
}

/// The length of the address of a network card: `a4:cf:12:0b:7e:01`.
fn hardware_address(text: &str) -> Option<usize> {
    let is_digit = |(at, byte): (usize, u8)| if at % 3 == 2 { matches!(byte, b':' | b'-') } else { is_hex(byte) };
    whole_word(text, 17).filter(|head| head.bytes().enumerate().all(is_digit)).map(str::len)
}

/// The first bytes of a text, if no word goes on after them.
fn whole_word(text: &str, len: usize) -> Option<&str> {
    let (head, tail) = text.split_at_checked(len)?;
    (!tail.starts_with(char::is_alphanumeric)).then_some(head)
}

const fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// `0x3ffb1c20`.
fn is_address(word: &str) -> bool {
    let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(is_hex))
}

/// Hexadecimal digits that are no word: at least 8 with a digit of ten, or at least 16.
fn is_hash_like(word: &str) -> bool {
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    word.bytes().all(is_hex) && (word.len() >= 16 || word.len() >= 8 && has_digit)
}

/// A number with a power of ten, or its beginning: `1e5`, and `1e` of `1e-5`.
fn is_power(word: &str) -> bool {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    word.split_once(['e', 'E'])
        .is_some_and(|(number, power)| !number.is_empty() && is_number(number) && is_number(power))
}

/// The eight characters that a bundler makes of a hash. A name in small letters, or with one
/// capital at its beginning, is none.
fn is_build_hash(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_odd = |(at, byte): (usize, u8)| byte.is_ascii_digit() || at > 0 && byte.is_ascii_uppercase();
    text.bytes().all(is_allowed) && text.bytes().enumerate().any(is_odd)
}

/// Adds a word, with `#` for each run of its digits.
fn push_word(out: &mut String, word: &str) {
    let mut is_number = false;
    for character in word.chars() {
        match (character.is_ascii_digit(), is_number) {
            (true, true) => {}
            (true, false) => push_varying(out),
            (false, _) => out.push(character),
        }
        is_number = character.is_ascii_digit();
    }
}

/// Adds a character that is no letter and no digit; white space counts once.
fn push_other(out: &mut String, character: char) {
    if !character.is_whitespace() {
        out.push(character);
    } else if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

/// Adds `#`, once for a number with its sign, its point and its power, and once for a date or a
/// time.
fn push_varying(out: &mut String) {
    if out.ends_with(VARYING) {
        return;
    }
    let mut end = out.chars().rev();
    match (end.next(), end.next()) {
        (Some('.' | ',' | ':' | '-' | '+' | '/'), Some(VARYING)) => {
            out.pop();
        }
        (Some('-' | '+'), before) => {
            if before.is_none_or(|before| before.is_whitespace() || "=:,(<>[{".contains(before)) {
                out.pop();
            }
            out.push(VARYING);
        }
        _ => out.push(VARYING),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_taken_and_becomes_no_longer(text in "\\PC{0,300}", path in ".{0,60}") {
            prop_assert!(message(&text).len() <= text.len());
            prop_assert!(symbol(&path).len() <= path.len());
            let _ = file(&path);
        }

        #[test]
        fn every_number_is_left_out(number: f64, small in -1.0e-9..1.0e-9) {
            prop_assume!(number.is_finite());
            prop_assert_eq!(message(&format!("x={number} y")), "x=# y");
            prop_assert_eq!(message(&format!("x {number:?} y")), "x # y");
            prop_assert_eq!(message(&format!("[{small:e}]")), "[#]");
        }
    }

    #[test]
    fn messages_keep_their_words() {
        for (text, expected) in [
            ("timeout after 1.5 s, 3/10 tries", "timeout after # s, # tries"),
            ("at 2024-01-02 03:04:05.123", "at # #"),
            ("at 2024-01-02T03:04:05Z", "at #T#Z"),
            ("can't open \"a b.txt\" or 'x'", "can't open # or #"),
            ("id 0192cb0e-d580-7abc-8def-0123456789ab ends", "id # ends"),
            ("card a4:cf:12:0b:7e:01, task_0x3ffb1c20", "card #, task_#"),
            ("commit deadbeef1 is gone", "commit # is gone"),
            ("  cafe   decade\n\nadded ", "cafe decade added"),
            ("10.0.0.7:8080 refused", "# refused"),
            ("v2.3.1 of VL53L8CH", "v# of VL#L#CH"),
            ("a-5 is x-y", "a-# is x-y"),
        ] {
            assert_eq!(message(text), expected, "{text}");
        }
    }

    #[test]
    fn symbols_keep_their_digits_and_files_do_not() {
        for (text, expected) in [
            ("sqal::poll::h0123456789abcdef", "sqal::poll"),
            ("decode_utf8", "decode_utf8"),
            ("sub_401a2b3c", "sub_#"),
            ("{closure#12}", "{closure#}"),
        ] {
            assert_eq!(symbol(text), expected, "{text}");
        }
        for (path, expected) in [
            ("/srv/app/step2.py", "step#.py"),
            ("C:\\plant\\valve.c", "valve.c"),
            ("https://plant/assets/index-BfR3a9xQ.js?v=7", "index-#.js"),
            ("main.3f2a1b9c.js", "main.#.js"),
            ("live-Detector.js", "live-Detector.js"),
            ("Makefile", "Makefile."),
        ] {
            assert_eq!(file(path), expected, "{path}");
        }
    }
}

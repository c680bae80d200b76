//! [`Item`]: a JSON value as it is written: unique keys, exact numbers, each fault with its place.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::{self, Write as _};

use sqal_core::Name;

use crate::violation::Violation;

/// The limit of nested arrays and objects; a documented frame has five levels.
const DEEPEST: usize = 128;

/// The limit of values in one text; a documented frame has six hundred. Together with the length of
/// the text, it bounds the memory that reading takes.
const MOST_VALUES: usize = 50_000;

/// The members of an object, in their order.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Item<'a>)>;

/// One JSON value (RFC 8259).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it is written.
    Number(&'a str),
    /// A text without its quotes and escapes.
    Text(Cow<'a, str>),
    /// An array.
    Array(Vec<Self>),
    /// An object: no key comes twice.
    Object(Members<'a>),
}

/// A text without the byte order mark that Windows programs put before it. RFC 8259, 8.1 lets a
/// parser ignore it.
#[must_use]
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

impl<'a> Item<'a> {
    /// Reads one value with nothing after it; a byte order mark before it is ignored.
    ///
    /// # Errors
    ///
    /// A [`Violation`] at the place of the first fault.
    pub(crate) fn read(text: &'a str) -> Result<Self, Violation> {
        let mut reader = Reader::of(text);
        let item = reader.value(0).map_err(Fault::violation)?;
        reader.blank();
        if reader.peek().is_some() {
            let found = format!("text after the JSON value: {}", reader.word());
            return Err(Violation::new("", found, "one JSON object", "un seul objet JSON"));
        }
        Ok(item)
    }

    /// The member of an object; null where there is none.
    pub(crate) fn member(&self, name: &str) -> &Self {
        match self {
            Self::Object(members) => members.iter().find(|(key, _)| key == name).map_or(&Self::Null, |(_, item)| item),
            _ => &Self::Null,
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is an object. An object that stands for a value that JSON has no form for
    /// (`cbor.rs`) does not count.
    pub(crate) fn is_object(&self) -> bool {
        match self {
            Self::Object(members) => {
                members.first().is_none_or(|(key, _)| !matches!(&**key, "cbor_bytes" | "cbor_float" | "cbor_tag"))
            }
            _ => false,
        }
    }

    /// Writes the value as JSON without blanks, each number as `number` has it.
    pub(crate) fn write(&self, out: &mut String, number: fn(&str) -> Cow<'_, str>) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(written) => out.push_str(&number(written)),
            Self::Text(text) => quote(text, out),
            Self::Array(items) => {
                out.push('[');
                for (k, item) in items.iter().enumerate() {
                    if k > 0 {
                        out.push(',');
                    }
                    item.write(out, number);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (k, (key, item)) in members.iter().enumerate() {
                    if k > 0 {
                        out.push(',');
                    }
                    quote(key, out);
                    out.push(':');
                    item.write(out, number);
                }
                out.push('}');
            }
        }
    }

    /// The value as JSON without blanks, each number as it was written.
    pub(crate) fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, as_written);
        out
    }
}

fn as_written(number: &str) -> Cow<'_, str> {
    Cow::Borrowed(number)
}

/// Writes a text with its quotes and escapes.
pub(crate) fn quote(text: &str, out: &mut String) {
    // A text can always be written as JSON.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Describes the value in the words of JSON, for a violation.
impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(written) => f.write_str(written),
            Self::Text(text) => {
                f.write_str("string \"")?;
                text.chars().try_for_each(|letter| shown(letter, f))?;
                f.write_str("\"")
            }
            Self::Array(items) => write!(f, "an array of length {}", items.len()),
            // A value that CBOR has and JSON has not; `cbor.rs` writes it in this form.
            Self::Object(members) => match members.first().map(|(key, item)| (&**key, item)) {
                Some(("cbor_bytes", _)) if members.len() == 1 => f.write_str("a byte string"),
                Some(("cbor_float", Self::Text(name))) if members.len() == 1 => f.write_str(name),
                Some(("cbor_tag", Self::Number(tag))) => write!(f, "a value with the CBOR tag {tag}"),
                _ => f.write_str("an object"),
            },
        }
    }
}

/// Writes a character of a text that was refused. A character that is not visible is written as its
/// number, so that a reader can see what is wrong.
fn shown(letter: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut between = String::from("a");
    between.extend([letter, 'b']);
    if letter != ' ' && Name::<16>::new(&between).is_err() || matches!(letter, '"' | '\\') {
        write!(
            f,
            "{}",
            if letter.is_ascii() { letter.escape_default().to_string() } else { letter.escape_unicode().to_string() }
        )
    } else {
        write!(f, "{letter}")
    }
}

/// A whole number, also one that is written with a point or an exponent: 5, 5.0 and 5e0 are one
/// number.
pub(crate) fn whole<T: std::str::FromStr>(written: &str) -> Option<T> {
    written.parse().ok().or_else(|| {
        let value: f64 = written.parse().ok()?;
        // Written without an exponent, and without a point if nothing follows it. Adding zero
        // removes the sign of a zero.
        (value + 0.0).to_string().parse().ok()
    })
}

/// The number without point and exponent, if it is a whole number that a double holds exactly.
pub(crate) fn plainest(written: &str) -> Cow<'_, str> {
    if written.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return Cow::Borrowed(written);
    }
    match written.parse::<f64>() {
        Ok(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => {
            Cow::Owned((value + 0.0).to_string())
        }
        _ => Cow::Borrowed(written),
    }
}

/// A fault in the text, and the path to it.
#[derive(Debug)]
struct Fault {
    /// The segments of the path, the innermost first.
    place: Vec<String>,
    found: String,
    limit: &'static str,
    french: &'static str,
}

impl Fault {
    fn new(found: impl Into<String>, limit: &'static str, french: &'static str) -> Self {
        Self { place: Vec::new(), found: found.into(), limit, french }
    }

    fn end() -> Self {
        Self::new("end of text", "a whole JSON object", "un objet JSON entier")
    }

    fn within(mut self, segment: impl Into<String>) -> Self {
        self.place.push(segment.into());
        self
    }

    fn violation(self) -> Violation {
        Violation::new(pointer(self.place.iter().rev().map(String::as_str)), self.found, self.limit, self.french)
    }
}

/// A place as a JSON pointer (RFC 6901).
fn pointer<'p>(segments: impl Iterator<Item = &'p str>) -> String {
    let mut pointer = String::new();
    for segment in segments {
        // Writing to a string cannot fail.
        let _ = write!(pointer, "/{}", segment.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}

/// Reads a text from its beginning to its end.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// How many more values may be read.
    left: usize,
}

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Self {
        Self { text: without_mark(text), at: 0, left: MOST_VALUES }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Item<'a>, Fault> {
        self.blank();
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            let found = format!("more than {MOST_VALUES} values");
            Fault::new(found, "at most 50000 values in one text", "au plus 50000 valeurs dans un texte")
        })?;
        match self.peek() {
            None => Err(Fault::end()),
            Some(b'"') => self.quoted().map(Item::Text),
            Some(b'[' | b'{') if depth >= DEEPEST => Err(Fault::new(
                format!("more than {DEEPEST} levels"),
                "at most 128 levels of arrays and objects",
                "au plus 128 niveaux de tableaux et d'objets",
            )),
            Some(b'[') => self.array(depth),
            Some(b'{') => self.object(depth),
            Some(_) => self.bare(),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Item<'a>, Fault> {
        self.at += 1;
        self.blank();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Item::Array(Vec::new()));
        }
        // Most arrays are rows of a grid.
        let mut items = Vec::with_capacity(8);
        loop {
            match self.value(depth + 1) {
                Ok(item) => items.push(item),
                Err(fault) => return Err(fault.within(items.len().to_string())),
            }
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Item::Array(items));
                }
                None => return Err(Fault::end()),
                Some(_) => return Err(self.unexpected("JSON: a comma or ]", "du JSON : une virgule ou ]")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Item<'a>, Fault> {
        self.at += 1;
        self.blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Item::Object(Vec::new()));
        }
        let mut members: Members<'a> = Vec::with_capacity(8);
        loop {
            self.blank();
            match self.peek() {
                Some(b'"') => {}
                None => return Err(Fault::end()),
                Some(_) => return Err(self.unexpected("JSON: a key in quotes", "du JSON : une clé entre guillemets")),
            }
            let key = self.quoted()?;
            self.blank();
            match self.peek() {
                Some(b':') => self.at += 1,
                None => return Err(Fault::end()),
                Some(_) => return Err(self.unexpected("JSON: a colon", "du JSON : deux-points").within(key)),
            }
            match self.value(depth + 1) {
                Ok(item) => members.push((key, item)),
                Err(fault) => return Err(fault.within(key)),
            }
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                None => return Err(Fault::end()),
                Some(_) => return Err(self.unexpected("JSON: a comma or }", "du JSON : une virgule ou }")),
            }
        }
        self.at += 1;
        match repeated(&members) {
            None => Ok(Item::Object(members)),
            Some(key) => {
                let fault = Fault::new("a second value for one key", "each key once", "chaque clé une fois");
                Err(fault.within(key))
            }
        }
    }

    /// A text in quotes.
    fn quoted(&mut self) -> Result<Cow<'a, str>, Fault> {
        let (bytes, open) = (self.text.as_bytes(), self.at);
        let (mut at, mut escaped) = (open + 1, false);
        loop {
            match bytes.get(at) {
                None => return Err(Fault::end()),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at += 2;
                }
                Some(byte) if *byte < 0x20 => {
                    return Err(Fault::new(
                        format!("the control character {byte} in a text"),
                        "JSON: control characters are escaped in a text",
                        "du JSON : les caractères de contrôle sont échappés dans un texte",
                    ));
                }
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        // Both quotes are ASCII: what is between them is whole characters.
        if !escaped {
            return Ok(Cow::Borrowed(self.text.get(open + 1..at).unwrap_or_default()));
        }
        let quoted = self.text.get(open..=at).unwrap_or_default();
        serde_json::from_str::<String>(quoted).map(Cow::Owned).map_err(|_| {
            let found = format!("the text {quoted}");
            Fault::new(
                found,
                "JSON: a text with the escapes of JSON",
                "du JSON : un texte avec les échappements de JSON",
            )
        })
    }

    /// The letters, digits and signs from here on; if another character is here, that character.
    fn word(&self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b'_');
        let end = rest.bytes().take_while(is_word).count();
        let first = rest.chars().next().map_or(0, char::len_utf8);
        rest.get(..end.max(first)).unwrap_or_default()
    }

    /// A number, `true`, `false` or `null`.
    fn bare(&mut self) -> Result<Item<'a>, Fault> {
        let word = self.word();
        let item = match word {
            "null" => Item::Null,
            "true" => Item::Bool(true),
            "false" => Item::Bool(false),
            _ if is_number(word.as_bytes()) => Item::Number(word),
            "NaN" | "Infinity" | "-Infinity" | "nan" | "inf" | "-inf" => {
                return Err(Fault::new(
                    word,
                    "a finite number: JSON has no NaN and no Infinity",
                    "un nombre fini : JSON n'a ni NaN ni Infinity",
                ));
            }
            _ => return Err(self.unexpected("JSON", "du JSON")),
        };
        self.at += word.len();
        Ok(item)
    }

    fn unexpected(&self, limit: &'static str, french: &'static str) -> Fault {
        let word = self.word();
        let found = if word.len() == 1 { format!("the character {word}") } else { format!("the word {word}") };
        Fault::new(found, limit, french)
    }
}

/// Whether a text is a number by the grammar of JSON.
fn is_number(text: &[u8]) -> bool {
    let digits = |rest: &[u8]| rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let mut rest = match text {
        [b'0', rest @ ..] => rest,
        [b'1'..=b'9', ..] => &text[digits(text)..],
        _ => return false,
    };
    if let [b'.', fraction @ ..] = rest {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = if let [b'+' | b'-', unsigned @ ..] = exponent { unsigned } else { exponent };
        let count = digits(exponent);
        if count == 0 {
            return false;
        }
        rest = &exponent[count..];
    }
    rest.is_empty()
}

/// The first key that occurs a second time.
fn repeated(members: &[(Cow<'_, str>, Item<'_>)]) -> Option<String> {
    // Most objects have a few keys, which are compared sooner than hashed.
    if members.len() <= 24 {
        let second = (1..members.len()).find(|k| members[..*k].iter().any(|(key, _)| *key == members[*k].0));
        return second.map(|k| members[k].0.to_string());
    }
    let mut seen = HashSet::with_capacity(members.len());
    for (key, _) in members {
        if !seen.insert(&**key) {
            return Some(key.to_string());
        }
    }
    None
}

/// The `type` of a message. The message is read no further than to it.
pub(crate) fn type_of(text: &str) -> Option<Cow<'_, str>> {
    let mut reader = Reader::of(text);
    reader.blank();
    if reader.peek() != Some(b'{') {
        return None;
    }
    loop {
        reader.at += 1;
        reader.blank();
        if reader.peek() != Some(b'"') {
            return None;
        }
        let key = reader.quoted().ok()?;
        reader.blank();
        if reader.peek() != Some(b':') {
            return None;
        }
        reader.at += 1;
        let item = reader.value(1).ok()?;
        if key == "type" {
            return match item {
                Item::Text(text) => Some(text),
                _ => None,
            };
        }
        reader.blank();
        if reader.peek() != Some(b',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Any JSON value of a few levels.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no others", |value| value.is_finite()).prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_again(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let item = Item::read(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&item.to_json()).unwrap(), value.clone());
            let marked = format!("\u{feff}{text}");
            prop_assert_eq!(Item::read(&marked).unwrap(), item);
        }

        #[test]
        fn a_text_is_read_if_serde_json_reads_it_too(text in "[\\[\\]{}:,\"\\\\ \\n0-9eE.+truefalsn-]{0,24}") {
            let ours = Item::read(&text);
            match serde_json::from_str::<Value>(&text) {
                Ok(_) => prop_assert!(ours.is_ok() || text.contains('{'), "{text}: {ours:?}"),
                // A number beyond the range of a double is a number here; its reader refuses it.
                Err(error) => prop_assert!(ours.is_err() || error.to_string().contains("out of range"), "{text}: {error}"),
            }
        }

        #[test]
        fn no_fault_is_told_in_the_words_of_a_program(text in ".{0,60}") {
            if let Err(violation) = Item::read(&text) {
                for word in ["Semantic(", "invalid type", "Error", "enum", "ident"] {
                    prop_assert!(!violation.limit.contains(word), "{violation:?}");
                    prop_assert!(text.contains(word) || !violation.value.contains(word), "{violation:?}");
                }
            }
        }

        #[test]
        fn every_spelling_of_a_whole_number_is_that_number(value in any::<u8>(), zeros in 1..4_usize) {
            let spelled = [
                value.to_string(),
                format!("{value}.{}", "0".repeat(zeros)),
                format!("{value}e0"),
                format!("{value}0E-1"),
                format!("{value}.0e+0"),
            ];
            for text in spelled {
                prop_assert_eq!(whole::<u8>(&text), Some(value), "{}", text);
                prop_assert_eq!(plainest(&text), value.to_string(), "{}", text);
            }
            prop_assert_eq!(whole::<u8>(&format!("{value}.5")), None);
            prop_assert_eq!(whole::<u8>("256.0"), None);
            prop_assert_eq!(whole::<u8>("1e400"), None);
        }
    }

    #[test]
    fn a_key_that_comes_twice_is_named_at_every_depth() {
        let many = (0..60).map(|k| format!("\"k{k}\":0")).collect::<Vec<_>>().join(",");
        for (text, pointer) in [
            (r#"{"a":1,"a":1}"#.to_owned(), "/a"),
            (r#"{"a":[{"b":{"c/d":1,"x":2,"c/d":3}}]}"#.to_owned(), "/a/0/b/c~1d"),
            (r#"{"a":1,"\u0061":2}"#.to_owned(), "/a"),
            (format!("{{\"deep\":{{{many},\"k7\":1}}}}"), "/deep/k7"),
        ] {
            let violation = Item::read(&text).unwrap_err();
            assert_eq!((violation.pointer.as_str(), violation.limit.as_str()), (pointer, "each key once"), "{text}");
        }
    }

    #[test]
    fn each_fault_has_its_place_and_its_name() {
        let deep = "[".repeat(200);
        for (text, pointer, value) in [
            (r#"{"a":[1,NaN]}"#, "/a/1", "NaN"),
            (r#"{"a":{"b":tru}}"#, "/a/b", "the word tru"),
            (r#"{"a":01}"#, "/a", "the word 01"),
            (r#"{"a":1} {"#, "", "text after the JSON value: {"),
            (r#"{"a":"#, "/a", "end of text"),
            (r#"{"a" 1}"#, "/a", "the character 1"),
            ("{\"a\":\"\n\"}", "/a", "the control character 10 in a text"),
            ("", "", "end of text"),
        ] {
            let violation = Item::read(text).unwrap_err();
            assert_eq!((violation.pointer.as_str(), violation.value.as_str()), (pointer, value), "{text}");
        }
        assert_eq!(Item::read(&deep).unwrap_err().value, "more than 128 levels");
        let many = format!("[{}0]", "0,".repeat(60_000));
        assert_eq!(Item::read(&many).unwrap_err().value, "more than 50000 values");
    }

    #[test]
    fn the_type_is_found_wherever_it_stands() {
        for (text, kind) in [
            (r#"{"type":"hello"}"#, Some("hello")),
            (r#" {"unanswered":[{"type":"sensor_data"}],"type":"hello"}"#, Some("hello")),
            (r#"{"type":7}"#, None),
            (r#"["type"]"#, None),
            ("{", None),
            ("", None),
        ] {
            assert_eq!(type_of(text).as_deref(), kind, "{text}");
        }
    }

    #[test]
    fn what_a_text_does_not_show_is_named_by_its_number() {
        let shown = |text: &str| Item::Text(Cow::Borrowed(text)).to_string();
        assert_eq!(shown("LINE_\u{61c}1"), "string \"LINE_\\u{61c}1\"");
        assert_eq!(shown("a\u{3164}\u{e0031}\n"), "string \"a\\u{3164}\\u{e0031}\\n\"");
        assert_eq!(shown("caf\u{e9} 1"), "string \"caf\u{e9} 1\"");
        assert_eq!(shown("a\"b"), "string \"a\\\"b\"");
    }
}

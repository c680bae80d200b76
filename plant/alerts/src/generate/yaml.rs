//! [`YamlNode`]: a part of a YAML file, written byte for byte the same each time.
//!
//! Only what Prometheus and Alertmanager read is here: texts, numbers, lists and maps in block
//! style, with the keys in the order in which they were added.

use std::fmt::Write as _;

/// A part of a YAML file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum YamlNode {
    /// A text, quoted where YAML would read something else.
    Text(String),
    /// `true` or `false`.
    Flag(bool),
    /// A list.
    List(Vec<Self>),
    /// Values by key, in order. Keys are names that need no quotes.
    Map(Vec<(&'static str, Self)>),
    /// Values by key, in order, whose keys are quoted where they must be.
    Labels(Vec<(String, String)>),
}

impl YamlNode {
    /// A text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts.
    pub(super) fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// The node as a file, which ends with a line feed.
    pub(super) fn to_yaml(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    /// Writes the lines of the node, each behind spaces. The first one is behind what the caller
    /// has written of its line.
    fn write(&self, to: &mut String, depth: usize) {
        match self {
            Self::Text(text) => line(to, &scalar(text)),
            Self::Flag(flag) => line(to, if *flag { "true" } else { "false" }),
            Self::List(nodes) if nodes.is_empty() => line(to, "[]"),
            Self::List(nodes) => {
                for (place, node) in nodes.iter().enumerate() {
                    indent(to, if place == 0 { 0 } else { depth });
                    to.push_str("- ");
                    node.write(to, depth + 2);
                }
            }
            Self::Map(entries) => {
                write_entries(to, depth, entries.iter().map(|(key, node)| ((*key).to_owned(), node)));
            }
            Self::Labels(labels) => {
                let texts: Vec<_> = labels.iter().map(|(key, text)| (scalar(key), Self::text(text))).collect();
                write_entries(to, depth, texts.iter().map(|(key, node)| (key.clone(), node)));
            }
        }
    }

    /// Whether the node is written on the line of its key.
    fn is_on_one_line(&self) -> bool {
        match self {
            Self::Text(_) | Self::Flag(_) => true,
            Self::List(nodes) => nodes.is_empty(),
            Self::Map(entries) => entries.is_empty(),
            Self::Labels(labels) => labels.is_empty(),
        }
    }
}

fn write_entries<'a>(to: &mut String, depth: usize, entries: impl Iterator<Item = (String, &'a YamlNode)>) {
    let mut is_empty = true;
    for (key, node) in entries {
        indent(to, if is_empty { 0 } else { depth });
        is_empty = false;
        to.push_str(&key);
        to.push(':');
        if node.is_on_one_line() {
            to.push(' ');
        } else {
            to.push('\n');
            indent(to, depth + 2);
        }
        node.write(to, depth + 2);
    }
    if is_empty {
        line(to, "{}");
    }
}

fn indent(to: &mut String, spaces: usize) {
    to.extend(std::iter::repeat_n(' ', spaces));
}

fn line(to: &mut String, text: &str) {
    to.push_str(text);
    to.push('\n');
}

/// A text as YAML reads it back: bare if it is a plain word or path, else in single quotes if it
/// has only visible characters, else in double quotes with escapes.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    if text.chars().all(is_visible) {
        return if text.contains('\'') && !text.contains(['"', '\\']) {
            format!("\"{text}\"")
        } else {
            format!("'{}'", text.replace('\'', "''"))
        };
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            visible if is_visible(visible) => quoted.push(visible),
            hidden => {
                // Writing to a `String` does not fail.
                let _ = write!(quoted, "\\U{:08X}", u32::from(hidden));
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a text is a word that YAML reads as a text: it begins with a letter, and is none of the
/// words that some version of YAML reads as a flag or as nothing.
fn is_plain(text: &str) -> bool {
    const OTHERS: [&str; 9] = ["false", "n", "no", "null", "off", "on", "true", "y", "yes"];
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./".contains(letter))
        && !OTHERS.iter().any(|other| text.eq_ignore_ascii_case(other))
}

/// Whether a character stands for itself between quotes in every version of YAML.
const fn is_visible(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{2030}'..='\u{d7ff}')
        || matches!(character, '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..='\u{10fffd}')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nodes_are_written_in_block_style() {
        let node = YamlNode::Map(vec![
            ("empty", YamlNode::List(Vec::new())),
            ("none", YamlNode::Labels(Vec::new())),
            (
                "groups",
                YamlNode::List(vec![
                    YamlNode::Map(vec![
                        ("name", YamlNode::text("a")),
                        ("resolved", YamlNode::Flag(true)),
                        ("equal", YamlNode::texts(["b", "5m", "no"])),
                        ("labels", YamlNode::Labels(vec![("c".to_owned(), "x > 1".to_owned())])),
                    ]),
                    YamlNode::text("l'eau"),
                ]),
            ),
        ]);
        let lines = [
            "empty: []",
            "none: {}",
            "groups:",
            "  - name: a",
            "    resolved: true",
            "    equal:",
            "      - b",
            "      - '5m'",
            "      - 'no'",
            "    labels:",
            "      c: 'x > 1'",
            "  - \"l'eau\"",
            "",
        ];
        assert_eq!(node.to_yaml(), lines.join("\n"));
    }

    proptest! {
        #[test]
        fn every_text_is_read_back_as_it_is(
            texts in prop::collection::btree_map(any::<String>(), any::<String>(), 0..4),
        ) {
            let labels: Vec<_> = texts.clone().into_iter().collect();
            let text = YamlNode::Map(vec![("labels", YamlNode::Labels(labels))]).to_yaml();
            let read: BTreeMap<String, BTreeMap<String, String>> = serde_saphyr::from_str(&text).unwrap();
            prop_assert_eq!(&read["labels"], &texts, "{}", text);
        }

        #[test]
        fn every_plain_word_is_read_back_as_a_text(text in "[a-zA-Z0-9_./: '\"~-]{0,9}") {
            let read: Vec<String> = serde_saphyr::from_str(&YamlNode::texts([&*text]).to_yaml()).unwrap();
            prop_assert_eq!(read, [text]);
        }
    }
}

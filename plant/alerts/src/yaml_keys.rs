//! [`first_key`]: the key by which the format of a YAML file is recognised.

use serde_json::Value;

/// The first of these keys that a text has at its top, in any of its documents; `None` if it has
/// none of them.
///
/// A text that is not YAML has no documents. Its lines show which reader says where it fails.
pub(crate) fn first_key(text: &str, keys: &[&'static str]) -> Option<&'static str> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_default();
    let has = |key: &str| {
        let begin = format!("{key}:");
        documents.iter().any(|document| document.get(key).is_some())
            || text.lines().any(|line| line.starts_with(&begin))
    };
    keys.iter().copied().find(|key| has(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_at_the_top_of_each_document_and_of_a_text_that_is_not_yaml() {
        for (text, key) in [
            ("b: 1\na: 2\n", Some("a")),
            ("c: 1\n---\n{b: 2}\n", Some("b")),
            ("a: [\n", Some("a")),
            ("c:\n  a: 1\n", None),
            ("- a: 1\n", None),
            ("", None),
        ] {
            assert_eq!(first_key(text, &["a", "b"]), key, "{text}");
        }
    }
}

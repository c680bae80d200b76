//! How messages are written: the words of comments are refused in string literals that are
//! sentences.

use crate::source::Source;
use crate::words::hiding;

/// What is wrong with the sentences among the string literals of a file.
///
/// A literal without a space is no sentence but a word of the data, of a path or of a protocol.
pub(crate) fn findings(source: &Source) -> Vec<String> {
    let literals = source.literals().into_iter().filter(|literal| literal.text.contains(char::is_whitespace));
    let finding = |line: usize, what: String| format!("{}:{line}: in a message, {what}", source.shown);
    literals.filter_map(|literal| Some(finding(literal.line, hiding(&literal.text)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        findings(&Source::parse("sqal-core/src/x.rs".to_owned(), text).unwrap())
    }

    #[test]
    fn a_sentence_is_refused_wherever_it_stands() {
        for text in [
            "const A: &str = \"it is told to whoever asks\";",
            "#[error(\"it is told to \\\n   whoever asks\")]\nstruct A;",
            "fn a() { warn!(port, \"it is told to whoever asks\"); }",
            "#[expect(unused, reason = \"it is told to whoever asks\")]\nfn a() {}",
        ] {
            assert_eq!(of(text).len(), 1, "{text}");
        }
        let place = "sqal-core/src/x.rs:2: in a message, \"nobody\" hides";
        assert!(of("\nconst A: &str = \"asks nobody\";")[0].starts_with(place));
    }

    #[test]
    fn a_word_of_the_data_and_the_texts_of_tests_are_left_alone() {
        for text in [
            "const A: &str = \"nobody\";",
            "const A: &str = \"/devices?id=nobody\";",
            "#[cfg(test)] mod tests { const A: &str = \"it is told to whoever asks\"; }",
        ] {
            assert_eq!(of(text), Vec::<String>::new(), "{text}");
        }
    }
}

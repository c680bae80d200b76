//! [`bug_words`]: the words by which a bug is found.

use std::collections::HashSet;

/// The most different words of a bug by which it is found: those that come first.
pub const MOST_BUG_WORDS: usize = 500;

/// The longest word by which a bug is found, in characters; longer ones are cut.
pub const LONGEST_BUG_WORD: usize = 40;

/// The different words of texts, as they are found: runs of letters and digits, in small letters,
/// without accents, the first [`MOST_BUG_WORDS`], each cut to [`LONGEST_BUG_WORD`] characters.
///
/// ```
/// use sqal_storage::bugs::bug_words;
///
/// assert_eq!(bug_words(["Écran gelé, écran v2.3.1"]), ["ecran", "gele", "v2", "3", "1"]);
/// ```
#[must_use]
pub fn bug_words<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut words = Vec::new();
    let mut known = HashSet::new();
    for text in texts {
        for run in text.split(|character: char| !character.is_alphanumeric()).filter(|run| !run.is_empty()) {
            let word: String = run.chars().flat_map(char::to_lowercase).map(plain).take(LONGEST_BUG_WORD).collect();
            if known.insert(word.clone()) {
                words.push(word);
            }
            if words.len() >= MOST_BUG_WORDS {
                return words;
            }
        }
    }
    words
}

/// A small letter of French or its neighbours without its accent.
const fn plain(letter: char) -> char {
    match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => 'a',
        'ç' => 'c',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ñ' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' => 'o',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        'ý' | 'ÿ' => 'y',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_are_few_short_different_and_their_own_words(text in ".{0,4000}") {
            let words = bug_words([text.as_str()]);
            prop_assert!(words.len() <= MOST_BUG_WORDS);
            prop_assert!(words.iter().all(|word| word.chars().count() <= LONGEST_BUG_WORD));
            let different: std::collections::BTreeSet<_> = words.iter().collect();
            prop_assert_eq!(different.len(), words.len());
        }

        #[test]
        fn a_word_is_found_however_it_is_written(word in "[a-zéèàç]{1,20}") {
            prop_assert_eq!(bug_words([word.as_str()]), bug_words([word.to_uppercase().as_str()]));
        }
    }
}

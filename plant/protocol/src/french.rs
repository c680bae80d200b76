//! [`Dictionary`]: French messages on what was found in a frame or a request.
//!
//! It knows phrases of this family and of the parsers. A value that the client sent stays as it
//! came.

/// English phrases with `{}` as placeholders, and their French with the numbers of the
/// placeholders.
pub type Phrases = [(&'static str, &'static str)];

/// The phrases of the parsers, and those about the messages of devices.
pub const PHRASES: &Phrases = &[
    // Parsers, with the place after the message.
    ("{} at line {} column {}", "{0} (ligne {1}, colonne {2})"),
    ("unknown field `{}`, {}", "champ inconnu « {0} »"),
    ("missing field `{}`", "champ absent « {0} »"),
    ("duplicate field `{}`", "champ « {0} » en double"),
    ("unknown variant `{}`, {}", "mot inconnu « {0} »"),
    ("invalid type: {}, expected {}", "type non valable : {0}"),
    ("invalid value: {}, expected {}", "valeur non valable : {0}"),
    ("invalid length {}, expected {}", "longueur {0} non valable"),
    ("string {}", "texte {0}"),
    ("integer `{}`", "entier {0}"),
    ("floating point `{}`", "nombre {0}"),
    ("boolean `{}`", "booléen {0}"),
    ("character `{}`", "caractère {0}"),
    ("length {}", "longueur {0}"),
    ("byte array", "suite d'octets"),
    ("unit value", "rien"),
    ("map", "objet"),
    ("sequence", "liste"),
    ("null", "null"),
    ("expected value", "valeur attendue"),
    ("expected ident", "mot attendu"),
    ("expected `:`", "« : » attendu"),
    ("expected `,` or `}`", "« , » ou « } » attendu"),
    ("expected `,` or `]`", "« , » ou « ] » attendu"),
    ("key must be a string", "la clé doit être un texte"),
    ("trailing comma", "virgule de trop"),
    ("trailing characters", "texte de trop après la fin"),
    ("EOF while parsing {}", "fin du texte avant la fin de l'objet"),
    ("control character (\\u0000-\\u001F) found while parsing a string", "caractère de commande dans un texte"),
    ("invalid escape", "échappement non valable"),
    ("invalid number", "nombre non valable"),
    ("number out of range", "nombre trop grand"),
    ("invalid unicode code point", "caractère Unicode non valable"),
    ("recursion limit exceeded", "trop d'objets imbriqués"),
    ("`{}` header {}", "champ {0} absent ou non valable"),
    // Messages of devices.
    ("missing", "rien"),
    ("{} bytes", "{0} octets"),
    ("{} samples", "{0} échantillons"),
    ("an array", "une liste"),
    ("text after the frame", "du texte après la trame"),
    ("end of text", "fin du texte"),
    ("a frame without readings", "une trame sans mesures"),
];

/// How deep phrases may be nested, for example a parser's message in a place in a profile.
const DEEPEST: u8 = 4;

/// The phrases that are known, in lists. The first phrase that matches is taken.
///
/// ```
/// use sqal_protocol::french::{Dictionary, PHRASES};
///
/// const OF_TRAYS: Dictionary = Dictionary::of(&[PHRASES, &[("{} trays", "{0} plateaux")]]);
/// assert_eq!(OF_TRAYS.refused("3 trays", "4"), "3 plateaux ; attendu : 4");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dictionary(&'static [&'static Phrases]);

impl Dictionary {
    /// The phrases about frames.
    pub const FRAMES: Self = Self::of(&[PHRASES]);

    /// A dictionary of these lists.
    #[must_use]
    pub const fn of(lists: &'static [&'static Phrases]) -> Self {
        Self(lists)
    }

    /// The French message on a refused value: what was found, and what is expected.
    #[must_use]
    pub fn refused(self, found: &str, expected: &str) -> String {
        match self.phrase(found, DEEPEST) {
            Some(french) => format!("{french} ; attendu : {expected}"),
            None => format!("valeur {found} refusée ; attendu : {expected}"),
        }
    }

    /// The French of a phrase; `None` for any other text, such as a value.
    fn phrase(self, found: &str, deepest: u8) -> Option<String> {
        let deeper = deepest.checked_sub(1)?;
        self.0.iter().copied().flatten().find_map(|(english, french)| {
            let parts = captures(english, found)?;
            let mut text = (*french).to_owned();
            for (k, part) in parts.iter().enumerate() {
                let part = self.phrase(part, deeper).unwrap_or_else(|| with_comma(part));
                text = text.replace(&format!("{{{k}}}"), &part);
            }
            Some(text)
        })
    }
}

/// The texts at the placeholders of a template; `None` if the text does not match the template.
fn captures<'a>(template: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut literals = template.split("{}").peekable();
    let mut rest = text.strip_prefix(literals.next()?)?;
    let mut parts = Vec::new();
    while let Some(literal) = literals.next() {
        let is_last = literals.peek().is_none();
        let (part, after) = if is_last { (rest.strip_suffix(literal)?, "") } else { rest.split_once(literal)? };
        parts.push(part);
        rest = after;
    }
    rest.is_empty().then_some(parts)
}

/// A number with a decimal comma; any other text as it is.
fn with_comma(text: &str) -> String {
    if text.parse::<f64>().is_ok() { text.replace('.', ",") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that occur in English phrases and in no French one.
    const ENGLISH: [&str; 12] =
        ["the", "of", "at", "are", "is", "needed", "expected", "field", "frames", "readings", "and", "invalid"];

    fn assert_french(found: &str) {
        let text = Dictionary::FRAMES.refused(found, "un profil");
        let english: Vec<_> =
            text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| ENGLISH.contains(word)).collect();
        assert!(english.is_empty(), "{found:?} is {text:?}, in which {english:?} is English");
        assert!(text.ends_with(" ; attendu : un profil"), "{text}");
    }

    #[test]
    fn what_parsers_refuse_is_told_in_french() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Asked {
            #[expect(dead_code, reason = "only refusals are looked at")]
            number: u8,
        }
        for text in [
            "",
            "[",
            "{",
            "{}",
            "nul",
            "{\"number\": }",
            "{\"number\": \"x\"}",
            "{\"number\": 300}",
            "{\"number\": 1.5}",
            "{\"number\": null}",
            "{\"number\": []}",
            "{\"number\": {}}",
            "{\"number\": true}",
            "{\"other\": 1}",
            "{\"number\": 1, \"number\": 1}",
            "{\"number\": 1} x",
            "{\"number\": 1,}",
            "{\"number\" 1}",
            "{\"number\": 1e999}",
            "{1: 1}",
            "{\"number\": 01}",
        ] {
            let refused = serde_json::from_str::<Asked>(text).unwrap_err().to_string();
            assert_french(&refused);
        }
    }

    #[test]
    fn a_value_of_the_client_stays_as_it_came() {
        for value in ["truffle", "800", "\"a b\"", "12.5", "2024-10-26T23:00:00Z"] {
            let text = Dictionary::FRAMES.refused(value, "autre chose");
            assert_eq!(text, format!("valeur {value} refusée ; attendu : autre chose"));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_message_that_ends_in_finite_time(found in ".{0,240}") {
            let text = Dictionary::FRAMES.refused(&found, "autre chose");
            proptest::prop_assert!(text.ends_with(" ; attendu : autre chose"));
        }

        #[test]
        fn a_template_gives_back_what_was_put_into_it(number in 0_u32..100_000, other in 0_u32..100_000) {
            let text = format!("zone 1 of the tray was valid in {number} of {other} frames: at least half are needed");
            let parts = captures("zone {} of the tray was valid in {} of {} frames: at least half are needed", &text);
            let (number, other) = (number.to_string(), other.to_string());
            proptest::prop_assert_eq!(parts, Some(vec!["1", &*number, &*other]));
        }
    }
}

//! French messages on what was found in a request: phrases of this family and of the parsers.
//!
//! A value that the client sent stays as it came.

/// English phrases with `{}` as placeholders, and their French with the numbers of the
/// placeholders.
const PHRASES: &[(&str, &str)] = &[
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
    // Queries and bodies.
    ("the unknown parameter {}", "paramètre inconnu {0}"),
    ("the parameter {} twice", "paramètre {0} en double"),
    ("no cursor", "position inconnue"),
    ("{} hours before ?until", "{0} heures avant ?until"),
    ("missing", "rien"),
    ("more", "davantage"),
    ("more than {} bytes", "plus de {0} octets"),
    ("more than {} frames", "plus de {0} trames"),
    ("{} bytes", "{0} octets"),
    ("{} samples", "{0} échantillons"),
    ("one more", "un de plus"),
    // Frames.
    ("an array", "une liste"),
    ("text after the frame", "du texte après la trame"),
    ("end of text", "fin du texte"),
    ("a frame without readings", "une trame sans mesures"),
    // Calibrations.
    ("none or both", "aucun des deux, ou les deux"),
    ("too many readings", "trop de mesures"),
    ("{} mm off the profile's reference", "{0} mm d'écart avec la référence du profil"),
    ("{} frames of the empty tray: at least 30 are needed", "{0} mesures du plateau vide : il en faut au moins 30"),
    (
        "zone {} of the tray was valid in {} of {} frames: at least half are needed",
        "zone {0} du plateau valable dans {1} mesures sur {2} : il en faut au moins la moitié",
    ),
    (
        "the mean distance changed by {} mm while the frames were taken: wait until the sensor has warmed up",
        "la distance moyenne a changé de {0} mm pendant les mesures : attendre que le capteur soit chaud",
    ),
    ("{} readings of the white tile: at least 10 are needed", "{0} mesures du carreau blanc : il en faut au moins 10"),
    ("no reading in the dark: at least one is needed", "aucune mesure dans l'obscurité : il en faut au moins une"),
    (
        "channel {} was full in a reading of the white tile: lower the gain or the integration time",
        "canal {0} saturé pendant une mesure du carreau blanc : réduire le gain ou le temps d'intégration",
    ),
    (
        "channel {} counts {} on the white tile: at least 200 above the dark are needed",
        "canal {0} : {1} coups sur le carreau blanc, il en faut au moins 200 de plus que dans l'obscurité",
    ),
    (
        "tile reflectance {}: expected a number above 0 and at most 1",
        "réflectance du carreau {0} : un nombre au-dessus de 0 et d'au plus 1 est attendu",
    ),
    (
        "the light changed by {} % while the readings were taken: wait until the lamp has warmed up",
        "la lumière a changé de {0} % pendant les mesures : attendre que la lampe soit chaude",
    ),
    // Profiles.
    ("there is no profile: at least one is needed", "aucun profil : il en faut au moins un"),
    ("profile {}: {}", "profil {0} : {1}"),
    (
        "rotation {} is not possible: expected 0, 90, 180 or 270 degrees",
        "rotation {0} impossible, attendu : 0, 90, 180 ou 270 degrés",
    ),
    (
        "sensor weights are {} (tof) and {} (spectral): expected two numbers of at least 0 with a positive, finite sum",
        "poids des capteurs : {0} (tof) et {1} (spectral), deux nombres d'au moins 0 et de somme positive et finie sont attendus",
    ),
    (
        "weight {}: expected a positive number, or 0 for one of two sensors",
        "poids {0} : un nombre positif est attendu, ou 0 pour un capteur sur deux",
    ),
    ("{} needs {}, which is not given", "{0} demande {1}, absent du profil"),
    ("spectral.oxidation or spectral.color_target", "spectral.oxidation ou spectral.color_target"),
    (
        "spectral.carotenoid, spectral.heme or spectral.lightness",
        "spectral.carotenoid, spectral.heme ou spectral.lightness",
    ),
    (
        "{} is not the profile's scale: leave it out, or give the same numbers",
        "{0} n'est pas l'échelle du profil : l'omettre, ou donner les mêmes nombres",
    ),
    ("{} is {}: expected {}", "{0} vaut {1}, attendu : {2}"),
    ("a positive number below 1e12", "un nombre positif inférieur à 1e12"),
    ("a number from 0 to 1e12", "un nombre de 0 à 1e12"),
    ("two increasing numbers from 0 to 7", "deux nombres croissants de 0 à 7"),
    ("{}: width {} is not a positive number", "{0} : la largeur {1} n'est pas un nombre positif"),
    (
        "{}: limits {} and {} are not two increasing numbers, at least a tenth of the width apart",
        "{0} : les limites {1} et {2} ne sont pas deux nombres croissants, écartés d'au moins un dixième de la largeur",
    ),
];

/// How deep phrases may be nested, for example a parser's message in a place in a profile.
const DEEPEST: u8 = 4;

/// The French message on a refused value: what was found, and what is expected.
pub(crate) fn refused_in_french(found: &str, expected: &str) -> String {
    match phrase(found, DEEPEST) {
        Some(french) => format!("{french} ; attendu : {expected}"),
        None => format!("valeur {found} refusée ; attendu : {expected}"),
    }
}

/// The French of a phrase; `None` for any other text, such as a value.
fn phrase(found: &str, deepest: u8) -> Option<String> {
    let deeper = deepest.checked_sub(1)?;
    PHRASES.iter().find_map(|(english, french)| {
        let parts = captures(english, found)?;
        let mut text = (*french).to_owned();
        for (k, part) in parts.iter().enumerate() {
            let part = phrase(part, deeper).unwrap_or_else(|| with_comma(part));
            text = text.replace(&format!("{{{k}}}"), &part);
        }
        Some(text)
    })
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
    use sqal_core::Channel;
    use sqal_sensors::calibration::{EmptyTrayError, WhiteTileError};

    /// Words that occur in English phrases and in no French one.
    const ENGLISH: [&str; 12] =
        ["the", "of", "at", "are", "is", "needed", "expected", "field", "frames", "readings", "and", "invalid"];

    fn assert_french(found: &str) {
        let text = refused_in_french(found, "un profil");
        let english: Vec<_> =
            text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| ENGLISH.contains(word)).collect();
        assert!(english.is_empty(), "{found:?} is {text:?}, in which {english:?} is English");
        assert!(text.ends_with(" ; attendu : un profil"), "{text}");
    }

    #[test]
    fn what_calibrations_and_profiles_refuse_is_told_in_french() {
        let trays = [
            EmptyTrayError::TooFew(12),
            EmptyTrayError::Blind { zone: 3, seen: 4, frames: 60 },
            EmptyTrayError::StillWarming { change_mm: 1.25 },
        ];
        let tiles = [
            WhiteTileError::TooFew(2),
            WhiteTileError::NoDark,
            WhiteTileError::Saturated(Channel::F5),
            WhiteTileError::Dim { channel: Channel::F1, counts: 12.5 },
            WhiteTileError::Reflectance(1.5),
            WhiteTileError::StillWarming { percent: 2.5 },
        ];
        let texts = trays.iter().map(ToString::to_string).chain(tiles.iter().map(ToString::to_string));
        texts.for_each(|text| assert_french(&text));
        let mut profile = crate::Profile::example();
        profile.spectral.shot_noise = -0.5;
        let refused = crate::Profiles::new([("foie".parse().unwrap(), profile)]).unwrap_err().to_string();
        assert_french(&refused);
        assert_eq!(
            refused_in_french(&refused, "un profil"),
            "profil foie : spectral.shot_noise vaut -0,5, attendu : un nombre positif inférieur à 1e12 ; attendu : un profil"
        );
        let mut profile = crate::Profile::example();
        profile.spectral.anchors = None;
        let refused = crate::Profiles::new([("foie".parse().unwrap(), profile)]).unwrap_err().to_string();
        assert_eq!(
            refused_in_french(&refused, "un profil"),
            "profil foie : spectral.oxidation demande spectral.anchors, absent du profil ; attendu : un profil"
        );
        let mut profile = crate::Profile::example();
        profile.scale = sqal_core::grade::GradeScale::new(0.9, 0.8, 0.7, 0.6).unwrap();
        let refused = crate::Profiles::new([("foie".parse().unwrap(), profile)]).unwrap_err().to_string();
        assert_eq!(
            refused_in_french(&refused, "un profil"),
            "profil foie : tof.scale n'est pas l'échelle du profil : l'omettre, ou donner les mêmes nombres ; attendu : un profil"
        );
        for refused in [
            sqal_sensors::profile::InvalidRotation(45).to_string(),
            sqal_fusion::SensorWeights::new(-1.0, 1.0).unwrap_err().to_string(),
            "spectral.weights.freshness needs spectral.oxidation or spectral.color_target, which is not given"
                .to_owned(),
        ] {
            assert_french(&refused);
        }
        assert_eq!(
            refused_in_french(&EmptyTrayError::TooFew(12).to_string(), "des mesures d'un plateau vide"),
            "12 mesures du plateau vide : il en faut au moins 30 ; attendu : des mesures d'un plateau vide"
        );
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
            let text = refused_in_french(value, "autre chose");
            assert_eq!(text, format!("valeur {value} refusée ; attendu : autre chose"));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_message_that_ends_in_finite_time(found in ".{0,240}") {
            let text = refused_in_french(&found, "autre chose");
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

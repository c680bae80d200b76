//! [`REQUESTS`]: the French of what requests may hold.

use sqal_protocol::french::{Dictionary, PHRASES, Phrases};

/// The French of queries and bodies, of messages of devices, and of what profiles and calibrations
/// refuse.
pub(crate) const REQUESTS: Dictionary = Dictionary::of(&[OF_REQUESTS, PHRASES, sqal_grading::french::PHRASES]);

/// The phrases about queries and bodies. They come first: "more than 9 bytes" is not an amount of
/// bytes.
const OF_REQUESTS: &Phrases = &[
    ("the unknown parameter {}", "paramètre inconnu {0}"),
    ("the parameter {} twice", "paramètre {0} en double"),
    ("no cursor", "position inconnue"),
    ("{} hours before ?until", "{0} heures avant ?until"),
    ("more", "davantage"),
    ("more than {} bytes", "plus de {0} octets"),
    ("more than {} frames", "plus de {0} trames"),
    ("one more", "un de plus"),
    ("no directive", "aucune directive"),
    ("directive {}: {}", "directive {0} : {1}"),
    ("two different values", "deux valeurs différentes"),
    ("no name", "aucun nom"),
    ("no file", "aucun fichier"),
    ("more than one file", "plus d'un fichier"),
    ("no word", "aucun mot"),
    ("none or both", "aucun des deux, ou les deux"),
    ("too many readings", "trop de mesures"),
    ("no text", "aucun texte"),
    ("{} characters", "{0} caractères"),
    ("a control character at character {}", "un caractère de commande à la place {0}"),
    ("{} labels", "{0} étiquettes"),
    ("{} hours", "{0} heures"),
    ("{} mm off the profile's reference", "{0} mm d'écart avec la référence du profil"),
];

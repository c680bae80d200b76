//! French of what profiles and calibrations refuse.

/// English phrases with `{}` as placeholders, and their French with the numbers of the
/// placeholders.
pub const PHRASES: &[(&str, &str)] = &[
    // Calibrations.
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

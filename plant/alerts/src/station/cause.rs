//! [`Cause`]: why the readings of a station have changed, and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::words::Words;

/// Why the readings of a station have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An instrument sends no reading, or hardly a valid zone.
    SensorBlind,
    /// Dirt covers a part of the time-of-flight sensor's window.
    WindowDirty,
    /// A film on the whole window takes light from every zone.
    WindowFilmed,
    /// The floor beside the product lies nearer or farther than it did.
    FloorMoved,
    /// The lamp of the spectral sensor gives another amount of light than it did.
    LampFading,
    /// The device reads its instruments wrongly: bytes exchanged, registers or readings repeated.
    BusErrors,
    /// The device's clock is ahead of or behind the server's.
    ClockWrong,
    /// The two instruments contradict each other more often than they did.
    SensorsDisagree,
    /// The product itself has changed, and the instruments have not.
    ProductChanged,
}

impl Cause {
    /// Every cause. A cause that explains more stands before the causes that it explains.
    pub const ALL: [Self; 9] = [
        Self::SensorBlind,
        Self::BusErrors,
        Self::WindowDirty,
        Self::WindowFilmed,
        Self::FloorMoved,
        Self::LampFading,
        Self::ClockWrong,
        Self::SensorsDisagree,
        Self::ProductChanged,
    ];

    /// The words of the causes that make trays doubtful ([`Cause::makes_doubtful`]).
    pub(crate) const DOUBTFUL: &'static [&'static str] = &[
        Self::SensorBlind.as_str(),
        Self::BusErrors.as_str(),
        Self::WindowDirty.as_str(),
        Self::WindowFilmed.as_str(),
        Self::FloorMoved.as_str(),
        Self::LampFading.as_str(),
        Self::SensorsDisagree.as_str(),
    ];

    /// The word of the cause, as a label of metrics and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SensorBlind => "sensor_blind",
            Self::WindowDirty => "window_dirty",
            Self::WindowFilmed => "window_filmed",
            Self::FloorMoved => "floor_moved",
            Self::LampFading => "lamp_fading",
            Self::BusErrors => "bus_errors",
            Self::ClockWrong => "clock_wrong",
            Self::SensorsDisagree => "sensors_disagree",
            Self::ProductChanged => "product_changed",
        }
    }

    /// Whether an instrument is at fault. Trays that are judged meanwhile are doubtful.
    ///
    /// A wrong clock changes no verdict, and a changed product is judged as it is.
    #[must_use]
    pub const fn makes_doubtful(self) -> bool {
        !matches!(self, Self::ClockWrong | Self::ProductChanged)
    }

    /// The name of the cause for operators.
    #[must_use]
    pub fn words(self) -> Words {
        match self {
            Self::SensorBlind => Words::new("sensor blind", "capteur aveugle"),
            Self::WindowDirty => Words::new("window dirty", "vitre sale"),
            Self::WindowFilmed => Words::new("film on the window", "film sur la vitre"),
            Self::FloorMoved => Words::new("floor moved", "fond déplacé"),
            Self::LampFading => Words::new("lamp changed", "éclairage modifié"),
            Self::BusErrors => Words::new("cable or bus errors", "erreurs de câble ou de bus"),
            Self::ClockWrong => Words::new("clock wrong", "horloge déréglée"),
            Self::SensorsDisagree => Words::new("sensors disagree", "capteurs en désaccord"),
            Self::ProductChanged => Words::new("product changed", "produit modifié"),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> Words {
        match self {
            Self::SensorBlind => Words::new(
                "Stop selling by this station. Look whether the sensor is covered; check its cable and supply; restart the station. Grade the doubtful trays again.",
                "Ne vous fiez plus aux grades de ce poste pour vendre. Vérifiez que le capteur n'est pas couvert, puis son câble et son alimentation ; redémarrez le poste. Reclassez les barquettes douteuses.",
            ),
            Self::WindowDirty => Words::new(
                "Clean the window of the distance sensor with a soft cloth. Grade the doubtful trays again.",
                "Nettoyez la vitre du capteur de distance avec un chiffon doux. Reclassez les barquettes douteuses.",
            ),
            Self::WindowFilmed => Words::new(
                "Wipe fat or condensation from the whole window of the distance sensor. If it returns, check the air flow and the temperature.",
                "Essuyez la graisse ou la buée de toute la vitre du capteur de distance. Si elle revient, vérifiez le flux d'air et la température.",
            ),
            Self::FloorMoved => Words::new(
                "Put the sensor or the carrier back. If the new place is meant to stay, calibrate with an empty tray and let the station learn again.",
                "Remettez le capteur ou le support en place. Si la nouvelle position est voulue, étalonnez avec une barquette vide et relancez l'apprentissage du poste.",
            ),
            Self::LampFading => Words::new(
                "Clean the lamp; if that does not help, replace it. Then measure the white tile and let the station learn again.",
                "Nettoyez la lampe ; si cela ne suffit pas, remplacez-la. Mesurez ensuite la cible blanche et relancez l'apprentissage du poste.",
            ),
            Self::BusErrors => Words::new(
                "Check the cable between the sensors and the station and keep it away from motors. Restart the station.",
                "Vérifiez le câble entre les capteurs et le poste et éloignez-le des moteurs. Redémarrez le poste.",
            ),
            Self::ClockWrong => Words::new(
                "Check that the station reaches its time server (NTP).",
                "Vérifiez que le poste atteint son serveur de temps (NTP).",
            ),
            Self::SensorsDisagree => Words::new(
                "Measure the white tile and an empty tray: one of the two shows which sensor is wrong.",
                "Mesurez la cible blanche et une barquette vide : l'une des deux montre quel capteur se trompe.",
            ),
            Self::ProductChanged => Words::new(
                "Nothing is wrong with the instruments. If the change is meant (another lot, another recipe), let the station learn again.",
                "Les instruments ne sont pas en cause. Si le changement est voulu (autre lot, autre recette), relancez l'apprentissage du poste.",
            ),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_own_word_and_is_written_by_it() {
        let mut words: Vec<_> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
        for cause in Cause::ALL {
            assert_eq!(serde_json::to_string(&cause).unwrap(), format!("\"{cause}\""));
            assert!(!cause.words().fr.is_empty() && !cause.advice().fr.is_empty());
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Cause::ALL.len());
    }

    #[test]
    fn the_doubtful_words_are_those_of_the_causes_that_make_trays_doubtful() {
        let doubtful: Vec<_> =
            Cause::ALL.into_iter().filter(|cause| cause.makes_doubtful()).map(Cause::as_str).collect();
        assert_eq!(Cause::DOUBTFUL, doubtful);
    }
}

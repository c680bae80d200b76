//! Alerts on stations: silent, faulty, with another clock, and with frames that are refused.

use super::INSTANCE;
use super::draft::DraftRule;
use crate::query::{Over, Query, Selector};
use crate::rule::{AlertRule, Hold};
use crate::station::Cause;

/// Refused frames in an hour from which a person looks at them.
const MANY_LETTERS: f64 = 50.0;

pub(super) fn rules() -> Vec<AlertRule> {
    vec![silent(), fault(), many_faulty(), clock_disagrees(), storm(), dead_letters_growing()]
}

fn silent() -> AlertRule {
    // A station that has gone to another server is silent only for the one that it has left.
    let query = Query::from(Selector::new("station_silent")).min_by(&["device"]).equal_to(1.0);
    DraftRule::warning("StationSilent", "station-silent", query).held(Hold::minutes(1)).says(
        ["{device}: the station sends nothing", "{device} : le poste n'envoie rien"],
        [
            "No sample has come for much longer than usual, while other stations send. Trays pass it without a \
             verdict, or it keeps its samples because its network is away.",
            "Aucun échantillon depuis bien plus longtemps que d'habitude, alors que d'autres postes envoient. Les \
             barquettes passent sans verdict, ou le poste garde ses échantillons parce que son réseau est absent.",
        ],
    )
}

fn fault() -> AlertRule {
    let query = Query::from(Selector::new("station_fault")).max_by(&["device", "cause"]).equal_to(1.0);
    DraftRule::warning("StationFault", "station-fault", query).held(Hold::default().keeping(5)).says(
        ["{device}: the station has a fault ({cause})", "{device} : le poste a un défaut ({cause})"],
        [
            "Its readings differ from what this station has learned in the way of this cause. If an instrument is at \
             fault, verdicts since its beginning are doubtful, and the page of the station lists the trays. If the \
             product has changed or the clock is wrong, verdicts stand.",
            "Ses mesures s'écartent de ce que ce poste a appris, d'une façon propre à cette cause. Si un instrument \
             est en défaut, les verdicts depuis le début du défaut sont douteux, et la page du poste liste les \
             barquettes. Si le produit a changé ou si l'horloge est déréglée, les verdicts restent valables.",
        ],
    )
}

fn many_faulty() -> AlertRule {
    // A new product on the whole line, or a wrong clock, makes no verdict doubtful.
    let at_fault = Selector::new("station_fault").matching("cause", Cause::DOUBTFUL);
    let faulty = Query::from(at_fault).max_by(&["device"]).equal_to(1.0).count_by(&[]);
    let stations = Query::from(Selector::new("station_silent")).max_by(&["device"]).count_by(&[]);
    let query = faulty.clone().above(stations.divided_by(3.0)).and(faulty.at_least(3.0));
    DraftRule::critical("StationsFaulty", "stations-faulty", query).held(Hold::minutes(2)).says(
        [
            "More than a third of the stations have a fault at the same time",
            "Plus d'un tiers des postes ont un défaut en même temps",
        ],
        [
            "Stations with an instrument at fault: {value:count}. They hardly fail together by chance: look for one \
             cause, such as cleaning, light, power or a new profile. Hold the trays since then.",
            "Postes dont un instrument est en défaut : {value:count}. Ce n'est guère un hasard : chercher une cause \
             commune, comme un nettoyage, l'éclairage, l'alimentation ou un nouveau profil. Retenir les barquettes \
             depuis.",
        ],
    )
}

fn clock_disagrees() -> AlertRule {
    let query = Query::from(Selector::new("devices_clock_disagrees")).above(0.0);
    DraftRule::warning("ClockDisagrees", "clock-disagrees", query).held(Hold::minutes(5)).says(
        [
            "{instance}: stations have a clock that is ahead of the server's",
            "{instance} : des postes ont une horloge en avance sur celle du serveur",
        ],
        [
            "Stations: {value:count}. Their samples are refused, and kept by them, until the clocks agree again. If \
             it is most of them, the clock of the server is wrong.",
            "Postes : {value:count}. Leurs échantillons sont refusés, et gardés par eux, jusqu'à ce que les horloges \
             concordent. Si c'est la plupart, l'horloge du serveur est déréglée.",
        ],
    )
}

fn storm() -> AlertRule {
    let query = Query::rate(Selector::new("budget_refused_total"), 5).sum_by(INSTANCE).above(1.0);
    DraftRule::warning("DeviceStorm", "device-storm", query).held(Hold::minutes(5)).says(
        [
            "{instance}: a holder asks for more than its share of the server",
            "{instance} : un poste ou un programme demande plus que sa part du serveur",
        ],
        [
            "Refusals a second: {value}. Other stations keep their share, so their trays are not affected. Which \
             resource it is, and how the holder is found: see the page of this alert.",
            "Refus par seconde : {value}. Les autres postes gardent leur part, donc leurs barquettes ne sont pas \
             touchées. Pour la ressource et pour trouver qui demande : voir la page de cette alerte.",
        ],
    )
}

fn dead_letters_growing() -> AlertRule {
    let letters = Selector::new("dead_letters");
    let dropped = Query::increase(Selector::new("dead_letters_dropped_total"), 60).above(0.0);
    let grown = Query::from(letters.clone()).minus(Query::over_time(Over::Min, letters, 60)).above(MANY_LETTERS);
    let query = grown.or(dropped);
    DraftRule::warning("DeadLettersGrowing", "dead-letters-growing", query).held(Hold::minutes(5)).says(
        [
            "{instance}: many frames of stations are refused",
            "{instance} : de nombreuses trames de postes sont refusées",
        ],
        [
            "Refused frames of the last hour, or those of them that could not be kept: {value:count}. Their trays \
             have no verdict. /api/v1/dead-letters says why, and replays them when the cause is mended.",
            "Trames refusées durant la dernière heure, ou celles qui n'ont pu être gardées : {value:count}. Leurs \
             barquettes n'ont pas de verdict. /api/v1/dead-letters dit pourquoi, et les rejoue une fois la cause \
             corrigée.",
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new product is changed on every station at once, and no instrument is at fault.
    #[test]
    fn a_new_product_or_a_wrong_clock_does_not_count_for_many_faulty_stations() {
        let asked = many_faulty().query().promql();
        for cause in Cause::ALL {
            assert_eq!(asked.contains(cause.as_str()), cause.makes_doubtful(), "{cause}: {asked}");
        }
    }
}

//! Alerts on the way of samples into the server: batches of gateways, and verdicts that come late.

use super::INSTANCE;
use super::draft::DraftRule;
use super::requests::{counted, failed, slow};
use crate::query::{Query, Selector};
use crate::rule::{AlertRule, Hold};

/// The route by which gateways deliver samples.
const BATCHES: &str = "/api/v1/samples:batch";

pub(super) fn rules() -> Vec<AlertRule> {
    vec![breach_repeated(), breach_count_high(), severity_critical()]
}

/// Batches that were slow or failed, over minutes.
fn breaches(minutes: u64) -> Query {
    let of = |counter: Selector| Query::increase(counter.with("endpoint", BATCHES), minutes).sum_by(INSTANCE);
    of(slow()).plus(of(failed()))
}

fn breach_repeated() -> AlertRule {
    let all = Query::increase(counted().with("endpoint", BATCHES), 15).sum_by(INSTANCE);
    let query = breaches(15).divided_by(all).above(0.05).and(breaches(15).at_least(5.0));
    DraftRule::critical("IngestSLOBreachRepeated", "ingest-slo-breach-repeated", query).held(Hold::minutes(5)).says(
        [
            "{instance}: batches of samples fail or are slow again and again",
            "{instance} : des lots d'échantillons échouent ou sont lents à répétition",
        ],
        [
            "Share of the batches of the last 15 minutes that failed or took more than 5 s: {value}; at most 0.05 may. \
             Gateways keep their samples and send them again, so verdicts come late.",
            "Part des lots des 15 dernières minutes en échec ou de plus de 5 s : {value} ; la limite est de 0,05. \
             Les passerelles gardent leurs échantillons et les renvoient : les verdicts arrivent en retard.",
        ],
    )
}

fn breach_count_high() -> AlertRule {
    let query = breaches(60).above(10.0);
    DraftRule::warning("IngestSLOBreachCountHigh", "ingest-slo-breach-count-high", query).says(
        [
            "{instance}: more than 10 batches of samples in an hour failed or were slow",
            "{instance} : plus de 10 lots d'échantillons en échec ou lents en une heure",
        ],
        [
            "Batches that failed or took more than 5 s in the last hour: {value:count}. Gateways have sent them again.",
            "Lots en échec ou de plus de 5 s durant la dernière heure : {value:count}. Les passerelles les ont \
             renvoyés.",
        ],
    )
}

fn severity_critical() -> AlertRule {
    let all = Selector::new("sample_judged_age_seconds_count");
    // The text format writes the bound as 1, OpenMetrics as 1.0.
    let in_time = Selector::new("sample_judged_age_seconds_bucket").matching("le", &["1", "1.0"]);
    let of = |counter: &Selector| Query::rate(counter.clone(), 5).sum_by(INSTANCE);
    let late = of(&all).minus(of(&in_time)).divided_by(of(&all));
    let query = late.above(0.5).and(Query::increase(all, 5).sum_by(INSTANCE).at_least(20.0));
    DraftRule::critical("IngestSLOSeverityCritical", "ingest-slo-severity-critical", query)
        .held(Hold::minutes(10))
        .says(
            [
                "{instance}: more than half of the trays are judged over 1 s after they were measured",
                "{instance} : plus de la moitié des barquettes sont jugées plus de 1 s après la mesure",
            ],
            [
                "Share of trays that are judged late: {value}. A tray may have left the sorter before its verdict. \
                 Sort by hand, or slow the line down.",
                "Part des barquettes jugées en retard : {value}. Une barquette peut avoir quitté la trieuse avant son \
                 verdict. Trier à la main, ou ralentir la ligne.",
            ],
        )
}

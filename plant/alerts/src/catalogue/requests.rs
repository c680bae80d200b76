//! Alerts on what callers of the interface get: errors, latency, and faults of the program.

use super::draft::DraftRule;
use super::{INSTANCE, ROUTE};
use crate::query::{Query, Selector};
use crate::rule::{AlertRule, Hold};

/// Routes whose time is that of the work that the caller asks for, or that of a device. Their
/// objective is 5 s, so a limit of 2 s says nothing about them.
const LONG_ROUTES: &[&str] = &[
    "/api/v1/dead-letters:replay",
    "/api/v1/devices/{device_id}/commands",
    "/api/v1/profiles/{name}/dry-run",
    "/api/v1/samples:batch",
];

pub(super) fn rules() -> Vec<AlertRule> {
    vec![
        high_error_rate(),
        latency_breach_repeated(),
        latency_breach_critical(),
        error_rate_breach(),
        availability_breach(),
        latency_p95_high(),
        breaches_elevated(),
        request_panicked(),
    ]
}

/// Requests that took longer than the objective of their route.
pub(super) fn slow() -> Selector {
    Selector::new("api_slo_latency_breach_total")
}

/// Requests that were answered with 500 or above, without 504.
pub(super) fn failed() -> Selector {
    Selector::new("api_slo_error_breach_total")
}

/// Requests that count for an objective.
pub(super) fn counted() -> Selector {
    Selector::new("api_slo_request_duration_seconds_count")
}

/// The share of the requests of a route that a counter counts, over minutes.
fn share_of_route(bad: Selector, minutes: u64) -> Query {
    Query::rate(bad, minutes).sum_by(ROUTE).divided_by(Query::rate(counted(), minutes).sum_by(ROUTE))
}

fn high_error_rate() -> AlertRule {
    // A station that asks for more than its share is refused with 503, which DeviceStorm tells.
    let no_station = |all: Selector| all.without("endpoint", "/ws/sensors").without("endpoint", "/ws/sensors/");
    let all = no_station(Selector::new("http_requests_total"));
    // A command whose device is silent is answered 504, which says nothing about the server.
    let bad = all.clone().status_class("status", 5).without("status", "504");
    let share = Query::rate(bad.clone(), 5).sum_by(INSTANCE).divided_by(Query::rate(all, 5).sum_by(INSTANCE));
    let query = share.above(0.05).and(Query::increase(bad, 5).sum_by(INSTANCE).at_least(3.0));
    DraftRule::critical("HighErrorRate", "high-error-rate", query).held(Hold::minutes(5)).says(
        ["{instance}: more than 5 % of the requests fail", "{instance} : plus de 5 % des requêtes échouent"],
        [
            "Share of requests that are answered with 500 or above: {value}. Dashboards and gateways get errors. \
             Trays are judged as long as stations get their answers; what is not acknowledged, a station sends again.",
            "Part des requêtes dont la réponse est 500 ou plus : {value}. Les tableaux de bord et les passerelles \
             reçoivent des erreurs. Les barquettes sont jugées tant que les postes reçoivent leurs réponses ; un poste \
             renvoie ce qui n'est pas acquitté.",
        ],
    )
}

fn latency_breach_repeated() -> AlertRule {
    let often = Query::increase(slow(), 15).sum_by(ROUTE).at_least(10.0);
    let query = share_of_route(slow(), 15).above(0.05).and(often);
    DraftRule::warning("APISLOLatencyBreachRepeated", "api-slo-latency-breach-repeated", query)
        .held(Hold::minutes(5))
        .says(
            [
                "{instance}: {endpoint} is slower than its objective",
                "{instance} : {endpoint} est plus lent que son objectif",
            ],
            [
                "Share of its requests that took longer than the objective over 15 minutes: {value}; at most 0.05 may. \
                 People wait for pages; trays are not affected.",
                "Part de ses requêtes plus longues que l'objectif sur 15 minutes : {value} ; la limite est de 0,05. \
                 Les pages se font attendre ; les barquettes ne sont pas touchées.",
            ],
        )
}

fn latency_breach_critical() -> AlertRule {
    let often = Query::rate(slow(), 5).sum_by(ROUTE).above(1.0);
    let query = often.and(share_of_route(slow(), 5).above(0.05));
    DraftRule::critical("APISLOLatencyBreachCritical", "api-slo-latency-breach-critical", query)
        .held(Hold::minutes(5))
        .says(
            [
                "{instance}: more than one slow request a second at {endpoint}",
                "{instance} : plus d'une requête lente par seconde à {endpoint}",
            ],
            [
                "Requests a second that take longer than the objective: {value}, and more than 5 % of all. The server \
                 or its database is overloaded; verdicts may come late.",
                "Requêtes par seconde plus longues que l'objectif : {value}, et plus de 5 % de toutes. Le serveur ou \
                 sa base de données est surchargé ; les verdicts peuvent arriver en retard.",
            ],
        )
}

fn error_rate_breach() -> AlertRule {
    let often = Query::increase(failed(), 5).sum_by(ROUTE).at_least(5.0);
    let query = share_of_route(failed(), 5).above(0.05).and(often);
    DraftRule::critical("APISLOErrorRateBreach", "api-slo-error-rate-breach", query).held(Hold::minutes(5)).says(
        [
            "{instance}: more than 5 % of the requests to {endpoint} fail",
            "{instance} : plus de 5 % des requêtes à {endpoint} échouent",
        ],
        [
            "Share of its requests that are answered with 500 or above: {value}. If it is a route of stations or \
             gateways, their samples wait until it works again.",
            "Part de ses requêtes dont la réponse est 500 ou plus : {value}. Si les postes ou les passerelles \
             l'utilisent, leurs échantillons attendent qu'elle fonctionne à nouveau.",
        ],
    )
}

fn availability_breach() -> AlertRule {
    let refused = || Selector::new("api_slo_availability_breach_total");
    let often = Query::increase(refused(), 5).sum_by(ROUTE).at_least(5.0);
    let query = share_of_route(refused(), 5).above(0.05).and(often);
    DraftRule::critical("APISLOAvailabilityBreach", "api-slo-availability-breach", query).held(Hold::minutes(5)).says(
        [
            "{instance}: {endpoint} is not available for more than 5 % of its requests",
            "{instance} : {endpoint} est indisponible pour plus de 5 % de ses requêtes",
        ],
        [
            "Share of its requests that are answered with 503: {value}. The database or another part is away, or the \
             server is overloaded.",
            "Part de ses requêtes dont la réponse est 503 : {value}. La base de données ou une autre partie est \
             injoignable, ou le serveur est surchargé.",
        ],
    )
}

fn latency_p95_high() -> AlertRule {
    let buckets = Selector::new("api_slo_request_duration_seconds_bucket").mismatching("endpoint", LONG_ROUTES);
    let p95 = Query::rate(buckets, 5).sum_by(&["le", "instance", "endpoint"]).quantile(0.95);
    let query = p95.above(2.0).and(Query::increase(counted(), 5).sum_by(ROUTE).at_least(20.0));
    DraftRule::warning("APILatencyP95High", "api-latency-p95-high", query).held(Hold::minutes(5)).says(
        [
            "{instance}: 5 % of the requests to {endpoint} take longer than 2 s",
            "{instance} : 5 % des requêtes à {endpoint} durent plus de 2 s",
        ],
        [
            "95th percentile of the time to answer in seconds: {value}. People wait for pages; trays are not affected.",
            "95e centile du temps de réponse en secondes : {value}. Les pages se font attendre ; les barquettes ne \
             sont pas touchées.",
        ],
    )
}

fn breaches_elevated() -> AlertRule {
    let of = |counter: Selector| Query::rate(counter, 5).sum_by(INSTANCE);
    let breaches = || of(slow()).plus(of(failed()));
    let share = breaches().divided_by(of(counted())).above(0.01);
    let query = breaches().times(60.0).above(5.0).and(share);
    DraftRule::warning("GlobalSLOBreachesElevated", "global-slo-breaches-elevated", query).held(Hold::minutes(5)).says(
        [
            "{instance}: more than 5 requests a minute miss their objective",
            "{instance} : plus de 5 requêtes par minute manquent leur objectif",
        ],
        [
            "Slow or failed requests a minute, over all routes: {value}, and more than 1 % of all. No single route \
             need be in alarm yet.",
            "Requêtes lentes ou en échec par minute, toutes routes confondues : {value}, et plus de 1 % de toutes. \
             Il se peut qu'aucune route ne soit encore en alarme.",
        ],
    )
}

fn request_panicked() -> AlertRule {
    let query = Query::increase(Selector::new("request_panics_total"), 5).sum_by(ROUTE).above(0.0);
    DraftRule::warning("RequestPanicked", "request-panicked", query).says(
        [
            "{instance}: a request to {endpoint} broke off because of a fault in the program",
            "{instance} : une requête à {endpoint} a été interrompue par un défaut du programme",
        ],
        [
            "The caller got 500, and the server goes on. A sample that was not acknowledged is sent again, and breaks \
             off again if it is the cause. The log has the place of the fault.",
            "L'appelant a reçu 500, et le serveur continue. Un échantillon non acquitté est renvoyé, et la requête \
             s'interrompt de nouveau s'il en est la cause. Le journal indique l'endroit du défaut.",
        ],
    )
}

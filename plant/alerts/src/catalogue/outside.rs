//! [`outside`]: alerts that only a Prometheus beside the server can give, because a server that is
//! down says nothing.

use super::draft::DraftRule;
use crate::query::{Query, Selector};
use crate::rule::{AlertRule, Hold};

/// The jobs of `deploy/prometheus/prometheus.yml` that scrape servers.
pub const JOBS: [&str; 2] = ["gaveurs-backend", "atmr-backend-http"];

/// The name of the alert that always fires. It has the severity `none`, and Alertmanager sends it
/// to a service outside of the plant, which calls a person when it no longer arrives.
pub const WATCHDOG: &str = "Watchdog";

/// The page of [`WATCHDOG`] under `docs/runbook/`, without `.md`.
pub const WATCHDOG_RUNBOOK: &str = "watchdog";

/// The rules over `up`, which Prometheus sets at each scrape.
#[must_use]
pub fn outside() -> Vec<AlertRule> {
    vec![server_down(), server_absent()]
}

fn up() -> Selector {
    Selector::new("up").matching("job", &JOBS)
}

fn server_down() -> AlertRule {
    let query = Query::from(up()).equal_to(0.0);
    DraftRule::critical("ServerDown", "server-down", query).held(Hold::minutes(1)).says(
        ["{instance}: the server does not answer", "{instance} : le serveur ne répond pas"],
        [
            "Stations of this server connect to another one, or keep their samples. Without another server, trays \
             pass without a verdict on the page.",
            "Les postes de ce serveur se connectent à un autre, ou gardent leurs échantillons. Sans autre serveur, les \
             barquettes passent sans verdict sur la page.",
        ],
    )
}

fn server_absent() -> AlertRule {
    DraftRule::critical("ServerAbsent", "server-absent", Query::absent(up())).held(Hold::minutes(5)).says(
        ["Prometheus scrapes no server of SQAL", "Prometheus n'interroge aucun serveur SQAL"],
        [
            "No other alert can come, because there is nothing to evaluate. Look at the targets of Prometheus and at \
             its configuration; trays may be judged all the same.",
            "Aucune autre alerte ne peut venir, faute de mesures. Regarder les cibles de Prometheus et sa \
             configuration ; il se peut que les barquettes soient jugées malgré tout.",
        ],
    )
}

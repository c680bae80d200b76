//! Alerts on the process and its machine: health checks, memory, clock, disk.

use super::INSTANCE;
use super::draft::DraftRule;
use crate::query::{Query, Selector};
use crate::rule::{AlertRule, Hold};

/// The memory from which a server is larger than any plant needs: 2 GiB.
const MEMORY_BYTES: f64 = 2_147_483_648.0;

pub(super) fn rules() -> Vec<AlertRule> {
    vec![health_check_failing(), memory_high(), clock_stepped(), disk_full_soon(), disk_filling()]
}

fn health_check_failing() -> AlertRule {
    let query = Query::from(Selector::new("health_check_ok").with("critical", "true")).equal_to(0.0);
    DraftRule::critical("CriticalHealthCheckFailing", "critical-health-check-failing", query)
        .held(Hold::minutes(5))
        .says(
            [
                "{instance}: a part without which the server is not ready fails ({check})",
                "{instance} : une partie sans laquelle le serveur n'est pas prêt est en défaut ({check})",
            ],
            [
                "The server answers /health/ready with 503, and a load balancer sends it no stations. /health says \
                 the cause. Stations keep what is not acknowledged.",
                "Le serveur répond 503 à /health/ready, et un répartiteur de charge ne lui adresse plus de postes. \
                 /health indique la cause. Les postes gardent ce qui n'est pas acquitté.",
            ],
        )
}

fn memory_high() -> AlertRule {
    let query = Query::from(Selector::new("process_resident_memory_bytes")).above(MEMORY_BYTES);
    DraftRule::warning("ServerMemoryHigh", "server-memory-high", query).held(Hold::minutes(10)).says(
        ["{instance}: the server has more than 2 GiB of memory", "{instance} : le serveur occupe plus de 2 Gio"],
        [
            "Memory: {value:bytes}. If it goes on, the machine ends the process, and stations connect again.",
            "Mémoire : {value:bytes}. Si cela continue, la machine arrête le processus, et les postes se \
             reconnectent.",
        ],
    )
}

fn clock_stepped() -> AlertRule {
    let query = Query::increase(Selector::new("server_clock_steps_total"), 10).sum_by(INSTANCE).above(0.0);
    DraftRule::warning("ServerClockStepped", "server-clock-stepped", query).says(
        ["{instance}: the clock of the server has stepped", "{instance} : l'horloge du serveur a fait un saut"],
        [
            "Times of trays from around the step may be wrong, and stations whose clock is right may be refused. \
             Check the time synchronisation of the machine.",
            "Les heures des barquettes autour du saut peuvent être fausses, et des postes à l'heure peuvent être \
             refusés. Vérifier la synchronisation de l'heure de la machine.",
        ],
    )
}

/// The share of the disk of the data folder that is free.
fn free() -> Query {
    Query::from(Selector::new("data_dir_free_ratio"))
}

fn disk_full_soon() -> AlertRule {
    DraftRule::critical("DiskNearlyFull", "disk-nearly-full", free().below(0.05)).held(Hold::minutes(1)).says(
        [
            "{instance}: less than 5 % of the disk of the data folder is free",
            "{instance} : il reste moins de 5 % d'espace libre sur le disque du dossier de données",
        ],
        [
            "Free share: {value}. When the disk is full, samples are no longer acknowledged, and stations keep them \
             as far as their memory goes.",
            "Part libre : {value}. Quand le disque est plein, les échantillons ne sont plus acquittés, et les postes \
             les gardent dans la limite de leur mémoire.",
        ],
    )
}

fn disk_filling() -> AlertRule {
    DraftRule::warning("DiskNearlyFull", "disk-nearly-full", free().below(0.15)).held(Hold::minutes(5)).says(
        [
            "{instance}: less than 15 % of the disk of the data folder is free",
            "{instance} : il reste moins de 15 % d'espace libre sur le disque du dossier de données",
        ],
        [
            "Free share: {value}. Trays are not affected yet. Make room, or purge what may go.",
            "Part libre : {value}. Les barquettes ne sont pas encore touchées. Faire de la place, ou purger ce qui \
             peut l'être.",
        ],
    )
}

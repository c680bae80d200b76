//! Alerts on the caches: too few hits, and a shared cache that is away.

use super::INSTANCE;
use super::database::away;
use super::draft::DraftRule;
use crate::query::{Query, Selector};
use crate::rule::{AlertRule, Hold};

/// The fewest reads in five minutes of which the share of hits says something about the load of
/// the database, as in the log of the server (`docs/storage.md`).
const FEWEST_READS: f64 = 1_000.0;

pub(super) fn rules() -> Vec<AlertRule> {
    vec![hit_rate_critical(), hit_rate_warning(), breaker_open(), cache_away()]
}

/// Hits, and all reads that were hits or misses, of the last five minutes. Reads past a shared
/// cache that was away are neither.
fn hits_and_reads() -> (Query, Query) {
    let of = |counter: &str| Query::increase(Selector::new(counter), 5).sum_by(INSTANCE);
    (of("cache_hits_total"), of("cache_hits_total").plus(of("cache_misses_total")))
}

fn hit_rate_critical() -> AlertRule {
    let (hits, reads) = hits_and_reads();
    let query = hits.divided_by(reads.clone()).below(0.5).and(reads.at_least(FEWEST_READS));
    DraftRule::critical("LowCacheHitRate", "low-cache-hit-rate", query).held(Hold::minutes(10)).says(
        [
            "{instance}: the caches answer less than half of their reads",
            "{instance} : les caches répondent à moins de la moitié de leurs lectures",
        ],
        [
            "Share of hits of the last five minutes: {value}. The database carries twice its usual reads; if it slows \
             down, pages do, too.",
            "Part de succès des cinq dernières minutes : {value}. La base de données porte le double de ses lectures \
             habituelles ; si elle ralentit, les pages aussi.",
        ],
    )
}

fn hit_rate_warning() -> AlertRule {
    let (hits, reads) = hits_and_reads();
    let threshold = Query::from(Selector::new("cache_hit_rate_threshold")).min_by(INSTANCE);
    let query = hits.divided_by(reads.clone()).below(threshold).and(reads.at_least(FEWEST_READS));
    DraftRule::warning("LowCacheHitRate", "low-cache-hit-rate", query).held(Hold::minutes(10)).says(
        [
            "{instance}: the caches answer fewer reads than the threshold of the server asks for",
            "{instance} : les caches répondent à moins de lectures que ne le demande le seuil du serveur",
        ],
        [
            "Share of hits of the last five minutes: {value}. Trays are not affected. Look for clients that poll the \
             newest sample more slowly than it changes, and for a shared cache that is too small.",
            "Part de succès des cinq dernières minutes : {value}. Les barquettes ne sont pas touchées. Chercher des \
             clients qui interrogent le dernier échantillon plus lentement qu'il ne change, et un cache partagé trop \
             petit.",
        ],
    )
}

fn breaker_open() -> AlertRule {
    let query = away(&["cache_dashboard", "cache_devices", "cache_hours"]);
    DraftRule::warning("CacheBreakerOpen", "cache-breaker-open", query).held(Hold::minutes(5)).says(
        [
            "{instance}: the shared cache is away (circuit breaker {name})",
            "{instance} : le cache partagé est injoignable (disjoncteur {name})",
        ],
        [
            "The server no longer calls Redis and remembers for itself. Trays are not affected; the database carries \
             more reads.",
            "Le serveur n'appelle plus Redis et mémorise pour lui-même. Les barquettes ne sont pas touchées ; la base \
             de données porte plus de lectures.",
        ],
    )
}

fn cache_away() -> AlertRule {
    let query = Query::rate(Selector::new("cache_bypass_total"), 5).sum_by(INSTANCE).above(0.0);
    DraftRule::warning("CacheAway", "cache-away", query).held(Hold::minutes(10)).says(
        [
            "{instance}: reads go past the shared cache to the database",
            "{instance} : des lectures contournent le cache partagé vers la base de données",
        ],
        [
            "Reads a second past Redis: {value}. Trays are not affected; the database carries more reads.",
            "Lectures par seconde sans Redis : {value}. Les barquettes ne sont pas touchées ; la base de données porte \
             plus de lectures.",
        ],
    )
}

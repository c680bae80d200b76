//! Alerts on the database, and on the spool in which acknowledged samples wait for it.

use super::INSTANCE;
use super::draft::DraftRule;
use crate::query::{Query, Selector};
use crate::rule::{AlertRule, Hold};

/// The circuit breakers of the database: for writing and for reading.
const DATABASE: &[&str] = &["database", "database_reads"];

/// Samples of a full spool: 2 000 000. From four fifths on a person is called.
const SPOOL_NEARLY_FULL: f64 = 1_600_000.0;

pub(super) fn rules() -> Vec<AlertRule> {
    vec![
        pool_exhausted(),
        breaker_open(),
        database_slow(),
        spool_growing(),
        spool_nearly_full(),
        acknowledged_samples_lost(),
    ]
}

/// The circuit breakers of these names that are open (1), half open (2) or forced open (4). While a
/// dependency is away its breaker is half open for each probe, so 1 alone would begin anew each
/// time.
pub(super) fn away(names: &[&str]) -> Query {
    let state = || Query::from(Selector::new("circuit_breaker_state").matching("name", names));
    state().above(0.0).below(3.0).or(state().equal_to(4.0))
}

fn pool_exhausted() -> AlertRule {
    let gauge = |name: &str| Query::from(Selector::new(name));
    // The only connection that writes to SQLite is in use at most scrapes of a busy line. If the
    // database is away, connections that wait for it are no fault of the pool.
    let several = gauge("db_connection_pool_size").above(1.0);
    let query = gauge("db_connection_pool_available").equal_to(0.0).and(several).unless_on(INSTANCE, away(DATABASE));
    DraftRule::critical("DatabasePoolExhausted", "database-pool-exhausted", query).held(Hold::minutes(1)).says(
        [
            "{instance}: all connections to the database are in use",
            "{instance} : toutes les connexions à la base de données sont utilisées",
        ],
        [
            "Calls wait for a free connection, so pages are slow. Samples are still taken, and verdicts may come late.",
            "Les appels attendent une connexion libre : les pages sont lentes. Les échantillons sont encore acceptés, \
             et les verdicts peuvent arriver en retard.",
        ],
    )
}

fn breaker_open() -> AlertRule {
    DraftRule::critical("CircuitBreakerOpen", "circuit-breaker-open", away(DATABASE)).held(Hold::minutes(5)).says(
        [
            "{instance}: the database is away (circuit breaker {name})",
            "{instance} : la base de données est injoignable (disjoncteur {name})",
        ],
        [
            "The server no longer calls the database. With PostgreSQL, samples are acknowledged from the spool and \
             move by themselves when it is back; with SQLite, stations keep their samples. Pages show nothing new.",
            "Le serveur n'appelle plus la base de données. Avec PostgreSQL, les échantillons sont acquittés depuis la \
             file locale et suivent d'eux-mêmes à son retour ; avec SQLite, les postes gardent leurs échantillons. Les \
             pages ne montrent rien de nouveau.",
        ],
    )
}

fn database_slow() -> AlertRule {
    const CALLS: &[&str] = &["instance", "query_type"];
    let metric = |part: &str| Selector::new(&format!("db_query_duration_seconds_{part}"));
    let p95 = Query::rate(metric("bucket"), 5).sum_by(&["le", "instance", "query_type"]).quantile(0.95);
    let query = p95.above(1.0).and(Query::increase(metric("count"), 5).sum_by(CALLS).at_least(20.0));
    DraftRule::warning("DatabaseSlow", "database-slow", query).held(Hold::minutes(5)).says(
        [
            "{instance}: 5 % of the calls to the database ({query_type}) take longer than 1 s",
            "{instance} : 5 % des appels à la base de données ({query_type}) durent plus de 1 s",
        ],
        [
            "95th percentile in seconds: {value}. If it is insert, acknowledgements come late, and stations hold more \
             samples.",
            "95e centile en secondes : {value}. S'il s'agit d'insert, les acquittements arrivent en retard, et les \
             postes gardent plus d'échantillons.",
        ],
    )
}

/// The samples that were acknowledged and wait for the database.
fn waiting() -> Query {
    Query::from(Selector::new("spool_samples_waiting"))
}

fn spool_growing() -> AlertRule {
    let query = waiting().above(1_000.0);
    DraftRule::warning("SpoolGrowing", "spool-growing", query).held(Hold::minutes(5)).says(
        [
            "{instance}: more than 1000 acknowledged samples wait for the database",
            "{instance} : plus de 1000 échantillons acquittés attendent la base de données",
        ],
        [
            "Samples in the spool: {value:count}. They are safe on the disk of this server and move by themselves when \
             the database takes them; pages and reports do not have them yet.",
            "Échantillons dans la file locale : {value:count}. Ils sont en sûreté sur le disque de ce serveur et \
             suivent d'eux-mêmes quand la base de données les accepte ; les pages et les rapports ne les ont pas \
             encore.",
        ],
    )
}

fn spool_nearly_full() -> AlertRule {
    let query = waiting().above(SPOOL_NEARLY_FULL);
    DraftRule::critical("SpoolNearlyFull", "spool-nearly-full", query).says(
        [
            "{instance}: the spool is nearly full of samples that wait for the database",
            "{instance} : la file locale est presque pleine d'échantillons qui attendent la base de données",
        ],
        [
            "Samples in the spool: {value:count} of 2\u{a0}000\u{a0}000. When it is full, samples are no longer \
             acknowledged, and stations keep them as far as their memory goes.",
            "Échantillons dans la file locale : {value:count} sur 2\u{a0}000\u{a0}000. Quand elle est pleine, les \
             échantillons ne sont plus acquittés, et les postes les gardent dans la limite de leur mémoire.",
        ],
    )
}

fn acknowledged_samples_lost() -> AlertRule {
    let query = Query::from(Selector::new("spool_samples_damaged")).above(0.0);
    DraftRule::critical("AcknowledgedSamplesLost", "acknowledged-samples-lost", query).says(
        [
            "{instance}: acknowledged samples in the spool cannot be read",
            "{instance} : des échantillons acquittés de la file locale sont illisibles",
        ],
        [
            "Samples that were acknowledged and are not in the database: {value:count}. Their stations no longer have \
             them. Keep the file of the spool as it is; the page says how.",
            "Échantillons acquittés qui ne sont pas dans la base de données : {value:count}. Leurs postes ne les ont \
             plus. Garder le fichier de la file locale tel quel ; la page dit comment.",
        ],
    )
}

//! Queries are counted in their scope and in no other, on both databases; a loop that should be one
//! query is named.
#![cfg(all(feature = "conformance", feature = "postgres", feature = "profile", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::time::Duration;

use sqal_storage::conformance::scored;
use sqal_storage::{
    SampleQuery, SampleStore, SqliteStore, assert_query_budget,
    queries::{QueryLayer, QueryLimits, QueryProfiler, QueryReport, QueryScope},
    sqlite::SqliteConfig,
};
use tracing::Instrument;
use tracing_subscriber::prelude::*;

async fn in_scope<F: Future>(work: F) -> QueryReport {
    let scope = QueryScope::begin();
    work.instrument(scope.span().clone()).await;
    scope.report()
}

async fn counts(store: &dyn SampleStore) {
    let samples: Vec<_> = (0..300).map(|k| scored("a", 1_794_000_000_000_000 + k, "x", 0.5)).collect();
    // A new connection sends queries of its own.
    store.get(&samples[0].id()).await.unwrap();
    let one = QueryScope::begin();
    let page = SampleQuery::newest(10.try_into().unwrap());
    async { store.query(&page).await.unwrap() }.instrument(one.span().clone()).await;
    assert_eq!(one.report().queries, 1);
    assert!(one.report().time > Duration::ZERO);
    assert_query_budget!(one, 1);

    // However many samples there are, a batch is a few statements, and none is repeated for each
    // sample.
    let batch = in_scope(store.insert(&samples)).await;
    assert!(batch.queries > 0 && batch.queries <= 20, "{batch}");
    store.query(&page).await.unwrap();
    assert_eq!(one.report().queries, 1, "work outside the scope is not counted in it");

    let looped = in_scope(async {
        for sample in &samples[..7] {
            store.get(&sample.id()).await.unwrap();
        }
    })
    .await;
    assert_eq!(looped.queries, 7);
    let repeated: Vec<_> = looped.repeated().collect();
    assert_eq!((repeated.len(), repeated[0].executions), (1, 7));
    assert!(repeated[0].statement.contains("WHERE id = "), "{looped}");
    assert!(repeated[0].longest <= repeated[0].time && repeated[0].time == looped.time, "{looped}");
    assert!(looped.to_string().contains("; 7 times SELECT "), "{looped}");
}

/// The subscriber is that of the process, because SQLite's driver emits its queries in a thread of
/// its own.
fn with_layer(test: impl AsyncFnOnce()) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| tracing_subscriber::registry().with(QueryLayer::new(QueryLimits::default())).init());
    tokio::runtime::Runtime::new().unwrap().block_on(test());
}

async fn sqlite(folder: &tempfile::TempDir) -> SqliteStore {
    let mut config = SqliteConfig::at(folder.path().join("samples.db"));
    config.readers = std::num::NonZeroU32::MIN;
    SqliteStore::open(&config).await.unwrap()
}

#[test]
fn queries_of_sqlite_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    with_layer(async || counts(&sqlite(&folder).await).await);
}

#[test]
fn queries_of_postgres_are_counted() {
    with_layer(async || counts(&servers::fresh_store().await).await);
}

/// With a limit of 0 every query is slow.
#[test]
fn a_slow_query_is_counted_as_slow() {
    let mut limits = QueryLimits::default();
    limits.slow = Duration::ZERO;
    let subscriber = tracing_subscriber::registry().with(QueryLayer::new(limits));
    // PostgreSQL's driver emits its queries in the thread of the caller.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let store = servers::fresh_store().await;
            store.ping().await.unwrap();
            in_scope(async { store.ping().await.unwrap() }).await
        })
    });
    assert_eq!((report.queries, report.slow), (1, 1));
}

#[test]
fn a_budget_that_is_not_kept_fails_and_says_by_which_statement() {
    let folder = tempfile::tempdir().unwrap();
    with_layer(async || {
        let (store, scope) = (sqlite(&folder).await, QueryScope::begin());
        async {
            for _ in 0..6 {
                store.ping().await.unwrap();
            }
        }
        .instrument(scope.span().clone())
        .await;
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| assert_query_budget!(scope, 10)));
        let said = *failed.unwrap_err().downcast::<String>().unwrap();
        assert!(said.contains("6 times SELECT 1 FROM sample LIMIT 1"), "{said}");
    });
}

/// DBP-04: what the scopes of a process have counted is one report.
#[test]
fn the_scopes_of_a_process_are_summed_up_by_name() {
    let folder = tempfile::tempdir().unwrap();
    with_layer(async || {
        let (store, profiler) = (sqlite(&folder).await, QueryProfiler::default());
        let page = SampleQuery::newest(10.try_into().unwrap());
        store.query(&page).await.unwrap();
        for reads in [1, 6] {
            let work = async {
                for _ in 0..reads {
                    store.query(&page).await.unwrap();
                }
                reads
            };
            assert_eq!(profiler.profile("my_function", work).await, reads);
        }
        let stats = profiler.stats();
        let function = &stats.endpoints[0];
        assert_eq!((function.endpoint.as_str(), function.calls, function.queries), ("my_function", 2, 7));
        assert_eq!((function.most_queries, function.repeating_calls), (6, 1));
        assert!(function.statements.len() == 1 && function.statements[0].statement.starts_with("SELECT "));
        assert!(function.time > Duration::ZERO && function.longest < function.time);
        assert!(profiler.report().contains("REPEATED in 1 calls, up to 6 times in one"), "{}", profiler.report());
    });
}

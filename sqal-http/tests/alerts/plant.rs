//! A plant in memory with alerts, whose clock a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use serde_json::Value;
use sqal_alerts::query::{Query, Selector, Series};
use sqal_alerts::state::{AlertBook, Evaluator, SilenceBook};
use sqal_alerts::station::Stations;
use sqal_alerts::{AlertRule, Hold, Severity, Words};
use sqal_core::{Name, Timestamp};
use sqal_http::services::AlertParts;
use sqal_http::{Access, Grant, Profile, Profiles, Quotas, Role, Services, Token, TokenFile, TokenHash, router};
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};

pub(crate) use crate::asked::{Answer, ask};

/// 2026-11-21T12:00:00Z.
pub(crate) const NOON: i64 = 1_795_262_400_000_000;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;

pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

pub(crate) fn name<const N: usize>(text: &str) -> Name<N> {
    Name::new(text).unwrap()
}

pub(crate) fn services(store: &Arc<MemoryStore>, clock: &Arc<AtomicI64>) -> Services {
    let (writer, _task) = BatchWriter::start(Arc::clone(store) as _, WriterConfig::usual());
    let profiles = Profiles::new([("foie".parse().unwrap(), Profile::example())]).unwrap();
    let clock = Arc::clone(clock);
    let now = move || at(clock.load(Ordering::Relaxed));
    let mut services = Services::new(Arc::clone(store) as _, writer, profiles, now);
    services.door.quotas = Arc::new(Quotas::none());
    services
}

/// A plant whose clock begins at noon. Marie is a quality engineer, Paul a viewer; the text of a
/// token is the name of its holder.
pub(crate) struct Plant {
    pub(crate) app: Router,
    pub(crate) store: Arc<MemoryStore>,
    book: Arc<AlertBook>,
    pub(crate) clock: Arc<AtomicI64>,
    evaluator: Evaluator,
    series: Series,
}

/// One rule by device, and one for the server.
pub(crate) fn rules() -> [AlertRule; 2] {
    let silent = Query::from(Selector::new("station_silent")).equal_to(1.0);
    let summary = Words::new("{device} is silent", "{device} se tait");
    let description = Words::new("no tray of {device} is judged", "aucune barquette de {device} n'est jugée");
    let growing = Query::from(Selector::new("spool_samples_waiting")).above(1000.0);
    let waiting = Words::new("{value} samples wait", "{value} échantillons attendent");
    [
        AlertRule::new(
            "StationSilent",
            Severity::Warning,
            silent,
            Hold::default(),
            summary,
            description,
            "station-silent",
        ),
        AlertRule::new(
            "SpoolGrowing",
            Severity::Critical,
            growing,
            Hold::default(),
            waiting.clone(),
            waiting,
            "spool-growing",
        ),
    ]
    .map(Result::unwrap)
}

impl Plant {
    pub(crate) fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(AtomicI64::new(NOON)));
        let book = Arc::new(AlertBook::new(Arc::clone(&store) as _, Arc::clone(&store) as _));
        let mut services = services(&store, &clock);
        services.plant.alerts = Some(AlertParts {
            book: Arc::clone(&book),
            silences: Arc::new(SilenceBook::new(Arc::clone(&store) as _, Arc::clone(&store) as _)),
            stations: Arc::new(Stations::new(Arc::clone(&store) as _)),
        });
        let token = |holder: &str, role| Token {
            name: name(holder),
            grant: Grant::Role(role),
            sha256: TokenHash::of(holder),
            until: None,
        };
        let tokens = vec![
            token("marie", Role::QualityEngineer),
            token("jean", Role::QualityEngineer),
            token("paul", Role::Viewer),
        ];
        services.door.access = Arc::new(Access::of(TokenFile { tokens }).unwrap());
        let evaluator = Evaluator::new(rules());
        let series = Series::keeping(evaluator.rules().map(AlertRule::query));
        Self { app: router(services), store, book, clock, evaluator, series }
    }

    /// A server evaluates these metrics after this time, and the clock stays there.
    pub(crate) async fn sees(&mut self, page: &str, later: i64) {
        let now = at(self.clock.fetch_add(later, Ordering::Relaxed) + later);
        self.series.scrape(page, &[], now);
        self.book.take(&self.evaluator.evaluate(&self.series, now), &name("server"), now).await.unwrap();
    }

    pub(crate) async fn as_person(&self, person: &str, method: &str, path: &str, body: &Value) -> Answer {
        ask(&self.app, method, path, &[("authorization", &format!("Bearer {person}"))], body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.as_person("paul", "GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Marie's call.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.as_person("marie", "POST", path, body).await
    }

    /// The place of the first alert that is listed with a query.
    pub(crate) async fn first(&self, query: &str) -> String {
        let listed = self.get(&format!("/api/v1/alerts?{query}")).await;
        format!("/api/v1/alerts/{}", listed["items"][0]["key"].as_str().unwrap())
    }
}

/// What a problem says of each value: its place, the value, and the French message.
pub(crate) fn told(problem: &Value) -> Vec<(String, String, String)> {
    let violations = problem["violations"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let french = |pointer: &str| {
        let field = pointer.trim_start_matches(['/', '?']).replace('/', ".");
        problem["errors"][&field].as_array().unwrap().iter().map(text).collect::<Vec<_>>().join("; ")
    };
    violations
        .iter()
        .map(|one| (text(&one["pointer"]), text(&one["value"]), french(one["pointer"].as_str().unwrap())))
        .collect()
}

//! [`AlertWatch`]: the task that evaluates the rules every 15 seconds, writes down what they find,
//! and tells people.
//!
//! ```text
//!   metrics of the process --> rules --> book of alerts --> silences --> plan --> outbox
//!   \__ goes on without a database __/   \____ made good by a later look if the database is away
//! ```

use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use sqal_alerts::catalogue::Explanations;
use sqal_alerts::notify::{AlertView, NotifierBook};
use sqal_alerts::state::{Alert, AlertBookError, Evaluation, ServerName, SilenceBookError};
use sqal_alerts::{AlertRule, RuleName, Severity};
use sqal_core::Timestamp;
use sqal_http::services::{AlertParts, MetricsText};
use sqal_resilience::log::Causes;
use sqal_resilience::outage::Outage;
use sqal_resilience::shutdown::Phase;
use sqal_resilience::{Clock, Shutdown, TokioClock};
use sqal_storage::StorageError;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{debug, error, info, warn};

use super::alert_log::{AlertLog, tell_began, tell_ended};
use super::evaluation::{Evaluated, SelfEvaluation};
use crate::wall_clock::wall_clock;

/// The time between two evaluations, as Prometheus scrapes.
const EVERY: Duration = Duration::from_secs(15);

/// The most time for each step with the database. To write down and then to tell takes less than
/// the time between two evaluations, so that a database that does not answer holds up no
/// evaluation.
const LIMIT: Duration = Duration::from_secs(7);

/// Evaluates the rules over the metrics of its process, and gives what they find to the book of all
/// servers and to the plan of who is told.
pub(super) struct AlertWatch {
    rules: Vec<AlertRule>,
    server: ServerName,
    metrics: MetricsText,
    parts: AlertParts,
    /// What decides who is told; `None` without a plan.
    notifier: Option<NotifierBook>,
    /// `None` before the first evaluation, and if the last one has panicked.
    evaluation: Option<SelfEvaluation>,
    /// Whether the open alerts of the book were taken over. Before that nothing is written: the
    /// book would take an alert that is not found yet for one that has ended.
    is_restored: bool,
    log: AlertLog,
    away: Outage,
    crowded: Outage,
    failing: Outage,
}

/// Why the alerts are not written down or told now.
#[derive(Debug, thiserror::Error)]
enum BookkeepingError {
    #[error(transparent)]
    Book(#[from] AlertBookError),
    #[error(transparent)]
    Silences(#[from] SilenceBookError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the database did not answer within {} s", LIMIT.as_secs())]
    Late,
}

impl AlertWatch {
    /// A watch that has not evaluated anything yet.
    pub(super) fn new(
        rules: Vec<AlertRule>,
        server: ServerName,
        metrics: MetricsText,
        parts: AlertParts,
        notifier: Option<NotifierBook>,
    ) -> Self {
        Self {
            rules,
            server,
            metrics,
            parts,
            notifier,
            evaluation: None,
            is_restored: false,
            log: AlertLog::default(),
            away: Outage::default(),
            crowded: Outage::default(),
            failing: Outage::default(),
        }
    }

    /// Looks at once, and then every 15 seconds, until the process drains.
    pub(super) async fn run(mut self, shutdown: &Shutdown) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shutdown.reached(Phase::Draining) => return,
                _ = ticks.tick() => {}
            }
            let now = wall_clock();
            let Some(kept) = self.look(now, shutdown).await else { continue };
            self.tell_outage(kept.as_ref().err(), TokioClock.now());
        }
    }

    /// Evaluates the rules, and has the result written down and told. `None` if the process drains
    /// meanwhile, or if the rules could not be evaluated.
    async fn look(&mut self, now: Timestamp, shutdown: &Shutdown) -> Option<Result<(), BookkeepingError>> {
        let restored = self.restored(now, shutdown).await?;
        let evaluation = self.evaluate(now).await?;
        if let Err(error) = restored {
            tell_began(self.log.unwritten(&evaluation.firing));
            return Some(Err(error));
        }
        let book = &self.parts.book;
        let taking = async { Ok::<_, BookkeepingError>(book.take(&evaluation, &self.server, now).await?) };
        let taken = limited(shutdown, Box::pin(taking)).await?;
        match taken {
            Ok(update) => {
                tell_began(self.log.written(&update));
                tell_ended(&update);
                limited(shutdown, Box::pin(self.tell(&update.current, now))).await
            }
            Err(error) => {
                tell_began(self.log.unwritten(&evaluation.firing));
                if let Err(later) = limited(shutdown, Box::pin(self.tell_kept(now))).await? {
                    debug!(error = %Causes::of(&later), "the alerts of the book cannot be told either");
                }
                Some(Err(error))
            }
        }
    }

    /// Takes over the open alerts of the book, once.
    async fn restored(&mut self, now: Timestamp, shutdown: &Shutdown) -> Option<Result<(), BookkeepingError>> {
        if self.is_restored {
            return Some(Ok(()));
        }
        let reading = async { Ok::<_, BookkeepingError>(self.parts.book.current(now).await?) };
        let open = limited(shutdown, Box::pin(reading)).await?;
        Some(open.map(|open| self.restore(&open, now)))
    }

    fn restore(&mut self, alerts: &[Alert], now: Timestamp) {
        let (rules, server) = (&self.rules, self.server);
        self.evaluation.get_or_insert_with(|| SelfEvaluation::new(rules, server)).restore(alerts, now);
        self.log.know(alerts);
        self.is_restored = true;
    }

    /// Evaluates the rules on a thread of its own, so that no connection waits for it. `None` if it
    /// has panicked: the rules then begin anew.
    async fn evaluate(&mut self, now: Timestamp) -> Option<Evaluation> {
        let begun = TokioClock.now();
        let mut rules = self.evaluation.take().unwrap_or_else(|| SelfEvaluation::new(&self.rules, self.server));
        let metrics = self.metrics.clone();
        let looking = spawn_blocking(move || {
            let evaluated = rules.look(&metrics.text(), now);
            (rules, evaluated)
        });
        match looking.await {
            Ok((rules, Evaluated { evaluation, left_out })) => {
                self.evaluation = Some(rules);
                let ended = TokioClock.now();
                report(&evaluation, ended.saturating_duration_since(begun));
                self.tell_left_out(left_out, ended);
                self.tell_failing(&evaluation.failed, ended);
                Some(evaluation)
            }
            Err(error) => {
                self.is_restored = false;
                error!(%error, "the rules of alerts could not be evaluated, and begin anew: report this fault");
                None
            }
        }
    }

    /// Tells people of the alerts that the book holds after it could not take all: those that it
    /// took before that, and those of other servers.
    async fn tell_kept(&self, now: Timestamp) -> Result<(), BookkeepingError> {
        if self.notifier.is_none() {
            return Ok(());
        }
        let kept = self.parts.book.current(now).await?;
        self.tell(&kept, now).await
    }

    /// Tells people of the current alerts, as the plan says.
    async fn tell(&self, current: &[Alert], now: Timestamp) -> Result<(), BookkeepingError> {
        let Some(notifier) = &self.notifier else { return Ok(()) };
        let silences = self.parts.silences.list_active(now).await?;
        let alerts: Vec<_> = current.iter().map(AlertView::from).collect();
        let explanations = Explanations::of(&alerts);
        let is_silenced = |alert: &AlertView| {
            silences.iter().any(|silence| silence.matches(&alert.key, |name| alert.label(name)))
                || explanations.explains(alert)
        };
        for telling in notifier.look(&alerts, &is_silenced, now).await? {
            let (kind, incident, alerts) = (telling.kind.as_str(), telling.incident_key.as_str(), telling.count);
            info!(kind, incident, alerts, receivers = telling.to.len(), "receivers are told of alerts");
        }
        Ok(())
    }

    /// Tells the log when alerts can no longer all be written down and told, and when they can
    /// again.
    fn tell_outage(&self, error: Option<&BookkeepingError>, now: Instant) {
        match error {
            Some(error) if self.away.failed(now) => warn!(
                error = %Causes::of(error),
                "alerts are not all kept now, because the database cannot be used or is too slow: people are told \
                 only of those that it holds; rules are evaluated all the same, and this log has a line for each \
                 alert that begins"
            ),
            Some(_) => {}
            None => {
                if let Some(recovery) = self.away.succeeded(now) {
                    let (missed, seconds) = (recovery.failures, recovery.seconds());
                    info!(missed, seconds, "alerts are kept and told again");
                }
            }
        }
    }

    /// Tells the log when more is found than is kept in memory.
    fn tell_left_out(&self, left_out: usize, now: Instant) {
        if left_out == 0 {
            if let Some(recovery) = self.crowded.succeeded(now) {
                info!(seconds = recovery.seconds(), "alerts see all series of the metrics again");
            }
        } else if self.crowded.failed(now) {
            warn!(
                left_out,
                "alerts do not see all series of the metrics: there are too many; look for a label that grows"
            );
        }
    }

    /// Tells the log when rules have no answer. Their alerts stay as they were.
    fn tell_failing(&self, failed: &[(RuleName, String)], now: Instant) {
        match failed.first() {
            Some((rule, error)) if self.failing.failed(now) => {
                let (rule, error) = (rule.as_str(), error.as_str());
                warn!(rule, error, count = failed.len(), "rules of alerts cannot be evaluated");
            }
            Some(_) => {}
            None => {
                if let Some(recovery) = self.failing.succeeded(now) {
                    info!(seconds = recovery.seconds(), "all rules of alerts are evaluated again");
                }
            }
        }
    }
}

/// The result of calls of the database that end within the limit; `None` if the process drains
/// meanwhile. Calls that are dropped are made good by a later look.
async fn limited<T>(
    shutdown: &Shutdown,
    calls: impl Future<Output = Result<T, BookkeepingError>>,
) -> Option<Result<T, BookkeepingError>> {
    let ended = shutdown.unless_draining(timeout(LIMIT, calls)).await.ok()?;
    Some(ended.unwrap_or(Err(BookkeepingError::Late)))
}

/// Reports an evaluation to the metrics.
fn report(evaluation: &Evaluation, took: Duration) {
    counter!("alert_evaluations_total").increment(1);
    histogram!("alert_evaluation_duration_seconds").record(took.as_secs_f64());
    for severity in Severity::ALL {
        let open = evaluation.firing.iter().filter(|finding| finding.severity == severity).count();
        gauge!("alerts_open", "severity" => severity.as_str()).set(gauged(open));
    }
    gauge!("alert_rules_failing").set(gauged(evaluation.failed.len()));
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a floating number")]
fn gauged(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use fixtures::logged::LoggedLines;
    use sqal_alerts::catalogue::documented;
    use sqal_alerts::notify::read_plan;
    use sqal_alerts::query::{Query, Selector};
    use sqal_alerts::state::{AlertBook, SilenceBook};
    use sqal_alerts::station::Stations;
    use sqal_alerts::{Hold, Words};
    use sqal_core::Name;
    use sqal_resilience::ShutdownConfig;
    use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};
    use sqal_storage::queue::JobQuery;
    use sqal_storage::{MemoryStore, Queue, Records, StorageErrorKind};
    use sqal_work::outbox::{Outbox, StormLimits};
    use tracing_subscriber::util::SubscriberInitExt;

    use super::*;

    const CALM: &str = "server_clock_steps_total 0\n";
    const STEPPED: &str = "server_clock_steps_total 1\n";

    /// Where the database is.
    #[derive(Clone, Copy, Debug)]
    enum Place {
        Here,
        Away,
        Silent,
        /// After this number of writes, the next never ends; then the database is here.
        SilentAfter(u32),
    }

    #[derive(Clone, Debug)]
    struct Way(Arc<Mutex<Place>>);

    #[async_trait]
    impl Interpose for Way {
        async fn turn(&self, call: Call) -> Turn {
            let place = self.step(call);
            match place {
                Place::Away => Turn::FailsBefore(StorageErrorKind::Unavailable),
                Place::Silent => std::future::pending().await,
                Place::SilentAfter(0) if call == Call::Write => std::future::pending().await,
                Place::Here | Place::SilentAfter(_) => Turn::Done,
            }
        }
    }

    impl Way {
        /// Where the database is for a call, which may be the last write before it does not answer.
        fn step(&self, call: Call) -> Place {
            let mut place = self.0.lock().unwrap();
            let found = *place;
            if let (Place::SilentAfter(writes), Call::Write) = (found, call) {
                *place = writes.checked_sub(1).map_or(Place::Here, Place::SilentAfter);
            }
            found
        }
    }

    /// A plant whose database and whose metrics a test sets.
    struct Plant {
        store: Arc<MemoryStore>,
        way: Way,
        metrics: Arc<Mutex<&'static str>>,
        shutdown: Shutdown,
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000 + second * 1_000_000).unwrap()
    }

    impl Plant {
        fn new() -> Self {
            let way = Way(Arc::new(Mutex::new(Place::Here)));
            let shutdown = Shutdown::new(ShutdownConfig::default());
            Self { store: Arc::new(MemoryStore::new()), way, metrics: Arc::new(Mutex::new(CALM)), shutdown }
        }

        fn shows(&self, text: &'static str) {
            *self.metrics.lock().unwrap() = text;
        }

        fn database(&self, place: Place) {
            *self.way.0.lock().unwrap() = place;
        }

        /// A server that is just started, with these rules, and with a plan if it has one.
        fn server(&self, rules: Vec<AlertRule>, has_plan: bool) -> AlertWatch {
            let records: Arc<dyn Records> = Arc::new(Interposed::new(Arc::clone(&self.store), self.way.clone()));
            let parts = AlertParts {
                book: Arc::new(AlertBook::new(Arc::clone(&records), self.store.clone())),
                silences: Arc::new(SilenceBook::new(Arc::clone(&records), self.store.clone())),
                stations: Arc::new(Stations::new(Arc::clone(&records))),
            };
            let shown = Arc::clone(&self.metrics);
            let metrics = MetricsText::new(move || (*shown.lock().unwrap()).to_owned());
            let plan = "{ base_url: 'https://sqal.example', receivers: { nurse: { notice: [nurse] } }, group_wait: 0s, \
                        group_interval: 10s, routes: [{ to: [nurse] }] }";
            let outbox = Outbox::new(self.store.clone(), Arc::clone(&records), StormLimits::default());
            let notifier = has_plan.then(|| NotifierBook::new(records, outbox, read_plan(plan).unwrap()));
            AlertWatch::new(rules, Name::new("line-1").unwrap(), metrics, parts, notifier)
        }

        /// A look at a second.
        async fn look(&self, server: &mut AlertWatch, second: i64) -> Result<(), BookkeepingError> {
            let kept = server.look(at(second), &self.shutdown).await.unwrap();
            server.tell_outage(kept.as_ref().err(), TokioClock.now());
            kept
        }

        /// The open alerts of the book.
        async fn open(&self, second: i64) -> usize {
            let book = AlertBook::new(self.store.clone(), self.store.clone());
            book.current(at(second)).await.unwrap().iter().filter(|alert| alert.resolved.is_none()).count()
        }

        /// The notices that wait in the queue.
        async fn notices(&self) -> usize {
            self.store.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap().len()
        }
    }

    fn logging() -> (LoggedLines, tracing::subscriber::DefaultGuard) {
        let lines = LoggedLines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        (lines, subscriber.finish().set_default())
    }

    #[tokio::test(start_paused = true)]
    async fn an_alert_that_begins_while_the_database_is_away_is_in_the_log_at_once_and_in_the_book_later() {
        let (lines, _logging) = logging();
        let plant = Plant::new();
        let mut server = plant.server(documented(), false);
        plant.look(&mut server, 0).await.unwrap();
        plant.shows(STEPPED);
        for (second, place) in [(15, Place::Away), (30, Place::Silent), (45, Place::Away)] {
            plant.database(place);
            plant.look(&mut server, second).await.unwrap_err();
        }
        plant.database(Place::Here);
        assert_eq!(plant.open(45).await, 0);
        plant.look(&mut server, 60).await.unwrap();
        assert_eq!(plant.open(60).await, 1);

        let text = lines.text();
        let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
        assert_eq!((count("an alert begins"), count("ServerClockStepped")), (1, 1), "{text}");
        assert_eq!((count("alerts are not all kept"), count("alerts are kept and told again")), (1, 1), "{text}");
        assert!(text.contains("missed=3"), "{text}");
        let order =
            ["an alert begins", "alerts are not all kept", "alerts are kept"].map(|part| text.find(part).unwrap());
        assert!(order.is_sorted(), "{text}");
    }

    /// The book takes an alert that a server does not find for one that has ended, so what the
    /// server has found before its end must be taken over first.
    #[tokio::test(start_paused = true)]
    async fn a_restart_ends_no_alert_also_if_the_database_is_away_at_first() {
        let plant = Plant::new();
        let mut before = plant.server(documented(), false);
        plant.look(&mut before, 0).await.unwrap();
        plant.shows(STEPPED);
        plant.look(&mut before, 15).await.unwrap();
        drop(before);

        plant.shows(CALM);
        let mut after = plant.server(documented(), false);
        for (second, place) in [(30, Place::Away), (45, Place::Silent), (60, Place::Here), (75, Place::Here)] {
            plant.database(place);
            let kept = plant.look(&mut after, second).await;
            assert_eq!(kept.is_ok(), matches!(place, Place::Here));
            assert_eq!(plant.open(second).await, 1, "{second}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn people_are_told_once_and_the_end_too_if_the_rule_is_switched_off() {
        let plant = Plant::new();
        let mut server = plant.server(documented(), true);
        plant.look(&mut server, 0).await.unwrap();
        plant.shows(STEPPED);
        for second in [15, 30, 45] {
            plant.look(&mut server, second).await.unwrap();
            assert_eq!(plant.notices().await, 1, "{second}");
        }
        drop(server);
        let mut off = plant.server(Vec::new(), true);
        plant.look(&mut off, 60).await.unwrap();
        assert_eq!((plant.open(60).await, plant.notices().await), (0, 2));
    }

    fn rule(name: &str, severity: Severity, metric: &str) -> AlertRule {
        let (query, words) = (Query::from(Selector::new(metric)).above(0.0), Words::new(name, name));
        let (hold, page) = (Hold::default(), "station-silent");
        AlertRule::new(name, severity, query, hold, words.clone(), words, page).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_is_too_slow_for_all_alerts_takes_the_critical_ones_and_people_are_told_of_them() {
        let plant = Plant::new();
        let rules = vec![rule("Mild", Severity::Warning, "mild"), rule("Grave", Severity::Critical, "grave")];
        let mut server = plant.server(rules, true);
        plant.shows("mild 0\ngrave 0\n");
        plant.look(&mut server, 0).await.unwrap();
        plant.shows("mild 1\ngrave 1\n");
        plant.database(Place::SilentAfter(1));
        let late = plant.look(&mut server, 15).await;
        assert!(matches!(late, Err(BookkeepingError::Late)), "{late:?}");
        let kept = AlertBook::new(plant.store.clone(), plant.store.clone()).current(at(15)).await.unwrap();
        assert_eq!(kept.iter().map(|alert| alert.rule.as_str()).collect::<Vec<_>>(), ["Grave"]);
        assert_eq!(plant.notices().await, 1);
        plant.look(&mut server, 30).await.unwrap();
        assert_eq!(plant.open(30).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_does_not_answer_does_not_hold_up_the_end_of_the_process() {
        let plant = Plant::new();
        plant.database(Place::Silent);
        let (server, shutdown) = (plant.server(documented(), false), plant.shutdown.clone());
        let begun = TokioClock.now();
        let running = tokio::spawn(async move { server.run(&shutdown).await });
        tokio::time::advance(Duration::from_secs(1)).await;
        plant.shutdown.begin("test");
        running.await.unwrap();
        assert!(TokioClock.now().saturating_duration_since(begun) < LIMIT);
    }
}

//! [`Background`]: the tasks that run beside the requests until the server ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use sqal_http::services::MetricsText;
use sqal_http::sqal_intake::Holder;
use sqal_http::{Caches, Services, TokenFile};
use sqal_resilience::Shutdown;
use sqal_resilience::log::Causes;
use sqal_resilience::shutdown::Phase;
use sqal_storage::Queue;
use sqal_storage::cache::CacheStats;
use sqal_work::outbox::report_pending;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

use crate::abort_on_drop::AbortOnDrop;
use crate::cache_alert;
use crate::heads::HeadKeeper;
use crate::observe::metrics_text;
use crate::settings::HitRateThreshold;
use crate::tokens;

/// The time between two checks of the parts of the server.
const HEALTH: Duration = Duration::from_secs(1);

/// The time between two looks for decisions of other servers.
const DECISIONS: Duration = Duration::from_secs(10);

/// The time between two counts of the deliveries that wait.
const DELIVERIES: Duration = Duration::from_secs(15);

/// The tasks that run beside the requests. They end when this is dropped.
#[derive(Default)]
pub(super) struct Background(Vec<AbortOnDrop<()>>);

impl Background {
    fn start(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(AbortOnDrop(tokio::spawn(task)));
    }

    /// Installs the metrics of the process, and the task that sweeps them. If that fails, the
    /// server goes on without metrics and says so (MET-44): one process runs this server twice, for
    /// example, and the metrics of the first one stay installed.
    pub(super) fn sweep_metrics(&mut self) -> Option<MetricsText> {
        let installed = metrics_text();
        let told = installed.map_err(|cause| warn!("[Prometheus] Middleware non disponible: {}", Causes::of(&cause)));
        let (render, sweeping) = told.ok()?;
        self.0.push(AbortOnDrop(sweeping));
        Some(render)
    }

    /// States a head of the database each hour.
    pub(super) fn keep_heads(&mut self, heads: &Arc<HeadKeeper>) {
        let heads = Arc::clone(heads);
        self.start(async move { heads.keep().await });
    }

    /// Checks the parts of the server, so that no probe waits for one.
    pub(super) fn check_health(&mut self, services: &Services) {
        let health = services.plant.health.clone();
        self.start(async move { health.run(HEALTH).await });
    }

    /// Reads the token file again when it changes. Each change is in the audit log.
    pub(super) fn follow_tokens(&mut self, file: Option<(PathBuf, TokenFile)>, services: &Services) {
        let Some((path, first)) = file else { return };
        let told = services.clone();
        let changed = move |count: usize| {
            told.log_deed(&server_itself(), "tokens", &format!("other tokens are in force: {count}"));
            std::future::ready(())
        };
        self.start(tokens::follow(path, first, Arc::clone(&services.door.access), changed));
    }

    /// Counts the deliveries that wait in the queue, for `outbox_pending`.
    pub(super) fn count_deliveries(&mut self, queue: &Arc<dyn Queue>) {
        let queue = Arc::clone(queue);
        self.start(async move {
            let mut ticks = interval(DELIVERIES);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(error) = report_pending(&*queue).await {
                    debug!(%error, "the deliveries that wait were not counted");
                }
            }
        });
    }

    /// Tells the log when the caches answer too few of their reads.
    pub(super) fn watch_caches(&mut self, caches: &Arc<Caches>, threshold: HitRateThreshold) {
        gauge!("cache_hit_rate_threshold").set(threshold.share());
        let caches = Arc::clone(caches);
        let stats = move || caches.stats().iter().fold(CacheStats::default(), |sum, (_, stats)| sum.and(stats));
        self.start(cache_alert::watch(threshold, stats));
    }

    /// Runs a task until the database is about to be closed.
    pub(super) fn until_closing(&mut self, task: impl Future<Output = ()> + Send + 'static, shutdown: &Shutdown) {
        let shutdown = shutdown.clone();
        self.start(async move {
            tokio::select! {
                biased;
                () = shutdown.reached(Phase::Closing) => {}
                () = task => {}
            }
        });
    }

    /// Takes over what is decided on other servers.
    pub(super) fn follow_decisions(&mut self, services: &Services) {
        let services = services.clone();
        self.start(async move { services.follow_decisions(DECISIONS).await });
    }
}

/// The author of audit entries for actions that no caller requested.
fn server_itself() -> Holder {
    Holder::new("sqal-server").unwrap_or_else(|_| unreachable!("a name"))
}

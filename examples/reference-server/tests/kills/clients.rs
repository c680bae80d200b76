//! Clients that enqueue jobs and repeat a request until it is acknowledged: over the queue, and
//! over the servers' HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use sqal_storage::queue::JobId;
use sqal_storage::{PostgresStore, Queue};
use tokio::sync::mpsc::UnboundedReceiver;

use super::child::nth;

/// The jobs that were acknowledged, by kind and key.
pub(crate) type Acknowledged = BTreeMap<String, JobId>;

/// Enqueues jobs as it is told, until nothing more comes: the first number and how many. Several
/// are enqueued by one call.
pub(crate) async fn enqueue(store: Arc<PostgresStore>, mut told: UnboundedReceiver<(u64, u64)>) -> Acknowledged {
    let mut acknowledged = Acknowledged::new();
    while let Some((first, count)) = told.recv().await {
        let jobs: Vec<_> = (first..first + count).map(nth).collect();
        let outcomes = loop {
            match store.enqueue_all(&jobs).await {
                Ok(outcomes) => break outcomes,
                Err(error) => assert!(error.is_transient(), "{error:?}"),
            }
        };
        for (job, outcome) in jobs.iter().zip(outcomes) {
            let known = acknowledged.insert(format!("{} {}", job.kind, job.key.unwrap()), outcome.id());
            assert!(known.is_none(), "each job is enqueued once by each client");
        }
    }
    acknowledged
}

/// Asks servers for a run of a schedule under each key that it is told; the next server if one does
/// not answer. Returns the job of each key.
pub(crate) fn ask_for_runs(addresses: Vec<String>, told: Receiver<u64>) -> JoinHandle<BTreeMap<u64, String>> {
    std::thread::spawn(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        let mut jobs = BTreeMap::new();
        for key in told {
            let job = addresses.iter().cycle().find_map(|address| asked(&agent, address, key)).unwrap();
            jobs.insert(key, job);
        }
        jobs
    })
}

/// The job of a request; `None` if it must be repeated.
fn asked(agent: &ureq::Agent, address: &str, key: u64) -> Option<String> {
    let url = format!("http://{address}/api/v1/schedules/expired-records/run");
    let answer = agent.post(&url).header("idempotency-key", format!("run-{key}")).send_empty();
    // A server that does not run, or is killed, gives no answer or a part of one.
    let mut answer = answer.ok()?;
    let body: serde_json::Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
    match answer.status().as_u16() {
        202 => Some(body["job"].as_str()?.to_owned()),
        // An earlier request with this key is under way, or the server begins or ends.
        409 | 503 => None,
        status => panic!("{status}: {body}"),
    }
}

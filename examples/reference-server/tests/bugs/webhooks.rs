//! The official library for Standard Webhooks verifies the webhooks of bugs, also while a secret is
//! replaced.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;
use std::time::Duration;

use serde_json::{Value, json};
use sqal_storage::sealed::{Confidential, Key, KeyRing, Nonce, RandomnessError};
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{SealedFields, SqliteStore};
use sqal_work::outbox::TargetUrl;
use sqal_work::outbox::webhook::{Endpoints, WebhookEndpoint, WebhookSecrets};

use crate::process::{Server, now};
use crate::server;

const FIRST: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const SECOND: &str = "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXch";
const FOREIGN: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A receiver in Python that knows one secret and nothing of this repository; it ends when this
/// value is dropped.
struct Stranger {
    process: Child,
    lines: Receiver<String>,
    url: TargetUrl,
}

impl Stranger {
    fn knowing(secret: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "how the test command tells tests where tools are")]
        let python = std::env::var("SQAL_TEST_OUTBOX_PYTHON");
        let python = python.expect("run `cargo xtask test`, which installs the library");
        let script = "../../plant/work/tests/outbox/strangers/verify_webhooks.py";
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut process = Command::new(python).arg(script).arg(secret).stdout(Stdio::piped()).spawn().unwrap();
        let printed = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sends, lines) = channel();
        spawn(move || printed.map_while(Result::ok).all(|line| sends.send(line).is_ok()));
        let port: String = lines.recv_timeout(Duration::from_mins(1)).expect("the script prints its port");
        Self { process, lines, url: format!("http://127.0.0.1:{port}/hooks").parse().unwrap() }
    }

    /// Waits for a delivery, and returns the type of its event if the library has verified it.
    fn verified(&self) -> Option<String> {
        let line = self.lines.recv_timeout(Duration::from_mins(1)).expect("a delivery within a minute");
        let (id, kind) = line.split_once(' ')?;
        id.starts_with("msg_").then(|| kind.to_owned())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Does something with the endpoints in the database of a data folder on which no server runs.
fn with_endpoints(data: &Path, key: &str, act: impl AsyncFnOnce(&Endpoints)) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Arc::new(SqliteStore::open(&SqliteConfig::at(data.join("sqal.db"))).await.unwrap());
        let fields: Arc<dyn SealedFields> = store.clone();
        let nonces: fn() -> Result<Nonce, RandomnessError> = Nonce::random;
        let secrets: WebhookSecrets = Confidential::new(fields, KeyRing::new(Key::from_text(key).unwrap()), nonces);
        act(&Endpoints::new(store.clone(), Arc::new(secrets))).await;
        store.close().await;
    });
}

/// A server that delivers webhooks to this machine.
fn delivering(data: &Path, key: &str) -> Server {
    let settings =
        [("MASTER_ENCRYPTION_KEY", key), ("SQAL_OUTGOING_NETWORKS", "127.0.0.0/8"), ("SQAL_BUG_OWN_FAULTS", "none")];
    server(&settings, data)
}

/// Adds an endpoint at a receiver, with the first secret.
async fn add(endpoints: &Endpoints, id: &str, stranger: &Stranger) {
    let endpoint = WebhookEndpoint::new(id.parse().unwrap(), stranger.url.clone(), now());
    assert!(endpoints.add(&endpoint, &FIRST.parse().unwrap(), now()).await.unwrap());
}

#[test]
fn webhooks_of_bugs_are_verified_by_the_official_library_also_while_a_secret_is_replaced() {
    let (data, key) = (tempfile::tempdir().unwrap(), "01".repeat(32));
    let [first, second, foreign] = [FIRST, SECOND, FOREIGN].map(Stranger::knowing);
    with_endpoints(data.path(), &key, async |endpoints: &Endpoints| {
        add(endpoints, "erp", &first).await;
        add(endpoints, "foreign", &foreign).await;
    });
    let alone = delivering(data.path(), &key);
    let body = json!({ "title": "x", "description": "y", "severity": "low", "priority": "low" });
    let (status, created) = alone.post("/api/v1/bugs", &body.to_string());
    assert_eq!(status, 201, "{created}");
    assert_eq!(first.verified().as_deref(), Some("bug.created"));
    assert_eq!(foreign.verified(), None, "another secret verifies nothing");
    let (log, orderly) = alone.terminate();
    assert!(orderly, "{log}");

    with_endpoints(data.path(), &key, async |endpoints: &Endpoints| {
        add(endpoints, "crm", &second).await;
        for id in ["erp", "crm"] {
            let (id, secret, overlap) = (id.parse().unwrap(), SECOND.parse().unwrap(), Duration::from_hours(1));
            assert!(endpoints.rotate(&id, &secret, overlap, now()).await.unwrap());
        }
    });
    let rotated = delivering(data.path(), &key);
    let path = format!("/api/v1/bugs/{}/comments", created["id"].as_str().unwrap());
    let (status, answer) = rotated.post(&path, &json!({ "comment": "It is the cable." }).to_string());
    assert_eq!((status, &answer["is_internal"]), (201, &Value::from(false)), "{answer}");
    for (stranger, secret) in [(&first, "the first"), (&second, "the second")] {
        assert_eq!(stranger.verified().as_deref(), Some("bug.commented"), "{secret}");
    }
    let (log, orderly) = rotated.terminate();
    assert!(orderly, "{log}");
}

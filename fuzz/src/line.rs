//! A line in memory with a fixed clock, so that equal bytes always give equal results.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use sqal_core::{Name, Timestamp};
use sqal_grading::{Profile, Profiles};
use sqal_http::{Access, Grant, Quotas, Role, Services, Token, TokenFile, TokenHash, router};
use sqal_intake::{FrameLimits, Intake};
use sqal_resilience::SystemClock;
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// 2024-10-26T23:00:10Z: ten seconds after the documented frame was measured.
const NOW: i64 = 1_729_983_610_000_000;

/// The profile in the documented frame.
pub(crate) const PROFILE: &str = "foiegras_standard_barquette";

/// The number of calls after which a new line is made, so that stored samples do not fill the
/// memory during a long run.
const CALLS: u32 = 2000;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(NOW).expect("2024 is a year")
}

fn profiles() -> Profiles {
    Profiles::new([(PROFILE.parse().expect("a name"), Profile::example())]).expect("the example can judge")
}

/// The intake that judges frames.
pub(crate) fn intake() -> Intake {
    Intake::new(profiles(), FrameLimits::default(), Arc::new(now), Arc::new(SystemClock))
}

/// The services of a line with this access. The writer runs on the present runtime.
fn services(access: Access) -> Services {
    let store = Arc::new(MemoryStore::new());
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let mut services = Services::new(store.clone(), writer, profiles(), now);
    services.storage.register = Some(store);
    (services.door.quotas, services.door.connect_limit) = (Arc::new(Quotas::none()), None);
    services.door.access = Arc::new(access);
    services
}

/// The token of an administrator of a line with tokens.
pub(crate) const TOKEN: &str = "administrator";

/// The access of a line with tokens.
fn guarded() -> Access {
    let token = |name: &str, grant| Token {
        name: Name::new(name).expect("a name"),
        grant,
        sha256: TokenHash::of(name),
        until: None,
    };
    let tokens = vec![token(TOKEN, Grant::Role(Role::Administrator)), token("gateway", Grant::Gateway)];
    Access::of(TokenFile { tokens }).expect("two tokens")
}

/// A runtime with a line on it.
pub(crate) struct Line {
    runtime: Runtime,
    app: Option<(u32, Router)>,
    guarded: bool,
}

impl Line {
    pub(crate) fn new(guarded: bool) -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime of one thread");
        Self { runtime, app: None, guarded }
    }

    /// Runs some work with the router of the line.
    pub(crate) fn on<T>(&mut self, work: impl AsyncFnOnce(Router) -> T) -> T {
        let Self { runtime, app, guarded: with_tokens } = self;
        runtime.block_on(async {
            let fresh = || router(services(if *with_tokens { guarded() } else { Access::open() }));
            let (calls, router) = app.take().filter(|(calls, _)| *calls < CALLS).unwrap_or_else(|| (0, fresh()));
            *app = Some((calls + 1, router.clone()));
            // The work waits for nothing outside of this process, so it hangs if it takes longer
            // than the time limit.
            tokio::time::timeout(Duration::from_secs(20), work(router)).await.expect("an answer")
        })
    }

    /// Sends a request, and returns its answer.
    pub(crate) fn ask(&mut self, request: Request<Body>) -> (StatusCode, Answer) {
        self.on(async |app| {
            let Ok(response) = app.oneshot(request).await;
            let status = response.status();
            let kind =
                response.headers().get("content-type").map(|kind| kind.to_str().expect("a media type").to_owned());
            // A stream of events has no end, so only its head is read.
            if kind.as_deref() == Some("text/event-stream") {
                return (status, Answer { kind, body: Vec::new() });
            }
            let body = response.into_body().collect().await.expect("a whole body").to_bytes().to_vec();
            (status, Answer { kind, body })
        })
    }
}

/// The body of an answer, with its content type.
#[derive(Debug)]
pub(crate) struct Answer {
    kind: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Checks that a refusal is as clients expect it: a problem with a type and a status, and never
    /// a server error.
    pub(crate) fn is_honest(&self, status: StatusCode) {
        assert!(!status.is_server_error(), "{status}: {}", String::from_utf8_lossy(&self.body));
        if status.is_client_error() {
            assert_eq!(self.kind.as_deref(), Some("application/problem+json"), "{status}");
            let problem = self.json();
            assert_eq!(problem["status"], status.as_u16());
            assert!(problem["type"].as_str().is_some_and(|kind| kind.starts_with("/problems/")), "{problem}");
            for violation in problem["violations"].as_array().into_iter().flatten() {
                for field in ["pointer", "value", "limit"] {
                    assert!(violation[field].is_string(), "{violation}");
                }
            }
        }
    }
}

/// Sends a request to a line that is kept from call to call.
pub(crate) fn ask(line: &'static std::thread::LocalKey<RefCell<Line>>, request: Request<Body>) -> (StatusCode, Answer) {
    let (status, answer) = line.with_borrow_mut(|line| line.ask(request));
    answer.is_honest(status);
    (status, answer)
}

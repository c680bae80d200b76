//! Checks, through the interface of the server, that equal faults are one bug and that none was
//! lost.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::Uri;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use sqal_resilience::{Clock, SystemClock};

use crate::devices::DEVICES;
use crate::server::Failed;

/// How long the last events may take until they are written, which is done once a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the list of bugs says of all groups together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BugSums {
    bugs: u64,
    events: u64,
    devices: u64,
}

/// Waits until the bugs have counted the accepted events. Returns a message about the bug.
///
/// # Errors
///
/// If there is not one bug, or another number of events than were accepted, or another number of
/// devices than have reported.
pub(crate) async fn check(address: &str, accepted: u64) -> Result<String, Failed> {
    let expected = BugSums { bugs: 1, events: accepted, devices: u64::from(DEVICES) };
    let begun = SystemClock.now();
    loop {
        let found = sums(&listed(address).await?)?;
        if found == expected {
            return Ok(format!("one bug of {accepted} events of {DEVICES} devices, as accepted"));
        }
        if SystemClock.now().saturating_duration_since(begun) > PATIENCE {
            return Err(format!("the bugs are {found:?}: expected {expected:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The list of bugs.
async fn listed(address: &str) -> Result<Value, Failed> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let uri: Uri = format!("http://{address}/api/v1/bugs?limit=100").parse()?;
    let answer = client.get(uri).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if status.as_u16() != 200 {
        return Err(format!("the list of bugs was answered {status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(serde_json::from_slice(&body)?)
}

fn sums(page: &Value) -> Result<BugSums, Failed> {
    let bugs = page.get("items").and_then(Value::as_array).ok_or("the list of bugs has no items")?;
    let sum = |field: &str| -> u64 {
        let of = |bug: &Value| bug.get("group")?.get(field)?.as_u64();
        bugs.iter().filter_map(of).sum()
    };
    Ok(BugSums { bugs: u64::try_from(bugs.len())?, events: sum("count"), devices: sum("devices") })
}

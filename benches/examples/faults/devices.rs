//! [`FaultyDevices`]: 50 devices that report one fault again and again, as clients of Sentry do.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, Uri};
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sqal_resilience::{Clock, SystemClock};
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, JoinSet};

use crate::server::{Failed, KEY};

/// The number of devices.
pub(crate) const DEVICES: u32 = 50;

/// The number of events that all devices send in a second.
pub(crate) const EVENTS_PER_SECOND: u32 = 1_000;

/// The number of events that were answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EventAnswers {
    /// Events that the server has taken (200).
    pub(crate) accepted: u64,
    /// Events beyond the limit of their key (429).
    pub(crate) refused: u64,
}

/// What all devices share.
#[derive(Debug, Default)]
struct Counts {
    is_over: AtomicBool,
    accepted: AtomicU64,
    refused: AtomicU64,
}

/// Devices that send events, each on a connection that is kept. They have a thread of their own, so
/// that they take no turn of the stations.
#[derive(Debug)]
pub(crate) struct FaultyDevices {
    counts: Arc<Counts>,
    thread: JoinHandle<Result<(), Failed>>,
}

impl FaultyDevices {
    /// Begins to send to the project 1 of a server.
    pub(crate) fn begin(address: &str) -> Result<Self, Failed> {
        let counts = Arc::new(Counts::default());
        let mut devices = Vec::new();
        for number in 0..DEVICES {
            let uri: Uri = format!("http://{address}/api/1/envelope/").parse()?;
            devices.push(FaultyDevice { number, uri, body: packed_envelope(number)? });
        }
        let shared = Arc::clone(&counts);
        let thread = tokio::task::spawn_blocking(move || report_all(devices, &shared));
        Ok(Self { counts, thread })
    }

    /// What was answered until now.
    pub(crate) fn so_far(&self) -> EventAnswers {
        EventAnswers {
            accepted: self.counts.accepted.load(Ordering::Relaxed),
            refused: self.counts.refused.load(Ordering::Relaxed),
        }
    }

    /// Stops the devices, and waits for the last answers. Returns what was answered since the
    /// begin.
    pub(crate) async fn end(mut self) -> Result<EventAnswers, Failed> {
        self.counts.is_over.store(true, Ordering::Relaxed);
        (&mut self.thread).await??;
        Ok(self.so_far())
    }
}

impl Drop for FaultyDevices {
    fn drop(&mut self) {
        // The thread would keep the program from its end.
        self.counts.is_over.store(true, Ordering::Relaxed);
    }
}

/// Runs the devices on this thread until the measurement is over.
fn report_all(devices: Vec<FaultyDevice>, counts: &Arc<Counts>) -> Result<(), Failed> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for device in devices {
            tasks.spawn(device.report(Arc::clone(counts)));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    })
}

/// A device in a loop of faults.
struct FaultyDevice {
    number: u32,
    uri: Uri,
    /// What it sends, compressed.
    body: Bytes,
}

impl FaultyDevice {
    /// Reports the fault until the measurement is over. An event that is refused is not sent again,
    /// and the device does not wait as `Retry-After` says.
    async fn report(self, counts: Arc<Counts>) -> Result<(), Failed> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let auth = format!("Sentry sentry_version=7, sentry_key={KEY}, sentry_client=sentry.rust/0.42.0");
        let every = Duration::from_secs(1) * DEVICES / EVENTS_PER_SECOND;
        // Devices start at different times.
        let mut due = SystemClock.now() + every.mul_f64(f64::from(self.number) / f64::from(DEVICES));
        while !counts.is_over.load(Ordering::Relaxed) {
            tokio::time::sleep_until(due.into()).await;
            due += every;
            let request = Request::post(self.uri.clone())
                .header("x-sentry-auth", auth.as_str())
                .header("content-type", "application/x-sentry-envelope")
                .header("content-encoding", "gzip")
                .body(Full::new(self.body.clone()))?;
            let answer = client.request(request).await?;
            let status = answer.status().as_u16();
            let said = answer.into_body().collect().await?.to_bytes();
            let counter = match status {
                200 => &counts.accepted,
                429 => &counts.refused,
                _ => return Err(format!("an event was answered {status}: {}", String::from_utf8_lossy(&said)).into()),
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// The envelope of a device, compressed. It is compressed once, because the work of the devices is
/// not measured.
fn packed_envelope(device: u32) -> Result<Bytes, Failed> {
    let event = event(device).to_string();
    let id = event_id(device);
    let header = json!({ "event_id": id, "sdk": { "name": "sentry.rust", "version": "0.42.0" } });
    let item = json!({ "type": "event", "length": event.len() });
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    write!(encoder, "{header}\n{item}\n{event}\n")?;
    Ok(encoder.finish()?.into())
}

fn event_id(device: u32) -> String {
    format!("{device:032x}")
}

/// An exception with a stack of twelve functions and ten steps before it. The events of all devices
/// are equal: they differ in what is no part of a group.
fn event(device: u32) -> Value {
    let frame = |depth: u32| {
        json!({
            "function": format!("station::sensor::poll_{depth}"),
            "filename": "src/sensor.rs",
            "lineno": 100 + depth + device,
            "instruction_addr": format!("{:#x}", 0x4037_0000 + u64::from(depth) * 64),
            "in_app": depth > 3,
        })
    };
    let step = |number: u32| {
        let message = format!("read {} bytes from 0x29", number + device);
        json!({ "category": "i2c", "level": "info", "message": message })
    };
    json!({
        "event_id": event_id(device),
        "platform": "native",
        "level": "error",
        "release": "station@2.3.1",
        "environment": "production",
        "server_name": format!("FAULTY_{device:03}"),
        "exception": { "values": [{
            "type": "SensorTimeout",
            "value": format!("no answer of sensor {device} within 500 ms"),
            "stacktrace": { "frames": (0..12).map(frame).collect::<Vec<_>>() },
        }] },
        "breadcrumbs": { "values": (0..10).map(step).collect::<Vec<_>>() },
        "tags": { "device_id": format!("FAULTY_{device:03}"), "device_kind": "esp32-s3" },
        "contexts": { "device": { "type": "device", "model": "ESP32-S3" }, "os": { "type": "os", "name": "ESP-IDF" } },
        "user": { "id": device },
    })
}

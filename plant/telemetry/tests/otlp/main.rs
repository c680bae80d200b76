//! The export of traces to a collector over real connections: gRPC and HTTP, in plain and in TLS.
#![cfg(feature = "otlp")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod collector;
mod delivered;
mod hostile;
mod refused;
mod trusted;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use sqal_telemetry::held::{HeadSampling, HeldTraces};
use sqal_telemetry::otlp::{OtlpEndpoint, OtlpProtocol, OtlpResource, OtlpSettings, export_to};
use tracing::debug_span;
use tracing_subscriber::prelude::*;

/// Numbers that differ.
fn random() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// The settings of an export to this address.
fn settings(address: &str, protocol: OtlpProtocol) -> OtlpSettings {
    let endpoint = OtlpEndpoint::new(address, protocol).unwrap();
    OtlpSettings::new(endpoint, OtlpResource::new("line-1", "2.0").unwrap())
}

/// Exports one trace of two spans and ends. Returns what was counted: traces by their outcome.
async fn export_one_trace(settings: &OtlpSettings) -> BTreeMap<String, u64> {
    let recorder = DebuggingRecorder::new();
    let (sink, exporter) = export_to(settings, random);
    let held = HeldTraces::new(Arc::new(sink), HeadSampling::Always, &["test_of_otlp"], random);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(held.layer()), || {
        let request = debug_span!(target: "test_of_otlp", "request", otel.kind = "server", http.route = "/x");
        request.in_scope(|| debug_span!(target: "test_of_otlp", "work").in_scope(|| {}));
    });
    // The runtime of these tests has one thread, so all that is counted meanwhile is counted here.
    let guard = metrics::set_default_local_recorder(&recorder);
    let left = exporter.start().finish(Duration::from_secs(20)).await;
    drop(guard);
    assert_eq!(left, 0, "the end was waited for");
    let all = recorder.snapshotter().snapshot().into_vec().into_iter();
    let series = all.map(|(key, _, _, value)| {
        let labels: Vec<_> = key.key().labels().map(metrics::Label::value).collect();
        let DebugValue::Counter(count) = value else { panic!("{key:?} is no counter") };
        (format!("{} {}", key.key().name(), labels.join(" ")).trim().to_owned(), count)
    });
    series.filter(|(_, count)| *count > 0).collect()
}

/// One trace that was counted in this way.
fn one(name: &str) -> BTreeMap<String, u64> {
    BTreeMap::from([(name.to_owned(), 1)])
}

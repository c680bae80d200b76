//! A line in memory for these tests: its clock shows noon, and its samples are a second apart.

use std::sync::Arc;

use axum::Router;
use fixtures::scene::{Fault, Scene, Station};
use serde_json::{Value, json};
use sqal_core::{Name, Sample, SampleKey, Timestamp, sample::Meta};
use sqal_http::{Grant, Profile, Profiles, Quotas, Role, Services, Token, TokenHash, router};
use sqal_storage::{BatchWriter, Custody, MemoryStore, SampleStore, WriterConfig};

pub(crate) use crate::asked::{Answer, ask};

/// 2026-11-21T12:00:00Z.
pub(crate) const NOON: i64 = 1_795_262_400_000_000;

pub(crate) const SECOND: i64 = 1_000_000;

/// A server on a store that other servers may share.
pub(crate) struct Server {
    pub(crate) app: Router,
    pub(crate) services: Services,
}

pub(crate) fn server(store: &Arc<MemoryStore>, version: u32) -> Server {
    let mut profile = Profile::example();
    profile.version = version;
    server_given(store, profile)
}

/// A server with this profile in its file.
pub(crate) fn server_given(store: &Arc<MemoryStore>, profile: Profile) -> Server {
    let (writer, _task) = BatchWriter::start(Arc::clone(store) as _, WriterConfig::usual());
    let profiles = Profiles::new([("foie".parse().unwrap(), profile)]).unwrap();
    let mut services =
        Services::new(Arc::clone(store) as _, writer, profiles, || Timestamp::from_micros(NOON).unwrap());
    services.door.quotas = Arc::new(Quotas::none());
    services.storage.register = Some(Arc::clone(store) as _);
    Server { app: router(services.clone()), services }
}

/// Stores samples that are a second apart, the last a second before noon. The tray is empty in the
/// first half of them.
pub(crate) async fn filled(store: &MemoryStore, samples: i64) {
    let name = "foie".parse().unwrap();
    let profiles = Profiles::new([(name, Profile::example())]).unwrap();
    let mut station = Station::new(7);
    let mut made = Vec::new();
    for k in 0..samples {
        let scene = if k < samples / 2 { Scene { height_mm: 0.0, dome_mm: 0.0, ..Scene::GOOD } } else { Scene::GOOD };
        let reading = station.read(scene, Fault::None);
        let (inspection, profile) = profiles.inspect(&name, reading.frame.as_ref(), reading.spectrum.as_ref()).unwrap();
        let timestamp = Timestamp::from_micros(NOON + (k - samples) * SECOND).unwrap();
        let key = SampleKey {
            device_id: Name::new("ESP32_1").unwrap(),
            timestamp,
            name: Name::new(&format!("S{k}")).unwrap(),
        };
        made.push(Sample {
            key,
            received_at: timestamp,
            tof: reading.frame,
            spectrum: reading.spectrum,
            inspection,
            reported: None,
            meta: Meta { firmware_version: None, temperature_c: Some(4.5), humidity_percent: None },
            profile,
            processing_micros: 5,
            beside: sqal_core::beside::Beside::default(),
            purpose: sqal_core::Purpose::Product,
        });
    }
    store.insert(&made).await.unwrap();
}

pub(crate) fn profile(version: u32, tilt: f64) -> Value {
    let mut profile = serde_json::to_value(Profile::example()).unwrap();
    (profile["version"], profile["tof"]["max_tilt_deg"]) = (version.into(), tilt.into());
    profile
}

pub(crate) const FOIE: &str = "/api/v1/profiles/foie";

/// The entity tag of a profile that GET or PUT has returned.
pub(crate) fn tag(answer: &Answer) -> String {
    let tag = format!("\"{}\"", answer.body["hash"].as_str().unwrap());
    assert!(answer.headers.get("etag").is_none_or(|sent| *sent == tag));
    tag
}

/// A job over the last minute.
pub(crate) fn minute() -> Value {
    json!({
        "kind": "dry_run", "name": "foie", "profile": profile(2, 1.0),
        "span": { "from": "2026-11-21T11:59:00Z", "until": "2026-11-21T12:00:00Z" },
    })
}

/// The actor and the text of every line of the audit log. The tasks that write them get their turn
/// before.
pub(crate) async fn audited(store: &MemoryStore) -> Vec<(String, String)> {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let lines = store.audit(0, 100).await.unwrap();
    lines.iter().map(|line| (line.action.actor.to_string(), line.action.what.to_string())).collect()
}

/// A token whose text is the name of its holder.
pub(crate) fn token(name: &str, grant: Grant) -> Token {
    Token { name: Name::new(name).unwrap(), grant, sha256: TokenHash::of(name), until: None }
}

/// The token of a quality engineer, whose text is the name of its holder.
pub(crate) fn engineer(name: &str) -> Token {
    token(name, Grant::Role(Role::QualityEngineer))
}

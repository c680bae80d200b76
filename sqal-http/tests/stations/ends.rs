//! How a connection ends: by the server, by the device, by a standstill.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use sqal_core::Timestamp;
use sqal_http::{Profile, Profiles, Services};
use sqal_storage::{BatchWriter, SampleQuery, SampleStore, WriterConfig};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::line::{Device, NOW, frame, line, stored};

#[tokio::test]
async fn sd_15_16_a_restart_answers_what_was_taken_and_closes_with_1012_and_a_hint() {
    let line = line(|_| {}).await;
    let mut devices = Vec::new();
    for k in 0..5 {
        let mut device = Device::connect(&line).await;
        assert_eq!(device.ask(frame(&format!("first of {k}"), |_| {})).await["status"], "persisted");
        // Sent without waiting for answers. The frames that the server accepts are answered before
        // the close.
        for j in 0..20 {
            device.send(frame(&format!("{j} of {k}"), |_| {})).await;
        }
        devices.push(device);
    }
    let websockets = line.websockets.clone();
    assert_eq!(websockets.open(), 5);
    let closing = tokio::spawn(async move { websockets.close_all(Duration::from_secs(30)).await });
    let (mut hints, mut answered) = (Vec::new(), 5);
    for device in &mut devices {
        let (code, reason) = loop {
            match device.0.next().await.unwrap().unwrap() {
                Message::Close(Some(close)) => break (close.code, close.reason.to_string()),
                Message::Text(text) => {
                    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["status"], "persisted");
                    answered += 1;
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(code, CloseCode::Restart);
        let hint =
            reason.strip_prefix("the server restarts, connect again in ").and_then(|rest| rest.strip_suffix(" ms"));
        hints.push(hint.unwrap().parse::<u32>().unwrap());
    }
    assert_eq!(closing.await.unwrap(), 0);
    assert_eq!(stored(&line).await, answered, "what is stored was answered, and the other way round");
    hints.sort_unstable();
    hints.dedup();
    assert!(hints.len() > 1 && hints.iter().all(|hint| *hint < 2000), "not all at once: {hints:?}");
}

#[tokio::test]
async fn sd_17_no_new_connection_once_the_end_has_begun() {
    let shutdown = sqal_resilience::Shutdown::default();
    let line = line(|services| *services = services.clone().ending_with(&shutdown)).await;
    assert!(connect_async(format!("ws://{}/ws/sensors", line.address)).await.is_ok());
    shutdown.begin("SIGTERM");
    let refused = connect_async(format!("ws://{}/ws/sensors", line.address)).await.unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");
}

/// A device that closes gets its close back (RFC 6455, 5.5.1). Its samples are stored even if it
/// did not wait for the answers.
#[tokio::test]
async fn a_device_that_closes_gets_its_close_back_and_its_samples_are_stored() {
    let line = line(|_| {}).await;
    let mut device = Device::connect(&line).await;
    for k in 0..10 {
        device.send(frame(&format!("{k}"), |_| {})).await;
    }
    device.0.close(None).await.unwrap();
    let mut closed = false;
    while let Some(message) = device.0.next().await {
        closed = closed || matches!(message, Ok(Message::Close(_)));
    }
    assert!(closed, "the close was not answered");
    while line.websockets.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stored(&line).await, 10);
}

/// If the database does not answer, a device that has used up its credit is disconnected, and
/// nothing grows.
#[tokio::test(start_paused = true)]
async fn a_standstill_ends_with_1013() {
    let (store, _task) = (Arc::new(Stuck), ());
    let (writer, _writing) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let line = line(|services| {
        let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
        *services = Services::new(store, writer, profiles, || Timestamp::from_micros(NOW).unwrap());
    })
    .await;
    let mut device = Device::connect(&line).await;
    for k in 0..64 {
        device.send(frame(&k.to_string(), |_| {})).await;
    }
    assert_eq!(device.close_code().await, (CloseCode::Again, "no answer for 10 s: try again later".to_owned()));
}

/// A store that accepts everything and never answers.
#[derive(Debug)]
struct Stuck;

#[async_trait::async_trait]
impl SampleStore for Stuck {
    async fn insert(&self, _: &[sqal_core::Sample]) -> Result<Vec<sqal_storage::Inserted>, sqal_storage::StorageError> {
        std::future::pending().await
    }
    async fn get(&self, _: &sqal_core::SampleId) -> Result<Option<sqal_core::Sample>, sqal_storage::StorageError> {
        std::future::pending().await
    }
    async fn query(&self, _: &SampleQuery) -> Result<sqal_storage::samples::Page, sqal_storage::StorageError> {
        std::future::pending().await
    }
    async fn hourly(
        &self,
        _: &sqal_storage::samples::HourlyQuery,
    ) -> Result<Vec<sqal_storage::samples::Hourly>, sqal_storage::StorageError> {
        std::future::pending().await
    }
    async fn by_device(
        &self,
        _: &sqal_storage::samples::HourlyQuery,
    ) -> Result<Vec<sqal_storage::samples::DeviceTally>, sqal_storage::StorageError> {
        std::future::pending().await
    }
    async fn ping(&self) -> Result<(), sqal_storage::StorageError> {
        std::future::pending().await
    }
}

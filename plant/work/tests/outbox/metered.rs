//! What the metrics count.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use sqal_work::outbox::report_pending;

use crate::line::narrow;
use crate::receiver::{ok, status};
use crate::storms::People;

/// Every series of the outbox with a value above zero. Reading a counter resets it.
fn counted(recorder: &DebuggingRecorder) -> BTreeMap<String, u64> {
    let all = recorder.snapshotter().snapshot().into_vec().into_iter();
    let series = all.map(|(key, _, _, value)| {
        let labels: Vec<_> = key.key().labels().map(metrics::Label::value).collect();
        let value = match value {
            DebugValue::Counter(number) => number,
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
            DebugValue::Gauge(value) => value.into_inner() as u64,
            DebugValue::Histogram(_) => 0,
        };
        (format!("{} {}", key.key().name(), labels.join(" ")), value)
    });
    series.filter(|(name, value)| *value > 0 && name.starts_with("outbox")).collect()
}

fn expected<const N: usize>(series: [(&str, u64); N]) -> BTreeMap<String, u64> {
    series.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[test]
fn every_message_is_counted_when_it_is_taken_and_when_it_is_delivered() {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let people = People::new(narrow(), [status(500, ""), ok(), status(400, ""), ok()]).await;
            for k in 0..5 {
                people.send(&format!("event {k}")).await;
            }
            people.send("event 0").await;
            report_pending(&*people.line.store).await.unwrap();
            let taken = expected([
                ("outbox_messages_total notice collected", 3),
                ("outbox_messages_total notice queued", 2),
                ("outbox_messages_total notice repeated", 1),
                ("outbox_pending notice", 3),
            ]);
            assert_eq!(counted(&recorder), taken);
            people.line.drain(&people.work).await;
            report_pending(&*people.line.store).await.unwrap();
        });
    });
    // The first message fails, waits, and is then refused for good; the second one and the digest
    // are accepted.
    let delivered = expected([
        ("outbox_messages_total notice delivered", 2),
        ("outbox_messages_total notice failed", 1),
        ("outbox_messages_total notice retried", 1),
    ]);
    assert_eq!(counted(&recorder), delivered);
}

#[test]
fn every_series_exists_from_the_beginning() {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(async { drop(People::new(narrow(), [ok()]).await) }));
    let series = recorder.snapshotter().snapshot().into_vec();
    let names = series.iter().filter(|(key, ..)| key.key().name() == "outbox_messages_total");
    assert_eq!(names.count(), 18);
}

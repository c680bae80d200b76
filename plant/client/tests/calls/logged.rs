//! The lines that the client logs about a destination.

use std::sync::Arc;
use std::time::Duration;

use fixtures::logged::LoggedLines;
use sqal_resilience::ManualClock;
use tracing_subscriber::util::SubscriberInitExt;

use crate::server::{Server, status};
use crate::{at, client_with};

/// CBR-05: each change of a destination's breaker is logged with its name and its state.
#[tokio::test]
async fn cbr_05_the_breaker_of_a_destination_logs_its_changes() {
    let lines = LoggedLines::default();
    let writer = lines.clone();
    // Probes, and their failures, are logged at level debug.
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false);
    let _logging = subscriber.with_writer(move || writer.clone()).finish().set_default();
    let server = Server::new([status(500, "")]).await;
    let clock = ManualClock::new();
    let client = client_with(|config| config.clock = Arc::new(clock.clone()));
    let destination = client.destination("other", at(server.address)).unwrap();
    for _ in 0..5 {
        assert_eq!(destination.get("/").await.unwrap().status(), 500);
    }
    clock.advance(Duration::from_secs(60));
    assert_eq!(destination.get("/").await.unwrap().status(), 500);
    let text = lines.text();
    let states: Vec<_> = text.lines().filter_map(|line| line.split("Circuit breaker 'other': état ").nth(1)).collect();
    let states: Vec<_> = states.iter().filter_map(|rest| rest.split(' ').next()).collect();
    assert_eq!(states, ["open", "half_open", "open"], "{text}");
}

//! A collector that refuses, is away or says nothing: the traces are counted, and the end comes.

use std::time::Duration;

use sqal_telemetry::otlp::OtlpProtocol;
use tokio::net::TcpSocket;

use crate::collector::{Collector, Says};
use crate::{export_one_trace, one, settings};

#[tokio::test]
async fn what_a_collector_refuses_for_good_is_counted_as_refused() {
    for says in [Says::Status(401), Says::Status(404), Says::Grpc("16"), Says::Grpc("12")] {
        let protocol = if matches!(says, Says::Grpc(_)) { OtlpProtocol::Grpc } else { OtlpProtocol::HttpProtobuf };
        let collector = Collector::new(says).await;
        let settings = settings(&format!("http://{}", collector.address), protocol);
        assert_eq!(export_one_trace(&settings).await, one("traces_dropped_total refused"), "{says:?}");
        assert_eq!(collector.received().len(), 1, "{says:?}");
    }
}

#[tokio::test]
async fn what_a_collector_could_not_take_is_counted_as_undelivered() {
    for says in [Says::Status(503), Says::Grpc("14"), Says::Nothing] {
        let protocol = if matches!(says, Says::Grpc(_)) { OtlpProtocol::Grpc } else { OtlpProtocol::HttpProtobuf };
        let collector = Collector::new(says).await;
        let mut settings = settings(&format!("http://{}", collector.address), protocol);
        settings.attempt = Duration::from_millis(200);
        assert_eq!(export_one_trace(&settings).await, one("traces_dropped_total undelivered"), "{says:?}");
    }
}

/// No server listens; and a server of the other version of HTTP, which understands nothing.
#[tokio::test]
async fn a_collector_that_cannot_be_spoken_with_is_counted_as_undelivered() {
    // A bound socket that does not listen refuses connections, and keeps its port from others.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nowhere = socket.local_addr().unwrap();
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
        let settings = settings(&format!("http://{nowhere}"), protocol);
        assert_eq!(export_one_trace(&settings).await, one("traces_dropped_total undelivered"), "{protocol:?}");
    }
    let older = Collector::new(Says::Status(200)).await;
    let settings = settings(&format!("http://{}", older.address), OtlpProtocol::Grpc);
    assert_eq!(export_one_trace(&settings).await, one("traces_dropped_total undelivered"));
    assert!(older.received().is_empty());
}

//! What a collector receives: the spans, the service, and the header fields of the operator.

use http::{Method, Version};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use sqal_telemetry::otlp::OtlpProtocol;

use crate::collector::{Collector, Received, Says, spans};
use crate::{export_one_trace, one, settings};

/// What both protocols have in common.
fn is_whole(
    received: &Received,
    message: &opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest,
) {
    assert_eq!(received.head.method, Method::POST);
    assert_eq!(received.header("authorization"), Some("Bearer hunter2"));
    assert!(received.header("user-agent").is_some_and(|agent| agent.starts_with("sqal-telemetry/")));
    let names: Vec<_> = spans(message).iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["request", "work"]);
    assert_eq!(spans(message)[1].parent_span_id, spans(message)[0].span_id);
    assert_eq!(spans(message)[1].trace_id, spans(message)[0].trace_id);
    let resource = message.resource_spans[0].resource.as_ref().unwrap();
    let value = |name: &str| {
        let attribute = resource.attributes.iter().find(|attribute| attribute.key == name)?;
        attribute.value.as_ref()?.value.clone()
    };
    assert_eq!(value("service.name"), Some(Value::StringValue("line-1".to_owned())));
    assert_eq!(value("service.version"), Some(Value::StringValue("2.0".to_owned())));
}

#[tokio::test]
async fn over_http_a_batch_is_one_post_below_the_address() {
    let collector = Collector::new(Says::Status(200)).await;
    let mut settings = settings(&format!("http://{}/plant", collector.address), OtlpProtocol::HttpProtobuf);
    settings.headers = "authorization=Bearer%20hunter2".parse().unwrap();
    assert_eq!(export_one_trace(&settings).await, one("traces_exported_total"));
    let received = collector.received();
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].head.uri.path(), received[0].head.version), ("/plant/v1/traces", Version::HTTP_11));
    assert_eq!(received[0].header("content-type"), Some("application/x-protobuf"));
    is_whole(&received[0], &received[0].message());
}

#[tokio::test]
async fn over_grpc_a_batch_is_one_call_of_the_trace_service() {
    let collector = Collector::new(Says::Grpc("0")).await;
    let mut settings = settings(&format!("http://{}", collector.address), OtlpProtocol::Grpc);
    settings.headers = "authorization=Bearer%20hunter2".parse().unwrap();
    assert_eq!(export_one_trace(&settings).await, one("traces_exported_total"));
    let received = collector.received();
    assert_eq!(received.len(), 1);
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    assert_eq!((received[0].head.uri.path(), received[0].head.version), (path, Version::HTTP_2));
    assert_eq!(
        (received[0].header("content-type"), received[0].header("te")),
        (Some("application/grpc"), Some("trailers"))
    );
    is_whole(&received[0], &received[0].grpc_message());
}

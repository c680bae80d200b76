//! [`Collector`]: sends batches of spans over one pool of connections, as gRPC or as HTTP.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, TE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioTimer;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::error::DeliveryError;
use super::grpc::{GrpcCode, framed, unframed};
use super::{OtlpEndpoint, OtlpProtocol, OtlpSettings};

/// The longest answer that is read, in bytes. A collector answers with some tens.
const LONGEST_ANSWER: usize = 64 * 1024;

/// How long an idle connection is kept: a little longer than the usual time between two batches.
const IDLE: Duration = Duration::from_secs(30);

/// The most tasks that are left after an answer. One connection has about four. A collector that
/// answers without taking a request leaves the task that still sends it.
const MOST_TASKS: usize = 32;

/// Accepts batches of spans.
pub(super) trait Deliver: Send + Sync + 'static {
    /// Sends a request of OTLP, and returns the number of its spans that were rejected.
    fn deliver(&self, request: Bytes) -> impl Future<Output = Result<u64, DeliveryError>> + Send;
}

/// The tasks that drive the connections; they end when the collector is dropped.
type Tasks = Mutex<JoinSet<()>>;

/// A collector of traces.
pub(super) struct Collector {
    connector: HttpsConnector<HttpConnector>,
    connections: Mutex<Connections>,
    endpoint: OtlpEndpoint,
    /// The header fields of each request. Those of the operator are secret.
    headers: HeaderMap,
    /// The most time for one request.
    limit: Duration,
}

/// The connections to a collector, and the tasks that drive them. They end when this is dropped.
struct Connections {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    tasks: Arc<Tasks>,
}

impl Connections {
    /// No connection yet; the first request makes one.
    fn none(connector: HttpsConnector<HttpConnector>, protocol: OtlpProtocol) -> Self {
        let tasks = Arc::<Tasks>::default();
        let client = Client::builder(Spawn(Arc::downgrade(&tasks)))
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http2_only(protocol == OtlpProtocol::Grpc)
            .build(connector);
        Self { client, tasks }
    }

    /// Whether answered requests have left more tasks than they may.
    fn are_littered(&self) -> bool {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.len() > MOST_TASKS
    }
}

/// A request under way. If it is dropped before its answer, the connections are given up. HTTP/2
/// would send the next request over the same connection, whose other end may be dead or take
/// nothing, and would keep every unsent request in memory.
struct UnderWay<'a> {
    collector: &'a Collector,
    is_answered: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let collector = self.collector;
        if !self.is_answered || collector.connections().are_littered() {
            let connections = Connections::none(collector.connector.clone(), collector.endpoint.protocol());
            *collector.connections() = connections;
        }
    }
}

impl Collector {
    /// The collector of these settings. It connects when the first batch is sent.
    pub(super) fn new(settings: &OtlpSettings) -> Self {
        let schemes = HttpsConnectorBuilder::new().with_tls_config(settings.trust.tls()).https_or_http();
        let protocol = settings.endpoint.protocol();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(settings.attempt));
        // TLS agrees on the version that the protocol needs, and on no other.
        let connector = match protocol {
            OtlpProtocol::Grpc => schemes.enable_http2().wrap_connector(tcp),
            OtlpProtocol::HttpProtobuf => schemes.enable_http1().wrap_connector(tcp),
        };
        let connections = Mutex::new(Connections::none(connector.clone(), protocol));
        let (headers, limit) = (headers(settings), settings.attempt);
        Self { connector, connections, endpoint: settings.endpoint.clone(), headers, limit }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, request: Bytes) -> Result<u64, DeliveryError> {
        let (body, version) = match self.endpoint.protocol() {
            OtlpProtocol::Grpc => {
                let framed = framed(&request);
                (framed.ok_or_else(|| DeliveryError::Connection("a request over 4 GiB".to_owned()))?, Version::HTTP_2)
            }
            OtlpProtocol::HttpProtobuf => (request, Version::HTTP_11),
        };
        let mut sent = Request::new(Full::new(body));
        *sent.method_mut() = http::Method::POST;
        *sent.uri_mut() = self.endpoint.target().clone();
        *sent.version_mut() = version;
        *sent.headers_mut() = self.headers.clone();
        let client = self.connections().client.clone();
        let answer = client.request(sent).await.map_err(|error| DeliveryError::of_transport(&error))?;
        if !answer.status().is_success() {
            // The status says why. The body may be the long page of a proxy, and is not read.
            return Err(of_status(&answer));
        }
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await;
        let body = body.map_err(|error| DeliveryError::of_transport(&*error))?;
        let trailers = body.trailers().cloned();
        let answer = Response::from_parts(head, body.to_bytes());
        match self.endpoint.protocol() {
            OtlpProtocol::Grpc => of_grpc(&answer, trailers.as_ref()),
            OtlpProtocol::HttpProtobuf => of_http(&answer),
        }
    }
}

impl Deliver for Collector {
    async fn deliver(&self, request: Bytes) -> Result<u64, DeliveryError> {
        let mut under_way = UnderWay { collector: self, is_answered: false };
        let outcome = timeout(self.limit, self.send(request)).await;
        under_way.is_answered = outcome.is_ok();
        outcome.unwrap_or(Err(DeliveryError::TimedOut(self.limit)))
    }
}

/// Spawns the tasks of connections while their collector exists.
#[derive(Clone)]
struct Spawn(Weak<Tasks>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Spawn {
    fn execute(&self, task: F) {
        let Some(tasks) = self.0.upgrade() else { return };
        let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

/// The header fields of each request.
fn headers(settings: &OtlpSettings) -> HeaderMap {
    let mut headers = settings.headers.fields().clone();
    let agent = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    match settings.endpoint.protocol() {
        OtlpProtocol::Grpc => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        OtlpProtocol::HttpProtobuf => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        }
    }
    headers
}

fn of_grpc(answer: &Response<Bytes>, trailers: Option<&HeaderMap>) -> Result<u64, DeliveryError> {
    if answer.status() != StatusCode::OK {
        return Err(of_status(answer));
    }
    let code = GrpcCode::of(answer.headers(), trailers);
    if code.is_ok() { Ok(unframed(answer.body()).map_or(0, rejected)) } else { Err(DeliveryError::Grpc(code)) }
}

fn of_http(answer: &Response<Bytes>) -> Result<u64, DeliveryError> {
    if answer.status().is_success() { Ok(rejected(answer.body())) } else { Err(of_status(answer)) }
}

fn of_status<B>(answer: &Response<B>) -> DeliveryError {
    let after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.trim().parse().ok());
    DeliveryError::Http { status: answer.status(), retry_after: after.map(Duration::from_secs) }
}

/// The number of spans that an answer rejects. An answer that is no message of OTLP rejects none:
/// some collectors answer with a word.
fn rejected(answer: &[u8]) -> u64 {
    let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
    let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
    u64::try_from(rejected).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: Vec<u8>) -> Response<Bytes> {
        let mut answer = Response::new(body.into());
        *answer.status_mut() = status.try_into().unwrap();
        for (name, value) in headers {
            answer.headers_mut().insert(*name, value.parse().unwrap());
        }
        answer
    }

    fn partly(rejected_spans: i64) -> Vec<u8> {
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: "too old".to_owned() };
        ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
    }

    #[test]
    fn an_answer_says_how_many_spans_it_rejects() {
        for (body, count) in [(Vec::new(), 0), (b"OK".to_vec(), 0), (partly(3), 3), (partly(-3), 0)] {
            assert_eq!(of_http(&answer(200, &[], body.clone())).unwrap(), count);
            let framed = framed(&body).unwrap().to_vec();
            assert_eq!(of_grpc(&answer(200, &[("grpc-status", "0")], framed), None).unwrap(), count);
        }
    }

    #[test]
    fn the_time_that_a_collector_asks_for_is_read_in_seconds() {
        let after = |text: &str| of_http(&answer(503, &[("retry-after", text)], Vec::new())).unwrap_err().retry_after();
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!((after("soon"), after("-1")), (None, None));
    }

    #[test]
    fn a_proxy_that_speaks_no_grpc_is_told_by_its_status() {
        let told = of_grpc(&answer(502, &[], b"<html>".to_vec()), None).unwrap_err();
        assert_eq!(told.to_string(), "HTTP 502 Bad Gateway");
        let silent = of_grpc(&answer(200, &[], Vec::new()), None).unwrap_err();
        assert_eq!(silent.to_string(), "gRPC UNKNOWN: the collector gave no reason");
    }
}

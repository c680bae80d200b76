//! A collector that answers every request in one way, and remembers what it received.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How a collector answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    /// An empty answer of HTTP with this status.
    Status(u16),
    /// An empty message of gRPC with this status.
    Grpc(&'static str),
    /// Nothing.
    Nothing,
}

/// A request that was received.
pub(crate) struct Received {
    pub(crate) head: request::Parts,
    body: Bytes,
}

impl Received {
    /// The message of a request over HTTP.
    pub(crate) fn message(&self) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest::decode(self.body.clone()).unwrap()
    }

    /// The message of a request over gRPC, without its prefix.
    pub(crate) fn grpc_message(&self) -> ExportTraceServiceRequest {
        let length = u32::from_be_bytes(self.body[1..5].try_into().unwrap());
        assert_eq!((self.body[0], usize::try_from(length).unwrap()), (0, self.body.len() - 5));
        ExportTraceServiceRequest::decode(self.body.slice(5..)).unwrap()
    }

    /// A header field of the request.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The spans of a message.
pub(crate) fn spans(message: &ExportTraceServiceRequest) -> &[Span] {
    &message.resource_spans[0].scope_spans[0].spans
}

/// A collector of these tests.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Collector {
    /// A collector that speaks HTTP/2 if it answers by gRPC, and HTTP/1.1 otherwise.
    pub(crate) async fn new(says: Says) -> Self {
        Self::with_tls(says, None).await
    }

    /// A collector behind TLS, if there is an acceptor.
    pub(crate) async fn with_tls(says: Says, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::<Mutex<Vec<_>>>::default();
        let collector = Self { address, received: Arc::clone(&received) };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, received) = (tls.clone(), Arc::clone(&received));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, says, received).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, says, received).await;
                            }
                        }
                    }
                });
            }
        });
        collector
    }

    /// The requests that were received; they are taken.
    pub(crate) fn received(&self) -> Vec<Received> {
        std::mem::take(&mut *self.received.lock().unwrap())
    }
}

/// Serves one connection. A client that breaks it off is no fault of the collector.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    says: Says,
    received: Arc<Mutex<Vec<Received>>>,
) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let received = Arc::clone(&received);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            received.lock().unwrap().push(Received { head, body });
            Ok::<_, Infallible>(answer(says).await)
        }
    });
    let stream = TokioIo::new(stream);
    if matches!(says, Says::Grpc(_)) {
        let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(stream, answer).await;
    } else {
        let _ = http1::Builder::new().serve_connection(stream, answer).await;
    }
}

async fn answer(says: Says) -> Response<BoxBody<Bytes, Infallible>> {
    match says {
        Says::Status(status) => {
            let mut answer = Response::new(Full::<Bytes>::default().boxed());
            *answer.status_mut() = status.try_into().unwrap();
            answer
        }
        Says::Grpc(code) => {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", code.parse().unwrap());
            let empty_message = Full::new(Bytes::from_static(&[0; 5]));
            Response::new(empty_message.with_trailers(std::future::ready(Some(Ok(trailers)))).boxed())
        }
        Says::Nothing => std::future::pending().await,
    }
}

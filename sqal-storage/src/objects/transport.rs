//! [`Transport`]: how requests reach the storage, and how long and how large their answers may be.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::PART;

/// The time limit of a new connection.
const CONNECT: Duration = Duration::from_secs(5);

/// The time limit of a request and its whole answer. A part of 8 MiB needs 34 s at 2 Mbit/s.
const EXCHANGE: Duration = Duration::from_mins(1);

/// The time limit of a request that makes the storage copy or join up to 5 GiB.
const LONG_EXCHANGE: Duration = Duration::from_mins(15);

/// The time for which an idle connection is kept.
const IDLE: Duration = Duration::from_secs(10);

/// The largest accepted answer, in bytes: a part of a blob. A list of 1,000 names of 1,024 bytes is
/// shorter.
const LONGEST_ANSWER: usize = PART;

/// The status of an answer that holds a whole object and not the requested range.
const OK: u16 = 200;

/// The connections to the storage. They use the TLS of this family, rustls with ring, and not the
/// one that the driver would bring.
#[derive(Clone, Debug)]
pub(super) struct Transport(Client<HttpsConnector<TcpConnector>, HttpRequestBody>);

impl Transport {
    /// Connections to an endpoint. None is made before the first request.
    ///
    /// # Errors
    ///
    /// The reason why TLS cannot be used.
    pub(super) fn new(endpoint: &Url) -> Result<Self, String> {
        let mut tcp = TcpConnector::new();
        // The connector of TLS is around this one.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let roots = if endpoint.scheme() == "https" { machine_roots()? } else { RootCertStore::empty() };
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(HttpsConnector::from((tcp, tls(roots)?)));
        Ok(Self(pool))
    }

    /// Sends a request and receives its whole answer.
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_partial = request.headers().contains_key("range");
        let answer = self.0.request(request).await.map_err(|error| {
            // The driver repeats every request that did not reach the storage, and of the others
            // those that may be repeated.
            let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
            HttpError::new(kind, error)
        })?;
        let (head, body) = answer.into_parts();
        if is_partial && head.status.as_u16() == OK {
            // The storage ignores the range and sends the whole object, which may have any size.
            // The driver refuses the answer for its status, and needs no body.
            return Ok(HttpResponse::from_parts(head, HttpResponseBody::from(Vec::new())));
        }
        let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|error| {
            // The driver does not repeat a request because its answer was too long.
            let is_too_long = error.is::<LengthLimitError>();
            let kind = if is_too_long { HttpErrorKind::Decode } else { HttpErrorKind::Interrupted };
            HttpError::new_boxed(kind, error)
        })?;
        Ok(HttpResponse::from_parts(head, HttpResponseBody::from(body.to_bytes())))
    }
}

impl HttpConnector for Transport {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let copies = request.headers().contains_key("x-amz-copy-source");
        let joins =
            request.method().as_str() == "POST" && request.uri().query().is_some_and(|q| q.contains("uploadId"));
        let limit = if copies || joins { LONG_EXCHANGE } else { EXCHANGE };
        let answer = tokio::time::timeout(limit, self.exchange(request)).await;
        answer.unwrap_or_else(|elapsed| Err(HttpError::new(HttpErrorKind::Timeout, elapsed)))
    }
}

/// The authorities that the machine's other programs trust: the store of the operating system, or
/// the one that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
fn machine_roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(found.certs).0 == 0 {
        let why = found.errors.first().map_or_else(|| "it is empty".to_owned(), ToString::to_string);
        return Err(format!("the machine's certificate store has no certificate: {why}"));
    }
    Ok(roots)
}

fn tls(roots: RootCertStore) -> Result<ClientConfig, String> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

//! [`transport`]: one pool of connections that never connects to a refused address.

use std::error::Error;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioIo, TokioTimer};
use sqal_resilience::timeout;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tower_service::Service;

use super::address::Reach;
use super::origin::literal;
use super::{AddressRefusedError, HttpClientConfig, Resolver};

/// The pool of open idle connections, with the connector that makes new ones.
pub(super) type Transport = Client<Limited, Full<Bytes>>;

type BoxError = Box<dyn Error + Send + Sync>;
type Future<T> = Pin<Box<dyn std::future::Future<Output = Result<T, BoxError>> + Send>>;

tokio::task_local! {
    /// The time limit of a connection that this task needs. The pool serves all destinations and
    /// knows none of their settings. It begins to connect in the task that sends the request.
    pub(super) static CONNECT: Duration;
}

/// The tasks of a pool: each drives a connection. They end when the last clone of this is dropped.
pub(super) type Tasks = Arc<Mutex<JoinSet<()>>>;

/// A pool, and the tasks that drive its connections.
pub(super) fn transport(config: &HttpClientConfig) -> (Transport, Tasks) {
    let reach = Arc::new(Reach(config.allowed.clone()));
    let names = Names { resolver: Arc::clone(&config.resolver), reach: Arc::clone(&reach) };
    let mut tcp = HttpConnector::new_with_resolver(names);
    tcp.enforce_http(false);
    // A request is one small write, and the client waits for its answer.
    tcp.set_nodelay(true);
    let guarded = Guarded { tcp, reach };
    let tasks = Tasks::default();
    let transport = Client::builder(Spawn(Arc::downgrade(&tasks)))
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(config.idle_for)
        .pool_max_idle_per_host(config.idle_per_origin)
        .build(Limited(HttpsConnector::from((guarded, config.trust.tls()))));
    (transport, tasks)
}

/// Spawns tasks into a pool while the pool exists.
#[derive(Clone)]
struct Spawn(Weak<Mutex<JoinSet<()>>>);

impl<F: std::future::Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Spawn {
    fn execute(&self, task: F) {
        let Some(tasks) = self.0.upgrade() else { return };
        let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

/// Resolves a name to those of its addresses that may be called. The connector itself calls it and
/// connects to what it returns. A name that resolves to something else a moment later (DNS
/// rebinding) therefore gains nothing.
#[derive(Clone)]
struct Names {
    resolver: Arc<dyn Resolver>,
    reach: Arc<Reach>,
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Future<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { resolver, reach } = self.clone();
        Box::pin(async move {
            let mut addresses = resolver.resolve(name.as_str()).await?;
            let first = addresses.first().copied();
            addresses.retain(|address| reach.permits(*address));
            match first {
                None => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into()),
                Some(address) if addresses.is_empty() => {
                    Err(AddressRefusedError { host: name.as_str().to_owned(), address }.into())
                }
                // The connector fills in the port.
                Some(_) => {
                    Ok(addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect::<Vec<_>>().into_iter())
                }
            }
        })
    }
}

/// Connects to addresses that may be called. An address in the URI is checked here, because the
/// resolver never sees it.
#[derive(Clone)]
pub(super) struct Guarded {
    tcp: HttpConnector<Names>,
    reach: Arc<Reach>,
}

impl Service<Uri> for Guarded {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Future<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let host = uri.host().unwrap_or_default();
        if let Some(address) = literal(host).filter(|address| !self.reach.permits(*address)) {
            return Box::pin(ready(Err(AddressRefusedError { host: host.to_owned(), address }.into())));
        }
        let mut tcp = self.tcp.clone();
        // The addresses of a name share the time, because the first of them may never answer.
        tcp.set_connect_timeout(CONNECT.try_get().ok());
        Box::pin(async move { Ok(tcp.call(uri).await?) })
    }
}

/// Limits the time to connect: name resolution, connection and TLS handshake together.
#[derive(Clone)]
pub(super) struct Limited(HttpsConnector<Guarded>);

impl Service<Uri> for Limited {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Future<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = CONNECT.try_get().unwrap_or(Duration::MAX);
        let connecting = self.0.call(uri);
        Box::pin(async move { timeout(limit, connecting).await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HttpClientConfig, SendError, Trust};

    /// A destination refuses such an origin before it uses the pool. The pool refuses it for a
    /// direct caller too. No server listens on the port, so that an attempt to connect would fail
    /// in another way.
    #[tokio::test]
    async fn the_pool_itself_connects_to_no_address_that_is_refused() {
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (transport, _tasks) = transport(&HttpClientConfig::usual(Trust::none()));
        for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0"] {
            let uri = format!("http://{host}:{}/", closed.port()).parse().unwrap();
            let failed = SendError::of_transport(transport.get(uri).await.unwrap_err(), host, Duration::ZERO);
            assert!(matches!(&failed, SendError::AddressRefused(refused) if refused.host == host), "{failed:?}");
        }
    }
}

//! [`SendError`]: why there is no answer, for deciding what to do next.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use hyper_util::client::legacy;
use sqal_resilience::{Rejected, TimeoutError, idempotency::Sent};

/// A host that may not be called, and the address for which it is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("host {host} is {address}, which is not of the Internet and in no allowed network")]
pub struct AddressRefusedError {
    /// The host as it was configured.
    pub host: String,
    /// Its address, the first one if it has several.
    pub address: IpAddr,
}

/// The time limit that was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// To resolve the name, to connect and to authenticate the server.
    Connect,
    /// One attempt, from the search for a connection to the last byte of the answer.
    Attempt,
    /// All attempts and the waits between them, or the time left of the caller's own deadline.
    Total,
}

impl Limit {
    /// The name of the setting, for logs; it does not change.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Attempt => "attempt",
            Self::Total => "total",
        }
    }
}

/// A request that cannot be sent as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The URI names a scheme or a host, or has no path. The error does not repeat the URI, because
    /// a query may hold a secret.
    #[error("request target: expected a path that begins with / and perhaps a query, without scheme and host")]
    Target,
    /// The method CONNECT, which asks for a tunnel to another host.
    #[error("method CONNECT: expected any other")]
    Connect,
    /// A header field that belongs to the connection, which several requests share.
    #[error("header {0}: set by the client, expected none")]
    Header(&'static str),
}

/// Why there is no answer. An answer with any status is not an error.
///
/// Of the request, the error holds only the host: no path, no query, no header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Every address of the host is one that may not be called.
    #[error(transparent)]
    AddressRefused(#[from] AddressRefusedError),
    /// The breaker refused the request, because the destination failed recently.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// A time limit was exceeded.
    #[error("no answer in {after:?}, the limit {}", .limit.as_str())]
    TimedOut {
        /// The limit that was exceeded.
        limit: Limit,
        /// The duration of the limit.
        after: Duration,
    },
    /// There is no connection: the name has no address, or no server listens there. The request was
    /// not sent.
    #[error("no connection to {host}, and nothing was sent")]
    NotSent {
        /// The host as it was configured.
        host: String,
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server could not prove with its certificate that it is the host. The request was not
    /// sent.
    #[error("{host} has no certificate that is trusted, and nothing was sent")]
    Untrusted {
        /// The host as it was configured.
        host: String,
        /// What is wrong with the certificate.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection broke before the answer was complete, or the bytes received are not an
    /// answer. The destination may have executed the request.
    #[error("the connection to {host} broke after the request may have been sent")]
    Broken {
        /// The host as it was configured.
        host: String,
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer is longer than the destination's `max_answer`. The rest is not waited for: unless
    /// it had arrived already, the connection is closed.
    #[error("an answer of more than max_answer, {limit} bytes")]
    AnswerTooLarge {
        /// The longest body that is read, in bytes.
        limit: usize,
    },
    /// The request cannot be sent as it is.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
}

impl SendError {
    /// Whether the same request may succeed later. Whether it may be repeated is another question:
    /// see [`SendError::sent`].
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Rejected(_) | Self::TimedOut { .. } | Self::NotSent { .. } | Self::Broken { .. } => true,
            Self::AddressRefused(_)
            | Self::Untrusted { .. }
            | Self::AnswerTooLarge { .. }
            | Self::InvalidRequest(_) => false,
        }
    }

    /// Whether the destination can have seen the request.
    #[must_use]
    pub const fn sent(&self) -> Sent {
        match self {
            Self::TimedOut { limit: Limit::Attempt | Limit::Total, .. }
            | Self::Broken { .. }
            | Self::AnswerTooLarge { .. } => Sent::Perhaps,
            Self::TimedOut { limit: Limit::Connect, .. }
            | Self::AddressRefused(_)
            | Self::Rejected(_)
            | Self::NotSent { .. }
            | Self::Untrusted { .. }
            | Self::InvalidRequest(_) => Sent::No,
        }
    }

    /// The least time to wait before another request can succeed, if that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected(refused) => refused.retry_after,
            _ => None,
        }
    }

    /// Classifies an error of the transport.
    pub(super) fn of_transport(error: legacy::Error, host: &str, connect: Duration) -> Self {
        let host = host.to_owned();
        if !error.is_connect() {
            return Self::Broken { host, source: Box::new(error) };
        }
        if let Some(refused) = find::<AddressRefusedError>(&error) {
            return Self::AddressRefused(refused.clone());
        }
        // The limit also applies to each address, and one of them may reach it a moment before the
        // whole.
        let late = find::<io::Error>(&error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut);
        if late || find::<TimeoutError>(&error).is_some() {
            return Self::TimedOut { limit: Limit::Connect, after: connect };
        }
        if matches!(find::<rustls::Error>(&error), Some(rustls::Error::InvalidCertificate(_))) {
            return Self::Untrusted { host, source: Box::new(error) };
        }
        Self::NotSent { host, source: Box::new(error) }
    }
}

/// The first error of a type in a chain of sources. An `io::Error` has the source of the error that
/// it wraps, so the wrapped error is visited first.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

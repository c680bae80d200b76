//! [`DeliveryError`]: why a batch of spans was not accepted, and whether another try may help.

use std::error::Error;
use std::time::Duration;

use http::StatusCode;

use super::grpc::GrpcCode;

/// The longest cause that a line of the log has, in characters.
const LONGEST: usize = 200;

/// Why a collector has not accepted a batch.
///
/// The text of the collector itself is left out: it may repeat a header field, which is a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    /// There is no connection, or it broke.
    #[error("{0}")]
    Connection(String),
    /// There was no answer in time.
    #[error("no answer in {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// An answer of HTTP that is no success.
    #[error("HTTP {status}")]
    Http {
        /// The status.
        status: StatusCode,
        /// When the collector wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// An answer of gRPC that is no success.
    #[error("gRPC {}: {}", .0.name(), .0.meaning())]
    Grpc(GrpcCode),
}

impl DeliveryError {
    /// The error of a transport, by its root cause: the errors around it say only where it
    /// happened.
    pub(super) fn of_transport(error: &(dyn Error + 'static)) -> Self {
        let mut root = error;
        while let Some(source) = root.source() {
            root = source;
        }
        let sound = |letter: char| if letter.is_control() { ' ' } else { letter };
        Self::Connection(root.to_string().chars().map(sound).take(LONGEST).collect())
    }

    /// Whether the same batch may be accepted later, by the lists of OTLP.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Connection(_) | Self::TimedOut(_) => true,
            Self::Http { status, .. } => matches!(status.as_u16(), 429 | 502 | 503 | 504),
            Self::Grpc(code) => code.is_transient(),
        }
    }

    /// When the collector wants to be asked again.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Http { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("client error (Connect)")]
    struct Around(#[source] io::Error);

    #[test]
    fn the_root_cause_is_told_in_one_bounded_line() {
        let error = Around(io::Error::other("connection\nrefused"));
        assert_eq!(DeliveryError::of_transport(&error).to_string(), "connection refused");
        let long = Around(io::Error::other("x".repeat(LONGEST * 2)));
        assert_eq!(DeliveryError::of_transport(&long).to_string().len(), LONGEST);
    }

    #[test]
    fn only_what_another_try_may_change_is_transient() {
        let http = |status: u16| DeliveryError::Http { status: status.try_into().unwrap(), retry_after: None };
        let tried_again: Vec<u16> = (400..600).filter(|status| http(*status).is_transient()).collect();
        assert_eq!(tried_again, [429, 502, 503, 504]);
        assert_eq!(http(401).to_string(), "HTTP 401 Unauthorized");
        assert_eq!(DeliveryError::TimedOut(Duration::from_millis(250)).to_string(), "no answer in 250 ms");
        let refused = DeliveryError::Grpc(GrpcCode::new(16));
        assert!(!refused.is_transient());
        assert_eq!(refused.to_string(), "gRPC UNAUTHENTICATED: the header fields are not those of a known sender");
    }
}

//! [`ForeignLimit`]: how much the lines of libraries tell at most, whatever a filter asks for.

use tracing::Metadata;
use tracing::subscriber::Interest;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter};

/// The beginning of the targets of this family of crates, whose lines hold no secret at any level.
const FAMILY: &str = "sqal";

/// Libraries whose lines at level debug hold secrets: an SMTP client writes the login of its server
/// and the mail.
const TALKATIVE: [&str; 1] = ["lettre"];

/// Hides the lines of libraries at level trace.
///
/// A library writes what it sends and receives at that level: the request of a WebSocket with its
/// token, the tickets of TLS, the body that a web framework refused. An administrator who raises a
/// level must not thereby read the secrets of others.
#[derive(Clone, Copy, Debug)]
pub(super) struct ForeignLimit {
    /// The beginnings of the targets of the program itself.
    pub(super) own: &'static [&'static str],
}

impl ForeignLimit {
    /// The most detailed level that a target may have.
    fn most(self, target: &str) -> LevelFilter {
        let crate_name = target.split("::").next().unwrap_or_default();
        if target.starts_with(FAMILY) || self.own.iter().any(|own| target.starts_with(own)) {
            LevelFilter::TRACE
        } else if TALKATIVE.contains(&crate_name) {
            LevelFilter::INFO
        } else {
            LevelFilter::DEBUG
        }
    }

    fn allows(self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.most(metadata.target())
    }
}

impl<S> Filter<S> for ForeignLimit {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.allows(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.allows(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Without a hint, the hint of the other filter would be lost.
        Some(LevelFilter::TRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_house_may_tell_everything() {
        for (target, level) in [
            ("sqal_http::door", LevelFilter::TRACE),
            ("reference_server", LevelFilter::TRACE),
            ("device_simulator::link", LevelFilter::DEBUG),
            ("tungstenite::handshake::client", LevelFilter::DEBUG),
            ("axum::rejection", LevelFilter::DEBUG),
            ("sqlx::query", LevelFilter::DEBUG),
            ("rustls::server::tls13", LevelFilter::DEBUG),
            ("lettre", LevelFilter::INFO),
            ("lettre::transport::smtp::client", LevelFilter::INFO),
            ("lettres", LevelFilter::DEBUG),
            ("", LevelFilter::DEBUG),
        ] {
            assert_eq!(ForeignLimit { own: &["reference_server"] }.most(target), level, "{target}");
        }
    }
}

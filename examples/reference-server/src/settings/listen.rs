//! [`ListenSettings`]: the address on which the server listens.

use std::net::SocketAddr;

use super::access::TOKENS_FILE;
use super::row::Setting;
use super::values::Values;

pub(super) const ADDRESS: Setting = Setting::plain(
    "SQAL_ADDRESS",
    Some("127.0.0.1:8000"),
    "an address and a port, for example 127.0.0.1:8000",
    "Where to listen",
);

/// Where the server listens.
#[derive(Clone, Copy, Debug)]
pub struct ListenSettings {
    /// The address to listen on.
    pub address: SocketAddr,
}

impl ListenSettings {
    /// Reads the address. A server without tokens authenticates no caller, so it may listen on
    /// loopback only.
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        let address: SocketAddr = values.parsed(&ADDRESS)?;
        if !address.ip().is_loopback() && values.text(&TOKENS_FILE).is_none() {
            let what = format!(
                "{address} can be reached from other machines, and the server has no authentication: set SQAL_TOKENS_FILE (`sqal token` makes \
                 tokens), or listen on 127.0.0.1"
            );
            values.wrong(&ADDRESS, what);
        }
        Some(Self { address })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, settings, tokens_of};

    #[test]
    fn a_server_that_asks_nobody_is_not_reached_from_elsewhere() {
        let told = mistakes(&["--address", "0.0.0.0:8000"], &[]);
        assert!(
            told[0].starts_with("SQAL_ADDRESS (--address): 0.0.0.0:8000 can be reached from other machines"),
            "{told:?}"
        );
        let folder = tempfile::tempdir().unwrap();
        let tokens = tokens_of(folder.path(), &["{ role: viewer }"]);
        let settings = settings(&["--address", "0.0.0.0:8000", "--tokens-file", &tokens], &[]);
        assert!(!settings.access.access.is_open());
    }
}

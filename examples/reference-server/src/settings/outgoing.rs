//! [`OutgoingSettings`]: the networks inside the plant that this server may call.

use std::net::IpAddr;

use sqal_client::{Network, Origin, is_public};

use super::row::Setting;
use super::values::Values;

pub(super) const NETWORKS: Setting = Setting::plain(
    "SQAL_OUTGOING_NETWORKS",
    Some(""),
    "networks like 10.20.0.0/16 with commas between",
    "Networks of the plant to which notices and webhooks may go, also by plain http; all others go out by https",
);

/// The networks inside the plant that this server may call.
#[derive(Clone, Debug, Default)]
pub struct OutgoingSettings {
    /// The networks. Without any, only addresses of the Internet are called, and only by `https`.
    pub networks: Vec<Network>,
}

impl OutgoingSettings {
    pub(super) fn read(values: &mut Values) -> Self {
        let networks = values.read(&NETWORKS, |text| {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(|part| part.parse().ok()).collect::<Option<Vec<Network>>>()
        });
        Self { networks: networks.unwrap_or_default() }
    }

    /// Why nothing is sent to an origin; `None` if it may be called. The addresses of a name are
    /// checked at each call.
    pub(super) fn refusal(&self, origin: &Origin) -> Option<&'static str> {
        const PLAIN: &str = "http, which every network in between can read: expected https, or a network of \
                             SQAL_OUTGOING_NETWORKS";
        const INSIDE: &str = "an address inside a network: expected one of the Internet, or of SQAL_OUTGOING_NETWORKS";
        let address = origin.host().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let is_inside = |address: IpAddr| self.networks.iter().any(|network| network.contains(address));
        match address {
            Some(address) if is_inside(address) => None,
            Some(address) if !is_public(address) => Some(INSIDE),
            None if !self.networks.is_empty() => None,
            _ => origin.is_plain().then_some(PLAIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, settings};
    use super::*;

    #[test]
    fn without_a_network_only_the_internet_is_called_and_only_by_https() {
        let none = settings(&[], &[]).outgoing;
        let one = settings(&[], &[("SQAL_OUTGOING_NETWORKS", "10.20.0.0/16, fd00::/8")]).outgoing;
        assert_eq!(one.networks.len(), 2);
        for (origin, without, with) in [
            ("https://hooks.example", true, true),
            ("https://9.9.9.9", true, true),
            ("http://hooks.example", false, true),
            ("http://9.9.9.9", false, false),
            ("https://10.20.0.7", false, true),
            ("http://10.20.0.7:8080", false, true),
            ("http://[fd00::1]", false, true),
            ("https://10.21.0.7", false, false),
            ("http://127.0.0.1", false, false),
        ] {
            let origin: Origin = origin.parse().unwrap();
            assert_eq!((none.refusal(&origin).is_none(), one.refusal(&origin).is_none()), (without, with), "{origin}");
        }
    }

    #[test]
    fn what_is_no_network_is_told() {
        for text in ["10.0.0.1/8", "10.0.0.0", "inside", "10.0.0.0/8;fd00::/8"] {
            let told = mistakes(&[], &[("SQAL_OUTGOING_NETWORKS", text)]);
            assert!(told.len() == 1 && told[0].contains("networks like 10.20.0.0/16"), "{text}: {told:?}");
        }
    }
}

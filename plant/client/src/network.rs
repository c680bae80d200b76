//! [`Network`]: a range of addresses in the usual notation, such as `10.0.0.0/8`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses: those that agree with an address in its first bits.
///
/// ```
/// use sqal_client::Network;
///
/// let ours: Network = "10.20.0.0/16".parse()?;
/// assert!(ours.contains("10.20.30.40".parse()?) && !ours.contains("10.21.0.1".parse()?));
/// assert!("10.20.0.1/16".parse::<Network>().is_err()); // an address of it is not the network
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u32,
}

/// A text that is not a valid network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNetwork {
    /// The text is not an address, a slash and a number.
    #[error("network {0:?}: expected an address and a number of bits, such as 10.0.0.0/8 or fd00::/8")]
    Form(String),
    /// More bits than the address has.
    #[error("network {text:?}: {bits} bits, expected at most {most}")]
    Bits {
        /// The text that was read.
        text: String,
        /// The number of bits in it.
        bits: u32,
        /// The number of bits of such an address.
        most: u32,
    },
    /// Bits are set after the prefix: the text may mean another network, or one address.
    #[error("network {text:?}: the address has bits behind the first {bits}, expected {expected}/{bits}")]
    Host {
        /// The text that was read.
        text: String,
        /// The number of bits in it.
        bits: u32,
        /// The address with the bits after the prefix cleared.
        expected: IpAddr,
    },
    /// An IPv4 network written as IPv6. Addresses are compared as IPv4, so such a network would
    /// contain no address.
    #[error("network {0:?}: an IPv4 network written as IPv6, expected the IPv4 network")]
    Mapped(String),
}

impl Network {
    /// Whether an address is in the network. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`)
    /// counts as that IPv4 address.
    #[must_use]
    pub const fn contains(self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                // A shift by all bits returns `None`: a prefix of 0 contains every address.
                matches!((first.to_bits() ^ address.to_bits()).checked_shr(32 - self.prefix), None | Some(0))
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                matches!((first.to_bits() ^ address.to_bits()).checked_shr(128 - self.prefix), None | Some(0))
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let form = || InvalidNetwork::Form(text.to_owned());
        let (address, bits) = text.split_once('/').ok_or_else(form)?;
        let address: IpAddr = address.parse().map_err(|_| form())?;
        // Parsing as `u32` would accept "+8".
        let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits: u32 = bits.parse().ok().filter(|_| digits).ok_or_else(form)?;
        if address != address.to_canonical() {
            return Err(InvalidNetwork::Mapped(text.to_owned()));
        }
        let (most, expected) = match address {
            IpAddr::V4(address) => {
                (32, IpAddr::V4((address.to_bits() & !u32::MAX.checked_shr(bits).unwrap_or(0)).into()))
            }
            IpAddr::V6(address) => {
                (128, IpAddr::V6((address.to_bits() & !u128::MAX.checked_shr(bits).unwrap_or(0)).into()))
            }
        };
        if bits > most {
            return Err(InvalidNetwork::Bits { text: text.to_owned(), bits, most });
        }
        if address != expected {
            return Err(InvalidNetwork::Host { text: text.to_owned(), bits, expected });
        }
        Ok(Self { first: address, prefix: bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

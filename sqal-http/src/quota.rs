//! [`ConnectLimit`]: how often one address may open a device connection (ING-12, RTL-01).

use std::net::IpAddr;
use std::time::Instant;

use sqal_resilience::{InvalidQuota, KeyedBuckets, Quota, limited_as};

/// The addresses that are remembered; more at a time are refused rather than let past.
const MOST_ADDRESSES: usize = 10_000;

/// A token bucket per address (per /64 of IPv6); by default 100 connections in 60 seconds.
#[derive(Debug)]
pub struct ConnectLimit(KeyedBuckets<IpAddr>);

impl ConnectLimit {
    /// A limit with another quota.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] for a rate that no bucket can keep.
    pub fn new(quota: Quota) -> Result<Self, InvalidQuota> {
        KeyedBuckets::new(quota, MOST_ADDRESSES).map(Self)
    }

    /// Whether the address may connect now; if so, that counts.
    pub fn allows(&self, address: IpAddr, now: Instant) -> bool {
        self.0.take(limited_as(address), 1, now).allowed
    }
}

impl Default for ConnectLimit {
    fn default() -> Self {
        Self::new(Quota::default()).expect("100 in 60 seconds is a quota")
    }
}

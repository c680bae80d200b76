//! [`LimitSettings`]: how often callers may call and connect, and how long a connection may be
//! idle.

use std::num::NonZeroU32;
use std::time::Duration;

use sqal_http::Quotas;
use sqal_http::door::Class;
use sqal_resilience::Quota;

use super::row::Setting;
use super::values::Values;

pub(super) const CALLS: Setting = Setting::plain(
    "SQAL_CALLS_PER_MINUTE",
    Some("100"),
    "a whole number; 0 counts nothing",
    "How often a caller may call a path",
);

pub(super) const FRAMES: Setting = Setting::plain(
    "SQAL_FRAMES_PER_MINUTE",
    Some("6000"),
    "a whole number; 0 counts nothing",
    "How many frames a device may send",
);

pub(super) const IDLE: Setting = Setting::plain(
    "SQAL_IDLE_SECONDS",
    Some("30"),
    "a whole number from 1 to 3600",
    "How long a connection may be idle, or take to send the head of a request",
);

pub(super) const CONNECTIONS: Setting = Setting::plain(
    "SQAL_CONNECTIONS_PER_MINUTE",
    Some("100"),
    "a whole number; 0 counts nothing",
    "How often stations may connect by one token, or from one address without tokens",
);

pub(super) const CONNECTIONS_PER_ADDRESS: Setting = Setting::plain(
    "SQAL_CONNECTIONS_PER_ADDRESS",
    Some("256"),
    "a whole number; 0 counts nothing",
    "How many connections an address may have at once whose callers are not known by a token; trusted proxies are not counted",
);

pub(super) const SIGN_INS: Setting = Setting::plain(
    "SQAL_SIGN_INS_PER_MINUTE",
    Some("5"),
    "a whole number; 0 counts nothing",
    "How often an address may try a token that is wrong",
);

/// The limits on calls and connections.
#[derive(Debug)]
pub struct LimitSettings {
    /// The quotas for calls.
    pub quotas: Quotas,
    /// The quota for new connections by one token, or from one address without tokens; `None` if
    /// unlimited.
    pub connections: Option<Quota>,
    /// The most connections that an address may have before their callers are authenticated; 0
    /// disables the limit.
    pub connections_per_address: u32,
    /// The time after which an idle connection is closed.
    pub idle: Duration,
}

impl LimitSettings {
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        let (calls, frames) = (values.parsed(&CALLS), values.parsed(&FRAMES));
        let connections = values.parsed(&CONNECTIONS);
        let connections_per_address = values.parsed(&CONNECTIONS_PER_ADDRESS);
        let idle = values.read(&IDLE, |text| text.parse().ok().filter(|idle| (1..=3600).contains(idle)));
        let sign_ins = values.parsed(&SIGN_INS);
        Some(Self {
            quotas: quotas(calls?, frames?, sign_ins?),
            connections: per_minute(connections?),
            connections_per_address: connections_per_address?,
            idle: Duration::from_secs(idle?),
        })
    }
}

/// A quota of `count` in a minute; 0 means unlimited.
fn per_minute(count: u32) -> Option<Quota> {
    NonZeroU32::new(count).map(|count| Quota::new(count, Duration::from_mins(1)))
}

fn quotas(calls: u32, frames: u32, sign_ins: u32) -> Quotas {
    let classes = [
        (Class::Read, per_minute(calls)),
        (Class::Summary, per_minute(calls)),
        (Class::Create, per_minute(calls)),
        (Class::Message, per_minute(frames)),
        (Class::SignIn, per_minute(sign_ins)),
    ];
    classes.into_iter().fold(Quotas::none(), |quotas, (class, quota)| match quota {
        // Every count per minute is a valid rate for a bucket.
        Some(quota) => quotas.with(class, quota).unwrap_or_else(|error| unreachable!("{error}")),
        None => quotas,
    })
}

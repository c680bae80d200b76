//! [`ConnectLimit`] and [`Quotas`]: limits on connections of an address and calls of a caller.
//!
//! [`ConnectLimit`] limits how often an address may connect (ING-12). [`Quotas`] limit how often a
//! caller may call a route (RTL-01, RTL-05 to RTL-07).

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use sqal_core::DeviceId;
use sqal_intake::Holder;
use sqal_intake::quota::FrameQuota;
use sqal_resilience::{
    KeyedBuckets, Quota,
    address::limited_as,
    bucket::{Answer, InvalidQuota},
};

use crate::door::caller::Caller;

/// The most holders and addresses that are remembered. If there are more at a time, further ones
/// are refused.
const MOST_ADDRESSES: usize = 10_000;

/// The most callers that are remembered for each class. A caller counts once for every route that
/// it calls.
const MOST_CALLERS: usize = 50_000;

/// A token bucket for each holder of a token, and one for each address (each /64 of IPv6) of
/// unauthenticated callers. The default is 100 connections in 60 seconds.
///
/// All stations of a plant may share one address. After their line was cut, they all connect again
/// at once, each with its own token.
#[derive(Debug)]
pub struct ConnectLimit(KeyedBuckets<Counted>);

impl ConnectLimit {
    /// A limit with this quota.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if no bucket can keep the rate.
    pub fn new(quota: Quota) -> Result<Self, InvalidQuota> {
        KeyedBuckets::new(quota, MOST_ADDRESSES).map(Self)
    }

    /// Whether a caller may connect now. If so, the connection counts. An unauthenticated caller
    /// without an address may always connect.
    pub fn allows(&self, caller: &Caller, address: Option<IpAddr>, now: Instant) -> bool {
        self.take(caller, address, now).is_none_or(|answer| answer.allowed)
    }

    /// Counts a connection, or says when the next one may come; `None` where connections are not
    /// counted.
    pub(crate) fn take(&self, caller: &Caller, address: Option<IpAddr>, now: Instant) -> Option<Answer> {
        Some(self.0.take(Counted::of(caller, address)?, 1, now).answer())
    }
}

impl Default for ConnectLimit {
    fn default() -> Self {
        Self::new(Quota::default()).expect("100 in 60 seconds is a quota")
    }
}

/// The class of a route, which determines its quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Reading one item, or a page of items.
    Read,
    /// Reading a summary of many items.
    Summary,
    /// Creating an item.
    Create,
    /// A frame of a device, over a connection or in a batch, whichever caller brings it (C-03).
    Message,
    /// Signing in. Wrong tokens also count, by address.
    SignIn,
    /// Without a limit: probes, and the files of a page.
    Unlimited,
}

impl Class {
    const LIMITED: [Self; 5] = [Self::Read, Self::Summary, Self::Create, Self::Message, Self::SignIn];

    /// The name of the class in the fields `RateLimit` and `RateLimit-Policy`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Summary => "summary",
            Self::Create => "create",
            Self::Message => "message",
            Self::SignIn => "sign-in",
            Self::Unlimited => "unlimited",
        }
    }

    /// The default quota of one caller for a route of the class. It is 100 in 60 s as documented
    /// (RTL-01), 5 a minute for signing in (RTL-07), and 6000 frames of a device a minute. At that
    /// rate, a device that was away for a day catches up.
    #[must_use]
    pub fn usual(self) -> Option<Quota> {
        let minute = |burst: u32| NonZeroU32::new(burst).map(|burst| Quota::new(burst, Duration::from_mins(1)));
        match self {
            Self::Read | Self::Summary | Self::Create => minute(100),
            Self::Message => minute(6000),
            Self::SignIn => minute(5),
            Self::Unlimited => None,
        }
    }
}

/// The unit by which calls are counted: a holder of a token at any address, an address, or a
/// device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Counted {
    Holder(Holder),
    Address(IpAddr),
    Device(DeviceId),
}

impl Counted {
    /// The holder's name, at any address. For an unauthenticated caller its address, if there is
    /// one.
    fn of(caller: &Caller, address: Option<IpAddr>) -> Option<Self> {
        match caller {
            Caller::Known(name, ..) => Some(Self::Holder(*name)),
            Caller::Unauthenticated => address.map(limited_as).map(Self::Address),
        }
    }
}

#[derive(Debug)]
struct Limit {
    quota: Quota,
    buckets: KeyedBuckets<(u16, Counted)>,
}

/// The quotas of all routes: a bucket for each caller of each route.
pub struct Quotas([Option<Limit>; 5]);

impl Quotas {
    /// The quotas of [`Class::usual`].
    #[must_use]
    pub fn usual() -> Self {
        // The default quotas are valid rates.
        Self(Class::LIMITED.map(|class| class.usual().and_then(|quota| Limit::new(quota).ok())))
    }

    /// No quotas: for a service that has its own limits in front.
    #[must_use]
    pub const fn none() -> Self {
        Self([const { None }; 5])
    }

    /// Sets another quota for a class.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if no bucket can keep the rate.
    pub fn with(mut self, class: Class, quota: Quota) -> Result<Self, InvalidQuota> {
        if let Some(at) = Class::LIMITED.iter().position(|known| *known == class) {
            self.0[at] = Some(Limit::new(quota)?);
        }
        Ok(self)
    }

    fn of(&self, class: Class) -> Option<&Limit> {
        let at = Class::LIMITED.iter().position(|known| *known == class)?;
        self.0[at].as_ref()
    }

    /// The quota of wrong tokens of an address; `None` if they are not limited.
    pub(crate) fn wrong_tokens(&self) -> Option<Quota> {
        self.of(Class::SignIn).map(|limit| limit.quota)
    }

    /// The seconds after which a device without a token has one for each of `count` frames, at most
    /// the time in which its bucket fills; `None` if frames are not counted.
    pub(crate) fn seconds_for_messages(&self, count: usize) -> Option<u32> {
        let quota = self.of(Class::Message)?.quota;
        let tokens = u32::try_from(count).unwrap_or(u32::MAX).min(quota.burst.get());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bucket fills within a day")]
        let seconds = (f64::from(tokens) / quota.per_second()).ceil() as u32;
        Some(seconds)
    }

    /// Counts a call; `None` where calls are not counted. Calls without a token and without a peer
    /// address come from this process and are not limited.
    pub(crate) fn take(&self, call: Call, caller: &Caller, peer: Option<IpAddr>, now: Instant) -> Option<Counting> {
        let limit = self.of(call.class)?;
        let counted = Counted::of(caller, peer)?;
        let answer = limit.buckets.take((call.route, counted), 1, now).answer();
        Some(Counting { answer, quota: limit.quota, class: call.class })
    }
}

impl FrameQuota for Quotas {
    fn take_frames(&self, device: DeviceId, frames: u32, now: Instant) -> Option<Answer> {
        let limit = self.of(Class::Message)?;
        Some(limit.buckets.take((u16::MAX, Counted::Device(device)), frames, now).answer())
    }
}

/// The route that is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) class: Class,
    pub(crate) route: u16,
}

impl Limit {
    fn new(quota: Quota) -> Result<Self, InvalidQuota> {
        Ok(Self { quota, buckets: KeyedBuckets::new(quota, MOST_CALLERS)? })
    }
}

/// A call that was counted.
#[derive(Debug)]
pub(crate) struct Counting {
    pub(crate) answer: Answer,
    quota: Quota,
    class: Class,
}

impl Counting {
    /// Writes into the header of an answer how much of the quota is left
    /// (draft-ietf-httpapi-ratelimit-headers-10).
    pub(crate) fn say(&self, headers: &mut HeaderMap) {
        let name = self.class.as_str();
        for (field, value) in [("ratelimit-policy", self.quota.field(name)), ("ratelimit", self.answer.field(name))] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(field), value);
            }
        }
    }
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quotas = self.0.iter().flatten().map(|limit| limit.quota);
        f.debug_list().entries(quotas).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_core::Name;
    use sqal_resilience::{Clock, ManualClock};

    use crate::door::caller::{Grant, Role};

    #[test]
    fn rtl_01_each_caller_has_its_hundred_for_each_route() {
        let (clock, quotas) = (ManualClock::new(), Quotas::usual());
        let read = |route| Call { class: Class::Read, route };
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        let take = |call, caller: &Caller, peer| quotas.take(call, caller, peer, clock.now()).unwrap().answer;
        for k in (0..100).rev() {
            assert_eq!(take(read(0), &Caller::Unauthenticated, Some(here)).remaining, k);
        }
        let refused = take(read(0), &Caller::Unauthenticated, Some(here));
        assert_eq!((refused.allowed, refused.retry_after_seconds()), (false, Some(1)));
        assert!(take(read(1), &Caller::Unauthenticated, Some(here)).allowed, "another route");
        assert!(take(read(0), &Caller::Unauthenticated, Some("192.0.2.2".parse().unwrap())).allowed, "another address");
        let marie = Caller::Known(Name::new("marie").unwrap(), Grant::Role(Role::Viewer), None);
        assert!(take(read(0), &marie, Some(here)).allowed, "a holder is not counted with its address");
        assert_eq!(take(read(0), &marie, None).remaining, 98, "and it is one holder wherever it calls from");
        clock.advance(Duration::from_millis(600));
        assert!(take(read(0), &Caller::Unauthenticated, Some(here)).allowed);
    }

    #[test]
    fn a_plant_behind_one_address_connects_again_at_once() {
        let (clock, limit) = (ManualClock::new(), ConnectLimit::default());
        let plant = Some("192.0.2.1".parse().unwrap());
        let station = |k: usize| {
            let name = |text: String| Name::new(&text).unwrap();
            let device = Name::new(&format!("STATION_{k}")).unwrap();
            Caller::Known(name(format!("station {k}")), Grant::Device(device), None)
        };
        for k in 0..200 {
            assert!(limit.allows(&station(k), plant, clock.now()), "station {k}");
        }
        let unknown = (0..200).filter(|_| limit.allows(&Caller::Unauthenticated, plant, clock.now()));
        assert_eq!(unknown.count(), 100, "who is not known is counted by address");
        let again = (0..200).filter(|_| limit.allows(&station(0), plant, clock.now()));
        assert_eq!(again.count(), 99, "and one station that does nothing else is held up");
    }

    #[test]
    fn a_batch_waits_until_its_device_has_a_token_for_each_row() {
        let quotas = Quotas::usual();
        assert_eq!([1, 100, 1000, 100_000].map(|rows| quotas.seconds_for_messages(rows)), [1, 1, 10, 60].map(Some));
        assert_eq!(Quotas::none().seconds_for_messages(1000), None);
    }

    #[test]
    fn rtl_07_signing_in_is_tried_five_times_a_minute() {
        let (clock, quotas) = (ManualClock::new(), Quotas::usual());
        let call = Call { class: Class::SignIn, route: 0 };
        let peer = Some("192.0.2.1".parse().unwrap());
        let allowed =
            (0..20).filter(|_| quotas.take(call, &Caller::Unauthenticated, peer, clock.now()).unwrap().answer.allowed);
        assert_eq!(allowed.count(), 5);
        assert!(
            quotas
                .take(Call { class: Class::Unlimited, route: 0 }, &Caller::Unauthenticated, peer, clock.now())
                .is_none()
        );
        assert!(quotas.take(call, &Caller::Unauthenticated, None, clock.now()).is_none());
        assert!(Quotas::none().take(call, &Caller::Unauthenticated, peer, clock.now()).is_none());
    }
}

//! [`Guesses`]: counts wrong tokens by address, slows their sender down, and logs them.
//!
//! If an address has shown as many different wrong tokens in a minute as the quota allows, it is
//! refused before its next token is looked up. So the answer does not reveal a right guess. Two
//! rules keep a plant behind one address at work. A wrong token that is repeated counts once,
//! however often a station with an old token tries it. A token that was right from that address
//! before is let in at once.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqal_resilience::{Quota, address::limited_as};
use tracing::warn;

use crate::door::token_hash::TokenHash;

/// The most addresses with wrong tokens that are remembered. Further ones are counted as one.
const MOST_ADDRESSES: usize = 10_000;

/// The most different wrong tokens of an address that are told apart.
const MOST_TOKENS: usize = 64;

/// The number of right tokens, with their addresses, in one generation. At most two generations are
/// remembered, and a token that is used stays.
const MOST_RIGHT: usize = 10_000;

/// The most lines of the log in a minute, over all addresses.
const MOST_LINES: u32 = 60;

const MINUTE: Duration = Duration::from_mins(1);

const HOUR: Duration = Duration::from_hours(1);

/// The tokens that were tried, by address.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    wrong: HashMap<IpAddr, Tries>,
    /// Right tokens by address: the newer generation, and below it the one before.
    right: HashSet<(IpAddr, TokenHash)>,
    right_before: HashSet<(IpAddr, TokenHash)>,
    /// The wrong tokens since the last line in the audit log, and the time of that line.
    untold: u64,
    told: Option<Instant>,
    /// When the current minute of log lines began, and how many lines it has.
    lines: Option<(Instant, u32)>,
}

/// The wrong tokens of an address since the first of them.
#[derive(Debug)]
struct Tries {
    begun: Instant,
    count: u64,
    tokens: Vec<TokenHash>,
}

impl Guesses {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the log has room in this minute for one more line about unauthenticated callers.
    pub(crate) fn may_tell(&self, now: Instant) -> bool {
        self.kept().may_tell(now)
    }

    /// The time that an address must wait before its next token is looked up; `None` if it need not
    /// wait.
    pub(crate) fn refuses(&self, address: IpAddr, token: &str, quota: Quota, now: Instant) -> Option<Duration> {
        let (address, mut guard) = (limited_as(address), self.kept());
        let kept = &mut *guard;
        let tries = kept.wrong.get_mut(&address)?;
        let left = tries.left(quota, now)?;
        if tries.tokens.len() < most(quota) {
            return None;
        }
        let known = (address, TokenHash::of(token));
        if kept.right.contains(&known) || kept.right_before.contains(&known) {
            return None;
        }
        // Whether right or wrong, the token is one more try.
        tries.count += 1;
        kept.untold += 1;
        metrics::counter!("wrong_tokens_total").increment(1);
        Some(left)
    }

    /// The wrong tokens since the last call that returned a number. It is returned at most once an
    /// hour, because the lines of the audit log are kept for ever.
    pub(crate) fn to_write_down(&self, now: Instant) -> Option<u64> {
        let mut kept = self.kept();
        if kept.untold == 0 || kept.told.is_some_and(|told| now.saturating_duration_since(told) < HOUR) {
            return None;
        }
        kept.told = Some(now);
        Some(mem::take(&mut kept.untold))
    }

    /// Remembers a token that was right. From this address it is let in, whatever other tokens are
    /// tried there.
    pub(crate) fn right(&self, address: IpAddr, token: TokenHash) {
        let mut kept = self.kept();
        let known = (limited_as(address), token);
        if kept.right.contains(&known) {
            return;
        }
        kept.right.insert(known);
        if kept.right.len() >= MOST_RIGHT {
            kept.right_before = mem::take(&mut kept.right);
        }
    }

    /// Counts a wrong token. Returns how long the address must wait if it has shown too many.
    pub(crate) fn wrong(&self, address: IpAddr, token: &str, quota: Quota, now: Instant) -> Option<Duration> {
        metrics::counter!("wrong_tokens_total").increment(1);
        let mut kept = self.kept();
        kept.untold += 1;
        let address = kept.place_of(limited_as(address), quota, now);
        let tries = kept.wrong.entry(address).or_insert_with(|| Tries::new(now));
        let mut before = 0;
        if tries.left(quota, now).is_none() {
            before = tries.count;
            *tries = Tries::new(now);
        }
        tries.count += 1;
        let (first, hash, most) = (tries.count == 1, TokenHash::of(token), most(quota));
        let mut full = false;
        let mut wait = None;
        if !tries.tokens.contains(&hash) {
            if tries.tokens.len() < most {
                tries.tokens.push(hash);
                full = tries.tokens.len() == most;
            } else {
                wait = tries.left(quota, now);
            }
        }
        let count = tries.count;
        if first && kept.may_tell(now) {
            warn!(%address, tries_before = before, "a wrong token was shown");
        }
        if full && kept.may_tell(now) {
            warn!(%address, tries = count, "too many wrong tokens: the address is refused for the rest of the minute");
        }
        wait
    }
}

/// The most different wrong tokens that an address may show in a period.
fn most(quota: Quota) -> usize {
    usize::try_from(quota.burst.get()).unwrap_or(MOST_TOKENS).min(MOST_TOKENS)
}

impl Tries {
    const fn new(now: Instant) -> Self {
        Self { begun: now, count: 0, tokens: Vec::new() }
    }

    /// The rest of the period in which these tries are counted together; `None` once it is over.
    fn left(&self, quota: Quota, now: Instant) -> Option<Duration> {
        quota.period.checked_sub(now.saturating_duration_since(self.begun)).filter(|left| !left.is_zero())
    }
}

impl Kept {
    /// The key under which an address is counted: its own, or one for all further addresses if
    /// there is no room.
    fn place_of(&mut self, address: IpAddr, quota: Quota, now: Instant) -> IpAddr {
        if self.wrong.len() >= MOST_ADDRESSES && !self.wrong.contains_key(&address) {
            self.wrong.retain(|_, tries| tries.left(quota, now).is_some());
            if self.wrong.len() >= MOST_ADDRESSES {
                return IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        address
    }

    fn may_tell(&mut self, now: Instant) -> bool {
        let (begun, count) =
            self.lines.filter(|(begun, _)| now.saturating_duration_since(*begun) < MINUTE).unwrap_or((now, 0));
        self.lines = Some((begun, count.saturating_add(1)));
        count < MOST_LINES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_resilience::{Clock, ManualClock};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn ten() -> Quota {
        Quota::new(10.try_into().unwrap(), MINUTE)
    }

    #[test]
    fn a_right_guess_tells_nothing_once_an_address_has_guessed_enough() {
        let (clock, guesses, quota) = (ManualClock::new(), Guesses::default(), ten());
        let (guesser, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
        guesses.right(guesser, TokenHash::of("station 7"));
        for k in 0..10 {
            assert_eq!(guesses.refuses(guesser, "right", quota, clock.now()), None, "{k}");
            assert_eq!(guesses.wrong(guesser, &format!("guess {k}"), quota, clock.now()), None, "{k}");
        }
        assert_eq!(guesses.refuses(guesser, "right", quota, clock.now()), Some(MINUTE));
        assert_eq!(guesses.to_write_down(clock.now()), Some(11), "what is refused unseen is counted, too");
        assert_eq!(guesses.wrong(guesser, "guess 10", quota, clock.now()), Some(MINUTE));
        assert_eq!(guesses.refuses(guesser, "station 7", quota, clock.now()), None, "known from there");
        assert_eq!(guesses.refuses(other, "right", quota, clock.now()), None, "another address");
        clock.advance(Duration::from_secs(59));
        assert_eq!(guesses.refuses(guesser, "right", quota, clock.now()), Some(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(1));
        assert_eq!(guesses.refuses(guesser, "right", quota, clock.now()), None);
        assert_eq!(guesses.wrong(guesser, "guess 11", quota, clock.now()), None);
    }

    /// A station may repeat an old token for ever. Other stations behind its address are let in,
    /// also new ones.
    #[test]
    fn the_same_wrong_token_counts_once() {
        let (clock, guesses, quota) = (ManualClock::new(), Guesses::default(), ten());
        let plant = ip("192.0.2.1");
        for _ in 0..1000 {
            assert_eq!(guesses.wrong(plant, "old", quota, clock.now()), None);
        }
        assert_eq!(guesses.refuses(plant, "new station", quota, clock.now()), None);
    }

    #[test]
    fn what_is_written_down_is_a_number_an_hour() {
        let (clock, guesses, quota) = (ManualClock::new(), Guesses::default(), ten());
        assert_eq!(guesses.to_write_down(clock.now()), None);
        for told in [Some(1), None, None] {
            guesses.wrong(ip("192.0.2.1"), "x", quota, clock.now());
            assert_eq!(guesses.to_write_down(clock.now()), told);
        }
        clock.advance(HOUR);
        guesses.wrong(ip("192.0.2.1"), "x", quota, clock.now());
        assert_eq!(guesses.to_write_down(clock.now()), Some(3));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (clock, guesses, quota) = (ManualClock::new(), Guesses::default(), ten());
        let address = |k: u32| IpAddr::from(k.to_be_bytes());
        for k in 0..30_000 {
            guesses.wrong(address(k), "x", quota, clock.now());
            guesses.right(address(k), TokenHash::of("x"));
        }
        let kept = guesses.kept();
        assert!(kept.wrong.len() <= MOST_ADDRESSES + 1, "{}", kept.wrong.len());
        assert!(kept.right.len() + kept.right_before.len() <= 2 * MOST_RIGHT);
        let newest = (address(29_999), TokenHash::of("x"));
        assert!(kept.right.contains(&newest) || kept.right_before.contains(&newest));
        assert_eq!(kept.lines.map(|(_, count)| count >= MOST_LINES), Some(true));
    }
}

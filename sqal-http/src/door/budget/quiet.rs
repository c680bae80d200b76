//! [`Quiet`]: limits the log to one line a minute for each kind and party, and counts the rest.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Party;

const MINUTE: Duration = Duration::from_mins(1);

/// The limit of remembered pairs of party and kind. Lines of further pairs are left out.
const MOST: usize = 10_000;

#[derive(Debug)]
struct Said {
    at: Instant,
    left_out: u64,
}

impl Said {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= MINUTE
    }
}

/// A rate limit for log lines whose number a party chooses.
#[derive(Debug, Default)]
pub(crate) struct Quiet(Mutex<HashMap<(Party, &'static str), Said>>);

impl Quiet {
    /// The number of lines of this kind about this party that were left out since the last one.
    /// `None` if this line is left out too.
    pub(crate) fn may_say(&self, party: Party, kind: &'static str, now: Instant) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = lines.get_mut(&(party, kind)) {
            if said.is_over(now) {
                let left_out = said.left_out;
                *said = Said { at: now, left_out: 0 };
                return Some(left_out);
            }
            said.left_out += 1;
        } else {
            if lines.len() >= MOST {
                lines.retain(|_, said| !said.is_over(now));
            }
            if lines.len() < MOST {
                lines.insert((party, kind), Said { at: now, left_out: 0 });
                return Some(0);
            }
        }
        drop(lines);
        metrics::counter!("log_lines_left_out_total", "kind" => kind).increment(1);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_resilience::{Clock, ManualClock};

    fn address(number: u32) -> Party {
        Party::Address(std::net::IpAddr::V4(number.into()))
    }

    #[test]
    fn one_line_a_minute_says_how_many_were_left_out() {
        let (quiet, clock) = (Quiet::default(), ManualClock::new());
        let say = |number, kind| quiet.may_say(address(number), kind, clock.now());
        assert_eq!(say(1, "a"), Some(0));
        assert_eq!((say(2, "a"), say(1, "b")), (Some(0), Some(0)), "another party, another kind");
        assert!((0..60_000).all(|_| say(1, "a").is_none()));
        clock.advance(MINUTE);
        assert_eq!(say(1, "a"), Some(60_000));
        assert_eq!(say(1, "a"), None);
    }

    #[test]
    fn parties_without_end_take_no_memory_without_end() {
        let (quiet, clock) = (Quiet::default(), ManualClock::new());
        let many = u32::try_from(MOST).unwrap() + 10;
        let said = (0..many).filter(|number| quiet.may_say(address(*number), "a", clock.now()).is_some());
        assert_eq!(said.count(), MOST);
        clock.advance(MINUTE);
        assert_eq!(quiet.may_say(address(many), "a", clock.now()), Some(0));
        assert_eq!(quiet.0.lock().unwrap().len(), 1, "lines that are a minute old are forgotten");
    }
}

//! [`SetAside`]: frames that the server refused for now, and may accept later.
//!
//! The server and the station disagree about the time or the profile.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::Shot;

/// The most frames that are sent again at a time, once the server accepts frames again.
const MOST_AT_ONCE: usize = 32;

/// Frames that were refused because of a disagreement.
///
/// When the time that the server named is over, one of them is sent again. If frames are accepted,
/// two are sent, then four, and so on. If one is refused, the next try is a single one again. New
/// frames are sent meanwhile, so a frame of a wrong clock does not delay frames measured after the
/// clock was set.
#[derive(Debug, Default)]
pub(crate) struct SetAside {
    /// The frames, each with whether the server keeps a copy; the oldest refusal first.
    shots: VecDeque<(Shot, bool)>,
    /// The time from which the next one may be sent.
    at: Option<Instant>,
    /// The number of frames that were sent again and not answered.
    out: usize,
    /// The most unanswered ones at which another may be sent.
    more: usize,
}

impl SetAside {
    /// Adds a refused frame that may be sent again from the time `at` on. `copied` is whether the
    /// server keeps a copy.
    pub(crate) fn put(&mut self, shot: Shot, copied: bool, at: Instant) {
        self.shots.push_back((shot, copied));
        self.at = Some(at);
        (self.out, self.more) = (self.out.saturating_sub(1), 0);
    }

    /// Records that the server has accepted a frame.
    pub(crate) fn taken(&mut self) {
        self.out = self.out.saturating_sub(1);
        self.more = (self.more * 2 + 1).min(MOST_AT_ONCE - 1);
    }

    /// Starts a new connection: no answer is outstanding, and one frame may be sent at once.
    pub(crate) fn reset(&mut self) {
        (self.at, self.out, self.more) = (None, 0, 0);
    }

    /// The time from which the next frame may be sent. `None` if there is no frame, or if answers
    /// to others are outstanding.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        let may = !self.shots.is_empty() && self.out <= self.more;
        may.then(|| self.at.unwrap_or(now))
    }

    /// Takes the next frame, if it may be sent now.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Shot> {
        self.next(now).filter(|at| *at <= now)?;
        let (shot, _) = self.shots.pop_front()?;
        self.out += 1;
        Some(shot)
    }

    /// Drops the oldest frame of which the server keeps a copy, and returns whether there was one.
    pub(crate) fn forget_one(&mut self) -> bool {
        let copied = self.shots.iter().position(|(_, copied)| *copied);
        copied.and_then(|at| self.shots.remove(at)).is_some()
    }

    /// The number of frames.
    pub(crate) fn len(&self) -> usize {
        self.shots.len()
    }

    /// The number of frames of which the server keeps no copy.
    pub(crate) fn needed(&self) -> usize {
        self.shots.iter().filter(|(_, copied)| !copied).count()
    }

    /// Whether there is no frame.
    pub(crate) fn is_empty(&self) -> bool {
        self.shots.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn shot(number: usize) -> Shot {
        let name = number.to_string();
        Shot {
            sample_id: name.clone(),
            key: serde_json::Value::Null,
            text: String::new(),
            conclusion: String::new(),
            truth: None,
            reading: tracing::Span::none(),
        }
    }

    fn due(aside: &mut SetAside, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| aside.due(now)).map(|shot| shot.sample_id).collect()
    }

    #[test]
    fn one_is_tried_when_its_time_has_come_and_the_rest_when_it_is_taken() {
        let (begun, mut aside) = (Instant::now(), SetAside::default());
        let wait = Duration::from_secs(5);
        for k in 0..100 {
            aside.put(shot(k), false, begun + wait);
        }
        assert_eq!((aside.next(begun), due(&mut aside, begun).len()), (Some(begun + wait), 0));
        let later = begun + wait;
        assert_eq!(due(&mut aside, later), ["0"]);
        assert_eq!(aside.next(later), None, "its answer is waited for");
        aside.put(shot(0), false, later + wait);
        assert_eq!(due(&mut aside, later).len(), 0, "refused again");
        let later = later + wait;
        assert_eq!(due(&mut aside, later), ["1"]);
        let (mut sent, mut out) = (1, 1);
        while sent < 100 {
            assert!(out > 0 && out <= MOST_AT_ONCE);
            aside.taken();
            let again = due(&mut aside, later).len();
            (sent, out) = (sent + again, out - 1 + again);
        }
        assert!(aside.is_empty());
    }

    #[test]
    fn only_what_the_server_keeps_a_copy_of_is_forgotten() {
        let mut aside = SetAside::default();
        for (k, copied) in [false, true, false, true].into_iter().enumerate() {
            aside.put(shot(k), copied, Instant::now());
        }
        assert_eq!((aside.len(), aside.needed()), (4, 2));
        assert!(aside.forget_one() && aside.forget_one() && !aside.forget_one());
        assert_eq!((aside.len(), aside.needed()), (2, 2));
    }
}

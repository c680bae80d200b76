//! [`Bounds`]: how many new groups and bytes of files the projects of an intake have used.

use std::collections::BTreeMap;

use sqal_core::Timestamp;

use super::limits::IntakeLimits;

/// The time for which new groups are counted together, in microseconds.
const HOUR: u64 = 3_600_000_000;

/// A day, in microseconds.
const DAY: i64 = 24 * 3_600_000_000;

/// What each project has used. The numbers of the projects are set by the server and not by a
/// client, so there are few.
///
/// # Laws
///
/// 1. *A project has at most its new groups in every hour*, whatever its clients send.
/// 2. *A project has at most its bytes in every day* of UTC.
/// 3. *A project within its bounds is refused nothing*, whatever other projects do.
#[derive(Debug, Default)]
pub(super) struct Bounds(BTreeMap<u64, Used>);

/// What a project has used.
#[derive(Debug, Default)]
struct Used {
    /// When its groups of the last hour were new.
    new_groups: Vec<Timestamp>,
    /// The day of the bytes, counted from 1970.
    day: i64,
    /// The bytes of that day.
    bytes: u64,
}

impl Bounds {
    /// Whether a project may have one more new group.
    pub(super) fn has_room(&mut self, project: u64, at: Timestamp, limits: &IntakeLimits) -> bool {
        let groups = &mut self.0.entry(project).or_default().new_groups;
        // The distance, because a clock can be set back by a little.
        groups.retain(|then| at.micros().abs_diff(then.micros()) < HOUR);
        groups.len() < limits.most_new_groups
    }

    /// Notes that a group of a project is new.
    pub(super) fn note_new(&mut self, project: u64, at: Timestamp) {
        self.0.entry(project).or_default().new_groups.push(at);
    }

    /// Takes the bytes of a file from those that a project has this day. Returns whether there were
    /// enough; otherwise nothing was taken.
    pub(super) fn take_bytes(&mut self, project: u64, len: usize, at: Timestamp, limits: &IntakeLimits) -> bool {
        let used = self.0.entry(project).or_default();
        let day = at.micros().div_euclid(DAY);
        if used.day != day {
            (used.day, used.bytes) = (day, 0);
        }
        let sum = used.bytes.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        let fits = sum <= limits.most_daily_bytes;
        if fits {
            used.bytes = sum;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000 + i64::try_from(micros).unwrap()).unwrap()
    }

    fn small() -> IntakeLimits {
        IntakeLimits { most_new_groups: 3, most_daily_bytes: 50, ..IntakeLimits::default() }
    }

    proptest! {
        #[test]
        fn no_hour_has_more_new_groups_than_the_bound_and_within_it_none_is_refused(
            asked in proptest::collection::vec((1_u64..3, 0_u64..HOUR), 0..60),
        ) {
            let (mut bounds, mut now, mut admitted) = (Bounds::default(), 0_u64, Vec::new());
            for (project, later) in asked {
                now += later / 8;
                let of_hour = |all: &[(u64, u64)]| {
                    all.iter().filter(|(of, then)| *of == project && now - then < HOUR).count()
                };
                let has_room = bounds.has_room(project, at(now), &small());
                prop_assert_eq!(has_room, of_hour(&admitted) < small().most_new_groups);
                if has_room {
                    bounds.note_new(project, at(now));
                    admitted.push((project, now));
                }
                prop_assert!(of_hour(&admitted) <= small().most_new_groups);
            }
        }

        #[test]
        fn no_day_has_more_bytes_than_the_bound_and_within_it_none_is_refused(
            asked in proptest::collection::vec((1_u64..3, 0_u64..20 * HOUR, 0_usize..60), 0..60),
        ) {
            let (mut bounds, mut now) = (Bounds::default(), 0_u64);
            let mut taken: BTreeMap<(u64, i64), u64> = BTreeMap::new();
            for (project, later, len) in asked {
                now += later;
                let day = at(now).micros() / 86_400_000_000;
                let sum = taken.entry((project, day)).or_default();
                let fits = *sum + len as u64 <= small().most_daily_bytes;
                prop_assert_eq!(bounds.take_bytes(project, len, at(now), &small()), fits);
                *sum += if fits { len as u64 } else { 0 };
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_back_by_a_little_gives_no_more_groups() {
        let mut bounds = Bounds::default();
        for second in [9, 8, 7] {
            assert!(bounds.has_room(1, at(second * 1_000_000), &small()));
            bounds.note_new(1, at(second * 1_000_000));
        }
        assert!(!bounds.has_room(1, at(0), &small()));
        assert!(bounds.has_room(1, at(2 * HOUR), &small()));
    }
}

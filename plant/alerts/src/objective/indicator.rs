//! [`Indicator`]: which counters say how many events there were and how many of them were bad.

use crate::query::{Query, Selector};

use super::InvalidObjective;

/// How the share of bad events is counted. Several counters are added: the reads of a cache are
/// its hits and its misses.
///
/// Each counter must begin at 0 with its process. A counter that is created by its first event
/// hides that event from Prometheus, and a quotient with a counter that does not exist is empty.
///
/// ```
/// use sqal_alerts::objective::Indicator;
/// use sqal_alerts::query::Selector;
///
/// let (hits, misses) = (Selector::new("cache_hits_total"), Selector::new("cache_misses_total"));
/// assert!(Indicator::of_good(vec![hits.clone()], vec![hits, misses]).is_ok());
///
/// let gauge = Selector::new("db_connection_pool_available");
/// let refused = Indicator::of_bad(vec![Selector::new("errors_total")], vec![gauge]).unwrap_err();
/// assert_eq!(refused.place, "total");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indicator {
    numerator: Numerator,
    total: Vec<Selector>,
}

/// What the numerator of an indicator counts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Numerator {
    Bad(Vec<Selector>),
    Good(Vec<Selector>),
}

/// How a counter is read over a window.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    /// Events by the second.
    Rate,
    /// Events of the window.
    Increase,
}

impl Indicator {
    /// Counters of bad events and of all events.
    ///
    /// # Errors
    ///
    /// [`InvalidObjective`] if a list is empty, if both are equal, or if a metric is no counter:
    /// its name ends in `_total` or `_count`, or in `_bucket` with a condition on `le`.
    pub fn of_bad(bad: Vec<Selector>, total: Vec<Selector>) -> Result<Self, InvalidObjective> {
        check("bad", &bad, &total)?;
        Ok(Self { numerator: Numerator::Bad(bad), total })
    }

    /// Counters of good events and of all events.
    ///
    /// # Errors
    ///
    /// As [`Indicator::of_bad`].
    pub fn of_good(good: Vec<Selector>, total: Vec<Selector>) -> Result<Self, InvalidObjective> {
        check("good", &good, &total)?;
        Ok(Self { numerator: Numerator::Good(good), total })
    }

    /// The counters without which the objective is blind: those of all events, and those of good
    /// events. Without a counter of bad events there has been none.
    pub(super) fn needed(&self) -> impl Iterator<Item = &Selector> {
        let good = match &self.numerator {
            Numerator::Good(good) => good.as_slice(),
            Numerator::Bad(_) => &[][..],
        };
        // A cache's hits are good events, and events: each counter is named once.
        self.total.iter().chain(good.iter().filter(move |good| !self.total.contains(good)))
    }

    /// All events of a window, by the labels `by`.
    pub(super) fn events(&self, reading: Reading, minutes: u64, by: &[&str]) -> Query {
        added(&self.total, reading, minutes, by)
    }

    /// Bad events of a window, by the labels `by`.
    pub(super) fn bad_events(&self, reading: Reading, minutes: u64, by: &[&str]) -> Query {
        match &self.numerator {
            Numerator::Bad(bad) => added(bad, reading, minutes, by),
            Numerator::Good(good) => added(&self.total, reading, minutes, by).minus(added(good, reading, minutes, by)),
        }
    }

    /// The share of bad events in a window, by the labels `by`. If a window has no events, it has
    /// no share: a NaN would spoil every sum over time.
    pub(super) fn bad_share(&self, minutes: u64, by: &[&str]) -> Query {
        let some_events = added(&self.total, Reading::Rate, minutes, by).above(0.0);
        match &self.numerator {
            Numerator::Bad(bad) => added(bad, Reading::Rate, minutes, by).divided_by(some_events),
            Numerator::Good(good) => {
                Query::Number(1.0).minus(added(good, Reading::Rate, minutes, by).divided_by(some_events))
            }
        }
    }
}

/// The sum of counters.
fn added(counters: &[Selector], reading: Reading, minutes: u64, by: &[&str]) -> Query {
    let read = |counter: &Selector| {
        let counter = counter.clone();
        let read = match reading {
            Reading::Rate => Query::rate(counter, minutes),
            Reading::Increase => Query::increase(counter, minutes),
        };
        read.sum_by(by)
    };
    let sum = counters.iter().map(read).reduce(Query::plus);
    sum.unwrap_or_else(|| unreachable!("`check` refuses an empty list"))
}

fn check(place: &'static str, part: &[Selector], total: &[Selector]) -> Result<(), InvalidObjective> {
    for (place, counters) in [(place, part), ("total", total)] {
        if counters.is_empty() {
            return Err(InvalidObjective::text(place, "", "at least one counter"));
        }
        if let Some(other) = counters.iter().find(|counter| !is_counter(counter.metric())) {
            let limit = "a counter, whose name ends in _total, _count or _bucket";
            return Err(InvalidObjective::text(place, other.metric(), limit));
        }
        if let Some(buckets) = counters.iter().find(|counter| is_sum_of_buckets(counter)) {
            let limit = "a condition on the label le: each bucket holds those below it";
            return Err(InvalidObjective::text(place, buckets.metric(), limit));
        }
    }
    if part == total {
        let name = part.first().map_or("", Selector::metric);
        return Err(InvalidObjective::text(place, name, "other counters than those of `total`"));
    }
    Ok(())
}

fn is_counter(metric: &str) -> bool {
    ["_total", "_count", "_bucket"].iter().any(|end| metric.ends_with(end))
}

/// Whether a selector takes all buckets of a histogram, which counts each event several times.
fn is_sum_of_buckets(counter: &Selector) -> bool {
    let text = Query::from(counter.clone()).promql();
    counter.metric().ends_with("_bucket") && !text.contains("{le=") && !text.contains(",le=")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(metrics: &[&str]) -> Vec<Selector> {
        metrics.iter().map(|metric| Selector::new(metric)).collect()
    }

    #[test]
    fn what_divides_by_nothing_or_by_itself_or_by_a_gauge_is_refused() {
        let cases: [(&[&str], &[&str], &str, &str); 6] = [
            (&[], &["a_total"], "bad", "at least one counter"),
            (&["a_total"], &[], "total", "at least one counter"),
            (&["a_total"], &["a_total"], "bad", "other counters"),
            (&["a_total"], &["queue_length"], "total", "ends in _total"),
            (&["cpu_ratio"], &["a_total"], "bad", "ends in _total"),
            (&["a_seconds_bucket"], &["a_seconds_count"], "bad", "condition on the label le"),
        ];
        for (bad, total, place, part) in cases {
            let refused = Indicator::of_bad(of(bad), of(total)).unwrap_err();
            assert_eq!(refused.place, place, "{refused}");
            assert!(refused.limit.contains(part), "{refused}");
            let of_good = Indicator::of_good(of(bad), of(total)).unwrap_err();
            assert_eq!(of_good.limit, refused.limit);
        }
    }

    #[test]
    fn a_bucket_with_its_limit_is_a_counter() {
        for le in [Selector::new("a_bucket").with("le", "1"), Selector::new("a_bucket").with("b", "c").with("le", "1")]
        {
            assert!(Indicator::of_good(vec![le], of(&["a_count"])).is_ok());
        }
        let other = Selector::new("a_bucket").with("handle", "1");
        assert!(Indicator::of_good(vec![other], of(&["a_count"])).is_err(), "handle is not le");
    }

    #[test]
    fn several_counters_are_added_and_good_events_are_turned_around() {
        let reads = Indicator::of_good(of(&["hits_total"]), of(&["hits_total", "misses_total"])).unwrap();
        let all = "sum(rate(hits_total[5m])) + sum(rate(misses_total[5m]))";
        assert_eq!(reads.events(Reading::Rate, 5, &[]).promql(), all);
        assert_eq!(reads.bad_share(5, &[]).promql(), format!("1 - sum(rate(hits_total[5m])) / ({all} > 0)"));
        assert_eq!(reads.bad_events(Reading::Rate, 5, &[]).promql(), format!("{all} - sum(rate(hits_total[5m]))"));
        assert_eq!(reads.needed().map(Selector::metric).collect::<Vec<_>>(), ["hits_total", "misses_total"]);
        let errors = Indicator::of_bad(of(&["errors_total"]), of(&["calls_total"])).unwrap();
        assert_eq!(
            errors.bad_share(60, &["path"]).promql(),
            "sum by (path) (rate(errors_total[1h])) / (sum by (path) (rate(calls_total[1h])) > 0)"
        );
        assert_eq!(errors.needed().map(Selector::metric).collect::<Vec<_>>(), ["calls_total"]);
    }
}

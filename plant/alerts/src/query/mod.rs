//! What a rule asks of the metrics: a [`Query`], its text as PromQL, and its answer over
//! [`Series`] of scraped points.
//!
//! A query is built once. Prometheus reads it as [`Query::promql`]; a server without Prometheus
//! answers it with [`Query::evaluate`]. Both have the semantics of Prometheus 2.42.
//!
//! ```
//! use sqal_alerts::query::{Query, Selector, Series};
//! use sqal_core::Timestamp;
//!
//! let total = Selector::new("requests_total");
//! let bad = total.clone().status_class("status", 5);
//! let share = Query::rate(bad, 5).sum().divided_by(Query::rate(total, 5).sum());
//! let query = share.above(0.05);
//! assert_eq!(
//!     query.promql(),
//!     r#"sum(rate(requests_total{status=~"5.."}[5m])) / sum(rate(requests_total[5m])) > 0.05"#
//! );
//!
//! let mut series = Series::keeping([&query]);
//! for (second, good, bad) in [(0, 0, 0), (60, 90, 10), (120, 180, 20)] {
//!     let [good, bad] = [("200", good), ("500", bad)]
//!         .map(|(status, count)| format!("requests_total{{status=\"{status}\"}} {count}\n"));
//!     let page = good + &bad;
//!     series.scrape(&page, &[], Timestamp::from_micros(1_000_000 * second)?);
//! }
//! let found = query.evaluate(&series, Timestamp::from_micros(120_000_000)?);
//! assert_eq!(found.len(), 1);
//! assert!((found[0].value - 0.1).abs() < 1e-12);
//! # Ok::<(), sqal_core::timestamp::InvalidTimestamp>(())
//! ```

mod compose;
mod evaluate;
mod names;
mod pattern;
mod promql;
mod selector;
mod series;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqal_core::Timestamp;

pub use evaluate::{Element, EvaluationError};
pub(crate) use names::is_label as is_label_name;
pub use selector::{InvalidQuery, Selector};
pub use series::{Scraped, Series};

/// The labels of a series or of an element, with `__name__` where Prometheus keeps the name.
pub type Labels = BTreeMap<String, String>;

/// How far an instant selection looks back for the newest point of a series: 5 minutes, which is
/// Prometheus' default (`--query.lookback-delta`).
pub const STALENESS: Duration = Duration::from_mins(5);

/// What is asked of the metrics. Short constructors make rules readable: [`Query::rate`],
/// [`Query::sum_by`], [`Query::divided_by`], [`Query::above`].
///
/// Every query has a valid text, [`Query::promql`]: a number that stands where PromQL wants a
/// vector is written as `vector(…)`, a range shorter than a millisecond as `1ms`, and a character
/// that the name of a label cannot have as `_`.
///
/// `on` in a variant names the labels by which the elements of both sides are matched; `None`
/// matches by all labels except the name. It has no effect if a side is a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// The newest point of each series: `metric{…}`.
    Select(Selector),
    /// Increase of counters by the second: `rate(metric{…}[5m])`.
    Rate {
        /// Counters.
        of: Selector,
        /// Range before the time of evaluation.
        over: Duration,
    },
    /// Increase of counters over a range: `increase(metric{…}[5m])`.
    Increase {
        /// Counters.
        of: Selector,
        /// Range before the time of evaluation.
        over: Duration,
    },
    /// One number for all points of a range: `max_over_time(metric{…}[5m])`.
    OverTime {
        /// How the points become one number.
        how: Over,
        /// Gauges.
        of: Selector,
        /// Range before the time of evaluation.
        over: Duration,
    },
    /// One number for a group of elements: `sum by (endpoint) (…)`.
    Aggregate {
        /// How the elements of a group become one.
        how: Aggregation,
        /// Labels that make the groups, and that are left; empty for one group of everything.
        by: Vec<String>,
        /// Elements.
        of: Box<Self>,
    },
    /// Quantile of classic histograms: `histogram_quantile(0.95, …)`.
    Quantile {
        /// Share from 0 to 1 of the observations that are not above the answer.
        q: f64,
        /// Rates of buckets with the label `le`.
        of: Box<Self>,
    },
    /// A number.
    Number(f64),
    /// A sum, difference, product or quotient: `… / …`.
    Arithmetic {
        /// The operator.
        op: Arithmetic,
        /// Left side.
        left: Box<Self>,
        /// Right side.
        right: Box<Self>,
        /// Labels by which elements are matched.
        on: Option<Vec<String>>,
    },
    /// A function of each value: `sqrt(…)`.
    Function {
        /// The function.
        how: Function,
        /// Its argument.
        of: Box<Self>,
    },
    /// The elements of the left side for which the comparison holds: `… > 0.05`. If the left side
    /// is a number, the elements of the right side.
    Compare {
        /// The operator.
        op: Comparison,
        /// Left side.
        left: Box<Self>,
        /// Right side.
        right: Box<Self>,
        /// Labels by which elements are matched.
        on: Option<Vec<String>>,
    },
    /// The elements of the left side that have a partner on the right: `… and …`.
    And {
        /// Left side.
        left: Box<Self>,
        /// Right side.
        right: Box<Self>,
        /// Labels by which elements are matched.
        on: Option<Vec<String>>,
    },
    /// The elements of the left side, and those of the right side that have no partner on the
    /// left: `… or …`.
    Or {
        /// Left side.
        left: Box<Self>,
        /// Right side.
        right: Box<Self>,
        /// Labels by which elements are matched.
        on: Option<Vec<String>>,
    },
    /// The elements of the left side that have no partner on the right: `… unless …`.
    Unless {
        /// Left side.
        left: Box<Self>,
        /// Right side.
        right: Box<Self>,
        /// Labels by which elements are matched.
        on: Option<Vec<String>>,
    },
    /// 1, with the labels that the selector asks to be equal, if it finds no series:
    /// `absent(metric{…})`.
    Absent(Selector),
    /// Seconds since the time that a gauge holds as seconds since 1970: `time() - metric{…}`.
    SecondsSince(Selector),
    /// A query that Prometheus has recorded under a name. In PromQL it is the selection of that
    /// name; evaluated, it is `of` with the name and the labels of the recording.
    Recorded {
        /// Name of the recorded metric.
        name: String,
        /// Labels that the recording rule sets. They are part of the selection, so that several
        /// recordings can share a name.
        labels: Labels,
        /// What is recorded.
        of: Box<Self>,
    },
}

/// How the points of a range become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Over {
    /// The largest value: `max_over_time`.
    Max,
    /// The smallest value: `min_over_time`.
    Min,
    /// The mean value of the points: `avg_over_time`.
    Avg,
    /// The sum of the values: `sum_over_time`.
    Sum,
    /// The number of points: `count_over_time`.
    Count,
}

/// How the elements of a group become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregation {
    /// The sum of the values.
    Sum,
    /// The largest value.
    Max,
    /// The smallest value.
    Min,
    /// The mean value.
    Avg,
    /// The number of elements.
    Count,
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`: a division by zero gives an infinity or NaN.
    Divide,
}

/// A comparison that filters elements, as PromQL's without `bool`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// Square root; NaN below zero.
    Sqrt,
    /// Absolute value.
    Abs,
    /// The value, or the given limit if the value is less: `clamp_min`.
    ClampMin(f64),
    /// The value, or the given limit if the value is more: `clamp_max`.
    ClampMax(f64),
}

impl Query {
    /// How far back in time the query looks: its longest range, at least [`STALENESS`].
    #[must_use]
    pub fn longest(&self) -> Duration {
        let mut longest = STALENESS;
        self.visit(&mut |leaf| longest = longest.max(leaf.range().unwrap_or_default()));
        longest
    }

    /// The names of the metrics that the query selects. A recorded query counts as what is
    /// recorded.
    #[must_use]
    pub fn metrics(&self) -> BTreeSet<&str> {
        let mut metrics = BTreeSet::new();
        self.visit(&mut |leaf| {
            metrics.extend(leaf.selector().map(Selector::metric));
        });
        metrics
    }

    /// The selector of a query that selects series itself.
    const fn selector(&self) -> Option<&Selector> {
        match self {
            Self::Select(of)
            | Self::Rate { of, .. }
            | Self::Increase { of, .. }
            | Self::OverTime { of, .. }
            | Self::Absent(of)
            | Self::SecondsSince(of) => Some(of),
            _ => None,
        }
    }

    /// The range of a query that selects a range of points.
    const fn range(&self) -> Option<Duration> {
        match self {
            Self::Rate { over, .. } | Self::Increase { over, .. } | Self::OverTime { over, .. } => Some(*over),
            _ => None,
        }
    }

    /// Whether the query is a scalar in PromQL, and no vector.
    fn is_scalar(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Arithmetic { left, right, .. } => left.is_scalar() && right.is_scalar(),
            _ => false,
        }
    }

    /// Calls `see` with each part of the query that has no parts itself.
    fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Self)) {
        match self {
            Self::Aggregate { of, .. }
            | Self::Quantile { of, .. }
            | Self::Function { of, .. }
            | Self::Recorded { of, .. } => of.visit(see),
            Self::Arithmetic { left, right, .. }
            | Self::Compare { left, right, .. }
            | Self::And { left, right, .. }
            | Self::Or { left, right, .. }
            | Self::Unless { left, right, .. } => {
                left.visit(see);
                right.visit(see);
            }
            leaf => see(leaf),
        }
    }
}

/// A time in whole milliseconds, as Prometheus counts.
const fn millis(at: Timestamp) -> i64 {
    at.micros().div_euclid(1000)
}

/// A range in whole milliseconds, as Prometheus counts: at least one, at most 100 years.
fn range_millis(over: Duration) -> i64 {
    const MOST: i64 = 100 * 365 * 24 * 60 * 60 * 1000;
    i64::try_from(over.as_millis()).unwrap_or(MOST).clamp(1, MOST)
}

impl From<Selector> for Query {
    fn from(of: Selector) -> Self {
        Self::Select(of)
    }
}

impl From<f64> for Query {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

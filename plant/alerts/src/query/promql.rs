//! The text of a [`Query`] as PromQL.

use std::fmt::Write as _;
use std::time::Duration;

use super::selector::Selector;
use super::{Aggregation, Arithmetic, Comparison, Function, Over, Query, names, range_millis};

/// How strongly an operator binds its sides. A side that binds more weakly stands in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Or,
    And,
    Compare,
    Sum,
    Product,
    Atom,
}

impl Strength {
    const fn of(query: &Query) -> Self {
        match query {
            Query::Or { .. } => Self::Or,
            Query::And { .. } | Query::Unless { .. } => Self::And,
            Query::Compare { .. } => Self::Compare,
            Query::Arithmetic { op: Arithmetic::Add | Arithmetic::Subtract, .. } | Query::SecondsSince(_) => Self::Sum,
            Query::Arithmetic { .. } => Self::Product,
            _ => Self::Atom,
        }
    }

    /// The least strength of the right side: all operators associate to the left.
    const fn next(self) -> Self {
        match self {
            Self::Or => Self::And,
            Self::And => Self::Compare,
            Self::Compare => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product | Self::Atom => Self::Atom,
        }
    }
}

impl Query {
    /// The text of the query as PromQL, with as few parentheses as possible. Prometheus reads it as
    /// an instant vector.
    ///
    /// ```
    /// use sqal_alerts::query::{Query, Selector};
    ///
    /// let [hits, misses] = ["hits", "misses"].map(|name| Query::rate(Selector::new(name), 10));
    /// let query = hits.clone().divided_by(hits.plus(misses)).below(0.5);
    /// assert_eq!(query.promql(), "rate(hits[10m]) / (rate(hits[10m]) + rate(misses[10m])) < 0.5");
    /// ```
    #[must_use]
    pub fn promql(&self) -> String {
        vector(self, Strength::Or)
    }
}

/// A query where an instant vector must stand.
fn vector(query: &Query, least: Strength) -> String {
    if query.is_scalar() { format!("vector({})", text(query)) } else { operand(query, least) }
}

/// A query that is the side of an operator which wants at least a strength.
fn operand(query: &Query, least: Strength) -> String {
    if Strength::of(query) < least { format!("({})", text(query)) } else { text(query) }
}

/// The text of a query without parentheses around it.
fn text(query: &Query) -> String {
    let argument = |of: &Query| vector(of, Strength::Or);
    match query {
        Query::Select(of) => of.to_string(),
        Query::Rate { of, over } => format!("rate({of}[{}])", duration(*over)),
        Query::Increase { of, over } => format!("increase({of}[{}])", duration(*over)),
        Query::OverTime { how, of, over } => format!("{}_over_time({of}[{}])", over_name(*how), duration(*over)),
        Query::Aggregate { how, by, of } if by.is_empty() => format!("{}({})", aggregation_name(*how), argument(of)),
        Query::Aggregate { how, by, of } => {
            format!("{} by ({}) ({})", aggregation_name(*how), listed(by), argument(of))
        }
        Query::Quantile { q, of } => format!("histogram_quantile({}, {})", number(*q), argument(of)),
        Query::Number(value) => number(*value),
        Query::Arithmetic { op, left, right, on } => {
            let strength = Strength::of(query);
            let (left, right, on) = (&**left, &**right, matching(left, right, on.as_deref()));
            format!("{} {}{on} {}", operand(left, strength), arithmetic(*op), operand(right, strength.next()))
        }
        Query::Function { how, of } => match how {
            Function::Sqrt => format!("sqrt({})", argument(of)),
            Function::Abs => format!("abs({})", argument(of)),
            Function::ClampMin(least) => format!("clamp_min({}, {})", argument(of), number(*least)),
            Function::ClampMax(most) => format!("clamp_max({}, {})", argument(of), number(*most)),
        },
        Query::Compare { op, left, right, on } => {
            let on = matching(left, right, on.as_deref());
            let (weakest, next) = (Strength::Compare, Strength::Compare.next());
            // PromQL compares two numbers only with `bool`.
            let left = if right.is_scalar() { vector(left, weakest) } else { operand(left, weakest) };
            format!("{left} {}{on} {}", comparison(*op), operand(right, next))
        }
        Query::And { left, right, on } => set("and", Strength::And, left, right, on.as_deref()),
        Query::Or { left, right, on } => set("or", Strength::Or, left, right, on.as_deref()),
        Query::Unless { left, right, on } => set("unless", Strength::And, left, right, on.as_deref()),
        Query::Absent(of) => format!("absent({of})"),
        Query::SecondsSince(of) => format!("time() - {of}"),
        Query::Recorded { name, labels, .. } => {
            labels.iter().fold(Selector::new(name), |selector, (label, value)| selector.with(label, value)).to_string()
        }
    }
}

/// A set operator and its sides, which must be vectors.
fn set(name: &str, strength: Strength, left: &Query, right: &Query, on: Option<&[String]>) -> String {
    let on = on.map(|labels| format!(" on ({})", listed(labels))).unwrap_or_default();
    format!("{} {name}{on} {}", vector(left, strength), vector(right, strength.next()))
}

/// The matching of an operator. PromQL refuses it beside a number.
fn matching(left: &Query, right: &Query, on: Option<&[String]>) -> String {
    match on {
        Some(labels) if !left.is_scalar() && !right.is_scalar() => format!(" on ({})", listed(labels)),
        _ => String::new(),
    }
}

fn listed(labels: &[String]) -> String {
    labels.iter().map(|label| names::label(label)).collect::<Vec<_>>().join(", ")
}

const fn over_name(how: Over) -> &'static str {
    match how {
        Over::Max => "max",
        Over::Min => "min",
        Over::Avg => "avg",
        Over::Sum => "sum",
        Over::Count => "count",
    }
}

const fn aggregation_name(how: Aggregation) -> &'static str {
    match how {
        Aggregation::Sum => "sum",
        Aggregation::Max => "max",
        Aggregation::Min => "min",
        Aggregation::Avg => "avg",
        Aggregation::Count => "count",
    }
}

const fn arithmetic(op: Arithmetic) -> &'static str {
    match op {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
    }
}

const fn comparison(op: Comparison) -> &'static str {
    match op {
        Comparison::Above => ">",
        Comparison::AtLeast => ">=",
        Comparison::Below => "<",
        Comparison::AtMost => "<=",
        Comparison::Equal => "==",
        Comparison::Unequal => "!=",
    }
}

/// A number with the fewest digits that give its bits again.
fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let is_short = value == 0.0 || (1e-6..1e21).contains(&value.abs());
    if is_short { value.to_string() } else { format!("{value:e}") }
}

/// A range as Prometheus writes it: `5m`, `1h30m`, `3d`, and weeks and years only if nothing is
/// left over.
fn duration(over: Duration) -> String {
    const UNITS: [(&str, i64, bool); 7] = [
        ("y", 365 * 24 * 60 * 60 * 1000, true),
        ("w", 7 * 24 * 60 * 60 * 1000, true),
        ("d", 24 * 60 * 60 * 1000, false),
        ("h", 60 * 60 * 1000, false),
        ("m", 60 * 1000, false),
        ("s", 1000, false),
        ("ms", 1, false),
    ];
    let (mut left, mut text) = (range_millis(over), String::new());
    for (unit, millis, is_whole) in UNITS {
        if left >= millis && (!is_whole || left % millis == 0) {
            _ = write!(text, "{}{unit}", left / millis);
            left %= millis;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(label: &str) -> Query {
        Query::from(Selector::new(label))
    }

    #[test]
    fn parentheses_stand_only_where_they_are_needed() {
        for (query, text) in [
            (up("a").minus(up("b")).minus(up("c")), "a - b - c"),
            (up("a").minus(up("b").minus(up("c"))), "a - (b - c)"),
            (up("a").plus(up("b").times(up("c"))), "a + b * c"),
            (up("a").plus(up("b")).times(up("c")), "(a + b) * c"),
            (up("a").divided_by(up("b").divided_by(up("c"))), "a / (b / c)"),
            (up("a").above(up("b").above(1.0)), "a > (b > 1)"),
            (up("a").above(1.0).and(up("b").below(2.0)), "a > 1 and b < 2"),
            (up("a").or(up("b")).and(up("c")), "(a or b) and c"),
            (up("a").or(up("b").and(up("c"))), "a or b and c"),
            (up("a").unless(up("b").and(up("c"))), "a unless (b and c)"),
            (up("a").and(up("b")).unless(up("c")), "a and b unless c"),
            (Query::seconds_since(Selector::new("a")).above(60.0), "time() - a > 60"),
            (Query::seconds_since(Selector::new("a")).divided_by(60.0), "(time() - a) / 60"),
            (up("a").minus(Query::seconds_since(Selector::new("b"))), "a - (time() - b)"),
            (up("a").minus(-1.0), "a - -1"),
            (up("a").or(up("b")).sum_by(&["x", "y"]), "sum by (x, y) (a or b)"),
            (up("a").and_on(&["x"], up("b").sum()), "a and on (x) sum(b)"),
            (up("a").compared(Comparison::Above, up("b"), Some(&[])), "a > on () b"),
            (up("a").combined(Arithmetic::Divide, up("b"), Some(&["x"])), "a / on (x) b"),
        ] {
            assert_eq!(query.promql(), text);
        }
    }

    #[test]
    fn a_number_becomes_a_vector_where_promql_wants_one() {
        let two = || Query::Number(1.0).plus(1.0);
        for (query, text) in [
            (two(), "vector(1 + 1)"),
            (two().above(1.0), "vector(1 + 1) > 1"),
            (Query::Number(1.0).below(up("a")), "1 < a"),
            (two().and(up("a")), "vector(1 + 1) and a"),
            (up("a").or(two()), "a or vector(1 + 1)"),
            (two().sum(), "sum(vector(1 + 1))"),
            (two().sqrt(), "sqrt(vector(1 + 1))"),
            (two().quantile(0.5), "histogram_quantile(0.5, vector(1 + 1))"),
            (up("a").combined(Arithmetic::Multiply, two(), Some(&["x"])), "a * (1 + 1)"),
        ] {
            assert_eq!(query.promql(), text);
        }
    }

    #[test]
    fn numbers_and_ranges_are_written_as_prometheus_reads_them() {
        for (value, text) in [
            (0.05, "0.05"),
            (1_600_000.0, "1600000"),
            (1e300, "1e300"),
            (1e-9, "1e-9"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(number(value), text);
        }
        for (seconds, text) in [
            (300, "5m"),
            (5400, "1h30m"),
            (3600, "1h"),
            (3 * 86_400, "3d"),
            (7 * 86_400, "1w"),
            (8 * 86_400, "8d"),
            (365 * 86_400, "1y"),
            (0, "1ms"),
            (61, "1m1s"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(duration(Duration::from_millis(1500)), "1s500ms");
        assert_eq!(duration(Duration::MAX), "100y");
    }

    #[test]
    fn a_recorded_query_is_the_selection_of_its_name_and_labels() {
        let labels = [("sloth_slo".to_owned(), "reads".to_owned())].into();
        let query = up("a").recorded_with("slo:sli_error:ratio_rate5m", labels).above(0.1);
        assert_eq!(query.promql(), r#"slo:sli_error:ratio_rate5m{sloth_slo="reads"} > 0.1"#);
        assert_eq!(query.metrics().into_iter().collect::<Vec<_>>(), ["a"]);
        assert_eq!(up("a").recorded("b").promql(), "b");
    }

    #[test]
    fn a_query_looks_back_as_far_as_its_longest_range() {
        assert_eq!(up("a").longest(), super::super::STALENESS);
        let query = Query::rate(Selector::new("a"), 1).above(Query::increase(Selector::new("b"), 60).sum());
        assert_eq!(query.longest(), Duration::from_hours(1));
        assert_eq!(query.metrics().len(), 2);
    }
}

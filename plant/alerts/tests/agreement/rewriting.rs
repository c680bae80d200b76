//! Queries as Prometheus can answer them without the recordings of its rules, and as both
//! evaluators must answer them exactly.

use std::collections::BTreeMap;
use std::time::Duration;

use sqal_alerts::query::{Labels, Query};

/// The longest range of which the built-in evaluator keeps every point.
const LONGEST_EXACT: Duration = Duration::from_hours(2);

/// Whether a query looks back to points that the built-in evaluator has thinned.
pub(crate) fn is_long(query: &Query) -> bool {
    query.longest() > LONGEST_EXACT
}

/// Shows each part of a query, from the whole on.
fn visit(query: &mut Query, see: &mut impl FnMut(&mut Query)) {
    see(query);
    match query {
        Query::Aggregate { of, .. }
        | Query::Quantile { of, .. }
        | Query::Function { of, .. }
        | Query::Recorded { of, .. } => visit(of, see),
        Query::Arithmetic { left, right, .. }
        | Query::Compare { left, right, .. }
        | Query::And { left, right, .. }
        | Query::Or { left, right, .. }
        | Query::Unless { left, right, .. } => {
            visit(left, see);
            visit(right, see);
        }
        Query::Select(_)
        | Query::Rate { .. }
        | Query::Increase { .. }
        | Query::OverTime { .. }
        | Query::Number(_)
        | Query::Absent(_)
        | Query::SecondsSince(_) => {}
    }
}

/// The text of a query in which the query of each recording stands in place of its name, with the
/// name and the labels that the recording rule sets.
pub(crate) fn expanded(query: &Query) -> String {
    let mut text = query.promql();
    visit(&mut query.clone(), &mut |part| {
        if let Query::Recorded { name, labels, of } = part {
            assert!(!labels.is_empty(), "{name}: a name alone may be a part of another");
            text = text.replace(&selection(name, labels), &named(expanded(of), name, labels));
        }
    });
    text
}

/// The selection of what was recorded, as it stands in the text of a query.
fn selection(name: &str, labels: &Labels) -> String {
    Query::Number(0.0).recorded_with(name, labels.clone()).promql()
}

/// A query with the labels and the name of a recording.
fn named(promql: String, name: &str, labels: &Labels) -> String {
    let all = labels.iter().map(|(label, value)| (label.as_str(), value.as_str())).chain([("__name__", name)]);
    all.fold(promql, |promql, (label, value)| format!(r#"label_replace({promql}, "{label}", "{value}", "", "")"#))
}

/// The query with ranges of at most two hours.
pub(crate) fn shortened(query: &Query) -> Query {
    let mut query = query.clone();
    visit(&mut query, &mut |part| match part {
        Query::Rate { over, .. } | Query::Increase { over, .. } | Query::OverTime { over, .. } => {
            *over = (*over).min(LONGEST_EXACT);
        }
        _ => {}
    });
    query
}

/// The increases over more than two hours that queries read, each once. A rate is an increase by
/// the second.
pub(crate) fn long_increases<'a>(queries: impl IntoIterator<Item = &'a Query>) -> Vec<Query> {
    let mut increases = BTreeMap::new();
    for query in queries {
        visit(&mut query.clone(), &mut |part| match part {
            Query::Rate { of, over } | Query::Increase { of, over } if *over > LONGEST_EXACT => {
                let increase = Query::Increase { of: of.clone(), over: *over };
                increases.insert(increase.promql(), increase);
            }
            Query::OverTime { over, .. } => {
                assert!(*over <= LONGEST_EXACT, "state how far thinning may move it: {}", part.promql());
            }
            _ => {}
        });
    }
    increases.into_values().collect()
}

#[test]
fn a_recorded_name_gives_way_to_its_query() {
    let labels = Labels::from([("slo".to_owned(), "reads".to_owned())]);
    let query = Query::Number(1.0).recorded_with("share", labels).above(0.5);
    assert_eq!(query.promql(), r#"share{slo="reads"} > 0.5"#);
    let inner = r#"label_replace(vector(1), "slo", "reads", "", "")"#;
    assert_eq!(expanded(&query), format!(r#"label_replace({inner}, "__name__", "share", "", "") > 0.5"#));
}

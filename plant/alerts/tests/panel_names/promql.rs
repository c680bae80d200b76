//! The metrics and labels that a query names, and those of `docs/metrics.md`.

use std::collections::{BTreeMap, BTreeSet};

use super::{is_word, read};

/// The metrics of `docs/metrics.md` with their labels, a histogram as its three series.
pub(crate) fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut metrics = BTreeMap::new();
    for row in read("docs/metrics.md").lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, kind, _, labels, ..] = cells[..] else { continue };
        let name = name.trim_matches('`').to_owned();
        let labels = labels_of(labels);
        if kind == "histogram" {
            let with_le: BTreeSet<_> = labels.iter().cloned().chain(["le".to_owned()]).collect();
            metrics.insert(format!("{name}_bucket"), with_le);
            metrics.insert(format!("{name}_sum"), labels.clone());
            metrics.insert(format!("{name}_count"), labels);
        } else {
            metrics.insert(name, labels);
        }
    }
    metrics
}

/// The labels of a cell: each is a word of code before a colon.
fn labels_of(cell: &str) -> BTreeSet<String> {
    let parts: Vec<&str> = cell.split('`').collect();
    let words = parts.windows(2).skip(1).step_by(2);
    words.filter(|pair| pair[1].starts_with(':')).map(|pair| pair[0].to_owned()).collect()
}

/// The selectors of a query: each metric with the labels of its matchers.
pub(crate) fn selectors(promql: &str) -> Vec<(String, BTreeSet<String>)> {
    let without_texts = promql.split('"').step_by(2).collect::<Vec<_>>().join("\"");
    let without_span = |part: &str| part.split_once(']').map_or(part, |(_, behind)| behind).to_owned();
    let bare: String = without_texts.split('[').map(without_span).collect();
    let (mut found, mut rest) = (Vec::new(), bare.as_str());
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let end = rest[at..].find(|c: char| !is_word(c) && c != ':').map_or(rest.len(), |end| at + end);
        let (word, behind) = (&rest[at..end], rest[end..].trim_start());
        rest = behind;
        if word == "by" {
            rest = behind.split_once(')').unwrap().1;
        } else if let Some(matchers) = behind.strip_prefix('{') {
            let (matchers, behind) = matchers.split_once('}').unwrap();
            let label = |matcher: &str| matcher.split(['=', '!']).next().unwrap().to_owned();
            found.push((word.to_owned(), matchers.split(',').map(label).collect()));
            rest = behind;
        } else if !behind.starts_with('(') && !behind.starts_with("by ") && !matches!(word, "and" | "or" | "unless") {
            found.push((word.to_owned(), BTreeSet::new()));
        }
    }
    found
}

/// The labels by which a query groups.
pub(crate) fn grouped(promql: &str) -> BTreeSet<String> {
    let lists = promql.split("by (").skip(1).filter_map(|part| part.split(')').next());
    lists.flat_map(|list| list.split(',')).map(|label| label.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::set;
    use super::*;

    #[test]
    fn the_metrics_of_a_query_are_found() {
        let text =
            "sum by (le, grade) (rate(a_bucket{job=~\".*\",b!=\"x y\"}[5m])) / max(c[1h]) >= 0 and d:e or vector(0)";
        let of = |name: &str, labels: &[&str]| (name.to_owned(), set(labels));
        assert_eq!(selectors(text), vec![of("a_bucket", &["b", "job"]), of("c", &[]), of("d:e", &[])]);
        assert_eq!(grouped(text), set(&["grade", "le"]));
    }

    #[test]
    fn the_documented_labels_are_found() {
        let documented = documented();
        assert_eq!(documented["http_requests_total"], set(&["endpoint", "method", "status"]));
        assert_eq!(documented["sample_quality_score_bucket"], set(&["grade", "le"]));
        assert_eq!(documented["websocket_connections_active"], set(&[]));
    }
}

//! The relations and columns that a statement names, and those of the database.

use std::collections::BTreeSet;

use super::{is_word, read};

/// The words of SQL that our statements use.
const KEYWORDS: [&str; 18] = [
    "SELECT", "FROM", "WHERE", "GROUP", "ORDER", "BY", "AS", "AND", "BETWEEN", "DESC", "NULLS", "LAST", "LIMIT",
    "DISTINCT", "CROSS", "JOIN", "LATERAL", "WITHIN",
];

fn words(line: &str) -> Vec<String> {
    line.split(|c: char| !is_word(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The columns of a table or a view of the database.
pub(crate) fn columns(relation: &str) -> BTreeSet<String> {
    if relation == "TaskFailure" {
        let rows = read("docs/storage.md");
        let row = rows.lines().find(|line| line.starts_with("| `\"TaskFailure\"`")).unwrap();
        return row.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    }
    if relation.starts_with("bug_") {
        let schema = read("deploy/bug_tracking_schema.sql");
        let (_, table) = schema.split_once(&format!("CREATE TABLE {relation} (\n")).unwrap();
        let lines = table.split_once("\n)").unwrap().0.lines();
        return lines.filter_map(|line| words(line).into_iter().next()).collect();
    }
    let dump = read("sqal-storage/tests/stored_before/schema_10.sql");
    if let Some((_, table)) = dump.split_once(&format!("CREATE TABLE stored_before.{relation} (\n")) {
        let lines = table.split_once("\n)").unwrap().0.lines();
        return lines.filter_map(|line| words(line).into_iter().next()).collect();
    }
    // A view names a column at the end of each line that ends with a comma, and of the last line.
    let begin = format!("CREATE VIEW stored_before.{relation} AS\n SELECT ");
    let (_, view) = dump.split_once(&begin).unwrap_or_else(|| panic!("no table or view {relation}"));
    let lines: Vec<&str> = view.split_once("\n   FROM ").unwrap().0.lines().collect();
    let ends = lines.iter().filter(|line| line.ends_with(',')).chain(lines.last());
    ends.filter_map(|line| words(line).pop()).collect()
}

/// The words of a statement and its punctuation. A quoted name is one word, and a text is none.
fn tokens(sql: &str) -> Vec<String> {
    let mut text = String::new();
    for (at, part) in sql.split('"').enumerate() {
        let is_quoted = at % 2 == 1;
        text.extend(part.chars().map(|c| if is_quoted && !is_word(c) { '_' } else { c }));
    }
    let mut spaced = text.split('\'').step_by(2).collect::<Vec<_>>().join(" 0 ").replace("::", " :: ");
    for mark in ["(", ")", ",", ".", "+", "/", "*", "<", ">", "="] {
        spaced = spaced.replace(mark, &format!(" {mark} "));
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// The relations of a statement, and its other names without functions, types and aliases.
pub(crate) fn names(sql: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let tokens = tokens(sql);
    let (mut relations, mut aliases, mut others) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |at| tokens[at].as_str());
        let is_called = tokens.get(at + 1).is_some_and(|next| next == "(");
        let is_name = token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !is_name || is_called || before == "::" || KEYWORDS.contains(&token.as_str()) {
            continue;
        }
        let names = match before {
            "AS" => &mut aliases,
            "FROM" | "JOIN" => &mut relations,
            _ => &mut others,
        };
        names.insert(token.clone());
    }
    others.retain(|name| !aliases.contains(name) && !relations.contains(name));
    (relations, others)
}

#[cfg(test)]
mod tests {
    use super::super::set;
    use super::*;

    #[test]
    fn the_names_of_a_statement_are_found() {
        let (relations, others) = names(
            "SELECT count(a)::float8 AS \"A+\", b / 1e9 FROM t CROSS JOIN LATERAL (SELECT c FROM \"Big\" \
             WHERE d = 'e f') AS sub WHERE sub.c > 1",
        );
        assert_eq!((relations, others), (set(&["Big", "t"]), set(&["a", "b", "c", "d"])));
    }

    #[test]
    fn a_view_has_its_columns_under_its_own_names() {
        assert!(columns("graded_samples").is_superset(&set(&["device_id", "flags", "processing_ms"])));
        assert!(columns("sensor_samples").contains("vl53l8ch_volume_mm3"));
        assert!(!columns("sensor_samples").contains("volume_mm3"));
        assert!(columns("sample_hour").contains("score_sum"));
        assert!(columns("bug_metrics").is_superset(&set(&["measure", "slot", "bugs", "micros"])));
    }
}

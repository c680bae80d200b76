//! Cells of a table: a spreadsheet must not take a text for a formula, and tags stand in one cell.

/// The columns of a table of bugs, in their order: the name of the documented interface, and its
/// second spelling.
pub(super) const COLUMNS: [(&str, &str); 15] = [
    ("id", "id"),
    ("title", "title"),
    ("description", "description"),
    ("severity", "severity"),
    ("priority", "priority"),
    ("category", "category"),
    ("status", "status"),
    ("deviceId", "device_id"),
    ("firmwareVersion", "firmware_version"),
    ("reproductionSteps", "reproduction_steps"),
    ("tags", "tags"),
    ("assignee", "assignee"),
    ("createdAt", "created_at"),
    ("updatedAt", "updated_at"),
    ("resolvedAt", "resolved_at"),
];

/// Whether a spreadsheet could take a text, without apostrophes at its beginning, for a formula
/// (OWASP, "CSV Injection").
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A text as a cell: with an apostrophe before what could be a formula.
pub(super) fn guarded(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// The text of a cell: without the apostrophe before what could be a formula.
pub(super) fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(cell)
}

/// Texts in one cell, with `;` between them; a `;` or a `\` within a text follows a `\`.
pub(super) fn joined<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let escaped = texts.into_iter().map(|text| text.replace('\\', "\\\\").replace(';', "\\;"));
    escaped.collect::<Vec<_>>().join(";")
}

/// The texts of a cell that is [joined], without white space around them and without empty ones.
pub(super) fn parted(cell: &str) -> Vec<String> {
    let (mut texts, mut text, mut is_escaped) = (Vec::new(), String::new(), false);
    for character in cell.chars() {
        match character {
            ';' if !is_escaped => texts.push(std::mem::take(&mut text)),
            '\\' if !is_escaped => {
                is_escaped = true;
                continue;
            }
            other => text.push(other),
        }
        is_escaped = false;
    }
    texts.push(text);
    texts.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_cell_is_a_formula_and_each_is_read_back(text in "['=+@\t\r-]{0,3}.{0,9}") {
            let cell = guarded(&text);
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert_eq!(unguarded(&cell), text);
        }

        #[test]
        fn texts_in_a_cell_are_read_back(texts in proptest::collection::vec("[a-z;\\\\]{1,6}", 0..5)) {
            prop_assert_eq!(parted(&joined(texts.iter().map(String::as_str))), texts);
        }
    }

    #[test]
    fn a_cell_of_another_program_is_read_as_it_stands() {
        assert_eq!(parted(" a ;b;; c d;"), ["a", "b", "c d"]);
        assert_eq!((unguarded("'quoted'"), unguarded("'=1+1"), unguarded("=1+1")), ("'quoted'", "=1+1", "=1+1"));
    }
}

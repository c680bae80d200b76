//! The README of each crate of the family: the words and the example at the head of its `lib.rs`,
//! so that one text stands in both places.

use std::fs;
use std::path::Path;

use crate::Failed;
use crate::arrows::ARROWS;

/// What the README of a crate says, from the text of its `lib.rs`.
#[must_use]
pub fn of(name: &str, library: &str) -> String {
    let (mut text, mut in_code) = (format!("# {name}\n\n"), false);
    for line in library.lines().map_while(|line| line.strip_prefix("//!")) {
        let line = line.strip_prefix(' ').unwrap_or(line);
        if line.starts_with("```") {
            in_code = !in_code;
            text.push_str(if in_code && line == "```" { "```rust" } else { line });
        } else if in_code && (line == "#" || line.starts_with("# ")) {
            // What a reader of the documentation is not shown either.
            continue;
        } else if in_code {
            text.push_str(line);
        } else {
            // The headings of a crate's documentation are a level below its README's title.
            text.push_str(if line.starts_with('#') { "#" } else { "" });
            text.push_str(&without_links(line));
        }
        text.push('\n');
    }
    text.push_str("\nPart of SQAL, which grades food on the line with instruments. Licensed under MIT or Apache-2.0, at your option.\n");
    text
}

/// A line without links into the documentation, which lead nowhere from a README: `` [`Name`](path)
/// `` and `` [`Name`] `` become `` `Name` ``.
fn without_links(line: &str) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while let Some(begin) = rest.find("[`") {
        let Some(end) = rest[begin..].find("`]").map(|end| begin + end + 1) else { break };
        text.push_str(&rest[..begin]);
        text.push_str(&rest[begin + 1..end]);
        rest = &rest[end + 1..];
        if rest.starts_with('(')
            && let Some(close) = rest.find(')')
        {
            rest = &rest[close + 1..];
        }
    }
    text.push_str(rest);
    text
}

/// Which crates have a README that is not what their `lib.rs` says; with `write` they are written
/// instead.
///
/// # Errors
///
/// [`Failed`] if a file cannot be read or written.
pub fn readmes(root: &Path, write: bool) -> Result<Vec<String>, Failed> {
    let mut found = Vec::new();
    for (name, _) in ARROWS.iter().filter(|(name, _)| name.starts_with("sqal-")) {
        let plant = root.join("plant").join(name.trim_start_matches("sqal-"));
        let folder = if plant.exists() { plant } else { root.join(name) };
        let Ok(library) = fs::read_to_string(folder.join("src/lib.rs")) else { continue };
        let (path, text) = (folder.join("README.md"), of(name, &library));
        if write {
            fs::write(path, text)?;
        } else if fs::read_to_string(path).map_or(true, |there| there != text) {
            found.push(format!(
                "{name}/README.md is not the head of its lib.rs; SQAL_WRITE=1 cargo xtask tidy writes it"
            ));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readme_is_the_head_of_the_library_without_what_only_its_documentation_understands() {
        let library = "//! A store: see [`Store`] and [`open`](crate::open), or [the web](https://example.org).\n//!\n//! ```\n//! # hidden\n//! let a = 1;\n//! ```\n//!\n//! # Features\n//!\n//! - `x`: more.\n\nmod store;\n//! not this";
        let expected = "# sqal-x\n\nA store: see `Store` and `open`, or [the web](https://example.org).\n\n```rust\nlet a = 1;\n```\n\n## Features\n\n- `x`: more.\n";
        assert!(of("sqal-x", library).starts_with(expected), "{}", of("sqal-x", library));
    }
}

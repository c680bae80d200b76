//! Circles of files: files of one crate that import each other in a circle, so that none of them
//! can be understood or moved alone.
//!
//! Only `use` statements at the beginning of a line are read: not those in functions, and no path
//! that is written out in code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The files of a crate by the path of their module; the root is the empty path.
fn modules(folder: &Path, module: &str, into: &mut BTreeMap<String, String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let child = if module.is_empty() { stem.clone() } else { format!("{module}::{stem}") };
        if path.is_dir() {
            modules(&path, &child, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = if matches!(&*stem, "lib" | "mod") { module.to_owned() } else { child };
            // What is behind `mod tests` may name whatever it tests.
            let text = fs::read_to_string(&path).unwrap_or_default();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            into.insert(name, code);
        }
    }
}

/// The paths of a `use` statement, with its groups written out.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![path.trim().to_owned()];
    };
    let group = group.trim_end().trim_end_matches('}');
    let (mut all, mut depth, mut begins) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = group[begins..at].trim();
                if !part.is_empty() {
                    all.extend(paths(part).into_iter().map(|path| format!("{prefix}{path}")));
                }
                begins = at + 1;
            }
            _ => {}
        }
    }
    all
}

/// The paths of all `use` statements of a file, of those that are exported if `exported`.
fn uses(text: &str, exported: bool) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("use ") {
        let line = rest[..at].rsplit('\n').next().unwrap_or_default();
        let is_statement = line.is_empty() || line.starts_with("pub");
        let (statement, after) = rest[at + 4..].split_once(';').unwrap_or_default();
        if is_statement && (!exported || line.starts_with("pub")) {
            all.extend(paths(statement));
        }
        rest = if is_statement { after } else { &rest[at + 4..] };
    }
    all
}

/// The module that a path of a module names, and the name in it.
fn resolved(files: &BTreeMap<String, String>, from: &str, path: &str) -> Option<(String, String)> {
    let mut base: Vec<&str> = from.split("::").filter(|part| !part.is_empty()).collect();
    let mut parts = path.split("::").peekable();
    let first = *parts.peek()?;
    match first {
        "crate" => {
            base.clear();
            parts.next();
        }
        "super" | "self" => {
            while let Some(up) = parts.next_if(|part| matches!(*part, "super" | "self")) {
                if up == "super" {
                    base.pop();
                }
            }
        }
        // A child of this module, or a crate.
        _ if !files.contains_key(&[&base[..], &[first]].concat().join("::")) => return None,
        _ => {}
    }
    while let Some(part) = parts.next_if(|part| files.contains_key(&[&base[..], &[*part]].concat().join("::"))) {
        base.push(part);
    }
    Some((base.join("::"), parts.next().unwrap_or_default().to_owned()))
}

/// Which module each module imports from. A name that a module only exports again is taken from
/// where it is defined.
fn arrows(files: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut exports: BTreeMap<(String, String), String> = BTreeMap::new();
    for (module, text) in files {
        for path in uses(text, true) {
            if let Some((from, name)) = resolved(files, module, &path) {
                exports.insert((module.clone(), name), from);
            }
        }
    }
    let home = |mut module: String, name: &str| {
        // A chain of exports is shorter than the number of modules.
        for _ in 0..files.len() {
            match exports.get(&(module.clone(), name.to_owned())) {
                Some(from) if *from != module => module.clone_from(from),
                _ => break,
            }
        }
        module
    };
    let mut arrows = BTreeMap::new();
    for (module, text) in files {
        let named = uses(text, false).into_iter().filter_map(|path| resolved(files, module, &path));
        let is_outside = |to: &String| to != module && !module.starts_with(&format!("{to}::"));
        let to: BTreeSet<String> = named.map(|(to, name)| home(to, &name)).filter(is_outside).collect();
        arrows.insert(module.clone(), to);
    }
    arrows
}

/// The circles of a crate's files, each as the names of its modules.
///
/// The root of a crate joins its modules and is in no circle. A module and the files of its folder
/// are one thing: what a file takes from the module that it is part of is no arrow.
#[must_use]
pub fn circles(source: &Path) -> Vec<Vec<String>> {
    let mut files = BTreeMap::new();
    modules(source, "", &mut files);
    let arrows = arrows(&files);
    let reached = |from: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(module) = open.pop() {
            for to in arrows.get(&module).into_iter().flatten().filter(|to| !to.is_empty()) {
                if seen.insert(to.clone()) {
                    open.push(to.clone());
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&String, BTreeSet<String>> =
        files.keys().filter(|module| !module.is_empty()).map(|module| (module, reached(module))).collect();
    let mut circles = BTreeSet::new();
    for (module, to) in reach.iter().filter(|(module, to)| to.contains(**module)) {
        let ring: Vec<String> =
            to.iter().filter(|other| reach.get(other).is_some_and(|back| back.contains(*module))).cloned().collect();
        circles.insert(ring);
    }
    circles.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn a_circle_is_found_also_through_what_the_root_exports_again() {
        let folder = written(&[
            ("lib.rs", "mod a;\nmod b;\nmod c;\npub use b::{B as _, Thing};\n"),
            ("a.rs", "use crate::{\n    Thing,\n    c::{self, Other},\n};\n"),
            ("b.rs", "use super::a::A;\n"),
            ("c/mod.rs", "mod inner;\npub(crate) use inner::Other;\n"),
            ("c/inner.rs", "use std::fmt;\nuse super::Whole;\n\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n"),
        ]);
        assert_eq!(circles(folder.path()), [["a", "b"]]);
    }

    #[test]
    fn a_line_of_files_is_no_circle() {
        let folder = written(&[
            ("lib.rs", "mod a;\nmod b;\nuse a::A;\n"),
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "use crate::Root;\n"),
        ]);
        assert_eq!(circles(folder.path()), Vec::<Vec<String>>::new());
    }
}

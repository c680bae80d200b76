//! The public names of each crate of the family, in `docs/surface/`: a change of the surface
//! changes a file that reviewers and users read, and a root has few names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Failed;
use crate::arrows::ARROWS;
use crate::process::Interrupts;

/// The most names at the root of a crate: more than that a reader does not survey.
const MOST_AT_ROOT: usize = 30;

/// The lists in `docs/surface/`: the name of each crate, and the lines of its file.
///
/// # Errors
///
/// [`Failed`] if a list cannot be read.
pub(crate) fn lists(root: &Path) -> Result<BTreeMap<String, String>, Failed> {
    let Ok(files) = fs::read_dir(root.join("docs/surface")) else { return Ok(BTreeMap::new()) };
    let mut lists = BTreeMap::new();
    for path in files.flatten().map(|file| file.path()) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        lists.insert(name, fs::read_to_string(path)?);
    }
    Ok(lists)
}

/// What is wrong with the root of a crate, from its list of public names. A macro that is exported
/// can stand nowhere else.
pub(crate) fn crowded(name: &str, surface: &str) -> Option<String> {
    let count = surface.lines().filter(|line| !line.contains("::") && !line.starts_with("macro ")).count();
    (count > MOST_AT_ROOT).then(|| {
        format!("{name}: {count} names at the root of the crate, at most {MOST_AT_ROOT}: move some into public modules")
    })
}

/// Compares the public names with the files; with `write` the files are written instead.
///
/// # Errors
///
/// [`Failed`] if the documentation cannot be made, or a crate has other names than its file.
pub fn run(root: &Path, interrupts: &Interrupts, write: bool) -> Result<(), Failed> {
    let family: Vec<_> = ARROWS.iter().map(|(name, _)| *name).filter(|name| name.starts_with("sqal-")).collect();
    let mut docs = Command::new("cargo");
    docs.args(["doc", "--quiet", "--no-deps", "--all-features"]).current_dir(root);
    interrupts.run(docs.args(family.iter().flat_map(|name| ["-p", name])))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), std::path::PathBuf::from);
    let mut found = Vec::new();
    for name in family {
        let page = fs::read_to_string(target.join("doc").join(name.replace('-', "_")).join("all.html"))?;
        let names = names(&page).into_iter().map(|name| name + "\n").collect::<String>();
        let path = root.join("docs/surface").join(format!("{name}.txt"));
        if write {
            fs::create_dir_all(root.join("docs/surface"))?;
            fs::write(path, names)?;
            continue;
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        let [there, names] = [&there, &names].map(|text| text.lines().collect::<BTreeSet<_>>());
        found.extend(names.difference(&there).map(|new| format!("{name}: {new} is new")));
        found.extend(there.difference(&names).map(|gone| format!("{name}: {gone} is gone")));
    }
    if found.is_empty() {
        Ok(())
    } else {
        found.push(
            "if that is meant, SQAL_WRITE=1 cargo xtask check writes docs/surface, and CHANGELOG.md says it".to_owned(),
        );
        Err(Failed(format!("the public surface changed:\n  {}", found.join("\n  "))))
    }
}

/// The kind and the path of every item that a crate's page of all items names.
fn names(page: &str) -> Vec<String> {
    let links = page.split("<a href=\"").skip(1).filter_map(|link| link.split_once('"').map(|(path, _)| path));
    // `tower/struct.RetryLayer.html`: modules, then the kind and the name.
    let item = |path: &str| {
        let (modules, file) = path.rsplit_once('/').unwrap_or(("", path));
        let (kind, name) = file.strip_suffix(".html")?.split_once('.')?;
        let modules = modules.split('/').filter(|module| !module.is_empty()).map(|module| format!("{module}::"));
        Some(format!("{kind} {}{name}", modules.collect::<String>()))
    };
    let is_link_home = |path: &&str| path.starts_with("..") || path.contains("://");
    let names: BTreeSet<_> = links.filter(|path| !is_link_home(path)).filter_map(item).collect();
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_with_their_modules_and_kinds() {
        let page = r#"<a href="../x/index.html">x</a><a href="struct.Score.html">Score</a> <a href="tower/fn.layer.html">tower::layer</a><a href="index.html">x</a>"#;
        assert_eq!(names(page), ["fn tower::layer", "struct Score"]);
    }

    #[test]
    fn a_root_has_thirty_names_at_most() {
        let roots = |count: usize| (0..count).map(|k| format!("struct A{k}")).collect::<Vec<_>>().join("\n");
        assert_eq!(crowded("sqal-x", &(roots(30) + "\nfn module::of\nmacro law\n")), None);
        let said = crowded("sqal-x", &roots(31));
        assert!(said.is_some_and(|said| said.starts_with("sqal-x: 31 names at the root of the crate, at most 30")));
    }
}

//! Structure: which crate may name which, which names say nothing, how files begin, and whether the
//! signposts point somewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::arrows::ARROWS;
use crate::circles::circles;
use crate::report::say;
use crate::source::sources;
use crate::{
    Failed, error_names, library_policy, log_fields, messages, prose, readme, requirements, sentences, surface,
    type_names,
};

/// The crates that have `#![no_std]` whatever their features.
const NO_STD: [&str; 3] = ["sqal-core", "sqal-sensors", "sqal-fusion"];

/// Names of files and folders behind which an idea was not found.
const VAGUE: [&str; 11] =
    ["utils", "util", "helpers", "helper", "common", "misc", "types", "prelude", "manager", "stuff", "shared"];

/// Marks of unfinished work, in two halves so that this file has none.
const UNFINISHED: [[&str; 2]; 5] =
    [["todo", "!("], ["unimplemented", "!("], ["dbg", "!("], ["#[ig", "nore"], ["FIX", "ME"]];

/// Runs all of them and reports everything that is wrong at once.
///
/// # Errors
///
/// [`Failed`] with one line per finding.
pub fn run(root: &Path) -> Result<(), Failed> {
    let mut found = arrows(root)?;
    found.extend(publishable(root)?);
    found.extend(single_files(root)?);
    found.extend(file_circles(root)?);
    found.extend(find_it(root)?);
    found.extend(readme::readmes(root, std::env::var_os("SQAL_WRITE").is_some())?);
    let files = files(root)?;
    found.extend(in_each(root, &files, "rs", sentences::findings)?);
    found.extend(in_each(root, &files, "md", prose::findings)?);
    found.extend(requirements::run(root, &files)?);
    found.extend(of_sources(root, &files)?);
    for (name, surface) in surface::lists(root)? {
        found.extend(surface::crowded(&name, &surface));
        found.extend(type_names::findings(&name, &surface));
    }
    if found.is_empty() {
        say("tidy: arrows, names, first lines, signposts, READMEs, sentences, surface and requirements are in order");
        Ok(())
    } else {
        Err(Failed(format!("tidy:\n  {}", found.join("\n  "))))
    }
}

/// What is wrong with the code of `src` folders: the sentences of messages, the names of errors,
/// policy in libraries, and the fields of log lines.
fn of_sources(root: &Path, files: &[PathBuf]) -> Result<Vec<String>, Failed> {
    let (sources, mut found) = sources(root, files)?;
    found.extend(sources.iter().flat_map(messages::findings));
    found.extend(error_names::findings(&sources));
    found.extend(library_policy::findings(&sources));
    found.extend(sources.iter().flat_map(log_fields::findings));
    Ok(found)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<PathBuf>,
    /// The versions that may take its place; `*` if the manifest names none.
    #[serde(default)]
    req: String,
}

fn metadata(root: &Path) -> Result<Metadata, Failed> {
    let output =
        Command::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root).output()?;
    if !output.status.success() {
        return Err(Failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| Failed(format!("cargo metadata: {error}")))
}

/// The features of each library of the family, by crate.
///
/// # Errors
///
/// [`Failed`] if cargo cannot read the workspace.
pub fn features(root: &Path) -> Result<Vec<(String, Vec<String>)>, Failed> {
    let library =
        |package: &Package| ARROWS.iter().any(|(name, _)| package.name == *name && package.name.starts_with("sqal-"));
    let packages = metadata(root)?.packages.into_iter().filter(library);
    Ok(packages.map(|package| (package.name, package.features.into_keys().collect())).collect())
}

/// Circles of files in our crates.
///
/// # Errors
///
/// [`Failed`] if cargo cannot read the workspace.
pub fn file_circles(root: &Path) -> Result<Vec<String>, Failed> {
    let mut found = Vec::new();
    for package in metadata(root)?.packages {
        let source = package.manifest_path.parent().unwrap_or(root).join("src");
        for ring in circles(&source) {
            found.push(format!("{}: these files import each other in a circle: {}", package.name, ring.join(", ")));
        }
    }
    Ok(found)
}

/// Arrows between our crates that are not in [`ARROWS`]; tests may also name `fixtures`, and the
/// roots may name anything.
///
/// # Errors
///
/// [`Failed`] if cargo cannot read the workspace.
pub fn arrows(root: &Path) -> Result<Vec<String>, Failed> {
    let mut found = Vec::new();
    for package in metadata(root)?.packages {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            // Composition roots: examples, benches, fuzz, xtask. Whatever else appears needs a line
            // in the table.
            let folder = package.manifest_path.parent().and_then(|folder| folder.strip_prefix(root).ok());
            let is_root = folder.is_some_and(|f| {
                f.starts_with("examples") || ["benches", "fuzz", "xtask"].iter().any(|root| f == Path::new(root))
            });
            if !is_root {
                found.push(format!("{}: this crate is not in the arrow table", package.name));
            }
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let in_tests = dependency.kind.as_deref() == Some("dev");
            let to = dependency.name.as_str();
            let may = allowed.contains(&to) || (in_tests && (to == "fixtures" || to == package.name));
            if !may {
                found.push(format!("{} -> {to}: not an arrow of the house (see xtask/src/arrows.rs)", package.name));
            }
        }
    }
    Ok(found)
}

/// What would be wrong with the packages of the family if they were published: a dependency on an
/// unpublished crate that the registry could answer with a stranger's, and a package without the
/// texts of its licences.
///
/// # Errors
///
/// [`Failed`] if cargo cannot read the workspace.
pub fn publishable(root: &Path) -> Result<Vec<String>, Failed> {
    let mut found = Vec::new();
    for package in metadata(root)?.packages.iter().filter(|package| package.name.starts_with("sqal-")) {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            if !dependency.name.starts_with("sqal-") && dependency.req != "*" {
                found.push(format!(
                    "{} -> {} {}: an unpublished crate must have no version, for the registry may have another of that name",
                    package.name, dependency.name, dependency.req
                ));
            }
        }
        let folder = package.manifest_path.parent().unwrap_or(root);
        for text in ["LICENSE-MIT", "LICENSE-APACHE"] {
            if fs::read(folder.join(text)).map_or(true, |text| text.is_empty()) {
                found.push(format!("{}: its package has no {text}", package.name));
            }
        }
    }
    Ok(found)
}

/// What is wrong with single files: vague names, missing first lines, unfinished marks, `no_std`
/// that depends on something.
///
/// # Errors
///
/// [`Failed`] if a file cannot be read.
pub fn single_files(root: &Path) -> Result<Vec<String>, Failed> {
    let mut found = Vec::new();
    for path in files(root)? {
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let stem = |part: &std::ffi::OsStr| part.to_string_lossy().split('.').next().unwrap_or_default().to_owned();
        let relative = path.strip_prefix(root).unwrap_or(&path);
        if let Some(vague) = relative.iter().map(stem).find(|name| VAGUE.contains(&name.as_str())) {
            found.push(format!("{shown}: {vague} says nothing; name the idea"));
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let first = text.lines().next().unwrap_or_default();
        if first.strip_prefix("//! ").is_none_or(|sentence| sentence.trim().len() < 10) {
            found.push(format!("{shown}: the first line must be a sentence for a stranger (//! …)"));
        }
        for [a, b] in UNFINISHED {
            let mark = format!("{a}{b}");
            if let Some(line) = text.lines().position(|line| line.contains(&mark)) {
                found.push(format!("{shown}:{}: unfinished ({mark})", line + 1));
            }
        }
    }
    for name in NO_STD {
        let path = root.join(name).join("src/lib.rs");
        if path.exists() && !fs::read_to_string(&path)?.lines().any(|line| line == "#![no_std]") {
            found.push(format!("{name}: #![no_std] must not depend on a feature"));
        }
    }
    Ok(found)
}

/// What is wrong with the text of each file that has this extension. A finding has its path.
fn in_each(
    root: &Path,
    files: &[PathBuf],
    extension: &str,
    findings: fn(&str, &str) -> Vec<String>,
) -> Result<Vec<String>, Failed> {
    let mut found = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|other| other == extension)) {
        let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
        found.extend(findings(&shown, &fs::read_to_string(path)?));
    }
    Ok(found)
}

/// The files of the tree: not hidden, not built.
fn files(root: &Path) -> Result<Vec<PathBuf>, Failed> {
    let (mut folders, mut files) = (vec![root.to_path_buf()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') || name == "target" || name == "sqal-data" {
                continue;
            }
            let into = if entry.file_type()?.is_dir() { &mut folders } else { &mut files };
            into.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Paths in the find-it table of `ARCHITECTURE.md` that do not exist, or a table that is not there.
///
/// # Errors
///
/// [`Failed`] if the document cannot be read.
pub fn find_it(root: &Path) -> Result<Vec<String>, Failed> {
    let text = fs::read_to_string(root.join("ARCHITECTURE.md"))
        .map_err(|error| Failed(format!("ARCHITECTURE.md: {error}")))?;
    let table = text.split("## Find it in a minute").nth(1).unwrap_or_default();
    let table = table.split("\n## ").next().unwrap_or_default();
    let cells = table.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(2));
    let paths: Vec<_> =
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).filter(|word| word.contains('/')).collect();
    let mut found: Vec<_> = paths
        .iter()
        .filter(|path| !root.join(path).exists())
        .map(|path| format!("ARCHITECTURE.md: the find-it table points to {path}, which is not there"))
        .collect();
    if paths.is_empty() {
        found.push("ARCHITECTURE.md: there is no find-it table".to_owned());
    }
    Ok(found)
}

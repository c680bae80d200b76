//! `cargo xtask check`: everything that needs no service.

use std::path::Path;
use std::process::Command;

use crate::Failed;
use crate::process::Interrupts;
use crate::report::say;
use crate::{surface, tidy, tools};

fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root);
    command
}

/// Runs every check, the quick ones first; stops at the first that fails.
///
/// # Errors
///
/// [`Failed`] names the check.
pub fn run(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    let write = std::env::var_os("SQAL_WRITE").is_some();
    if write {
        // First, because tidy reads what is written here.
        say("== public surface, written");
        surface::run(root, interrupts, true)?;
    }
    say("== format");
    interrupts.run(&mut cargo(root, &["fmt", "--all", "--check"]))?;
    say("== tidy");
    tidy::run(root)?;
    say("== lints");
    lints(root, interrupts)?;
    say("== docs");
    docs(root, interrupts)?;
    say("== each feature alone");
    features(root, interrupts)?;
    say("== public surface");
    surface::run(root, interrupts, false)?;
    say("== packages");
    packages(root, interrupts)?;
    say("== unused dependencies");
    let machete = tools::tool(root, interrupts, &tools::MACHETE)?;
    interrupts.run(Command::new(machete).arg(root))?;
    say("== bans, licences, sources");
    let deny = tools::tool(root, interrupts, &tools::DENY)?;
    let mut command = Command::new(deny);
    command
        .args(["--log-level", "error", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
        .current_dir(root);
    interrupts.run(&mut command)?;
    say("== all checks passed");
    Ok(())
}

/// Clippy with our table as errors, with tests and without: dev-dependencies turn on features that
/// users may not have.
///
/// # Errors
///
/// [`Failed`] if a lint fires.
pub fn lints(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    for targets in [&["--all-targets"][..], &[]] {
        let arguments =
            [&["clippy", "--quiet", "--workspace", "--all-features"], targets, &["--", "-D", "warnings"]].concat();
        interrupts.run(&mut cargo(root, &arguments))?;
    }
    Ok(())
}

/// The documentation with every warning an error, private items included.
///
/// # Errors
///
/// [`Failed`] if a link is broken or a public item has no words.
pub fn docs(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    let arguments = ["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items", "--all-features"];
    interrupts.run(cargo(root, &arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

/// The package of each crate of the family can be made, with its README and its licences, and names
/// no crate that a registry would answer with another one.
///
/// # Errors
///
/// [`Failed`] if one cannot be made.
pub fn packages(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    let mut package = cargo(root, &["package", "--quiet", "--allow-dirty", "--no-verify"]);
    interrupts.run(package.args(tidy::features(root)?.iter().flat_map(|(name, _)| ["-p", name])))
}

/// Every library with no feature and with each feature alone: a feature adds, and needs no other.
fn features(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    for (name, features) in tidy::features(root)? {
        for feature in std::iter::once(String::new()).chain(features) {
            let package = ["clippy", "--quiet", "-p", &name, "--no-default-features", "--features", &feature];
            interrupts.run(&mut cargo(root, &[&package[..], &["--", "-D", "warnings"]].concat()))?;
        }
    }
    Ok(())
}

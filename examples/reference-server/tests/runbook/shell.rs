//! Runs the commands of a page as an operator does, and compares what they print with the page.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pages::Block;
use crate::plant::Plant;
use crate::postgres::variable;

/// The journal of the machine. That of a server under test is the file that it writes its log to.
const JOURNALCTL: &str = r#"#!/bin/sh
case "$*" in "-u sqal-server -o cat --since=-"*) exec cat "$JOURNAL" ;; esac
echo "journalctl $*: expected -u sqal-server -o cat --since=-…"
exit 64
"#;

/// The shell of an operator.
pub(crate) struct Shell {
    /// Where the operator stands, and what the commands write.
    folder: tempfile::TempDir,
    path: std::ffi::OsString,
}

impl Shell {
    /// A shell that finds `sqal`, `sqal-server` and the programs of PostgreSQL.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).unwrap();
        fs::write(programs.join("journalctl"), JOURNALCTL).unwrap();
        fs::set_permissions(programs.join("journalctl"), fs::Permissions::from_mode(0o755)).unwrap();
        let server = Path::new(env!("CARGO_BIN_EXE_sqal-server"));
        assert!(
            server.with_file_name("sqal").exists(),
            "the pages need sqal: run `cargo xtask test`, or `cargo build -p operations` before this test alone"
        );
        let ours =
            [programs, server.parent().unwrap().to_owned(), PathBuf::from(variable("SQAL_TEST_POSTGRES_PROGRAMS"))];
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(ours.into_iter().chain(std::env::split_paths(&rest))).unwrap();
        Self { folder, path }
    }

    /// Runs commands, and says in which way they are not as their page has them.
    pub(crate) fn fault_of(&self, block: &Block, plant: &Plant) -> Option<String> {
        let ended = Command::new("timeout")
            .args(["60", "bash", "-euo", "pipefail", "-c"])
            .arg(format!("exec 2>&1\n{}", block.commands))
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.folder.path())
            .env("LANG", "C.UTF-8")
            .env("JOURNAL", plant.log())
            .envs(plant.variables())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&ended.stdout);
        let wrong = if ended.status.code() == Some(block.exit) {
            missing(&block.shown, &printed).map(|line| format!("does not print {line:?}"))
        } else {
            Some(format!("{}, expected {}", ended.status, block.exit))
        };
        wrong.map(|wrong| format!("{}: {wrong}\n{}\nprints:\n{printed}", block.place, block.commands))
    }
}

/// The first line of a page that is not printed behind the one before it.
fn missing<'a>(shown: &'a [String], printed: &str) -> Option<&'a str> {
    let mut lines = printed.lines().map(str::trim);
    shown.iter().map(String::as_str).find(|wanted| !lines.any(|line| is_shown_by(wanted, line)))
}

/// Whether a line is the one that a page shows with `…` in the place of any text.
fn is_shown_by(shown: &str, line: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

#[test]
fn a_line_of_a_page_shows_what_is_printed_and_nothing_else() {
    for (shown, line) in
        [("a", "a"), ("a…", "a"), ("a…", "abc"), ("…c", "abc"), ("a…c…", "abcd"), ("…", ""), ("a…b…c", "a1b2c")]
    {
        assert!(is_shown_by(shown, line), "{shown} {line}");
    }
    for (shown, line) in [("a", "ab"), ("a", "ba"), ("a…c", "ab"), ("…c", "cd"), ("a…b…a", "aba1"), ("ab…b", "ab")]
    {
        assert!(!is_shown_by(shown, line), "{shown} {line}");
    }
    let shown = ["a".to_owned(), "b…".to_owned()];
    assert_eq!(missing(&shown, "x\n  a\ny\nb1\n"), None);
    assert_eq!(missing(&shown, "b1\na\n"), Some("b…"), "the order counts");
}

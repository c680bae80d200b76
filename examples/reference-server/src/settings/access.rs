//! [`AccessSettings`]: which callers may do what, by a file of tokens.

use std::path::{Path, PathBuf};

use sqal_core::Timestamp;
use sqal_http::{Access, TokenFile};

use super::row::Setting;
use super::values::Values;
use crate::plain_file;

pub(super) const TOKENS_FILE: Setting = Setting::plain(
    "SQAL_TOKENS_FILE",
    None,
    "a YAML file of tokens, see `sqal token --help`",
    "Who may do what; without it everybody everything, and only on loopback",
);

/// The roles and rights of the callers.
#[derive(Debug)]
pub struct AccessSettings {
    /// The roles and rights of the callers at the start.
    pub access: Access,
    /// The path of the token file, and its content at the start; `None` if every caller may do
    /// everything.
    pub tokens_file: Option<(PathBuf, TokenFile)>,
}

impl AccessSettings {
    pub(super) fn read(values: &mut Values, now: Timestamp) -> Option<Self> {
        let Some(path) = values.text(&TOKENS_FILE).map(PathBuf::from) else {
            return Some(Self { access: Access::open(), tokens_file: None });
        };
        match at_start(&path, now) {
            Ok((access, file)) => Some(Self { access, tokens_file: Some((path, file)) }),
            Err(why) => {
                values.wrong(&TOKENS_FILE, why);
                None
            }
        }
    }
}

/// Reads the token file as it must be at the start. The file is read again while the server runs,
/// but if no token in it is valid at the start, it is still a mistake.
fn at_start(path: &Path, now: Timestamp) -> Result<(Access, TokenFile), String> {
    let file = tokens(path)?;
    if !file.tokens.is_empty() && file.tokens.iter().all(|token| token.until.is_some_and(|until| until <= now)) {
        return Err(format!("{}: every token in it has expired, so no caller would be admitted", path.display()));
    }
    let access = Access::of(file.clone()).map_err(|error| error.to_string())?;
    Ok((access, file))
}

/// Reads the token file.
pub(crate) fn tokens(path: &Path) -> Result<TokenFile, String> {
    let text = plain_file::text(path)?;
    // The error does not quote the lines around the place, because one of them may hold a token in
    // place of its hash.
    serde_saphyr::from_str(&text).map_err(|error| format!("{}: {}", path.display(), error.without_snippet()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{asked, mistakes, tokens_of};
    use std::io::Write;

    #[test]
    fn a_token_file_that_lets_no_caller_in_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (grants, why) in [
            (&["{ role: emperor }"][..], "emperor"),
            (&["gateway", "{ device: ESP32_001 }"], "the same token"),
            (&[], "tokens"),
        ] {
            let tokens = tokens_of(folder.path(), grants);
            let told = mistakes(&["--tokens-file", &tokens], &[]);
            assert!(told.len() == 1 && told[0].contains(why), "{told:?}");
        }
    }

    /// The clock of these tests is set to 2026-11-21T12:00:00Z.
    #[test]
    fn tokens_that_are_all_over_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (until, over) in [("2026-11-21T12:00:00Z", true), ("2026-11-21T12:00:01Z", false)] {
            let tokens = tokens_of(folder.path(), &["gateway"]);
            let mut file = std::fs::File::options().append(true).open(&tokens).unwrap();
            writeln!(file, "    until: {until}").unwrap();
            let told =
                asked(&["--tokens-file", &tokens], &[]).err().map(|refused| refused.to_string()).unwrap_or_default();
            assert_eq!(told.contains("every token in it has expired"), over, "{until}: {told}");
        }
    }
}

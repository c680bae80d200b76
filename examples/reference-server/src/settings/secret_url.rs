//! [`SecretUrl`]: a URL that may hold a password, and is shown nowhere.

use std::fmt;

use super::row::Setting;
use super::values::Values;

/// A URL that may hold a password. Its `Debug` output hides the text.
#[derive(Clone)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Reads the URL of a setting, if it is set and the driver accepts it. The mistake does not
    /// repeat any part of the URL.
    pub(super) fn read(
        values: &mut Values,
        setting: &Setting,
        check: impl FnOnce(&str) -> Result<(), String>,
    ) -> Option<Self> {
        let url = values.text(setting)?.trim().to_owned();
        match check(&url) {
            Ok(()) => Some(Self(url)),
            Err(why) => {
                values.wrong(setting, why);
                None
            }
        }
    }

    /// The URL as a text, for the driver.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{asked, mistakes, settings};

    #[test]
    fn a_password_that_must_be_encoded_is_refused_in_one_line_without_a_word_of_it() {
        for (name, url) in [
            ("DATABASE_URL", "postgres://sqal_user:/7S+q?K':hunter2@127.0.0.1:5999/sqal_db"),
            ("REDIS_URL", "redis://:hunter2?K'@cache:6379/0"),
        ] {
            let told = asked(&[], &[(name, url)]).unwrap_err().to_string();
            let right = format!("{name}: write / ? # : @ in a password as %2F %3F %23 %3A %40");
            assert!(told.starts_with(&right) && told.lines().count() == 1, "{told}");
            assert!(!["hunter2", "7S", "K'", "5999", "sqal_user"].iter().any(|part| told.contains(part)), "{told}");
        }
        let encoded = "postgres://sqal_user:%2F7S%2Bq%3FK'%3Ahunter2@127.0.0.1:5999/sqal_db";
        assert!(settings(&[], &[("DATABASE_URL", encoded)]).database.url.is_some());
        for url in ["rediss://cache", "redis-cluster://cache:1", "redis://cache/x", "http://cache"] {
            assert_eq!(mistakes(&[], &[("REDIS_URL", url)]).len(), 1, "{url}");
        }
    }
}

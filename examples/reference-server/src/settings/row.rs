//! [`Setting`]: a row of the table of settings, with its name, its meaning and its default.

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The name of the environment variable.
    pub name: &'static str,
    /// The default; `None` if the setting is not set by default.
    pub default: Option<&'static str>,
    /// Whether the value is hidden in all outputs. It may be in a file, whose path is in the
    /// variable with `_FILE` after its name.
    pub secret: bool,
    /// A description of the valid values.
    pub expected: &'static str,
    /// The purpose of the setting.
    pub what: &'static str,
}

impl Setting {
    /// A setting whose value may be shown.
    pub(super) const fn plain(
        name: &'static str,
        default: Option<&'static str>,
        expected: &'static str,
        what: &'static str,
    ) -> Self {
        Self { name, default, secret: false, expected, what }
    }

    /// A setting whose value is hidden.
    pub(super) const fn secret(name: &'static str, expected: &'static str, what: &'static str) -> Self {
        Self { name, default: None, secret: true, expected, what }
    }

    /// The name of the flag, `--like-this`, without the dashes.
    pub(super) fn flag(&self) -> String {
        let name = self.name.strip_prefix("SQAL_").unwrap_or(self.name);
        name.to_lowercase().replace('_', "-")
    }

    /// The name of the variable that holds the path of a file with the value.
    pub(super) fn file(&self) -> String {
        format!("{}_FILE", self.name)
    }
}

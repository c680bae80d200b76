//! Files that are made from the rules: for Prometheus, Alertmanager and Grafana.
//!
//! What is under `deploy/` was written by these functions. A test compares it, and a plant that
//! has objectives or pages of its own writes its own files the same way.

mod alertmanager;
pub mod grafana;
mod prometheus;
mod yaml;

pub use alertmanager::alertmanager;
pub use prometheus::prometheus;

/// Where the pages of the runbook are. The annotation `runbook_url` of an alert is this text with
/// the name of the page and `.md` behind it.
///
/// ```
/// use sqal_alerts::generate::RunbookBase;
///
/// assert_eq!(RunbookBase::default().page("server-down"), "docs/runbook/server-down.md");
/// let base = RunbookBase::new("https://git.example/sqal/runbook")?;
/// assert_eq!(base.page("server-down"), "https://git.example/sqal/runbook/server-down.md");
/// # Ok::<(), sqal_alerts::generate::InvalidRunbookBase>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunbookBase(String);

/// A text that is not where pages can be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "place of the runbook {0:?}: expected http:// or https:// and a host, at most 512 characters, no space, quote or brace"
)]
pub struct InvalidRunbookBase(pub String);

impl RunbookBase {
    /// The most characters: a pager shows no longer address.
    const LONGEST: usize = 512;

    /// The address of a folder, with or without a slash at its end.
    ///
    /// # Errors
    ///
    /// [`InvalidRunbookBase`] unless it is an `http` or `https` address of at most 512 visible
    /// ASCII characters without quotes, backslashes and braces, which would end the text that it
    /// stands in.
    pub fn new(address: &str) -> Result<Self, InvalidRunbookBase> {
        let host = ["https://", "http://"].iter().find_map(|scheme| address.strip_prefix(scheme));
        let has_host =
            host.is_some_and(|host| host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '['));
        let is_quiet = |byte: u8| byte.is_ascii_graphic() && !b"\"'`\\{}<>".contains(&byte);
        if !has_host || address.len() > Self::LONGEST || !address.bytes().all(is_quiet) {
            // A text from a file may have any length.
            return Err(InvalidRunbookBase(address.chars().take(Self::LONGEST).collect()));
        }
        Ok(Self(format!("{}/", address.trim_end_matches('/'))))
    }

    /// The address of a page, by its name without `.md`.
    #[must_use]
    pub fn page(&self, name: &str) -> String {
        format!("{}{name}.md", self.0)
    }
}

/// The folder of the pages in the repository.
impl Default for RunbookBase {
    fn default() -> Self {
        Self("docs/runbook/".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_that_no_browser_opens_or_that_ends_its_quotes_is_refused() {
        for address in ["https://a", "http://a.example:8080/x/", "https://[::1]/docs"] {
            assert!(RunbookBase::new(address).unwrap().page("x").ends_with("/x.md"), "{address}");
        }
        let long = format!("https://a/{}", "b".repeat(503));
        for address in ["", "docs/runbook", "https://", "https:///x", "ftp://a", "https://a b", "https://{{x}}", &long]
        {
            assert_eq!(RunbookBase::new(address), Err(InvalidRunbookBase(address.chars().take(512).collect())));
        }
    }
}

//! [`TargetUrl`]: the URL that messages are posted to.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use serde::{Deserialize, Serialize};
use sqal_client::Origin;

/// The longest URL, in bytes.
const LONGEST: usize = 2000;

/// A URL with a host and perhaps a path and a query. Its `Debug` and `Display` show only the
/// origin, because the path of such a URL is often a secret.
///
/// ```
/// use sqal_work::outbox::TargetUrl;
///
/// let url: TargetUrl = "https://hooks.example.com/services/T0/secret".parse()?;
/// assert_eq!(url.to_string(), "https://hooks.example.com");
/// assert_eq!(url.expose(), "https://hooks.example.com/services/T0/secret");
/// # Ok::<(), sqal_work::outbox::InvalidTargetUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetUrl {
    text: String,
    origin: Origin,
    path: String,
}

/// A text that is not a URL to post to. The error does not repeat the text, because it may hold a
/// secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTargetUrl {
    /// The text is not an absolute URL.
    #[error("url: expected a scheme, a host and perhaps a path, such as https://hooks.example.com/quality")]
    Form,
    /// The text is too long.
    #[error("url: {0} bytes, expected at most 2000")]
    TooLong(usize),
    /// The text has a fragment, which is never sent.
    #[error("url: a fragment behind #, expected none")]
    Fragment,
    /// The scheme, the user or the port is not valid.
    #[error(transparent)]
    Origin(#[from] sqal_client::InvalidOrigin),
}

impl TargetUrl {
    /// The whole URL.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The scheme, the host and the port.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path with the query.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for TargetUrl {
    type Err = InvalidTargetUrl;

    fn from_str(text: &str) -> Result<Self, InvalidTargetUrl> {
        if text.len() > LONGEST {
            return Err(InvalidTargetUrl::TooLong(text.len()));
        }
        if text.contains('#') {
            return Err(InvalidTargetUrl::Fragment);
        }
        let uri: Uri = text.parse().map_err(|_| InvalidTargetUrl::Form)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(InvalidTargetUrl::Form);
        };
        let origin = format!("{scheme}://{authority}").parse()?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        // A URL such as https://host?query has no path: it is that of the root.
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { text: text.to_owned(), origin, path })
    }
}

impl TryFrom<String> for TargetUrl {
    type Error = InvalidTargetUrl;

    fn try_from(text: String) -> Result<Self, InvalidTargetUrl> {
        text.parse()
    }
}

impl From<TargetUrl> for String {
    fn from(url: TargetUrl) -> Self {
        url.text
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.fmt(f)
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TargetUrl({}/…)", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_keeps_its_query_and_the_origin_its_port() {
        for (text, origin, path) in [
            ("https://example.com", "https://example.com", "/"),
            ("https://example.com?a=b", "https://example.com", "/?a=b"),
            ("http://[::1]:8080/a/b?c=d%20e", "http://[::1]:8080", "/a/b?c=d%20e"),
        ] {
            let url: TargetUrl = text.parse().unwrap();
            assert_eq!((url.origin().to_string().as_str(), url.path(), url.expose()), (origin, path, text));
            let json = serde_json::to_string(&url).unwrap();
            assert_eq!(serde_json::from_str::<TargetUrl>(&json).unwrap(), url);
        }
    }

    #[test]
    fn what_is_no_url_to_post_to_is_refused_and_not_repeated() {
        let long = format!("https://hunter2.example/{}", "x".repeat(2000));
        for text in [
            "",
            "/hunter2",
            "hunter2.example/path",
            "ftp://hunter2.example/",
            "https://hunter2@example.com/",
            "https://hunter2.example:99999/",
            "https://hunter2.example/#there",
            "https://hunter2.example/a b",
            &long,
        ] {
            let refused = text.parse::<TargetUrl>().unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn neither_text_of_a_url_shows_its_path() {
        let url: TargetUrl = "https://example.com/hunter2".parse().unwrap();
        assert!(!format!("{url} {url:?}").contains("hunter2"));
    }
}

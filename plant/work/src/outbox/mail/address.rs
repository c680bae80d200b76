//! [`MailAddress`]: a mail address that can neither break a line nor hold a comment.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A mail address such as `quality@example.com`.
///
/// The local part is a dot-atom (RFC 5322, section 3.2.3) and the domain a name of ASCII letters,
/// digits and hyphens; quoted local parts, address literals and other alphabets are refused. A
/// domain in another alphabet is written in its ASCII form (`xn--…`), and kept in lower case.
///
/// Its `Debug` shows only the domain, because logs must not name persons.
///
/// ```
/// use sqal_work::outbox::mail::MailAddress;
///
/// let address: MailAddress = "quality@Example.com".parse()?;
/// assert_eq!(address.as_str(), "quality@example.com");
/// assert!("quality@example.com\r\nBcc: other@example.com".parse::<MailAddress>().is_err());
/// # Ok::<(), sqal_work::outbox::mail::InvalidMailAddress>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

/// A text that is not a mail address. The error does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMailAddress {
    /// The text has no `@`.
    #[error("mail address: expected a local part, @ and a domain, such as quality@example.com")]
    Form,
    /// The text is too long.
    #[error("mail address: {0} bytes, expected at most 254")]
    TooLong(usize),
    /// The part before the `@` is not 1 to 64 letters, digits, dots and signs of a dot-atom.
    #[error("mail address: the part before @ is not 1 to 64 ASCII letters, digits, dots and signs such as + and -")]
    Local,
    /// The part behind the `@` is not a domain.
    #[error(
        "mail address: the part behind @ is not a domain of ASCII letters, digits and hyphens, such as example.com"
    )]
    Domain,
}

impl MailAddress {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// The domain, in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// Whether a text is a dot-atom: atoms of letters, digits and signs, joined by single dots.
fn is_dot_atom(text: &str) -> bool {
    let is_atext = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_valid = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_valid && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.split('.').all(is_label)
}

impl FromStr for MailAddress {
    type Err = InvalidMailAddress;

    fn from_str(text: &str) -> Result<Self, InvalidMailAddress> {
        if text.len() > 254 {
            return Err(InvalidMailAddress::TooLong(text.len()));
        }
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidMailAddress::Form)?;
        if !is_dot_atom(local) || local.len() > 64 {
            return Err(InvalidMailAddress::Local);
        }
        if !is_domain(domain) {
            return Err(InvalidMailAddress::Domain);
        }
        Ok(Self(format!("{local}@{}", domain.to_ascii_lowercase())))
    }
}

impl TryFrom<String> for MailAddress {
    type Error = InvalidMailAddress;

    fn try_from(text: String) -> Result<Self, InvalidMailAddress> {
        text.parse()
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailAddress(…@{})", self.domain())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_addresses_are_taken_and_odd_ones_refused() {
        for text in ["a@b", "first.last+tag@sub.example.com", "o'neill@x-y.example", "x@xn--bcher-kva.example"] {
            assert_eq!(text.parse::<MailAddress>().unwrap().as_str(), text);
        }
        for (text, refused) in [
            ("", InvalidMailAddress::Form),
            ("example.com", InvalidMailAddress::Form),
            ("@example.com", InvalidMailAddress::Local),
            ("a..b@example.com", InvalidMailAddress::Local),
            (".a@example.com", InvalidMailAddress::Local),
            ("a@b@example.com", InvalidMailAddress::Local),
            ("\"a b\"@example.com", InvalidMailAddress::Local),
            ("a b@example.com", InvalidMailAddress::Local),
            ("é@example.com", InvalidMailAddress::Local),
            ("a@", InvalidMailAddress::Domain),
            ("a@-b.example", InvalidMailAddress::Domain),
            ("a@b..example", InvalidMailAddress::Domain),
            ("a@[127.0.0.1]", InvalidMailAddress::Domain),
            ("a@bücher.example", InvalidMailAddress::Domain),
            ("<a@example.com>", InvalidMailAddress::Local),
            ("a@example.com>", InvalidMailAddress::Domain),
        ] {
            assert_eq!(text.parse::<MailAddress>(), Err(refused), "{text:?}");
        }
        assert_eq!(format!("{}@b", "x".repeat(65)).parse::<MailAddress>(), Err(InvalidMailAddress::Local));
        let long = format!("a@{}", "x.".repeat(127));
        assert_eq!(long.parse::<MailAddress>(), Err(InvalidMailAddress::TooLong(256)));
    }

    #[test]
    fn an_address_that_a_job_holds_is_checked_when_it_is_read() {
        let address: MailAddress = serde_json::from_str(r#""a@B.example""#).unwrap();
        assert_eq!(address.to_string(), "a@b.example");
        assert!(serde_json::from_str::<MailAddress>(r#""a@b\r\nx: y""#).is_err());
        assert_eq!(format!("{address:?}"), "MailAddress(…@b.example)");
    }

    proptest! {
        #[test]
        fn an_address_that_is_taken_has_only_visible_ascii_and_no_delimiter(text in any::<String>()) {
            if let Ok(address) = format!("{text}@example.com").parse::<MailAddress>() {
                let is_safe = |byte: u8| byte.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&byte);
                prop_assert!(address.as_str().bytes().all(is_safe), "{}", address);
            }
        }
    }
}

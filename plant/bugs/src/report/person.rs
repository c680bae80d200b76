//! [`Reporter`]: the person who reports a bug. No debug text shows the name or the mail address.

use std::fmt;

use email_address::{EmailAddress, Options};
use sqal_core::Name;

/// The longest mail address, in bytes (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const LONGEST_MAIL: usize = 254;

/// The name of a person, 1 to 200 bytes. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonName(Name<200>);

/// A text is not the name of a person. The error does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a name of 1 to 200 bytes of printable text")]
pub struct InvalidPersonName;

/// The mail address of a person. Its `Debug` does not show it.
///
/// The address is checked by RFC 5321 and RFC 6531; an address literal, a display name and a domain
/// without a dot are refused.
///
/// ```
/// use sqal_bugs::report::MailAddress;
///
/// assert_eq!(MailAddress::new("marie@example.fr")?.as_str(), "marie@example.fr");
/// assert!(MailAddress::new("marie@localhost").is_err());
/// # Ok::<(), sqal_bugs::report::InvalidMailAddress>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct MailAddress(String);

/// A text is not a mail address. The error does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a mail address with a domain, such as quality@example.com")]
pub struct InvalidMailAddress;

/// The person who reports a bug: a name, a mail address, or both. Its `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Reporter {
    name: Option<PersonName>,
    mail: Option<MailAddress>,
}

impl PersonName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`InvalidPersonName`] if the text is not a [`Name`] of at most 200 bytes.
    pub fn new(text: &str) -> Result<Self, InvalidPersonName> {
        Name::new(text).map(Self).map_err(|_| InvalidPersonName)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl MailAddress {
    /// Checks a mail address.
    ///
    /// # Errors
    ///
    /// [`InvalidMailAddress`] if the text is not a mail address, has more than 254 bytes, or has a
    /// domain without a dot.
    pub fn new(text: &str) -> Result<Self, InvalidMailAddress> {
        let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
        if text.len() > LONGEST_MAIL || text.contains(char::is_control) {
            return Err(InvalidMailAddress);
        }
        EmailAddress::parse_with_options(text, options).map_err(|_| InvalidMailAddress)?;
        Ok(Self(text.to_owned()))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Reporter {
    /// A person; `None` without a name and a mail address.
    #[must_use]
    pub fn new(name: Option<PersonName>, mail: Option<MailAddress>) -> Option<Self> {
        (name.is_some() || mail.is_some()).then_some(Self { name, mail })
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> Option<&PersonName> {
        self.name.as_ref()
    }

    /// The mail address.
    #[must_use]
    pub const fn mail(&self) -> Option<&MailAddress> {
        self.mail.as_ref()
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(…)")
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailAddress(…)")
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reporter(name: &str, mail: &str) -> Reporter {
        Reporter::new(PersonName::new(name).ok(), MailAddress::new(mail).ok()).unwrap()
    }

    #[test]
    fn an_address_has_a_local_part_and_a_domain_with_a_dot() {
        let longest = format!("{}@{}.{}.{}.fr", "a".repeat(64), "b".repeat(63), "c".repeat(63), "d".repeat(58));
        assert_eq!(longest.len(), 254);
        for text in ["a@b.fr", "marie.dupont+sqal@qualité.example.com", "\"marie d\"@example.fr", &longest] {
            assert!(MailAddress::new(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "marie",
            "marie@",
            "@example.fr",
            "marie@localhost",
            "marie@example.",
            "marie@.fr",
            "marie@example..fr",
            "ma rie@example.fr",
            "marie@exa mple.fr",
            "Marie <marie@example.fr>",
            "marie@[127.0.0.1]",
            "marie@example.fr\r\nBcc: other@example.fr",
            "a@b@example.fr",
            &format!("{}@example.fr", "a".repeat(65)),
            &longest.replace(".fr", "x.fr"),
        ] {
            assert!(MailAddress::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn without_a_name_and_a_mail_address_there_is_no_reporter() {
        assert_eq!(Reporter::new(None, None), None);
    }

    #[test]
    fn no_debug_text_shows_a_person() {
        let shown = format!("{:?}", reporter("Marie", "marie@example.fr"));
        assert_eq!(shown, "Reporter(…)");
        let parts = (PersonName::new("Marie"), MailAddress::new("marie@example.fr"));
        assert_eq!(format!("{parts:?}"), "(Ok(PersonName(…)), Ok(MailAddress(…)))");
    }
}

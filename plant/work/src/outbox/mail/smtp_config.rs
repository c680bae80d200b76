//! [`SmtpConfig`]: which server takes our mail, how it is reached, and who the sender is.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use super::address::MailAddress;
use crate::outbox::secret::Secret;

/// How the connection to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SmtpSecurity {
    /// The connection begins in plain text and changes to TLS before anything of a message is sent;
    /// a server that does not offer `STARTTLS` gets no message. Port 587 by default (RFC 6409).
    StartTls,
    /// TLS from the first byte. Port 465 by default (RFC 8314).
    Tls,
    /// No protection, only to a server on this machine. Port 25 by default.
    PlainOnThisMachine,
    /// No protection: every network in between can read and change the mail. A login is refused,
    /// because it would be readable too. Port 25 by default.
    PlainAnywhere,
}

impl SmtpSecurity {
    const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::PlainOnThisMachine | Self::PlainAnywhere => 25,
        }
    }

    pub(super) const fn is_plain(self) -> bool {
        matches!(self, Self::PlainOnThisMachine | Self::PlainAnywhere)
    }
}

/// The certificate authorities that may certify the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmtpTrust {
    /// The authorities that the machine's other programs trust.
    Machine,
    /// Only these, as PEM certificates one after the other.
    Only(Vec<u8>),
}

/// The time limits of one mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmtpLimits {
    /// To resolve the name, to connect, and for the greeting; also for the change to TLS.
    pub connect: Duration,
    /// For the answer to each command.
    pub command: Duration,
    /// For the answer to the message itself.
    ///
    /// A server that is given up here may have accepted the message, which is then sent twice. The
    /// default is therefore the 10 minutes of RFC 5321, section 4.5.3.2.6.
    pub acceptance: Duration,
    /// For the end of the connection, when the message is accepted or refused already.
    pub farewell: Duration,
}

impl Default for SmtpLimits {
    /// 30 seconds to connect, 60 for a command, 10 minutes for the message, and 5 seconds for the
    /// end of the connection.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            command: Duration::from_mins(1),
            acceptance: Duration::from_mins(10),
            farewell: Duration::from_secs(5),
        }
    }
}

/// The sender of mails: an address, and perhaps a name.
#[derive(Clone, PartialEq, Eq)]
pub struct MailSender {
    address: MailAddress,
    name: Option<String>,
}

/// A configuration that no mail can be sent with. No variant holds a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSmtp {
    /// The host is neither a name of letters, digits, dots and hyphens nor an address.
    #[error("host: expected a name such as mail.example.com, or an address")]
    Host,
    /// An unprotected connection to another machine.
    #[error("security: an unprotected connection is for this machine only (localhost, 127.0.0.1, ::1)")]
    PlainElsewhere,
    /// A login over an unprotected connection to another machine.
    #[error("login: over an unprotected connection every network in between would read the password")]
    LoginInPlain,
    /// The user is empty or has a control character, or the password is empty or has one.
    #[error("login: expected a user and a password without control characters")]
    Login,
    /// The name of the sender is blank, too long, or has a line break or another control character.
    #[error("sender: expected a name of 1 to 100 characters without a line break")]
    SenderName,
    /// A time limit is zero.
    #[error("limits: expected every time limit above 0")]
    Limits,
}

impl MailSender {
    /// A sender without a name.
    #[must_use]
    pub const fn new(address: MailAddress) -> Self {
        Self { address, name: None }
    }

    /// Sets the name that readers see in place of the address.
    ///
    /// # Errors
    ///
    /// [`InvalidSmtp::SenderName`] if the name is blank, has more than 100 characters, or has a
    /// line break or another control character.
    pub fn named(mut self, name: &str) -> Result<Self, InvalidSmtp> {
        let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if name.trim().is_empty() || name.chars().count() > 100 || name.contains(breaks) {
            return Err(InvalidSmtp::SenderName);
        }
        self.name = Some(name.to_owned());
        Ok(self)
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> &MailAddress {
        &self.address
    }

    /// The name, if there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Debug for MailSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailSender({:?})", self.address)
    }
}

/// The server that takes our mail, and everything that a connection to it needs.
///
/// ```
/// use sqal_work::outbox::Secret;
/// use sqal_work::outbox::mail::{MailSender, SmtpConfig, SmtpSecurity};
///
/// let from = MailSender::new("sqal@plant.example".parse()?).named("SQAL Usine 1")?;
/// let config = SmtpConfig::new("mail.example.com", None, SmtpSecurity::StartTls, from)?
///     .login("sqal", Secret::new("hunter2"))?;
/// assert_eq!((config.host(), config.port()), ("mail.example.com", 587));
/// assert!(!format!("{config:?}").contains("hunter2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpConfig {
    host: String,
    port: u16,
    security: SmtpSecurity,
    sender: MailSender,
    login: Option<(String, Secret)>,
    trust: SmtpTrust,
    limits: SmtpLimits,
}

impl SmtpConfig {
    /// A server without a login, with the trust of the machine and the usual limits. Without a
    /// port, the port is that of the security.
    ///
    /// # Errors
    ///
    /// [`InvalidSmtp`] if the host is not valid, or if an unprotected connection would leave this
    /// machine without that being said.
    pub fn new(
        host: &str,
        port: Option<NonZeroU16>,
        security: SmtpSecurity,
        sender: MailSender,
    ) -> Result<Self, InvalidSmtp> {
        let address = host.parse::<IpAddr>().ok();
        let is_name = |text: &str| {
            let is_valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            (1..=253).contains(&text.len()) && text.chars().all(is_valid)
        };
        if address.is_none() && !is_name(host) {
            return Err(InvalidSmtp::Host);
        }
        let is_here = address.map_or_else(|| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback());
        if security == SmtpSecurity::PlainOnThisMachine && !is_here {
            return Err(InvalidSmtp::PlainElsewhere);
        }
        Ok(Self {
            host: host.to_owned(),
            port: port.map_or(security.port(), NonZeroU16::get),
            security,
            sender,
            login: None,
            trust: SmtpTrust::Machine,
            limits: SmtpLimits::default(),
        })
    }

    /// Sets the login.
    ///
    /// # Errors
    ///
    /// [`InvalidSmtp`] if the user or the password is empty or has a control character, or if the
    /// connection is not protected and leaves this machine.
    pub fn login(mut self, user: &str, password: Secret) -> Result<Self, InvalidSmtp> {
        if self.security == SmtpSecurity::PlainAnywhere {
            return Err(InvalidSmtp::LoginInPlain);
        }
        let is_valid = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        if !is_valid(user) || !is_valid(password.expose()) {
            return Err(InvalidSmtp::Login);
        }
        self.login = Some((user.to_owned(), password));
        Ok(self)
    }

    /// Sets the authorities that are trusted.
    #[must_use]
    pub fn trusting(mut self, trust: SmtpTrust) -> Self {
        self.trust = trust;
        self
    }

    /// Sets the time limits.
    ///
    /// # Errors
    ///
    /// [`InvalidSmtp::Limits`] if one of them is zero.
    pub fn limited(mut self, limits: SmtpLimits) -> Result<Self, InvalidSmtp> {
        let SmtpLimits { connect, command, acceptance, farewell } = limits;
        if [connect, command, acceptance, farewell].iter().any(Duration::is_zero) {
            return Err(InvalidSmtp::Limits);
        }
        self.limits = limits;
        Ok(self)
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How the connection is protected.
    #[must_use]
    pub const fn security(&self) -> SmtpSecurity {
        self.security
    }

    /// The sender.
    #[must_use]
    pub const fn sender(&self) -> &MailSender {
        &self.sender
    }

    pub(super) const fn credentials(&self) -> Option<&(String, Secret)> {
        self.login.as_ref()
    }

    pub(super) const fn trust(&self) -> &SmtpTrust {
        &self.trust
    }

    pub(super) const fn limits(&self) -> &SmtpLimits {
        &self.limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from() -> MailSender {
        MailSender::new("sqal@plant.example".parse().unwrap())
    }

    fn config(host: &str, security: SmtpSecurity) -> Result<SmtpConfig, InvalidSmtp> {
        SmtpConfig::new(host, None, security, from())
    }

    #[test]
    fn an_unprotected_connection_leaves_this_machine_only_if_that_is_said() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1"] {
            assert!(config(host, SmtpSecurity::PlainOnThisMachine).is_ok(), "{host}");
        }
        for host in ["mail.example.com", "10.0.0.1", "::2", "localhost.example.com"] {
            assert_eq!(config(host, SmtpSecurity::PlainOnThisMachine), Err(InvalidSmtp::PlainElsewhere), "{host}");
            let said = config(host, SmtpSecurity::PlainAnywhere).unwrap();
            assert_eq!(said.login("sqal", Secret::new("hunter2")), Err(InvalidSmtp::LoginInPlain));
        }
    }

    #[test]
    fn each_security_has_its_port() {
        let port = |security| config("localhost", security).unwrap().port();
        let all =
            [SmtpSecurity::StartTls, SmtpSecurity::Tls, SmtpSecurity::PlainOnThisMachine, SmtpSecurity::PlainAnywhere];
        assert_eq!(all.map(port), [587, 465, 25, 25]);
        let other = SmtpConfig::new("localhost", NonZeroU16::new(2525), SmtpSecurity::Tls, from()).unwrap();
        assert_eq!(other.port(), 2525);
    }

    #[test]
    fn what_would_break_a_command_is_refused() {
        for host in ["", "mail example.com", "mail.example.com\r\n", "mail.example.com:25", "é"] {
            assert_eq!(config(host, SmtpSecurity::Tls), Err(InvalidSmtp::Host), "{host:?}");
        }
        for (user, password) in [("", "x"), ("x", ""), ("a\r\nb", "x"), ("x", "a\0b")] {
            let refused = config("localhost", SmtpSecurity::Tls).unwrap().login(user, Secret::new(password));
            assert_eq!(refused, Err(InvalidSmtp::Login));
        }
        for name in ["", " ", "a\r\nBcc: b@c", "a\u{2028}b", &"x".repeat(101)] {
            assert_eq!(from().named(name), Err(InvalidSmtp::SenderName), "{name:?}");
        }
        let none = SmtpLimits { command: Duration::ZERO, ..SmtpLimits::default() };
        assert_eq!(config("localhost", SmtpSecurity::Tls).unwrap().limited(none), Err(InvalidSmtp::Limits));
    }
}

//! [`MailSettings`]: the SMTP server that takes the mail of this server.

use std::num::NonZeroU16;
use std::path::Path;

use sqal_work::outbox::Secret;
use sqal_work::outbox::mail::{InvalidSmtp, MailAddress, MailSender, Mailer, SmtpConfig, SmtpSecurity, SmtpTrust};

use super::row::Setting;
use super::values::Values;
use crate::plain_file;

pub(super) const HOST: Setting = Setting::plain(
    "SMTP_HOST",
    None,
    "a name like mail.example.com, or an address",
    "The SMTP server that takes the mail of this server; without it no mail is sent",
);

pub(super) const PORT: Setting =
    Setting::plain("SMTP_PORT", None, "a port; by default 587 (starttls), 465 (tls) or 25 (plain)", "Its port");

pub(super) const SECURITY: Setting = Setting::plain(
    "SMTP_SECURITY",
    Some("starttls"),
    "starttls, tls, plain (to a server on this machine) or plain-anywhere (without a login)",
    "How the connection to it is protected",
);

pub(super) const USER: Setting =
    Setting::plain("SMTP_USER", None, "a name of a login", "The login at it, with SMTP_PASSWORD; without it none");

pub(super) const PASSWORD: Setting =
    Setting::secret("SMTP_PASSWORD", "a password without control characters", "The password of SMTP_USER");

pub(super) const FROM: Setting = Setting::plain(
    "SMTP_FROM",
    None,
    "an address like sqal@plant.example",
    "The sender of every mail; with SMTP_HOST it must be set",
);

pub(super) const FROM_NAME: Setting = Setting::plain(
    "SMTP_FROM_NAME",
    None,
    "a name of 1 to 100 characters without a line break",
    "The name that readers see in place of the sender's address",
);

pub(super) const CA_FILE: Setting = Setting::plain(
    "SMTP_CA_FILE",
    None,
    "a file of certificates in PEM",
    "The only authorities that may certify the SMTP server; without it those of the machine",
);

/// The settings that say nothing without a host.
const OF_A_HOST: [&Setting; 7] = [&PORT, &SECURITY, &USER, &PASSWORD, &FROM, &FROM_NAME, &CA_FILE];

/// The SMTP server that takes the mail of this server.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Hands mails to the SMTP server; `None` if no mail is sent.
    pub mailer: Option<Mailer>,
}

impl MailSettings {
    /// Reads the SMTP server. A value that is wrong is reported and replaced by a default, so that
    /// the mistakes in the other values are found too; settings with a mistake are not used.
    pub(super) fn read(values: &mut Values) -> Self {
        let Some(host) = values.text(&HOST).map(str::to_owned) else {
            refuse_without_host(values);
            return Self { mailer: None };
        };
        let security = values.read(&SECURITY, security).unwrap_or(SmtpSecurity::StartTls);
        let (port, sender): (Option<NonZeroU16>, _) = (values.parsed(&PORT), sender(values));
        let (login, trust) = (login(values), trust(values));
        let config = SmtpConfig::new(&host, port, security, sender).and_then(|config| match login {
            Some((user, password)) => config.login(&user, password),
            None => Ok(config),
        });
        let config = config.map_err(|why| refuse(values, why)).ok();
        Self { mailer: config.and_then(|config| mailer(values, config.trusting(trust))) }
    }
}

/// Adds a mistake for each setting that is given, and has no effect because there is no host.
fn refuse_without_host(values: &mut Values) {
    for setting in OF_A_HOST {
        if values.is_given(setting) && values.text(setting).is_some() {
            values.wrong(setting, "without SMTP_HOST no mail is sent: set SMTP_HOST too, or remove this setting");
        }
    }
}

/// Adds the mistake of a configuration to the setting that it is about.
fn refuse(values: &mut Values, why: InvalidSmtp) {
    let setting = match why {
        InvalidSmtp::Host => &HOST,
        InvalidSmtp::PlainElsewhere | InvalidSmtp::LoginInPlain => &SECURITY,
        InvalidSmtp::SenderName => &FROM_NAME,
        _ => &PASSWORD,
    };
    // Without the word for the part, which the name of the setting says already.
    let why = why.to_string();
    values.wrong(setting, why.split_once(": ").map_or(why.as_str(), |(_, expected)| expected));
}

fn security(text: &str) -> Option<SmtpSecurity> {
    match text {
        "starttls" => Some(SmtpSecurity::StartTls),
        "tls" => Some(SmtpSecurity::Tls),
        "plain" => Some(SmtpSecurity::PlainOnThisMachine),
        "plain-anywhere" => Some(SmtpSecurity::PlainAnywhere),
        _ => None,
    }
}

/// The sender with its name.
fn sender(values: &mut Values) -> MailSender {
    let address = match values.text(&FROM).map(str::parse::<MailAddress>) {
        Some(Ok(address)) => Ok(address),
        Some(Err(why)) => Err(why.to_string()),
        None => Err(format!("with SMTP_HOST it must be set: {}", FROM.expected)),
    };
    let address = address.unwrap_or_else(|why| {
        values.wrong(&FROM, why);
        "sqal@localhost".parse().unwrap_or_else(|_| unreachable!("a mail address"))
    });
    let sender = MailSender::new(address);
    let Some(name) = values.text(&FROM_NAME) else { return sender };
    match sender.clone().named(name) {
        Ok(named) => named,
        Err(why) => {
            refuse(values, why);
            sender
        }
    }
}

/// The login, if there is one.
fn login(values: &mut Values) -> Option<(String, Secret)> {
    match (values.text(&USER).map(str::to_owned), values.text(&PASSWORD).map(Secret::new)) {
        (Some(user), Some(password)) => Some((user, password)),
        (Some(_), None) => {
            values.wrong(&USER, "a login needs a password: set SMTP_PASSWORD or SMTP_PASSWORD_FILE");
            None
        }
        (None, Some(_)) => {
            values.wrong(&PASSWORD, "a password needs the name of its login: set SMTP_USER");
            None
        }
        (None, None) => None,
    }
}

/// The authorities that may certify the server.
fn trust(values: &mut Values) -> SmtpTrust {
    match values.text(&CA_FILE).map(|path| plain_file::text(Path::new(path))) {
        Some(Ok(pem)) => SmtpTrust::Only(pem.into_bytes()),
        Some(Err(why)) => {
            values.wrong(&CA_FILE, why);
            SmtpTrust::Machine
        }
        None => SmtpTrust::Machine,
    }
}

fn mailer(values: &mut Values, config: SmtpConfig) -> Option<Mailer> {
    Mailer::new(config).map_err(|why| values.wrong(&CA_FILE, why.to_string())).ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, settings};
    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("SMTP_HOST", "mail.example.com"),
        ("SMTP_USER", "sqal"),
        ("SMTP_PASSWORD", "hunter2"),
        ("SMTP_FROM", "sqal@plant.example"),
    ];

    /// The configuration of good settings with these in addition or in their place.
    fn config(others: &[(&str, &str)]) -> SmtpConfig {
        let mail = settings(&[], &with(others)).mail;
        let shown = format!("{mail:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("sqal@"), "{shown}");
        mail.mailer.unwrap().config().clone()
    }

    fn with<'a>(others: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        others.iter().chain(&GOOD).copied().collect()
    }

    #[test]
    fn without_a_host_there_is_no_mail_and_no_other_setting_of_mail() {
        assert!(settings(&[], &[]).mail.mailer.is_none());
        for setting in OF_A_HOST {
            let told = mistakes(&[], &[(setting.name, "tls")]);
            assert!(told.len() == 1 && told[0].contains("set SMTP_HOST too"), "{told:?}");
            assert!(told[0].starts_with(setting.name), "{told:?}");
        }
    }

    #[test]
    fn each_security_has_its_port_and_a_port_can_be_given() {
        let usual = config(&[]);
        assert_eq!((usual.host(), usual.port(), usual.security()), ("mail.example.com", 587, SmtpSecurity::StartTls));
        assert_eq!(config(&[("SMTP_SECURITY", "tls")]).port(), 465);
        let here = config(&[("SMTP_SECURITY", "plain"), ("SMTP_HOST", "localhost"), ("SMTP_PORT", "2525")]);
        assert_eq!((here.port(), here.security()), (2525, SmtpSecurity::PlainOnThisMachine));
        let relay =
            [("SMTP_SECURITY", "plain-anywhere"), ("SMTP_HOST", "10.0.0.1"), ("SMTP_FROM", "sqal@plant.example")];
        assert_eq!(settings(&[], &relay).mail.mailer.unwrap().config().port(), 25);
        let named = config(&[("SMTP_FROM_NAME", "SQAL Usine 1")]);
        assert_eq!(
            (named.sender().name(), named.sender().address().as_str()),
            (Some("SQAL Usine 1"), "sqal@plant.example")
        );
    }

    #[test]
    fn the_password_is_read_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "hunter2\n").unwrap();
        let variables = [GOOD[0], GOOD[1], GOOD[3], ("SMTP_PASSWORD_FILE", file.to_str().unwrap())];
        let expected = settings(&[], &GOOD).mail.mailer.unwrap();
        assert_eq!(settings(&[], &variables).mail.mailer.unwrap().config(), expected.config());
    }

    #[test]
    fn each_mistake_is_told_by_the_setting_that_it_is_in() {
        let folder = tempfile::tempdir().unwrap();
        let pem = folder.path().join("ca.pem");
        std::fs::write(&pem, "no certificate").unwrap();
        let long = "x".repeat(101);
        for (name, value, part) in [
            ("SMTP_HOST", "mail example", "expected a name"),
            ("SMTP_HOST", "mail.example.com:25", "expected a name"),
            ("SMTP_PORT", "0", "expected a port"),
            ("SMTP_PORT", "smtp", "expected a port"),
            ("SMTP_SECURITY", "ssl", "expected starttls, tls, plain"),
            ("SMTP_SECURITY", "plain", "for this machine only"),
            ("SMTP_SECURITY", "plain-anywhere", "would read the password"),
            ("SMTP_PASSWORD", "hunter2\u{7}", "without control characters"),
            ("SMTP_FROM", "plant.example", "local part, @ and a domain"),
            ("SMTP_FROM_NAME", long.as_str(), "1 to 100 characters"),
            ("SMTP_CA_FILE", "not-there.pem", "cannot be read"),
            ("SMTP_CA_FILE", pem.to_str().unwrap(), "no certificate"),
        ] {
            let told = mistakes(&[], &with(&[(name, value)]));
            let begin = format!("{name} (environment): ");
            assert!(told.len() == 1 && told[0].starts_with(&begin) && told[0].contains(part), "{name}: {told:?}");
            assert!(!told[0].contains("hunter2"), "{told:?}");
        }
    }

    #[test]
    fn a_sender_and_both_parts_of_a_login_are_asked_for() {
        for (missing, told_of) in [(1, "SMTP_PASSWORD"), (2, "SMTP_USER"), (3, "SMTP_FROM")] {
            let variables: Vec<_> = (0..4).filter(|part| *part != missing).map(|part| GOOD[part]).collect();
            let told = mistakes(&[], &variables);
            assert!(told.len() == 1 && told[0].starts_with(told_of), "{told:?}");
        }
    }
}

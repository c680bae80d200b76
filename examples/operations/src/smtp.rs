//! [`read`]: the SMTP server that the variables of `sqal-server` name.
//!
//! The variables are those of the server and are read in the same order: a variable before the file
//! that it names with `_FILE`. There are no arguments for them, so that no password stands on the
//! command line.

use std::num::NonZeroU16;

use sqal_work::outbox::Secret;
use sqal_work::outbox::mail::{InvalidSmtp, MailAddress, MailSender, Mailer, SmtpConfig, SmtpSecurity, SmtpTrust};

/// The SMTP server of the variables.
pub(crate) struct SmtpAccount {
    pub(crate) mailer: Mailer,
    /// The name of the login, if there is one.
    pub(crate) user: Option<String>,
}

/// The values of the variables, and the mistakes found up to now.
struct Variables<V> {
    variable: V,
    mistakes: Vec<String>,
}

impl<V: Fn(&str) -> Option<String>> Variables<V> {
    /// The text of a variable. An empty variable counts as not set.
    fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|text| !text.is_empty())
    }

    fn wrong(&mut self, name: &str, why: impl std::fmt::Display) {
        self.mistakes.push(format!("{name}: {why}"));
    }

    /// Adds the mistake of a configuration to the variable that it is about.
    fn refuse(&mut self, why: InvalidSmtp) {
        let name = match why {
            InvalidSmtp::Host => "SMTP_HOST",
            InvalidSmtp::PlainElsewhere | InvalidSmtp::LoginInPlain => "SMTP_SECURITY",
            InvalidSmtp::SenderName => "SMTP_FROM_NAME",
            _ => "SMTP_PASSWORD",
        };
        // Without the word for the part, which the name of the variable says already.
        let why = why.to_string();
        self.wrong(name, why.split_once(": ").map_or(why.as_str(), |(_, expected)| expected));
    }

    /// The value of a variable, if it is set and `make` accepts it.
    fn read<T>(&mut self, name: &str, expected: &str, make: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let made = make(&text);
        if made.is_none() {
            self.wrong(name, format_args!("{text:?} cannot be used: expected {expected}"));
        }
        made
    }

    /// The sender with its name.
    fn sender(&mut self) -> Option<MailSender> {
        let Some(address) = self.text("SMTP_FROM") else {
            self.wrong("SMTP_FROM", "it must be set: an address like sqal@plant.example");
            return None;
        };
        let address = address.parse::<MailAddress>().map_err(|why| self.wrong("SMTP_FROM", why)).ok()?;
        let sender = MailSender::new(address);
        match self.text("SMTP_FROM_NAME") {
            Some(name) => sender.named(&name).map_err(|why| self.refuse(why)).ok(),
            None => Some(sender),
        }
    }

    /// The password, from its variable or from a file.
    fn password(&mut self) -> Option<Secret> {
        if let Some(password) = self.text("SMTP_PASSWORD") {
            return Some(Secret::new(password));
        }
        match std::fs::read_to_string(self.text("SMTP_PASSWORD_FILE")?) {
            Ok(text) => Some(Secret::new(text.trim())),
            Err(why) => {
                // The variable may hold the password by mistake, so its text is not shown.
                self.wrong("SMTP_PASSWORD_FILE", format_args!("the file cannot be read: {why}"));
                None
            }
        }
    }

    /// The login, if there is one.
    fn login(&mut self) -> Option<(String, Secret)> {
        match (self.text("SMTP_USER"), self.password()) {
            (Some(user), Some(password)) => Some((user, password)),
            (Some(_), None) => {
                self.wrong("SMTP_USER", "a login needs a password: set SMTP_PASSWORD or SMTP_PASSWORD_FILE");
                None
            }
            (None, Some(_)) => {
                self.wrong("SMTP_PASSWORD", "a password needs the name of its login: set SMTP_USER");
                None
            }
            (None, None) => None,
        }
    }

    /// The authorities that may certify the server.
    fn trust(&mut self) -> Option<SmtpTrust> {
        let Some(path) = self.text("SMTP_CA_FILE") else { return Some(SmtpTrust::Machine) };
        let pem = std::fs::read(&path).map_err(|why| self.wrong("SMTP_CA_FILE", format_args!("{path}: {why}")));
        pem.ok().map(SmtpTrust::Only)
    }

    fn account(&mut self) -> Option<SmtpAccount> {
        let host = self.text("SMTP_HOST");
        if host.is_none() {
            self.wrong("SMTP_HOST", "it must be set: the name or the address of the server that takes mail");
        }
        let security = if self.text("SMTP_SECURITY").is_none() {
            Some(SmtpSecurity::StartTls)
        } else {
            self.read("SMTP_SECURITY", "starttls, tls, plain (to a server on this machine) or plain-anywhere", security)
        };
        let port = self.read("SMTP_PORT", "a port", |text| text.parse::<NonZeroU16>().ok());
        let (sender, login, trust) = (self.sender(), self.login(), self.trust());
        let user = login.as_ref().map(|(user, _)| user.clone());
        let config = SmtpConfig::new(&host?, port, security?, sender?).and_then(|config| match login {
            Some((user, password)) => config.login(&user, password),
            None => Ok(config),
        });
        let config = config.map_err(|why| self.refuse(why)).ok()?;
        let mailer = Mailer::new(config.trusting(trust?)).map_err(|why| self.wrong("SMTP_CA_FILE", why)).ok()?;
        Some(SmtpAccount { mailer, user })
    }
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

/// The SMTP server that the variables name, or all mistakes in them, without secret text.
pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<SmtpAccount, Vec<String>> {
    let mut variables = Variables { variable, mistakes: Vec::new() };
    let account = variables.account();
    account.filter(|_| variables.mistakes.is_empty()).ok_or(variables.mistakes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names of the variables in a text, without `_FILE`.
    fn names(text: &str) -> BTreeSet<&str> {
        let words = text.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
        let names = words.filter(|word| word.strip_prefix("SMTP_").is_some_and(|rest| !rest.is_empty()));
        names.map(|name| name.strip_suffix("PASSWORD_FILE").map_or(name, |_| "SMTP_PASSWORD")).collect()
    }

    /// The values are read by this program and by the server, each from the environment.
    #[test]
    fn the_variables_are_those_of_the_server() {
        let server = names(include_str!("../../reference-server/src/settings/mail.rs"));
        assert_eq!(names(include_str!("smtp.rs")), server);
        assert_eq!(server.len(), 8, "{server:?}");
    }

    fn told(variables: &[(&str, &str)]) -> Vec<String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let shown =
            |SmtpAccount { mailer, .. }: SmtpAccount| format!("{} {}", mailer.config().host(), mailer.config().port());
        read(variable).map_or_else(|mistakes| mistakes, |account| vec![shown(account)])
    }

    #[test]
    fn every_mistake_is_told_at_once_and_no_secret_with_it() {
        let all = told(&[
            ("SMTP_PORT", "smtp"),
            ("SMTP_SECURITY", "ssl"),
            ("SMTP_FROM", "hunter2"),
            ("SMTP_PASSWORD_FILE", "hunter2"),
            ("SMTP_USER", "sqal"),
            ("SMTP_CA_FILE", "not-there.pem"),
        ]);
        let begins =
            ["SMTP_HOST", "SMTP_SECURITY", "SMTP_PORT", "SMTP_FROM", "SMTP_PASSWORD_FILE", "SMTP_USER", "SMTP_CA_FILE"];
        let found: Vec<_> = all.iter().map(|mistake| mistake.split(':').next().unwrap()).collect();
        assert_eq!(found, begins, "{all:?}");
        assert!(!all.join(" ").contains("hunter2"), "{all:?}");
    }

    #[test]
    fn a_mistake_between_two_settings_is_told_by_one_of_them() {
        let (host, from) = (("SMTP_HOST", "mail.example.com"), ("SMTP_FROM", "sqal@plant.example"));
        assert_eq!(told(&[host, from]), ["mail.example.com 587"]);
        for (others, mistake) in [
            (&[("SMTP_SECURITY", "plain")][..], "SMTP_SECURITY: "),
            (
                &[("SMTP_SECURITY", "plain-anywhere"), ("SMTP_USER", "x"), ("SMTP_PASSWORD", "hunter2")],
                "SMTP_SECURITY: ",
            ),
            (&[("SMTP_PASSWORD", "hunter2")], "SMTP_PASSWORD: "),
            (&[("SMTP_USER", "x"), ("SMTP_PASSWORD", "hunter2\u{7}")], "SMTP_PASSWORD: "),
            (&[("SMTP_FROM_NAME", " ")], "SMTP_FROM_NAME: "),
        ] {
            let all = told(&[&[host, from], others].concat());
            assert!(all.len() == 1 && all[0].starts_with(mistake) && !all[0].contains("hunter2"), "{all:?}");
        }
        assert!(told(&[("SMTP_HOST", "mail:25"), from])[0].starts_with("SMTP_HOST: "));
    }
}

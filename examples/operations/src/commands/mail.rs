//! `sqal mail`: tests whether the mail of a server leaves, step by step.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use sqal_work::outbox::Language;
use sqal_work::outbox::mail::{Letter, MailAddress, SmtpCause, SmtpConfig, SmtpError, SmtpSecurity, SmtpStep, Subject};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::command_error::CommandError;
use crate::smtp::{self, SmtpAccount};
use crate::wall_clock::now;

/// The most time to resolve the name of the server, and the most time to connect.
const REACH: Duration = Duration::from_secs(15);

/// Test whether the mail of a server leaves.
#[derive(Debug, Args)]
pub(crate) struct Mail {
    #[command(subcommand)]
    what: What,
}

/// The commands for mail.
#[derive(Debug, Subcommand)]
enum What {
    /// Connect to the SMTP server of `SMTP_HOST`, log in and send one mail, with the variables of
    /// `sqal-server`, and say what succeeds and what to do if a step fails.
    Test {
        /// The recipient of the mail.
        #[arg(long)]
        to: MailAddress,
        /// The language of the mail.
        #[arg(long, value_enum, default_value_t = MailLanguage::English)]
        language: MailLanguage,
    },
}

/// The language of the mail.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum MailLanguage {
    #[value(name = "en")]
    English,
    #[value(name = "fr")]
    French,
}

impl Mail {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        let What::Test { to, language } = self.what;
        #[expect(
            clippy::disallowed_methods,
            reason = "a binary reads its environment; an argument would show the password"
        )]
        let account = smtp::read(|name| std::env::var(name).ok()).map_err(CommandError::MailSettings)?;
        let mut done = Vec::new();
        match send(&account, &to, language, &mut done).await {
            Ok(()) => Ok(done.join("\n")),
            Err((why, remedy)) => Err(CommandError::MailFailed { done, why, remedy }),
        }
    }
}

/// Why a step has failed, and what to do.
type Failure = (String, &'static str);

/// Goes all steps. Those that succeed are added to `done`.
async fn send(
    account: &SmtpAccount,
    to: &MailAddress,
    language: MailLanguage,
    done: &mut Vec<String>,
) -> Result<(), Failure> {
    let SmtpAccount { mailer, user } = account;
    let config = mailer.config();
    let failed = |error: SmtpError| (error.to_string(), remedy(&error, config.security()));
    let address = reached(config).await?;
    done.push(format!("connected: {}:{} ({address})", config.host(), config.port()));
    let checked = mailer.check().await;
    let is_protected = checked.as_ref().err().is_none_or(|error| error.step != SmtpStep::Connection);
    if is_protected {
        done.push(protection(config.security()).to_owned());
    }
    checked.map_err(failed)?;
    done.push(match user {
        Some(user) => format!("login: accepted for {user}"),
        None => "login: none, SMTP_USER is not set".to_owned(),
    });
    let letter = letter(language, config).map_err(|why| (why, "report this to the makers of SQAL"))?;
    let id = format!("mail-test-{}", now().micros());
    let accepted = mailer.deliver(&letter, to, &id, now()).await.map_err(failed)?;
    done.push(format!("mail: accepted by {}: {}", config.host(), accepted.reply));
    done.push(format!("look into the mailbox of {to}; the mail may also be under spam"));
    Ok(())
}

/// The address at which the server takes a connection. Nothing is sent over it.
async fn reached(config: &SmtpConfig) -> Result<SocketAddr, Failure> {
    let (host, port) = (config.host(), config.port());
    let unresolved = |why: &str| {
        let remedy = "check SMTP_HOST, and whether this machine can ask a name server";
        (format!("the name {host} was not resolved: {why}"), remedy)
    };
    let addresses = timeout(REACH, lookup_host((host, port))).await.map_err(|_| unresolved("no answer"))?;
    let addresses: Vec<_> = addresses.map_err(|why| unresolved(&why.to_string()))?.collect();
    let unreached = |why: &str| {
        let remedy = "check SMTP_HOST and SMTP_PORT (587 is usual for starttls, 465 for tls, 25 without TLS), and whether a \
                      firewall lets this machine out to that port";
        (format!("{host}:{port} takes no connection: {why}"), remedy)
    };
    let connected = timeout(REACH, TcpStream::connect(&*addresses)).await.map_err(|_| unreached("no answer"))?;
    connected.and_then(|stream| stream.peer_addr()).map_err(|why| unreached(&why.to_string()))
}

/// How a connection is protected, when it is.
const fn protection(security: SmtpSecurity) -> &'static str {
    match security {
        SmtpSecurity::StartTls => "TLS: by STARTTLS, and the certificate is trusted",
        SmtpSecurity::Tls => "TLS: from the first byte, and the certificate is trusted",
        SmtpSecurity::PlainOnThisMachine | SmtpSecurity::PlainAnywhere => "TLS: none, as SMTP_SECURITY says",
    }
}

/// What to do about a failed step.
fn remedy(error: &SmtpError, security: SmtpSecurity) -> &'static str {
    let is_plain = matches!(security, SmtpSecurity::PlainOnThisMachine | SmtpSecurity::PlainAnywhere);
    match (error.step, &error.cause) {
        (_, SmtpCause::NoStartTls) => {
            "use the port for submission (587), or SMTP_SECURITY=tls with the port for TLS (465); plain is for a server on \
             this machine"
        }
        (SmtpStep::Connection, SmtpCause::Reply { .. }) => {
            "the server takes no mail from this machine now: ask its administrator to allow this machine's address"
        }
        (SmtpStep::Connection, _) if is_plain => {
            "check that an SMTP server listens on SMTP_PORT, and that it expects no TLS from the first byte"
        }
        (SmtpStep::Connection, _) => {
            "SMTP_SECURITY must fit the port: tls for 465, starttls for 587. SMTP_HOST must be the name in the server's \
             certificate; for an authority of your own, name its certificate in SMTP_CA_FILE"
        }
        (SmtpStep::Login, _) => {
            "check SMTP_USER and SMTP_PASSWORD; many services ask for a password that is made for one program, and some \
             have to allow logins by SMTP first"
        }
        (SmtpStep::Sender, _) => "SMTP_FROM must be an address from which this login may send",
        (SmtpStep::Recipient, SmtpCause::Reply { code, .. }) if *code < 500 => {
            "the server puts this recipient off, which is usual for a first mail: repeat the test in ten minutes"
        }
        (SmtpStep::Recipient, _) => {
            "check --to; without a login most servers take mail only for recipients of their own domains"
        }
        (SmtpStep::Acceptance, SmtpCause::Broken(_) | SmtpCause::TimedOut(_)) => {
            "the mail may have been accepted all the same: look into the mailbox before you repeat the test"
        }
        _ => {
            "the server refuses the mail itself: its log says why (spam filter, size, SPF or DKIM of the domain of SMTP_FROM)"
        }
    }
}

/// The test mail.
fn letter(language: MailLanguage, config: &SmtpConfig) -> Result<Letter, String> {
    let server = format!("{}:{}", config.host(), config.port());
    let (subject, text, language) = match language {
        MailLanguage::English => {
            let text = format!(
                "This is the mail of `sqal mail test`, sent through {server}.\nMail of this SQAL server arrives at this address.\n"
            );
            ("SQAL: test mail", text, Language::English)
        }
        MailLanguage::French => {
            let text = format!(
                "Ceci est le courriel de `sqal mail test`, envoyé par {server}.\nLes courriels de ce serveur SQAL arrivent à cette adresse.\n"
            );
            ("SQAL : courriel d'essai", text, Language::French)
        }
    };
    let subject = subject.parse::<Subject>().map_err(|why| why.to_string())?;
    Letter::new(subject, text, language).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(security: &'static str) -> SmtpAccount {
        let variable = move |name: &str| match name {
            "SMTP_HOST" => Some("localhost".to_owned()),
            "SMTP_SECURITY" => Some(security.to_owned()),
            "SMTP_FROM" => Some("sqal@plant.example".to_owned()),
            _ => None,
        };
        smtp::read(variable).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
    }

    #[test]
    fn the_mail_is_written_in_both_languages() {
        let config = account("plain").mailer.config().clone();
        let [english, french] =
            [MailLanguage::English, MailLanguage::French].map(|language| letter(language, &config).unwrap());
        assert!(english.text().contains("localhost:25") && french.text().contains("localhost:25"));
        assert_ne!(english.subject(), french.subject());
        assert_eq!((english.language(), french.language()), (Language::English, Language::French));
    }

    /// Each failure that an operator can do something about has a remedy of its own.
    #[test]
    fn failures_with_different_causes_have_different_remedies() {
        let reply = |code| SmtpCause::Reply { code, text: String::new() };
        let broken = || SmtpCause::Broken(String::new());
        let of = |step, cause, security| remedy(&SmtpError { host: String::new(), step, cause }, security);
        let all = [
            of(SmtpStep::Connection, SmtpCause::NoStartTls, SmtpSecurity::StartTls),
            of(SmtpStep::Connection, reply(554), SmtpSecurity::Tls),
            of(SmtpStep::Connection, broken(), SmtpSecurity::PlainAnywhere),
            of(SmtpStep::Connection, broken(), SmtpSecurity::Tls),
            of(SmtpStep::Login, reply(535), SmtpSecurity::Tls),
            of(SmtpStep::Sender, reply(550), SmtpSecurity::Tls),
            of(SmtpStep::Recipient, reply(450), SmtpSecurity::Tls),
            of(SmtpStep::Recipient, reply(550), SmtpSecurity::Tls),
            of(SmtpStep::Content, reply(554), SmtpSecurity::Tls),
            of(SmtpStep::Acceptance, broken(), SmtpSecurity::Tls),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "{all:#?}");
        let refused = of(SmtpStep::Acceptance, reply(554), SmtpSecurity::Tls);
        assert_eq!(refused, of(SmtpStep::Content, reply(554), SmtpSecurity::Tls));
    }
}

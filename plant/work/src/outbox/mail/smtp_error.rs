//! [`SmtpError`]: at which step a mail has failed and why, for deciding whether it is tried again.

use std::error::Error;
use std::time::Duration;

use crate::outbox::headline::one_line;

/// The longest text of a server that is kept, in characters.
const LONGEST_REPLY: usize = 200;

/// A step on the way of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SmtpStep {
    /// The connection with the greeting, and the change to TLS.
    Connection,
    /// The login.
    Login,
    /// The server is asked whether it takes mail from the sender.
    Sender,
    /// The server is asked whether it takes mail for the recipient.
    Recipient,
    /// The server is asked whether it takes the content.
    Content,
    /// The content was sent, and the server answers whether it has accepted it.
    Acceptance,
}

impl SmtpStep {
    /// The step in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "the connection",
            Self::Login => "the login",
            Self::Sender => "the sender",
            Self::Recipient => "the recipient",
            Self::Content => "the content",
            Self::Acceptance => "the message",
        }
    }
}

/// Why a step has failed. Texts of the server hold no mail address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpCause {
    /// The server has answered with a code of 400 or above.
    #[error("the server answered {code} {text}")]
    Reply {
        /// The code.
        code: u16,
        /// The text of the server.
        text: String,
    },
    /// The connection could not be made or broke, or the certificate is not trusted.
    #[error("{0}")]
    Broken(String),
    /// The server has not answered in time.
    #[error("no answer in {0:?}")]
    TimedOut(Duration),
    /// The server does not offer `STARTTLS`, so nothing was sent.
    #[error("the server does not offer STARTTLS, and nothing was sent")]
    NoStartTls,
    /// The mail cannot be written down.
    #[error("the mail cannot be written: {0}")]
    Unwritable(String),
}

/// A mail was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host}, {}: {cause}", .step.as_str())]
pub struct SmtpError {
    /// The host of the server.
    pub host: String,
    /// The step that has failed.
    pub step: SmtpStep,
    /// Why it has failed.
    pub cause: SmtpCause,
}

impl SmtpError {
    /// Whether another attempt would fail as well: the server refuses this sender, this recipient
    /// or this content for good.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        match self.cause {
            SmtpCause::Reply { code, .. } => code >= 500 && !is_about_client(self.step, code),
            SmtpCause::Unwritable(_) => true,
            SmtpCause::Broken(_) | SmtpCause::TimedOut(_) | SmtpCause::NoStartTls => false,
        }
    }

    /// Whether the server would fail other mails now as well.
    #[must_use]
    pub const fn is_of_server(&self) -> bool {
        match self.cause {
            // 421: the server closes the connection.
            SmtpCause::Reply { code, .. } => code == 421 || is_about_client(self.step, code),
            SmtpCause::Broken(_) | SmtpCause::TimedOut(_) | SmtpCause::NoStartTls => true,
            SmtpCause::Unwritable(_) => false,
        }
    }

    /// Whether the server may have accepted the mail: its content was sent, and the answer is
    /// missing.
    #[must_use]
    pub const fn may_be_accepted(&self) -> bool {
        matches!((self.step, &self.cause), (SmtpStep::Acceptance, SmtpCause::Broken(_) | SmtpCause::TimedOut(_)))
    }
}

/// Whether an answer is about this client or its connection, and not about one mail: 521 and 530 to
/// 538 ask for another host or another login (RFC 7504 and RFC 4954), 500 to 504 refuse a command
/// (RFC 5321, section 4.2.2).
const fn is_about_client(step: SmtpStep, code: u16) -> bool {
    match step {
        SmtpStep::Connection | SmtpStep::Login => true,
        // Servers also refuse the address of a recipient with the codes of a wrong parameter.
        SmtpStep::Recipient if matches!(code, 501 | 504) => false,
        // At this step the client has sent the content and no command.
        SmtpStep::Acceptance if matches!(code, 500..=504) => false,
        _ => matches!(code, 500..=504 | 521 | 530 | 534 | 535 | 538),
    }
}

impl SmtpCause {
    /// The cause of an error of lettre.
    pub(super) fn of(error: &lettre::transport::smtp::Error) -> Self {
        match error.status() {
            Some(code) => {
                let text = error.source().map(ToString::to_string).unwrap_or_default();
                Self::Reply { code: code.into(), text: without_addresses(&text) }
            }
            None => Self::Broken(without_addresses(&error.to_string())),
        }
    }
}

/// A text of a server as one line of at most 200 characters. What looks like a mail address is
/// replaced, because failures are shown and logged. The text is cut afterwards: a part of an
/// address does not look like one.
pub(super) fn without_addresses(text: &str) -> String {
    let line = one_line(text, usize::MAX);
    let words = line.split(' ').map(|word| if word.contains('@') { "<address>" } else { word });
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    one_line(&line, LONGEST_REPLY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(step: SmtpStep, cause: SmtpCause) -> SmtpError {
        SmtpError { host: "mail.example.com".to_owned(), step, cause }
    }

    fn reply(code: u16) -> SmtpCause {
        SmtpCause::Reply { code, text: "no".to_owned() }
    }

    const STEPS: [SmtpStep; 6] = [
        SmtpStep::Connection,
        SmtpStep::Login,
        SmtpStep::Sender,
        SmtpStep::Recipient,
        SmtpStep::Content,
        SmtpStep::Acceptance,
    ];

    #[test]
    fn only_5xx_about_the_message_is_permanent() {
        for step in STEPS {
            let is_about_the_message = step >= SmtpStep::Sender;
            for code in [550, 552, 554, 599] {
                assert_eq!(error(step, reply(code)).is_permanent(), is_about_the_message, "{step:?} {code}");
            }
            for cause in [reply(421), reply(450), SmtpCause::Broken(String::new()), SmtpCause::TimedOut(Duration::ZERO)]
            {
                assert!(!error(step, cause).is_permanent());
            }
        }
        assert!(error(SmtpStep::Sender, SmtpCause::Unwritable(String::new())).is_permanent());
    }

    #[test]
    fn an_answer_about_the_login_is_about_the_server_at_every_step() {
        for step in STEPS {
            for code in [521, 530, 534, 535, 538] {
                let error = error(step, reply(code));
                assert_eq!((error.is_permanent(), error.is_of_server()), (false, true), "{step:?} {code}");
            }
        }
        for (step, code, is_permanent) in [
            (SmtpStep::Sender, 501, false),
            (SmtpStep::Sender, 503, false),
            (SmtpStep::Content, 503, false),
            (SmtpStep::Recipient, 501, true),
            (SmtpStep::Recipient, 504, true),
            (SmtpStep::Acceptance, 500, true),
        ] {
            let error = error(step, reply(code));
            assert_eq!((error.is_permanent(), error.is_of_server()), (is_permanent, !is_permanent), "{step:?} {code}");
        }
    }

    #[test]
    fn a_mail_may_be_accepted_only_if_the_answer_to_its_content_is_missing() {
        for step in STEPS {
            let is_last = step == SmtpStep::Acceptance;
            assert_eq!(error(step, SmtpCause::Broken(String::new())).may_be_accepted(), is_last);
            assert_eq!(error(step, SmtpCause::TimedOut(Duration::ZERO)).may_be_accepted(), is_last);
            assert!(!error(step, reply(451)).may_be_accepted());
        }
    }

    #[test]
    fn a_recipient_that_is_put_off_is_no_failure_of_the_server() {
        assert!(!error(SmtpStep::Recipient, reply(450)).is_of_server());
        assert!(error(SmtpStep::Recipient, reply(421)).is_of_server());
        assert!(error(SmtpStep::Login, reply(535)).is_of_server());
        assert!(error(SmtpStep::Acceptance, SmtpCause::TimedOut(Duration::ZERO)).is_of_server());
    }

    #[test]
    fn an_address_at_the_end_of_a_long_text_is_replaced_before_the_text_is_cut() {
        for before in 150..=LONGEST_REPLY {
            let text = without_addresses(&format!("{} marie@example.com", "x".repeat(before)));
            assert!(!text.contains('m') && text.chars().count() <= LONGEST_REPLY, "{text}");
        }
    }

    #[test]
    fn no_text_of_a_server_shows_an_address() {
        let text = without_addresses("5.1.1 <marie@example.com>: Recipient address\r\n rejected");
        assert_eq!(text, "5.1.1 <address> Recipient address rejected");
        let told = error(SmtpStep::Recipient, SmtpCause::Reply { code: 550, text }).to_string();
        assert_eq!(
            told,
            "mail.example.com, the recipient: the server answered 550 5.1.1 <address> Recipient address rejected"
        );
    }
}

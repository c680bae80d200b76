//! [`rendered`]: a letter as the bytes of a mail.

use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use sqal_core::Timestamp;

use super::address::MailAddress;
use super::letter::Letter;
use super::smtp_config::MailSender;

const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
const CONTENT_LANGUAGE: HeaderName = HeaderName::new_from_ascii_str("Content-Language");

/// A mail that cannot be written down, although its parts were checked.
#[derive(Debug, thiserror::Error)]
pub(super) enum RenderError {
    #[error("an address: {0}")]
    Address(#[from] AddressError),
    #[error("a header field: {0}")]
    Header(#[from] lettre::error::Error),
}

/// The mail of a letter to one recipient. Equal arguments give equal bytes, so that every attempt
/// sends the same mail.
pub(super) fn rendered(
    letter: &Letter,
    from: &MailSender,
    to: &MailAddress,
    id: &str,
    at: Timestamp,
) -> Result<Vec<u8>, RenderError> {
    let sender = Mailbox::new(from.name().map(str::to_owned), address(from.address())?);
    let head = Message::builder()
        .from(sender)
        .to(Mailbox::new(None, address(to)?))
        .subject(letter.subject().as_str())
        .message_id(Some(message_id(id, from)))
        .date(system_time(at))
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
        .raw_header(HeaderValue::new(CONTENT_LANGUAGE, letter.language().tag().to_owned()));
    let text = SinglePart::plain(with_line_feeds(letter.text()));
    let mail = match letter.as_html() {
        None => head.singlepart(text)?,
        Some(html) => {
            // The boundary is derived from the message, and not drawn.
            let parts = MultiPart::alternative().boundary(format!("sqal-{id}"));
            head.multipart(parts.singlepart(text).singlepart(SinglePart::html(with_line_feeds(html))))?
        }
    };
    Ok(mail.formatted())
}

/// A text whose lines end with line feeds alone; lettre makes each of them CR and LF. A carriage
/// return that stood alone would be a line break for some servers and none for others.
fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The `Message-ID` of a message: its id at the domain of the sender.
fn message_id(id: &str, from: &MailSender) -> String {
    format!("<{id}@{}>", from.address().domain())
}

/// An address in the form of lettre.
pub(super) fn address(address: &MailAddress) -> Result<lettre::Address, AddressError> {
    lettre::Address::new(address.local(), address.domain())
}

/// A time of the years 1970 to 9999, which a header field can hold.
fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.micros()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::outbox::language::Language;

    fn at() -> Timestamp {
        Timestamp::from_micros(1_729_983_600_000_000).unwrap()
    }

    fn sender(name: &str) -> MailSender {
        MailSender::new("sqal@plant.example".parse().unwrap()).named(name).unwrap()
    }

    fn mail(letter: &Letter) -> String {
        let to = "marie@example.com".parse().unwrap();
        String::from_utf8(rendered(letter, &sender("SQAL Usine d'Été"), &to, "0123abcd", at()).unwrap()).unwrap()
    }

    /// The names of the header fields of a mail; a line that begins with a blank continues a field.
    fn fields(mail: &str) -> Vec<&str> {
        let head = mail.split("\r\n\r\n").next().unwrap();
        let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        lines.map(|line| line.split(':').next().unwrap()).collect()
    }

    const FIELDS: [&str; 10] = [
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Date",
        "Auto-Submitted",
        "Content-Language",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];

    #[test]
    fn a_mail_names_itself_its_language_and_that_a_machine_wrote_it() {
        let letter = Letter::new("Station 3".parse().unwrap(), "Rien.\nFin.".to_owned(), Language::French).unwrap();
        let mail = mail(&letter);
        for line in [
            "To: marie@example.com\r\n",
            "Subject: Station 3\r\n",
            "Message-ID: <0123abcd@plant.example>\r\n",
            "Date: Sat, 26 Oct 2024 23:00:00 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Language: fr\r\n",
            "\r\n\r\nRien.\r\nFin.",
        ] {
            assert!(mail.contains(line), "{line}: {mail}");
        }
        assert_eq!(fields(&mail), FIELDS);
    }

    #[test]
    fn html_is_an_alternative_to_the_text_and_equal_letters_give_equal_bytes() {
        let letter = Letter::new("a".parse().unwrap(), "text".to_owned(), Language::English).unwrap();
        let letter = letter.html("<p>text</p>".to_owned()).unwrap();
        let written = mail(&letter);
        assert!(
            written.contains("Content-Type: multipart/alternative;") && written.contains("sqal-0123abcd"),
            "{written}"
        );
        let (plain, html) = (written.find("text/plain").unwrap(), written.find("text/html").unwrap());
        assert!(plain < html, "a reader shows the last alternative that it can show");
        assert_eq!(written, mail(&letter));
    }

    proptest! {
        /// Whatever the subject and the name of the sender are: the mail has its ten fields, no
        /// line is longer than mail allows (RFC 5322, section 2.1.1), and every byte is ASCII.
        #[test]
        fn no_subject_and_no_name_adds_a_field(subject in any::<String>(), name in any::<String>(), text in any::<String>()) {
            let to = "marie@example.com".parse().unwrap();
            let from = MailSender::new("sqal@plant.example".parse().unwrap()).named(&name).unwrap_or_else(|_| sender("SQAL"));
            if let Ok(subject) = subject.parse()
                && let Ok(letter) = Letter::new(subject, text, Language::English)
            {
                let mail = rendered(&letter, &from, &to, "0123abcd", at()).unwrap();
                let mail = String::from_utf8(mail).unwrap();
                prop_assert!(mail.is_ascii());
                prop_assert_eq!(fields(&mail), FIELDS);
                prop_assert!(mail.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])), "{}", mail);
            }
        }
    }
}

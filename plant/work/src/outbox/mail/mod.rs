//! E-mail: letters as checked values, and their delivery over SMTP.
//!
//! A letter is text, and perhaps the same as HTML. It goes to each recipient as a message of its
//! own, so one refused address delays no other. Neither a subject nor an address can hold a line
//! break, so neither can add a header field.
//!
//! # What the receiver can rely on
//!
//! - The `Message-ID` is derived from the message and equal in all attempts. SMTP cannot say
//!   whether a message was accepted if the connection breaks after its last byte; the message is
//!   then sent again, and a mailbox that knows the `Message-ID` shows it once.
//! - `Auto-Submitted: auto-generated` (RFC 3834) keeps automatic answers away.
//! - `Content-Language` names the language of the text.
//!
//! # What is tried again
//!
//! - A message that the server refuses with 5xx for its sender, its recipient or its content has
//!   failed for good.
//! - Everything else is tried again at the [documented times](super::RETRY_WAITS): 4xx, a broken
//!   connection, and also 5xx that is about this client and not about the message: to the greeting,
//!   to `STARTTLS` or to the login, or at any step a code such as 530, which says that the login is
//!   missing. An operator corrects it, and no message is lost meanwhile.
//! - While the server fails, a message that has waited for longer than all attempts take is given
//!   up.

mod address;
mod letter;
#[cfg(feature = "smtp")]
mod mailer;
mod message;
#[cfg(feature = "smtp")]
mod rendered;
#[cfg(feature = "smtp")]
mod smtp_config;
#[cfg(feature = "smtp")]
mod smtp_error;
#[cfg(feature = "smtp")]
mod unbuffered;
#[cfg(feature = "smtp")]
mod work;

pub use address::{InvalidMailAddress, MailAddress};
pub use letter::{InvalidLetter, Letter, Subject};
#[cfg(feature = "smtp")]
pub use mailer::{Accepted, InvalidTls, Mailer};
pub use message::{InvalidRecipients, MailMessage};
#[cfg(feature = "smtp")]
pub use smtp_config::{InvalidSmtp, MailSender, SmtpConfig, SmtpLimits, SmtpSecurity, SmtpTrust};
#[cfg(feature = "smtp")]
pub use smtp_error::{SmtpCause, SmtpError, SmtpStep};
#[cfg(feature = "smtp")]
pub use work::MailWork;

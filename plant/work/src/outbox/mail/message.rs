//! [`MailMessage`]: a letter to one or more recipients.

use super::address::MailAddress;
use super::letter::Letter;

/// The most recipients of one message.
const MOST: usize = 100;

/// A letter with its recipients. Each recipient gets a mail of its own and sees no other recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailMessage {
    to: Vec<MailAddress>,
    letter: Letter,
}

/// A message has no recipient, or too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} recipients, expected 1 to 100")]
pub struct InvalidRecipients(pub usize);

impl MailMessage {
    /// A message to these recipients; an address that occurs twice gets one mail.
    ///
    /// # Errors
    ///
    /// [`InvalidRecipients`] if there are none or more than 100.
    pub fn new(to: impl IntoIterator<Item = MailAddress>, letter: Letter) -> Result<Self, InvalidRecipients> {
        let mut different: Vec<MailAddress> = Vec::new();
        for address in to {
            if !different.contains(&address) {
                different.push(address);
            }
            if different.len() > MOST {
                return Err(InvalidRecipients(different.len()));
            }
        }
        if different.is_empty() { Err(InvalidRecipients(0)) } else { Ok(Self { to: different, letter }) }
    }

    /// The recipients.
    #[must_use]
    pub fn to(&self) -> &[MailAddress] {
        &self.to
    }

    /// The letter.
    #[must_use]
    pub const fn letter(&self) -> &Letter {
        &self.letter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::language::Language;

    #[test]
    fn a_message_has_1_to_100_different_recipients() {
        let letter = || Letter::new("a".parse().unwrap(), String::new(), Language::English).unwrap();
        let to = |numbers: std::ops::Range<u32>| numbers.map(|k| format!("r{k}@example.com").parse().unwrap());
        assert_eq!(MailMessage::new([], letter()), Err(InvalidRecipients(0)));
        assert_eq!(MailMessage::new(to(0..101), letter()), Err(InvalidRecipients(101)));
        assert_eq!(MailMessage::new(to(0..100).chain(to(0..100)), letter()).unwrap().to().len(), 100);
    }
}

//! Checks of what people write of themselves: mail addresses, phone numbers, user names, passwords.
//!
//! A refusal says what is expected in English and French. It shows the value of a user name only:
//! the others are personal data or secrets.
//!
//! ```
//! use sqal_protocol::contact::{mail_address, phone_number};
//!
//! assert!(mail_address("/mail", "marie@example.fr").is_ok());
//! assert_eq!(phone_number("/phone", "+33 1 23 45 67 89").unwrap(), "+33123456789");
//! let refused = phone_number("/phone", "01 23 45 67 89").unwrap_err();
//! assert_eq!((refused.pointer.as_str(), refused.value.as_str()), ("/phone", "…"));
//! ```

use email_address::{EmailAddress, Options};

use crate::violation::Violation;

/// The longest mail address, in bytes (RFC 5321, section 4.5.3.1.3, without the angle brackets).
pub const LONGEST_MAIL_ADDRESS: usize = 254;

/// The most digits of a phone number, with the code of its country (ITU-T E.164, section 6.2.1).
pub const MOST_PHONE_DIGITS: usize = 15;

/// The fewest digits of a phone number, with the code of its country: numbers of Niue have four
/// digits after `+683`.
pub const FEWEST_PHONE_DIGITS: usize = 7;

/// The shortest user name, in characters.
pub const SHORTEST_USER_NAME: usize = 3;

/// The longest user name, in characters.
pub const LONGEST_USER_NAME: usize = 64;

/// The shortest password, in characters.
pub const SHORTEST_PASSWORD: usize = 12;

/// The longest password, in characters. NIST SP 800-63B-4, section 3.1.1.2, asks for at least 64.
pub const LONGEST_PASSWORD: usize = 128;

/// What stands for a value that is not shown.
const HIDDEN: &str = "…";

/// Checks a mail address by RFC 5321 and RFC 6531. A display name, an address literal and a domain
/// without a dot are refused.
///
/// # Errors
///
/// The [`Violation`] at `pointer`, which does not show the address.
pub fn mail_address(pointer: &str, text: &str) -> Result<(), Violation> {
    let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
    let is_short = text.len() <= LONGEST_MAIL_ADDRESS && !text.contains(char::is_control);
    if is_short && EmailAddress::parse_with_options(text, options).is_ok() {
        return Ok(());
    }
    let limit = format!("a mail address of at most {LONGEST_MAIL_ADDRESS} bytes, such as quality@example.com");
    let french = format!("une adresse électronique d'au plus {LONGEST_MAIL_ADDRESS} octets, comme quality@example.com");
    Err(Violation::new(pointer, HIDDEN, limit, french))
}

/// Checks a phone number of ITU-T E.164: `+`, the code of the country, and the number. Between two
/// digits may stand one space, hyphen or point. Returns the number without these. Whether a country
/// has such a number is not checked.
///
/// # Errors
///
/// The [`Violation`] at `pointer`, which does not show the number.
pub fn phone_number(pointer: &str, text: &str) -> Result<String, Violation> {
    let limit = || {
        let (fewest, most) = (FEWEST_PHONE_DIGITS, MOST_PHONE_DIGITS);
        let limit = format!("a phone number with + and {fewest} to {most} digits, such as +33 1 23 45 67 89");
        let french = format!("un numéro avec + et {fewest} à {most} chiffres, comme +33 1 23 45 67 89");
        Violation::new(pointer, HIDDEN, limit, french)
    };
    let number = text.strip_prefix('+').ok_or_else(limit)?;
    let parts: Vec<_> = number.split([' ', '-', '.']).collect();
    let is_part = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let digits = parts.concat();
    // No code of a country begins with 0.
    let is_number = parts.iter().all(is_part)
        && (FEWEST_PHONE_DIGITS..=MOST_PHONE_DIGITS).contains(&digits.len())
        && !digits.starts_with('0');
    if is_number { Ok(format!("+{digits}")) } else { Err(limit()) }
}

/// Checks a user name: letters of ASCII, digits, `.`, `_` and `-`. Letters of other alphabets are
/// refused, because they can look like those of ASCII.
///
/// # Errors
///
/// The [`Violation`] at `pointer`, with the name.
pub fn user_name(pointer: &str, text: &str) -> Result<(), Violation> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (SHORTEST_USER_NAME..=LONGEST_USER_NAME).contains(&text.len()) && text.bytes().all(is_allowed) {
        return Ok(());
    }
    let limit = format!("{SHORTEST_USER_NAME} to {LONGEST_USER_NAME} letters without accents, digits, ., _ or -");
    let french = format!("{SHORTEST_USER_NAME} à {LONGEST_USER_NAME} lettres sans accent, chiffres, ., _ ou -");
    Err(Violation::new(pointer, text, limit, french))
}

/// Checks the length of a password. Which characters it has does not matter (NIST SP 800-63B-4,
/// section 3.1.1.2).
///
/// # Errors
///
/// The [`Violation`] at `pointer`, which shows the number of characters only.
pub fn password(pointer: &str, text: &str) -> Result<(), Violation> {
    let characters = text.chars().count();
    if (SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&characters) {
        return Ok(());
    }
    let limit = format!("{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters");
    let french = format!("{SHORTEST_PASSWORD} à {LONGEST_PASSWORD} caractères");
    Err(Violation::new(pointer, format!("{characters} characters"), limit, french))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Check = fn(&str, &str) -> Result<(), Violation>;

    /// The checks, without what they return.
    const CHECKS: [Check; 4] =
        [mail_address, |pointer, text| phone_number(pointer, text).map(drop), user_name, password];

    proptest! {
        #[test]
        fn every_refusal_has_its_place_and_two_languages(text in "\\PC{0,140}") {
            for check in CHECKS {
                if let Err(refused) = check("/x", &text) {
                    prop_assert_eq!(refused.pointer.as_str(), "/x");
                    prop_assert!(!refused.limit.is_empty() && refused.limit != refused.french);
                }
            }
        }

        #[test]
        fn only_a_user_name_is_shown(text in "[é!]{3,200}") {
            for (check, is_shown) in CHECKS.into_iter().zip([false, false, true, false]) {
                if let Err(refused) = check("/x", &text) {
                    prop_assert_eq!(refused.value.contains(['é', '!']), is_shown);
                }
            }
        }

        #[test]
        fn a_phone_number_is_its_digits_however_they_are_parted(
            digits in "[1-9][0-9]{6,14}", parting in proptest::collection::vec("[ .-]?", 15),
        ) {
            let parted: String =
                digits.chars().zip(&parting).map(|(digit, part)| format!("{digit}{part}")).collect::<Vec<_>>().concat();
            let parted = parted.trim_end_matches([' ', '.', '-']);
            let number = phone_number("/phone", &format!("+{parted}"));
            prop_assert_eq!(number, Ok(format!("+{digits}")));
        }

        #[test]
        fn a_phone_number_that_was_checked_is_accepted_again(text in "[+0-9 .-]{0,20}") {
            if let Ok(number) = phone_number("/phone", &text) {
                prop_assert_eq!(phone_number("/phone", &number), Ok(number.clone()));
            }
        }

        #[test]
        fn a_user_name_has_its_length_and_its_letters(text in "[a-zA-Z0-9._-]{0,80}", other in "[ é@/Ω\u{430}]") {
            prop_assert_eq!(user_name("/user", &text).is_ok(), (3..=64).contains(&text.len()));
            let wrong = format!("{text}{other}");
            prop_assert!(user_name("/user", &wrong).is_err());
        }

        #[test]
        fn a_password_is_counted_in_characters(text in "[a-zé🍅 ]{0,140}") {
            prop_assert_eq!(password("/password", &text).is_ok(), (12..=128).contains(&text.chars().count()));
        }
    }

    #[test]
    fn a_mail_address_has_a_local_part_and_a_domain_with_a_dot() {
        let longest = format!("{}@{}.{}.{}.fr", "a".repeat(64), "b".repeat(63), "c".repeat(63), "d".repeat(58));
        assert_eq!(longest.len(), LONGEST_MAIL_ADDRESS);
        for text in ["a@b.fr", "marie.dupont+sqal@example.com", &longest] {
            assert!(mail_address("/mail", text).is_ok(), "{text}");
        }
        let longer = longest.replace(".fr", "x.fr");
        for text in ["", "marie", "marie@", "marie@localhost", "Marie <a@b.fr>", "a@[127.0.0.1]", "a@b.fr\r\n", &longer]
        {
            assert!(mail_address("/mail", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_phone_number_has_a_plus_a_country_and_at_most_15_digits() {
        for text in ["+6834000", "+33 1 23 45 67 89", "+1-202-555-0143", "+123456789012345"] {
            assert!(phone_number("/phone", text).is_ok(), "{text}");
        }
        for text in
            ["", "+", "0123456789", "+0123456789", "+683400", "+1234567890123456", "+33  123456", "+33 (0)123456"]
        {
            assert!(phone_number("/phone", text).is_err(), "{text}");
        }
        let refused = phone_number("/phone", "01").unwrap_err();
        assert_eq!(refused.limit, "a phone number with + and 7 to 15 digits, such as +33 1 23 45 67 89");
        assert_eq!(refused.french, "un numéro avec + et 7 à 15 chiffres, comme +33 1 23 45 67 89");
    }
}

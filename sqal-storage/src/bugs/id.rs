//! [`BugId`] and [`GroupKey`]: the identities of a bug and of a group of equal faults.

use std::fmt;
use std::str::FromStr;

/// The identity of a bug: a UUID of version 4 (RFC 9562), written with small letters.
///
/// ```
/// use sqal_storage::bugs::BugId;
///
/// let id = BugId::from_random([0xff; 16]);
/// assert_eq!(id.to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
/// assert_eq!("FFFFFFFF-ffff-4fff-bfff-ffffffffffff".parse(), Ok(id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BugId([u8; 16]);

impl BugId {
    /// The id with these random bytes, of which 122 bits are used.
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// The id with these bytes, whatever their version.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for BugId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let hyphen = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{hyphen}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for BugId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BugId {
    type Err = InvalidBugId;

    /// Reads a UUID of any version: 36 characters with hyphens, in small or capital letters.
    fn from_str(text: &str) -> Result<Self, InvalidBugId> {
        let mut bytes = [0_u8; 16];
        let mut digits = 0;
        for (at, character) in text.chars().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if character != '-' {
                    return Err(InvalidBugId);
                }
                continue;
            }
            let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(InvalidBugId)?;
            let byte = bytes.get_mut(digits / 2).ok_or(InvalidBugId)?;
            *byte = (*byte << 4) | digit;
            digits += 1;
        }
        if digits == 32 { Ok(Self(bytes)) } else { Err(InvalidBugId) }
    }
}

/// A text is not the id of a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of a bug, a UUID such as 7f2c1a9e-5b1d-4c3e-8a77-0d9e6f1b2a34")]
pub struct InvalidBugId;

/// The identity of a group of equal faults: a SHA-256 of what makes them equal, written as 64
/// digits with small letters.
///
/// ```
/// use sqal_storage::bugs::GroupKey;
///
/// let key = GroupKey::from_bytes([0xab; 32]);
/// assert_eq!(key.to_string(), "ab".repeat(32));
/// assert_eq!("ab".repeat(32).parse(), Ok(key));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey([u8; 32]);

impl GroupKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for GroupKey {
    type Err = InvalidGroupKey;

    /// Reads 64 hexadecimal digits with small letters.
    fn from_str(text: &str) -> Result<Self, InvalidGroupKey> {
        let digit = |letter: u8| match letter {
            b'0'..=b'9' => Ok(letter - b'0'),
            b'a'..=b'f' => Ok(letter - b'a' + 10),
            _ => Err(InvalidGroupKey),
        };
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| InvalidGroupKey)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            for letter in pair {
                *byte = (*byte << 4) | digit(*letter)?;
            }
        }
        Ok(Self(bytes))
    }
}

/// A text is not the key of a group of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the key of a group of faults: 64 hexadecimal digits with small letters")]
pub struct InvalidGroupKey;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_read_back_as_it_was_written(bytes: [u8; 16]) {
            let id = BugId::from_random(bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
            prop_assert_eq!(id.to_string().as_bytes()[14], b'4');
        }

        #[test]
        fn a_key_is_read_back_as_it_was_written_and_another_text_is_refused(
            bytes in any::<[u8; 32]>(),
            at in 0..64_usize,
        ) {
            let key = GroupKey::from_bytes(bytes);
            let text = key.to_string();
            prop_assert_eq!(text.parse(), Ok(key));
            let others = [&text[..at], &format!("{text}00"), &format!("{}+7{}", &text[..at / 2], &text[at / 2 + 2..])];
            for other in others {
                prop_assert_eq!(other.parse::<GroupKey>(), Err(InvalidGroupKey), "{}", other);
            }
        }

        #[test]
        fn a_text_is_an_id_only_if_it_is_a_uuid(text in "[0-9a-fA-F-]{0,40}") {
            if let Ok(id) = text.parse::<BugId>() {
                prop_assert_eq!(id.to_string(), text.to_lowercase());
            }
        }
    }

    #[test]
    fn what_is_no_uuid_is_refused() {
        let uuid = "7f2c1a9e-5b1d-4c3e-8a77-0d9e6f1b2a34";
        for text in
            ["", "42", "7f2c1a9e5b1d4c3e8a770d9e6f1b2a34", &uuid[..35], &format!("{uuid}0"), &uuid.replace('f', "g")]
        {
            assert_eq!(text.parse::<BugId>(), Err(InvalidBugId), "{text}");
        }
    }

    #[test]
    fn a_key_has_small_letters_only() {
        for text in ["A".repeat(64), "é".repeat(32), "g".repeat(64)] {
            assert_eq!(text.parse::<GroupKey>(), Err(InvalidGroupKey), "{text}");
        }
    }
}

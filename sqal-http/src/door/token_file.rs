//! [`TokenFile`]: the tokens of a plant, by their hashes: who holds each, what it permits, and when
//! it expires.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use sqal_core::Timestamp;
use sqal_intake::Holder;

use crate::door::caller::Grant;
use crate::door::token_hash::TokenHash;

/// One token of a token file: its holder, what it permits, and its end.
///
/// A holder may have several tokens, so a token can be replaced while the old one still works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The holder of the token.
    pub name: Holder,
    /// What the token permits.
    pub grant: Grant,
    /// The SHA-256 of the token. The token itself is not stored.
    pub sha256: TokenHash,
    /// When the token expires, in RFC 3339. Without it, the token is valid until it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "sqal_protocol::time::rfc3339_or_none")]
    pub until: Option<Timestamp>,
}

/// The contents of a token file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFile {
    /// The tokens. An empty list refuses every caller. A key without a value is an error, because a
    /// file that is still being written can look like this.
    #[serde(deserialize_with = "list_of_tokens")]
    pub tokens: Vec<Token>,
}

fn list_of_tokens<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Token>, D::Error> {
    let tokens = Option::<Vec<Token>>::deserialize(deserializer)?;
    tokens
        .ok_or_else(|| D::Error::custom("there is nothing behind tokens: (an empty list, [], shuts every caller out)"))
}

/// Why a list of tokens cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTokenFile {
    /// The list is empty, so no caller would ever be let in.
    #[error("it has no token: no caller could do anything")]
    Empty,
    /// Two entries have the same token.
    #[error("{first} and {second} have the same token")]
    Twice {
        /// The holder in the first of the two entries.
        first: String,
        /// The holder in the second of the two entries.
        second: String,
    },
    /// A holder's token is one that attackers guess first. The field is the holder's name.
    #[error("the token of {0} is a common password; `sqal token` makes a random token")]
    Weak(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::token_hash::InvalidTokenHash;

    #[test]
    fn a_list_with_nothing_behind_it_is_no_list() {
        let read = |text: &str| serde_json::from_str::<TokenFile>(text).map(|file| file.tokens.len());
        assert_eq!(read(r#"{"tokens":[]}"#).unwrap(), 0);
        assert!(read(r#"{"tokens":null}"#).unwrap_err().to_string().contains("nothing behind tokens"));
        assert!(read("{}").is_err());
    }

    #[test]
    fn a_hash_is_64_digits() {
        let hash = TokenHash::of("abc");
        // FIPS 180-2, B.1.
        assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for text in ["", "ba78", &"+f".repeat(32), &"é".repeat(32)] {
            assert_eq!(text.parse::<TokenHash>(), Err(InvalidTokenHash), "{text}");
        }
    }
}

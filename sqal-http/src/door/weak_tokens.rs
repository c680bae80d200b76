//! Tokens that attackers guess first: a token file with the hash of one lets strangers in.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::door::token_hash::TokenHash;

/// The most frequent passwords in lists of leaks, and the passwords with which installations are
/// delivered.
const GUESSED_FIRST: [&str; 112] = [
    "",
    "0",
    "000000",
    "00000000",
    "1",
    "111111",
    "11111111",
    "112233",
    "121212",
    "123",
    "123123",
    "123321",
    "1234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "123qwe",
    "131313",
    "159753",
    "1q2w3e",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "222222",
    "232323",
    "55555",
    "555555",
    "654321",
    "666666",
    "696969",
    "777777",
    "7777777",
    "888888",
    "88888888",
    "987654321",
    "999999",
    "aa123456",
    "abc123",
    "abcd1234",
    "access",
    "admin",
    "admin123",
    "administrator1",
    "asdfgh",
    "asdfghjkl",
    "azerty",
    "baseball",
    "batman",
    "changeme",
    "charlie",
    "computer",
    "default",
    "demo",
    "donald",
    "dragon",
    "esp32",
    "example",
    "flower",
    "foobar",
    "football",
    "freedom",
    "guest",
    "hello",
    "hunter2",
    "iloveyou",
    "jordan",
    "letmein",
    "liverpool",
    "login",
    "lovely",
    "master",
    "michael",
    "monkey",
    "mustang",
    "ninja",
    "pass",
    "passw0rd",
    "password",
    "password1",
    "password123",
    "princess",
    "qazwsx",
    "qwerty",
    "qwerty123",
    "qwertyuiop",
    "root",
    "s3cr3t",
    "secret",
    "secret123",
    "sensor",
    "shadow",
    "solo",
    "soleil",
    "sqal",
    "sqal123",
    "sqal_token",
    "starwars",
    "sunshine",
    "superman",
    "test",
    "test123",
    "token",
    "trustno1",
    "user",
    "welcome",
    "whatever",
    "zaq12wsx",
    "zxcvbn",
    "zxcvbnm",
];

static HASHES: LazyLock<HashSet<TokenHash>> =
    LazyLock::new(|| GUESSED_FIRST.iter().map(|text| TokenHash::of(text)).collect());

/// Whether a token with this hash is one that attackers guess first.
pub(crate) fn is_weak(hash: &TokenHash) -> bool {
    HASHES.contains(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first_is_weak_and_a_random_token_is_not() {
        assert!(["password", "", "123456", "sqal"].iter().all(|text| is_weak(&TokenHash::of(text))));
        assert!(!is_weak(&TokenHash::of("sqal_1Pq0mEo8yT3Zk5vUu2Qw9fKd7LxRbNcA")));
        assert_eq!(HASHES.len(), GUESSED_FIRST.len(), "each once");
    }
}

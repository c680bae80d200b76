//! [`SessionKey`] and browser sessions: a cookie proves that its browser has shown a token.
//!
//! The cookie is not the token. It holds the hash of the token, a random number, the end of the
//! session, and a code over these three (HMAC-SHA-256, RFC 2104) under a key of the servers. It is
//! checked without a table, so it outlives a restart, and every server with the key accepts it.
//! Removing the token ends the session. Signing out ends it too, on the server that received the
//! request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use sqal_core::Timestamp;

use crate::door::token_hash::TokenHash;

/// The name of the cookie. With TLS the cookie has the name [`COOKIE_OF_HOST`].
pub(crate) const COOKIE: &str = "sqal_session";

/// The name of a cookie that a browser accepts from this host alone, over TLS alone, and for every
/// path (RFC 6265bis, 4.1.3.2).
pub(crate) const COOKIE_OF_HOST: &str = "__Host-sqal_session";

/// The lifetime of a session after its last renewal, in seconds. Use renews the session once half
/// of its lifetime is over.
const LIFETIME_SECS: i64 = 12 * 3600;

const LIFETIME_MICROS: i64 = LIFETIME_SECS * 1_000_000;

/// The most sessions that were signed out and have not expired. If there are more, the one that
/// expires first is forgotten.
const MOST_ENDED: usize = 10_000;

type Number = [u8; 16];

/// The key that signs sessions. Servers with the same key accept each other's sessions. `Debug`
/// does not show the key.
#[derive(Clone)]
pub struct SessionKey([u8; 32]);

/// The system gave no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct RandomnessError;

impl SessionKey {
    /// A key of 256 bits, for example from a file.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new random key.
    ///
    /// # Errors
    ///
    /// [`RandomnessError`] if the system gives no random numbers.
    pub fn random() -> Result<Self, RandomnessError> {
        random().map(Self)
    }

    /// The bytes of the key, which must be kept where no stranger can read them.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

fn random<const N: usize>() -> Result<[u8; N], RandomnessError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| RandomnessError)?;
    Ok(bytes)
}

/// A session, as a valid cookie shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    number: Number,
    until: Timestamp,
    /// When a stream of this session ends. Its page then connects again, and its cookie is renewed.
    watching_until: Timestamp,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

/// The sessions that one key signs.
pub(crate) struct Sessions {
    key: SessionKey,
    /// The sessions that were signed out, each with the time after which none of its cookies is
    /// valid.
    ended: Mutex<HashMap<Number, Timestamp>>,
}

impl Sessions {
    pub(crate) fn new(key: SessionKey) -> Self {
        Self { key, ended: Mutex::default() }
    }

    /// Begins a session: returns the cookie's value for a caller that has just shown this token.
    pub(crate) fn begin(&self, token: TokenHash, now: Timestamp) -> Result<String, RandomnessError> {
        Ok(self.written(token, random()?, now))
    }

    /// The session of a cookie, and the hash of the token with which it was begun. `None` if the
    /// cookie's code is wrong, or if the session has expired or was signed out.
    pub(crate) fn read(&self, value: &str, now: Timestamp) -> Option<(TokenHash, Session)> {
        let bytes = unhex(value)?;
        let (message, code) = bytes.split_at_checked(56)?;
        if !same(&code_of(&self.key, message), code) {
            return None;
        }
        let token = TokenHash::of_bytes(message[..32].try_into().ok()?);
        let number = message[32..48].try_into().ok()?;
        let until = i64::from_be_bytes(message[48..].try_into().ok()?);
        let half = Timestamp::from_micros(until.checked_sub(LIFETIME_MICROS / 2)?).ok()?;
        let until = Timestamp::from_micros(until).ok()?;
        let watching_until = if now < half { half } else { until };
        let session = Session { number, until, watching_until };
        (now < until && !self.ended().contains_key(&session.number)).then_some((token, session))
    }

    /// The cookie's new value once half of the lifetime is over, so a session that is used does not
    /// expire.
    pub(crate) fn renewed(&self, token: TokenHash, session: &Session, now: Timestamp) -> Option<String> {
        let left = session.until.micros().saturating_sub(now.micros());
        (left <= LIFETIME_MICROS / 2).then(|| self.written(token, session.number, now))
    }

    /// Whether a stream that was opened in this session may go on.
    pub(crate) fn may_watch(&self, session: &Session, now: Timestamp) -> bool {
        now < session.watching_until && !self.ended().contains_key(&session.number)
    }

    /// Signs a session out. Every cookie of the session becomes invalid, also a renewed one.
    pub(crate) fn end(&self, session: &Session, now: Timestamp) {
        let mut ended = self.ended();
        ended.retain(|_, until| now < *until);
        if ended.len() >= MOST_ENDED
            && let Some(first) = ended.iter().min_by_key(|(_, until)| **until).map(|(number, _)| *number)
        {
            ended.remove(&first);
        }
        ended.insert(session.number, end_of(now));
    }

    fn written(&self, token: TokenHash, number: Number, now: Timestamp) -> String {
        let until = end_of(now).micros().to_be_bytes();
        let message = [token.bytes().as_slice(), &number, &until].concat();
        let code = code_of(&self.key, &message);
        hex(&[message.as_slice(), &code].concat())
    }

    fn ended(&self) -> MutexGuard<'_, HashMap<Number, Timestamp>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end_of(now: Timestamp) -> Timestamp {
    Timestamp::from_micros(now.micros().saturating_add(LIFETIME_MICROS)).unwrap_or(now)
}

/// HMAC-SHA-256 (RFC 2104). The key is shorter than a block of 64 bytes and is padded with zeros.
fn code_of(SessionKey(key): &SessionKey, message: &[u8]) -> [u8; 32] {
    let block = |fill: u8| {
        let mut block = [fill; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= *key;
        }
        block
    };
    let inner = Sha256::new().chain_update(block(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block(0x5c)).chain_update(inner).finalize().into()
}

/// Compares two codes in a time that does not reveal where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [high, low] = pair { Some((digit(*high)? << 4) | digit(*low)?) } else { None }).collect()
}

/// The value of the session's cookie. The cookie that only this host can set takes precedence.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    named(headers, COOKIE_OF_HOST).or_else(|| named(headers, COOKIE))
}

fn named<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|text| text.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Whether the browser has sent the cookie under the name that requires TLS.
pub(crate) fn is_of_host(headers: &HeaderMap) -> bool {
    named(headers, COOKIE_OF_HOST).is_some()
}

/// The value of the field `Set-Cookie` that stores a session.
pub(crate) fn kept(value: &str, encrypted: bool) -> String {
    let (name, secure) = if encrypted { (COOKIE_OF_HOST, "; Secure") } else { (COOKIE, "") };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={LIFETIME_SECS}{secure}")
}

/// The values of the field `Set-Cookie` that delete a session's cookie under both names.
pub(crate) fn forgotten() -> [String; 2] {
    [(COOKIE, ""), (COOKIE_OF_HOST, "; Secure")]
        .map(|(name, secure)| format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{secure}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_micros(1_795_262_400_000_000 + hours * 3_600_000_000).unwrap()
    }

    #[test]
    fn the_code_is_that_of_the_standard() {
        // RFC 4231, 4.2: a key of 20 bytes.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let code = code_of(&SessionKey(key), b"Hi There");
        assert_eq!(hex(&code), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }

    #[test]
    fn a_session_lasts_twelve_hours_and_as_long_as_it_is_used() {
        let sessions = Sessions::new(SessionKey::new([7; 32]));
        let token = TokenHash::of("a");
        let cookie = sessions.begin(token, at(0)).unwrap();
        let (of, session) = sessions.read(&cookie, at(5)).unwrap();
        assert_eq!(of, token);
        assert!(sessions.renewed(token, &session, at(5)).is_none());
        assert!(sessions.may_watch(&session, at(5)) && !sessions.may_watch(&session, at(6)), "its page connects again");
        assert!(sessions.read(&cookie, at(12)).is_none());
        let (_, late) = sessions.read(&cookie, at(7)).unwrap();
        let renewed = sessions.renewed(token, &late, at(7)).unwrap();
        assert!(sessions.read(&renewed, at(18)).is_some());
        assert!(Sessions::new(SessionKey::new([7; 32])).read(&renewed, at(18)).is_some(), "after a restart, too");
        assert!(Sessions::new(SessionKey::new([8; 32])).read(&renewed, at(18)).is_none(), "under another key");
        sessions.end(&late, at(8));
        assert!(sessions.read(&renewed, at(8)).is_none() && sessions.read(&cookie, at(8)).is_none());
        assert!(!sessions.may_watch(&late, at(8)));
    }

    #[test]
    fn sessions_that_were_signed_out_are_bounded() {
        let sessions = Sessions::new(SessionKey::new([7; 32]));
        for k in 0..MOST_ENDED + 10 {
            let number = u128::try_from(k).unwrap().to_be_bytes();
            let session = Session { number, until: at(1), watching_until: at(1) };
            sessions.end(&session, at(0));
        }
        assert_eq!(sessions.ended().len(), MOST_ENDED);
        let session = Session { number: [9; 16], until: at(1), watching_until: at(1) };
        sessions.end(&session, at(12));
        assert_eq!(sessions.ended().len(), 1, "what is over needs no place");
    }

    proptest! {
        /// A cookie with one other digit, or one that is cut or extended, is not valid.
        #[test]
        fn no_cookie_is_made_up(at_digit in 0..176_usize, digit in "[0-9a-f]", cut in 0..176_usize, text in "\\PC{0,200}") {
            let sessions = Sessions::new(SessionKey::new([7; 32]));
            let cookie = sessions.begin(TokenHash::of("a"), at(0)).unwrap();
            prop_assert_eq!(cookie.len(), 176);
            let mut other = cookie.clone();
            other.replace_range(at_digit..=at_digit, &digit);
            prop_assert_eq!(sessions.read(&other, at(1)).is_some(), other == cookie);
            prop_assert!(sessions.read(&cookie[..cut], at(1)).is_none());
            let longer = format!("{cookie}00");
            prop_assert!(sessions.read(&longer, at(1)).is_none());
            prop_assert!(sessions.read(&text, at(1)).is_none());
        }
    }
}

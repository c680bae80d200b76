//! [`KeyRing`]: seals fields with one key and opens what any of its keys has sealed, so that keys
//! can be rotated in operation.

use std::fmt;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::sealed::{FieldKey, KeyId, Sealed};

/// A key of 256 bits.
///
/// Its `Debug` shows only its id. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Key {
    id: KeyId,
    bytes: Zeroizing<[u8; 32]>,
}

/// The text is not a key; the error does not show the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The text is neither 64 hexadecimal digits nor base64 of 32 bytes.
    #[error("it is neither 64 hexadecimal digits nor base64 of 32 bytes")]
    Unreadable,
    /// The key has another length than 32 bytes.
    #[error("it has {0} bytes, a key has 32")]
    Length(usize),
}

const fn lenient(alphabet: &base64::alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

impl Key {
    /// A key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let digest = Sha256::new().chain_update(b"sqal key id\0").chain_update(*bytes).finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self { id: KeyId::from_bytes(id), bytes }
    }

    /// A key from text: 64 hexadecimal digits, or base64 of 32 bytes in either alphabet (as
    /// `openssl rand -base64 32` prints them).
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] says what is wrong with the text, without showing it.
    pub fn from_text(text: &str) -> Result<Self, InvalidKey> {
        let text = text.trim();
        let bytes = Zeroizing::new(match hexadecimal(text) {
            Some(bytes) => bytes,
            None => [&STANDARD, &URL_SAFE]
                .into_iter()
                .find_map(|alphabet| lenient(alphabet).decode(text).ok())
                .ok_or(InvalidKey::Unreadable)?,
        });
        // The text has about 64 characters: a hexadecimal digit is wrong or missing. Read as base64
        // it would have a length that the operator did not mean.
        if bytes.len() != 32 && (62..=66).contains(&text.len()) {
            return Err(InvalidKey::Unreadable);
        }
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| InvalidKey::Length(bytes.len()))?;
        Ok(Self::from_bytes(bytes))
    }

    /// The id of the key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.bytes).into())
    }
}

/// 64 digits as 32 bytes; base64 of 32 bytes is shorter, so no text is both.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    // `from_str_radix` also accepts a sign.
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..32).map(|k| u8::from_str_radix(&text[2 * k..2 * k + 2], 16).ok()).collect()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// A nonce of 192 bits, which no other sealing uses.
///
/// It cannot be copied, so no nonce is used twice by mistake. Random nonces do not repeat in
/// practice.
#[derive(Debug)]
pub struct Nonce([u8; 24]);

/// The machine gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the machine gives no random bytes")]
pub struct RandomnessError;

impl Nonce {
    /// A nonce from bytes that were never passed before.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 24]) -> Self {
        Self(bytes)
    }

    /// A nonce from the machine's own source of random bytes.
    ///
    /// # Errors
    ///
    /// [`RandomnessError`] if the machine gives no random bytes.
    pub fn random() -> Result<Self, RandomnessError> {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(|_| RandomnessError)?;
        Ok(Self(bytes))
    }
}

/// The content of an opened field.
///
/// Its `Debug` shows only its length. Its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain(Zeroizing<Vec<u8>>);

impl Plain {
    /// The bytes of the content.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plain({} bytes)", self.0.len())
    }
}

/// A field cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// The key of the field is not on the ring.
    #[error("it was sealed with the key {0}, which is not on the ring")]
    MissingKey(KeyId),
    /// The key is on the ring and did not seal this content for this place.
    #[error("it was changed, or belongs to another place")]
    Altered,
}

/// The place of a key on a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPosition {
    /// The key that seals.
    Active,
    /// A key that only opens, by its number among the given ones, from 1.
    Legacy(usize),
}

impl fmt::Display for KeyPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str("the active key"),
            Self::Legacy(number) => write!(f, "legacy key {number}"),
        }
    }
}

/// The texts that are not valid keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|(position, why)| format!("{position}: {why}")).collect::<Vec<_>>().join("; "))]
pub struct InvalidKeyRing(pub Vec<(KeyPosition, InvalidKey)>);

/// One key that seals, and other keys that only open (SEC-01).
///
/// A field is sealed by XChaCha20-Poly1305 for its place: the subject, the field and the key are
/// authenticated. A writer of the database can therefore neither read a field, nor change it, nor
/// move it to another subject.
///
/// ```
/// use sqal_core::Name;
/// use sqal_storage::sealed::{FieldKey, Key, KeyRing, Nonce};
///
/// let place = FieldKey { subject: Name::new("user 7")?, field: Name::new("name")? };
/// let old = KeyRing::new(Key::from_bytes([1; 32]));
/// let sealed = old.seal(&place, b"Marie", Nonce::random()?);
///
/// let new = old.rotated_to(Key::from_bytes([2; 32]));
/// assert_eq!(new.open(&place, &sealed)?.as_bytes(), b"Marie");
/// assert_ne!(new.seal(&place, b"Marie", Nonce::random()?).key, sealed.key);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyRing {
    active: Key,
    legacy: Vec<Key>,
}

impl KeyRing {
    /// A ring with one key.
    #[must_use]
    pub const fn new(active: Key) -> Self {
        Self { active, legacy: Vec::new() }
    }

    /// A ring from texts, as [`Key::from_text`] reads them: the key that seals, and the keys that
    /// only open.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyRing`] gives the position of every text that is not a valid key.
    pub fn from_texts<'a>(active: &str, legacy: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidKeyRing> {
        let mut wrong = Vec::new();
        let mut read =
            |position: KeyPosition, text: &str| Key::from_text(text).map_err(|why| wrong.push((position, why))).ok();
        let active = read(KeyPosition::Active, active);
        let legacy: Vec<_> =
            (1..).zip(legacy).filter_map(|(number, text)| read(KeyPosition::Legacy(number), text)).collect();
        match active {
            Some(active) if wrong.is_empty() => Ok(legacy.into_iter().fold(Self::new(active), Self::with_legacy_key)),
            _ => Err(InvalidKeyRing(wrong)),
        }
    }

    /// This ring with one more key that opens and does not seal.
    #[must_use]
    pub fn with_legacy_key(mut self, key: Key) -> Self {
        if self.key(key.id).is_none() {
            self.legacy.push(key);
        }
        self
    }

    /// A ring that seals with a new key, and still opens everything that this ring opens.
    #[must_use]
    pub fn rotated_to(&self, key: Key) -> Self {
        let all = self.legacy.iter().chain([&self.active]).cloned();
        all.fold(Self::new(key), Self::with_legacy_key)
    }

    /// The id of the key that seals.
    #[must_use]
    pub const fn active(&self) -> KeyId {
        self.active.id
    }

    /// The ids of the keys that the ring opens with, the active key first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        [&self.active].into_iter().chain(&self.legacy).map(Key::id)
    }

    /// The seeds of the signing keys that belong to the keys of this ring, that of the active key
    /// first.
    ///
    /// A seed is the HMAC-SHA-256 of a fixed text under the key. It reveals nothing about the key.
    #[cfg(all(feature = "sign", any(feature = "postgres", feature = "sqlite")))]
    pub(crate) fn signing_seeds(&self) -> impl Iterator<Item = Zeroizing<[u8; 32]>> {
        let seed = |key: &Key| Zeroizing::new(hmac(key.bytes.as_slice(), b"sqal ed25519 seed of signed heads 1"));
        [&self.active].into_iter().chain(&self.legacy).map(seed)
    }

    fn key(&self, id: KeyId) -> Option<&Key> {
        [&self.active].into_iter().chain(&self.legacy).find(|key| key.id == id)
    }

    /// Seals a field for its place.
    ///
    /// # Panics
    ///
    /// Never: the cipher refuses only content that is longer than 256 GiB.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a nonce is used up: taking it is the point")]
    pub fn seal(&self, place: &FieldKey, plain: &[u8], nonce: Nonce) -> Sealed {
        let Nonce(nonce) = nonce;
        let payload = Payload { msg: plain, aad: &place_of(place, self.active.id) };
        let sealed = self.active.cipher().encrypt(&XNonce::from(nonce), payload).expect("shorter than 256 GiB");
        Sealed { key: self.active.id, bytes: [&nonce[..], &sealed].concat() }
    }

    /// Opens a field at its place.
    ///
    /// # Errors
    ///
    /// [`UnsealError`] if the key is not on the ring, or if the content is not what was sealed for
    /// this place.
    pub fn open(&self, place: &FieldKey, sealed: &Sealed) -> Result<Plain, UnsealError> {
        let key = self.key(sealed.key).ok_or(UnsealError::MissingKey(sealed.key))?;
        let (nonce, bytes) = sealed.bytes.split_first_chunk::<24>().ok_or(UnsealError::Altered)?;
        let payload = Payload { msg: bytes, aad: &place_of(place, key.id) };
        let plain = key.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| UnsealError::Altered)?;
        Ok(Plain(Zeroizing::new(plain)))
    }
}

/// HMAC-SHA-256 (RFC 2104) under a key of at most 64 bytes.
#[cfg(all(feature = "sign", any(feature = "postgres", feature = "sqlite")))]
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = Zeroizing::new([0_u8; 64]);
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let padded = |pad: u8| Zeroizing::new(block.map(|byte| byte ^ pad));
    let inner = Sha256::new().chain_update(*padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(*padded(0x5c)).chain_update(inner).finalize().into()
}

/// The authenticated data besides the field itself; lengths first, so that no two places give the
/// same bytes.
fn place_of(place: &FieldKey, key: KeyId) -> Vec<u8> {
    let mut bytes = b"sqal field 1".to_vec();
    bytes.extend_from_slice(key.as_bytes());
    for text in [place.subject.as_str(), place.field.as_str()] {
        bytes.extend_from_slice(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqal_core::Name;

    use super::*;

    fn place(subject: &str, field: &str) -> FieldKey {
        FieldKey { subject: Name::new(subject).unwrap(), field: Name::new(field).unwrap() }
    }

    fn ring(key: u8) -> KeyRing {
        KeyRing::new(Key::from_bytes([key; 32]))
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_only_unchanged_in_its_place_with_its_key(
            plain in proptest::collection::vec(any::<u8>(), 0..200), nonce: [u8; 24], at: prop::sample::Index, bit in 0..8_u32,
        ) {
            let (here, ring) = (place("user 7", "name"), ring(1));
            let sealed = ring.seal(&here, &plain, Nonce::from_bytes(nonce));
            let opened = ring.open(&here, &sealed).unwrap();
            prop_assert_eq!(opened.as_bytes(), &plain[..]);
            prop_assert_eq!(sealed.bytes.len(), plain.len() + 24 + 16);
            for elsewhere in [place("user 8", "name"), place("user 7", "names"), place("user 7n", "ame")] {
                prop_assert_eq!(ring.open(&elsewhere, &sealed), Err(UnsealError::Altered));
            }
            let mut altered = sealed.clone();
            let at = at.index(altered.bytes.len());
            altered.bytes[at] ^= 1 << bit;
            prop_assert_eq!(ring.open(&here, &altered), Err(UnsealError::Altered));
            altered.bytes.truncate(at);
            prop_assert_eq!(ring.open(&here, &altered), Err(UnsealError::Altered));
            let other = self::ring(2);
            prop_assert_eq!(other.open(&here, &sealed), Err(UnsealError::MissingKey(ring.active())));
            // Another key that claims to be this one.
            let forged = Sealed { key: other.active(), ..sealed };
            prop_assert_eq!(other.open(&here, &forged), Err(UnsealError::Altered));
        }
    }

    #[test]
    fn a_sign_is_no_digit() {
        assert!(Key::from_text(&"0f".repeat(32)).is_ok());
        assert!(Key::from_text(&"+f".repeat(32)).is_err());
    }

    /// Draft-irtf-cfrg-xchacha-03, A.3.1: the published vector shows that fields are sealed as
    /// other tools seal.
    #[test]
    fn the_cipher_is_the_published_one() {
        let bytes = |text: &str| -> Vec<u8> {
            let digits: String = text.split_whitespace().collect();
            (0..digits.len() / 2).map(|k| u8::from_str_radix(&digits[2 * k..2 * k + 2], 16).unwrap()).collect()
        };
        let key: [u8; 32] =
            bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f").try_into().unwrap();
        let nonce: [u8; 24] = bytes("404142434445464748494a4b4c4d4e4f5051525354555657").try_into().unwrap();
        let message = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let aad = bytes("50515253c0c1c2c3c4c5c6c7");
        let sealed =
            Key::from_bytes(key).cipher().encrypt(&XNonce::from(nonce), Payload { msg: message, aad: &aad }).unwrap();
        assert_eq!(sealed[sealed.len() - 16..], bytes("c0875924c1c7987947deafd8780acf49"));
        assert_eq!(sealed[..16], bytes("bd6d179d3e83d43b9576579493c0e939"));
    }

    /// RFC 4231, test cases 1 and 2.
    #[cfg(all(feature = "sign", any(feature = "postgres", feature = "sqlite")))]
    #[test]
    fn the_derivation_is_the_published_hmac() {
        let digits = |bytes: [u8; 32]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(
            digits(hmac(&[0x0b; 20], b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            digits(hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(ring(1).signing_seeds().next() != ring(2).signing_seeds().next());
    }

    #[test]
    fn a_rotated_ring_still_opens_and_seals_anew() {
        let here = place("user 7", "name");
        let old = ring(1);
        let sealed = old.seal(&here, b"Marie", Nonce::random().unwrap());
        let new = old.rotated_to(Key::from_bytes([2; 32])).rotated_to(Key::from_bytes([3; 32]));
        assert_eq!(new.open(&here, &sealed).unwrap().as_bytes(), b"Marie");
        assert_eq!(new.seal(&here, b"Marie", Nonce::random().unwrap()).key, ring(3).active());
        assert_eq!(new.ids().collect::<Vec<_>>(), [ring(3), ring(1), ring(2)].map(|ring| ring.active()));
        // A key is on the ring once, also if it is added again.
        assert_eq!(new.rotated_to(Key::from_bytes([1; 32])).ids().count(), 3);
    }

    #[test]
    fn texts_are_keys_or_say_what_is_wrong_and_never_what_they_are() {
        let hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddee-f".replace('-', "f");
        let base64 = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";
        let safe = "ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8";
        let ring = KeyRing::from_texts(&hex, [&*format!(" {base64}\n"), safe]).unwrap();
        assert_eq!(ring.ids().count(), 1, "three texts of one key");
        let wrong = KeyRing::from_texts("secret!", [&*hex, "c2VjcmV0", &*"zz".repeat(32)]).unwrap_err();
        let said = wrong.to_string();
        assert_eq!(
            said,
            "the active key: it is neither 64 hexadecimal digits nor base64 of 32 bytes; legacy key 2: it has 6 bytes, a key \
             has 32; legacy key 3: it is neither 64 hexadecimal digits nor base64 of 32 bytes"
        );
        assert_eq!(KeyRing::from_texts("", []).unwrap_err().0, [(KeyPosition::Active, InvalidKey::Length(0))]);
    }

    #[test]
    fn nothing_is_said_of_what_is_secret() {
        let ring = ring(0x5a);
        let shown = format!(
            "{ring:?} {:?}",
            ring.open(&place("a", "b"), &ring.seal(&place("a", "b"), b"ZZ", Nonce::random().unwrap()))
        );
        assert_eq!(shown, format!("KeyRing {{ active: Key({0}), legacy: [] }} Ok(Plain(2 bytes))", ring.active()));
    }
}

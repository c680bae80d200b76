//! [`HeadSigner`]: signs with a key that is derived from a key of the ring; the public half is shown to everyone who verifies.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::{KeyId, KeyRing};

/// What separates these signatures from all others that the key may ever make.
const CONTEXT: &[u8] = b"sqal head 1\n";

/// Signs heads. Its `Debug` shows the id of the key and no more; its memory is wiped when it goes.
#[derive(Clone)]
pub struct HeadSigner {
    id: KeyId,
    key: SigningKey,
}

impl HeadSigner {
    /// The signer of the key of a ring that seals.
    #[must_use]
    pub fn of(ring: &KeyRing) -> Self {
        let seed = ring.signing_seeds().next().unwrap_or_else(|| unreachable!("a ring has a key that seals"));
        Self { id: ring.active(), key: SigningKey::from_bytes(&seed) }
    }

    /// What signatures of all keys of a ring are verified with, that of the key that seals first.
    #[must_use]
    pub fn public_keys(ring: &KeyRing) -> Vec<PublicKey> {
        let public = |key: SigningKey| PublicKey(key.verifying_key().to_bytes());
        ring.signing_seeds().map(|seed| public(SigningKey::from_bytes(&seed))).collect()
    }

    /// The id of the key of the ring.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What others verify with.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.key.verifying_key().to_bytes())
    }

    pub(super) fn sign(&self, body: &str) -> [u8; 64] {
        self.key.sign(&message(body)).to_bytes()
    }
}

impl fmt::Debug for HeadSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeadSigner({})", self.id)
    }
}

fn message(body: &str) -> Vec<u8> {
    [CONTEXT, body.as_bytes()].concat()
}

/// The public half of a signing key (Ed25519, RFC 8032), written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// A text is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key: expected 64 hexadecimal digits of an Ed25519 key")]
pub struct InvalidPublicKey;

impl PublicKey {
    /// Whether the signature of a body was made with its private half.
    pub(super) fn has_signed(self, body: &str, signature: &[u8; 64]) -> bool {
        let key = VerifyingKey::from_bytes(&self.0);
        key.is_ok_and(|key| key.verify_strict(&message(body), &Signature::from_bytes(signature)).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::line::hexadecimal(&self.0))
    }
}

impl FromStr for PublicKey {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, InvalidPublicKey> {
        let bytes = super::line::bytes::<32>(text.trim()).ok_or(InvalidPublicKey)?;
        VerifyingKey::from_bytes(&bytes).map_err(|_| InvalidPublicKey)?;
        Ok(Self(bytes))
    }
}

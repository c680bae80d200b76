//! [`HeadSigner`]: signs heads with a key that is derived from a key of the ring; verifiers need
//! only its public half.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::sealed::{KeyId, KeyRing};

/// Separates these signatures from all others that the key may ever make.
const CONTEXT: &[u8] = b"sqal head 1\n";

/// Signs heads.
///
/// Its `Debug` shows only the id of the key. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct HeadSigner {
    id: KeyId,
    key: SigningKey,
}

impl HeadSigner {
    /// The signer of the active key of a ring.
    #[must_use]
    pub fn of(ring: &KeyRing) -> Self {
        let seed = ring.signing_seeds().next().unwrap_or_else(|| unreachable!("a ring has a key that seals"));
        Self { id: ring.active(), key: SigningKey::from_bytes(&seed) }
    }

    /// The public keys of all keys of a ring, that of the active key first.
    #[must_use]
    pub fn public_keys(ring: &KeyRing) -> Vec<PublicKey> {
        let public = |key: SigningKey| PublicKey(key.verifying_key().to_bytes());
        ring.signing_seeds().map(|seed| public(SigningKey::from_bytes(&seed))).collect()
    }

    /// The id of the ring's key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The public key that verifies the signatures.
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

/// The text is not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key: expected 64 hexadecimal digits of an Ed25519 key")]
pub struct InvalidPublicKey;

impl PublicKey {
    /// Whether the signature of a body was made with the private half of this key.
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

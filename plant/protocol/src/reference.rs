//! [`Reference`]: the name, version and hash of a profile, as clients read them.

use serde::{Deserialize, Serialize};
use sqal_core::ProfileRef;

/// The name, version and hash of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reference {
    name: String,
    /// The version, which is counted up with each change of the profile.
    version: u32,
    /// The first 16 bytes of the SHA-256 of its text; each sample names the one it was judged by.
    pub hash: String,
}

impl Reference {
    /// The reference of a profile, as clients read it.
    #[must_use]
    pub fn of(reference: &ProfileRef) -> Self {
        Self { name: reference.name.to_string(), version: reference.version, hash: hash(reference.hash) }
    }
}

/// A hash as clients read it.
#[must_use]
pub fn hash(hash: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(hash))
}

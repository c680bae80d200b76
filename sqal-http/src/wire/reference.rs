//! [`Reference`]: a profile by what tells it apart, as clients read it.

use serde::{Deserialize, Serialize};
use sqal_core::ProfileRef;

/// A profile by what tells it apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Reference {
    name: String,
    /// Counted up by whoever changes it.
    version: u32,
    /// The first 16 bytes of the SHA-256 of its text; each sample names the one that it was judged by.
    pub(crate) hash: String,
}

impl Reference {
    pub(crate) fn of(reference: &ProfileRef) -> Self {
        Self { name: reference.name.to_string(), version: reference.version, hash: hash(reference.hash) }
    }
}

/// A hash as clients read it.
pub(crate) fn hash(hash: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(hash))
}

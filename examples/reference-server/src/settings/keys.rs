//! [`KeySettings`]: the key that signs what the database holds.

use sqal_storage::sealed::{Key, KeyRing};

use super::row::Setting;
use super::values::Values;

pub(super) const MASTER_KEY: Setting = Setting::secret(
    "MASTER_ENCRYPTION_KEY",
    "64 hexadecimal digits or base64 of 32 bytes",
    "The key that signs what the database holds each hour, into heads.ndjson of the data folder; without it that is not signed",
);

/// The keys of the server.
#[derive(Debug)]
pub struct KeySettings {
    /// The keys that sign the heads of the database; `None` if heads are not signed.
    pub ring: Option<KeyRing>,
}

impl KeySettings {
    pub(super) fn read(values: &mut Values) -> Self {
        Self { ring: values.read(&MASTER_KEY, |text| Key::from_text(text).ok().map(KeyRing::new)) }
    }
}

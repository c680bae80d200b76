//! [`Keys`]: the keys of confidential fields, from the environment or from files.
//!
//! They are never read from arguments, which every user of the machine can list.

use std::path::PathBuf;

use clap::Args;
use sqal_storage::{
    SealedFields,
    sealed::{Confidential, InvalidKeyRing, KeyRing, Nonce, RandomnessError},
};

use crate::Failed;

/// The confidential fields of a database, sealed with nonces from the machine's random source.
pub(crate) type Fields<S> = Confidential<S, fn() -> Result<Nonce, RandomnessError>>;

/// The sources of the keys. Without a file they are read from `MASTER_ENCRYPTION_KEY` and
/// `LEGACY_ENCRYPTION_KEYS`.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// A file with the key that seals: 64 hexadecimal digits or base64; without it
    /// `MASTER_ENCRYPTION_KEY` is the key.
    #[arg(long, env = "MASTER_ENCRYPTION_KEY_FILE")]
    master_key_file: Option<PathBuf>,
    /// A file with older keys that only open fields, separated by commas; without it
    /// `LEGACY_ENCRYPTION_KEYS` are the keys.
    #[arg(long, env = "LEGACY_ENCRYPTION_KEYS_FILE")]
    legacy_keys_file: Option<PathBuf>,
}

impl Keys {
    /// The fields of a database under these keys.
    pub(crate) fn fields<S: SealedFields>(&self, store: S) -> Result<Fields<S>, Failed> {
        Ok(Confidential::new(store, self.ring()?, Nonce::random))
    }

    /// The keys; an error if there are none.
    pub(crate) fn ring(&self) -> Result<KeyRing, Failed> {
        self.ring_if_any()?.ok_or(Failed::NoKey)
    }

    /// The keys, if there are any.
    pub(crate) fn ring_if_any(&self) -> Result<Option<KeyRing>, Failed> {
        let Some(master) = text(self.master_key_file.as_ref(), "MASTER_ENCRYPTION_KEY")? else { return Ok(None) };
        let legacy = text(self.legacy_keys_file.as_ref(), "LEGACY_ENCRYPTION_KEYS")?.unwrap_or_default();
        let ring = KeyRing::from_texts(&master, &legacy);
        ring.map(Some).map_err(|wrong: InvalidKeyRing| Failed::Keys(wrong))
    }
}

fn text(file: Option<&PathBuf>, variable: &str) -> Result<Option<String>, Failed> {
    match file {
        Some(file) => {
            let read = std::fs::read_to_string(file);
            read.map(Some).map_err(|source| Failed::KeyFile { file: file.clone(), source })
        }
        #[expect(clippy::disallowed_methods, reason = "a binary reads its environment; an argument would show the key")]
        None => Ok(std::env::var(variable).ok().filter(|text| !text.is_empty())),
    }
}

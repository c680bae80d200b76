//! [`Keys`]: the keys of confidential fields, from the environment or from files.
//!
//! They are never read from arguments, which every user of the machine can list.

use std::path::PathBuf;

use clap::Args;
use sqal_storage::{
    SealedFields,
    sealed::{Confidential, InvalidKeyRing, KeyPosition, KeyRing, Nonce, RandomnessError},
};

use crate::command_error::CommandError;

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
    pub(crate) fn fields<S: SealedFields>(&self, store: S) -> Result<Fields<S>, CommandError> {
        Ok(Confidential::new(store, self.ring()?, Nonce::random))
    }

    /// The keys; an error if there are none.
    pub(crate) fn ring(&self) -> Result<KeyRing, CommandError> {
        self.ring_if_any()?.ok_or(CommandError::NoKey)
    }

    /// The keys, if there are any.
    pub(crate) fn ring_if_any(&self) -> Result<Option<KeyRing>, CommandError> {
        let Some(master) = text(self.master_key_file.as_ref(), "MASTER_ENCRYPTION_KEY")? else { return Ok(None) };
        let legacy = text(self.legacy_keys_file.as_ref(), "LEGACY_ENCRYPTION_KEYS")?.unwrap_or_default();
        read(&master, &legacy).map(Some).map_err(CommandError::Keys)
    }
}

/// The ring of these texts; the legacy keys are separated by commas. The error names the variable
/// of each text that is not a key.
fn read(master: &str, legacy: &str) -> Result<KeyRing, String> {
    let legacy = legacy.split(',').map(str::trim).filter(|text| !text.is_empty());
    KeyRing::from_texts(master, legacy).map_err(|InvalidKeyRing(wrong)| {
        let named = wrong.into_iter().map(|(position, why)| match position {
            KeyPosition::Active => format!("MASTER_ENCRYPTION_KEY: {why}"),
            KeyPosition::Legacy(number) => format!("LEGACY_ENCRYPTION_KEYS, number {number}: {why}"),
        });
        named.collect::<Vec<_>>().join("; ")
    })
}

fn text(file: Option<&PathBuf>, variable: &str) -> Result<Option<String>, CommandError> {
    match file {
        Some(file) => {
            let read = std::fs::read_to_string(file);
            read.map(Some).map_err(|source| CommandError::KeyFile { file: file.clone(), source })
        }
        #[expect(clippy::disallowed_methods, reason = "a binary reads its environment; an argument would show the key")]
        None => Ok(std::env::var(variable).ok().filter(|text| !text.is_empty())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_key_is_named_by_its_variable_and_not_shown() {
        let key = "0f".repeat(32);
        assert_eq!(read(&key, &format!(" {key}, {},", "1e".repeat(32))).unwrap().ids().count(), 2);
        let wrong = read("secret!", &format!("{key},c2VjcmV0")).unwrap_err();
        assert_eq!(
            wrong,
            "MASTER_ENCRYPTION_KEY: it is neither 64 hexadecimal digits nor base64 of 32 bytes; LEGACY_ENCRYPTION_KEYS, number 2: it has 6 \
             bytes, a key has 32"
        );
    }
}

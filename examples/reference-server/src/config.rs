//! What the server reads from its surroundings: arguments and environment variables, all mistakes at once.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use sqal_http::{ProfileFile, Profiles};
use tracing_subscriber::EnvFilter;

/// The profile that is built in, for a first look.
const BUILT_IN: &str = include_str!("../profiles/config_foiegras.yaml");

/// sqal-server: grades what its stations send, keeps every sample, and shows the line live.
#[derive(Clone, Debug, Parser)]
#[command(version, about)]
pub struct Config {
    /// The address to listen on; it is open to whoever can reach it, so keep it on loopback or behind a proxy.
    #[arg(long, env = "SQAL_ADDRESS", default_value = "127.0.0.1:8000")]
    pub address: SocketAddr,
    /// The folder of the database; it is created if it is not there.
    #[arg(long, env = "SQAL_DATA_DIR", default_value = "sqal-data")]
    pub data_dir: PathBuf,
    /// A PostgreSQL to keep the samples in, for example `postgres://sqal_user:password@db/sqal_db`; without it a file in the data folder.
    /// Samples wait in a file of the data folder while the database is away; at the start it must be there.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<SecretUrl>,
    /// A Redis to share what is remembered with other servers, for example `redis://cache:6379/0`; without it each remembers for itself. The
    /// server starts and goes on without it.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<SecretUrl>,
    /// A YAML file of product profiles; without it the built-in placeholder is used.
    #[arg(long, env = "CONFIG_PATH")]
    pub config_path: Option<PathBuf>,
    /// What is logged, for example `info` or `sqal_http=debug`.
    #[arg(long, env = "SQAL_LOG", default_value = "info", value_parser = log_filter)]
    pub log: String,
}

/// A URL that may hold a password: its `Debug` shows nothing, and it is checked where an error does not repeat it.
#[derive(Clone)]
pub struct SecretUrl(pub(crate) String);

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl(..)")
    }
}

impl From<String> for SecretUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

/// A wrong filter is refused at the start, not replaced in silence.
fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Why profiles could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("profile file {path}: {source}")]
    File {
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// The file is not a profile file.
    #[error("profile file: {0}")]
    Yaml(#[from] serde_saphyr::Error),
    /// A profile cannot be used.
    #[error(transparent)]
    Profile(#[from] sqal_http::NotProfiles),
}

impl Config {
    /// Loads the profiles from the file, or the built-in ones.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] names the file, the place in it, and what is wrong.
    pub fn profiles(&self) -> Result<Profiles, ProfileError> {
        let text = match &self.config_path {
            Some(path) => {
                std::fs::read_to_string(path).map_err(|source| ProfileError::File { path: path.clone(), source })?
            }
            None => BUILT_IN.to_owned(),
        };
        let file: ProfileFile = serde_saphyr::from_str(&text)?;
        Ok(Profiles::new(file.profiles)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_profile_is_the_example_of_the_crates() {
        let file: ProfileFile = serde_saphyr::from_str(BUILT_IN).unwrap();
        let profile = &file.profiles[&"foiegras_standard_barquette".parse().unwrap()];
        assert_eq!(*profile, sqal_http::Profile::example());
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_place() {
        let refused = serde_saphyr::from_str::<ProfileFile>(&BUILT_IN.replace("max_tilt_deg", "max_tilt")).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("max_tilt") && text.contains("line"), "{text}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let config = Config::parse_from(["sqal-server", "--config-path", "not-there.yaml"]);
        assert!(config.profiles().unwrap_err().to_string().contains("not-there.yaml"));
    }
}

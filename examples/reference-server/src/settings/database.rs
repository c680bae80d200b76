//! [`DatabaseSettings`]: where samples are kept.

use std::path::PathBuf;

use sqal_storage::postgres::PostgresConfig;

use super::row::Setting;
use super::secret_url::SecretUrl;
use super::values::Values;

pub(super) const DATA_DIR: Setting = Setting::plain(
    "SQAL_DATA_DIR",
    Some("sqal-data"),
    "a folder",
    "The folder of the database, made if it is not there; with a DATABASE_URL samples wait there while that is away",
);

pub(super) const DATABASE_URL: Setting = Setting::secret(
    "DATABASE_URL",
    "a URL like postgres://sqal_user:password@db/sqal_db",
    "A PostgreSQL for the samples; without it a file in the data folder. At the start it must be there",
);

/// Where samples are kept.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// The folder of the database, or of the spool.
    pub data_dir: PathBuf,
    /// The URL of a PostgreSQL that keeps the samples; without it, an embedded database keeps them.
    pub url: Option<SecretUrl>,
}

impl DatabaseSettings {
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        let url = SecretUrl::read(values, &DATABASE_URL, |url| {
            PostgresConfig::new(url).map(|_| ()).map_err(|error| error.to_string())
        });
        Some(Self { data_dir: PathBuf::from(values.text(&DATA_DIR)?), url })
    }
}

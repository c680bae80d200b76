//! [`PostgresConfig`]: the address of a PostgreSQL store, and the time limits of its calls.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use crate::connection_url::{self, InvalidConnectionUrl, Parameters};

/// The configuration of a PostgreSQL store; its `Debug` shows no password.
#[derive(Clone)]
pub struct PostgresConfig {
    pub(super) options: PgConnectOptions,
    pub(super) schema: String,
    /// The number of connections that write. With two, one batch can travel while another waits for
    /// the disk.
    pub writers: NonZeroU32,
    /// The number of connections that read. Readers never take a writer's connection.
    pub readers: NonZeroU32,
    /// The longest wait of a call for a connection.
    pub acquire_timeout: Duration,
    /// The longest duration of a call, waiting included. The server gives up at the same time.
    pub deadline: Duration,
    /// The age in days after which samples are compressed, where `TimescaleDB` can (one chunk per
    /// day, about half the size); `None` leaves them uncompressed.
    pub compress_after_days: Option<NonZeroU32>,
}

/// Why a configuration of a PostgreSQL store is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPostgres {
    /// The URL cannot be parsed. The error does not show the URL: it may hold a password.
    #[error("not a URL of PostgreSQL: expected postgres://user:password@host:port/database")]
    Url,
    /// A part of the URL must be encoded, or a parameter is not known. The error does not show the
    /// text: it may be a password.
    #[error(transparent)]
    ConnectionUrl(#[from] InvalidConnectionUrl),
    /// The schema's name is not valid.
    #[error("schema {0:?}: expected 1 to 40 of a-z, 0-9 and _, beginning with a letter")]
    Schema(String),
}

/// The parameters that the driver reads after the `?`; it logs unknown ones.
const PARAMETERS: Parameters = Parameters {
    listed: "sslmode, sslrootcert, sslcert, sslkey, statement-cache-capacity, host, hostaddr, port, dbname, user, password, application_name, options",
    known: |name| {
        let option = name.strip_prefix("options").unwrap_or_default();
        let option = option.strip_prefix('[').and_then(|option| option.strip_suffix(']'));
        option.is_some_and(|option| !option.is_empty()) || KNOWN.contains(&name)
    },
};

/// Each parameter of the driver in every spelling that it accepts.
const KNOWN: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

impl PostgresConfig {
    /// The database at a URL, in its schema `public`, with the default settings.
    ///
    /// The defaults are four writers, of which the writer of samples uses two, eight readers, 2 s
    /// for a connection, 10 s for a call, and compression after a week.
    ///
    /// The schemes `postgresql://` and, with the `+driver` of another language,
    /// `postgresql+asyncpg://` are accepted too (C-27).
    ///
    /// # Errors
    ///
    /// [`InvalidPostgres::Url`] if the text is not such a URL. [`InvalidPostgres::ConnectionUrl`]
    /// if a character of a password must be percent-encoded, or if a parameter is not known: the
    /// driver would log it.
    pub fn new(url: &str) -> Result<Self, InvalidPostgres> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidPostgres::Url)?;
        let scheme = scheme.split_once('+').map_or(scheme, |(scheme, _)| scheme);
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(InvalidPostgres::Url);
        }
        connection_url::check(rest, PARAMETERS)?;
        let options = PgConnectOptions::from_str(&format!("postgres://{rest}")).map_err(|_| InvalidPostgres::Url)?;
        let n = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Ok(Self {
            options: options.application_name("sqal"),
            schema: "public".to_owned(),
            writers: n(4),
            readers: n(8),
            acquire_timeout: Duration::from_secs(2),
            deadline: Duration::from_secs(10),
            compress_after_days: Some(n(7)),
        })
    }

    /// This configuration in another schema of the database; the schema is created if it does not
    /// exist.
    ///
    /// # Errors
    ///
    /// [`InvalidPostgres::Schema`] if the name is not valid or would need quotes.
    pub fn in_schema(mut self, schema: &str) -> Result<Self, InvalidPostgres> {
        let plain = schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !plain || schema.len() > 40 || !schema.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(InvalidPostgres::Schema(schema.to_owned()));
        }
        schema.clone_into(&mut self.schema);
        Ok(self)
    }
}

/// The database without its user and password: `db.example:5432/sqal`.
impl fmt::Display for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        write!(f, "{host}:{port}/{}", self.options.get_database().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("host", &self.options.get_host())
            .field("port", &self.options.get_port())
            .field("database", &self.options.get_database())
            .field("schema", &self.schema)
            .field("writers", &self.writers)
            .field("readers", &self.readers)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("deadline", &self.deadline)
            .field("compress_after_days", &self.compress_after_days)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_other_drivers_are_understood_and_no_password_is_shown() {
        for url in ["postgres://u:secret@db:5433/sqal", "postgresql+asyncpg://u:secret@db:5433/sqal"] {
            let config = PostgresConfig::new(url).unwrap();
            let shown = format!("{config:?}");
            assert!(shown.contains("5433") && shown.contains("sqal") && !shown.contains("secret"), "{shown}");
            assert_eq!(config.to_string(), "db:5433/sqal");
        }
        for url in ["mysql://u:secret@db/sqal", "secret", "postgres://u:secret@db:port/sqal"] {
            let refused = PostgresConfig::new(url).unwrap_err();
            assert_eq!(refused, InvalidPostgres::Url);
            assert!(!refused.to_string().contains("secret"));
        }
        for url in [
            "postgres://sqal_user:/7S+q?K':hunter2@127.0.0.1:5999/sqal_db",
            "postgres://u:p?hunter2@db/sqal",
            "postgresql+asyncpg://u:p#hunter2@db/sqal",
            "postgres://u:p@db/sqal?hunter2=1",
        ] {
            let refused = PostgresConfig::new(url).unwrap_err();
            assert!(matches!(refused, InvalidPostgres::ConnectionUrl(_)), "{refused:?}");
            assert!(!format!("{refused} {refused:?}").contains("hunter2"), "{refused:?}");
        }
        for url in ["postgres://u:p%2Fw%3F@db/sqal?sslmode=disable", "postgres://db/sqal?options[search_path]=public"] {
            assert!(PostgresConfig::new(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_schema_needs_no_quotes() {
        let config = PostgresConfig::new("postgres://db/sqal").unwrap();
        assert!(config.clone().in_schema("line_2").is_ok());
        for name in ["", "Line", "2nd", "a-b", "a\"; DROP TABLE sample; --", &"a".repeat(41)] {
            assert_eq!(config.clone().in_schema(name).unwrap_err(), InvalidPostgres::Schema(name.to_owned()));
        }
    }
}

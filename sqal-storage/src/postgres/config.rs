//! [`PostgresConfig`]: where a PostgreSQL store is, and how patient its calls are.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

/// How a PostgreSQL store is opened. Its `Debug` shows no password.
#[derive(Clone)]
pub struct PostgresConfig {
    pub(super) options: PgConnectOptions,
    pub(super) schema: String,
    /// How many connections write. Two let one batch travel while another waits for the disk.
    pub writers: NonZeroU32,
    /// How many connections read: readers never take a writer's.
    pub readers: NonZeroU32,
    /// How long a call waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a call takes at most, all in all. The server gives up at the same time.
    pub deadline: Duration,
    /// After how many days samples are compressed, where `TimescaleDB` can (a chunk a day, about half the size); `None` leaves them as they are.
    pub compress_after_days: Option<NonZeroU32>,
}

/// A PostgreSQL store that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPostgres {
    /// The URL is none. What it was is not said: it may hold a password.
    #[error("not a URL of PostgreSQL: expected postgres://user:password@host:port/database")]
    Url,
    /// The schema's name is none.
    #[error("schema {0:?}: expected 1 to 40 of a-z, 0-9 and _, beginning with a letter")]
    Schema(String),
}

impl PostgresConfig {
    /// The database at a URL, in its schema `public`; two writers, eight readers, 2 s for a connection, 10 s for a call, compression after a week.
    ///
    /// `postgresql://` and the `+driver` of another language's URL (`postgresql+asyncpg://`) are understood (C-27).
    ///
    /// # Errors
    ///
    /// [`InvalidPostgres::Url`] if it is none.
    pub fn new(url: &str) -> Result<Self, InvalidPostgres> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidPostgres::Url)?;
        let scheme = scheme.split_once('+').map_or(scheme, |(scheme, _)| scheme);
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(InvalidPostgres::Url);
        }
        let options = PgConnectOptions::from_str(&format!("postgres://{rest}")).map_err(|_| InvalidPostgres::Url)?;
        let n = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Ok(Self {
            options: options.application_name("sqal"),
            schema: "public".to_owned(),
            writers: n(2),
            readers: n(8),
            acquire_timeout: Duration::from_secs(2),
            deadline: Duration::from_secs(10),
            compress_after_days: Some(n(7)),
        })
    }

    /// The same in another schema of the database; it is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`InvalidPostgres::Schema`] for a name that would need quotes.
    pub fn in_schema(mut self, schema: &str) -> Result<Self, InvalidPostgres> {
        let plain = schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !plain || schema.len() > 40 || !schema.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(InvalidPostgres::Schema(schema.to_owned()));
        }
        schema.clone_into(&mut self.schema);
        Ok(self)
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
        }
        for url in ["mysql://u:secret@db/sqal", "secret", "postgres://u:secret@db:port/sqal"] {
            let refused = PostgresConfig::new(url).unwrap_err();
            assert_eq!(refused, InvalidPostgres::Url);
            assert!(!refused.to_string().contains("secret"));
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

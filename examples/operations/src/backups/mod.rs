//! Backup and restore of a database (BKP-01 to BKP-05).
//!
//! A SQLite file is copied compactly. A PostgreSQL is handled by `pg_dump` and `pg_restore`.

mod postgres;
mod program;
mod sqlite;
mod unfinished;

use std::path::Path;

use crate::command_error::CommandError;
use crate::database::Database;

pub(crate) use postgres::same_database;
pub(crate) use sqlite::same_file;
use unfinished::{finish, remove_unfinished, unfinished};

/// Writes a backup into a new file.
pub(crate) async fn write(database: &Database, to: &Path) -> Result<(), CommandError> {
    if to.exists() {
        return Err(CommandError::InTheWay(to.to_owned()));
    }
    let unfinished = unfinished(to);
    remove_unfinished(&unfinished)?;
    match database {
        Database::Sqlite(store) => store.backup_to(&unfinished).await?,
        Database::Postgres(_, url) => postgres::dump(url, &unfinished)?,
    }
    finish(&unfinished, to)
}

/// Restores a backup into an empty place; with `force`, replaces the database that is there.
pub(crate) async fn restore(from: &Path, place: &str, force: bool) -> Result<Database, CommandError> {
    if !from.exists() {
        return Err(CommandError::Absent(from.to_owned()));
    }
    if place.contains("://") {
        postgres::restore(from, place, force)?;
    } else {
        sqlite::restore(from, Path::new(place), force).await?;
    }
    Database::open(place).await
}

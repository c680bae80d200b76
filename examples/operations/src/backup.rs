//! Backup and restore: a compact copy of a SQLite file, or `pg_dump` and `pg_restore`; and the drill that measures both (BKP-01 to BKP-05).

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sqal_storage::{Contents, SqliteConfig, SqliteStore};

use crate::Failed;
use crate::database::Database;

/// Everything of ours. What is somebody else's stays, and is in the way of its copy in the backup, which ends the restore.
const DROP_OURS: &str = "DROP VIEW sensor_samples; DROP TABLE sample, sample_hour, audit_logs, sqal_schema;
    DROP FUNCTION sqal_matrix, sqal_channels, sqal_number;";

/// What a drill has measured.
#[derive(Debug)]
pub(crate) struct Drill {
    /// What was backed up and came back.
    pub(crate) contents: Contents,
    /// How long the backup took.
    pub(crate) backup: Duration,
    /// How long the restore took until the store answered: the recovery time.
    pub(crate) restore: Duration,
    /// How much younger the newest sample of the database was than that of the backup when the drill ended: what would have been lost.
    pub(crate) lost: Duration,
    /// The size of the backup in bytes.
    pub(crate) bytes: u64,
}

#[expect(clippy::disallowed_methods, reason = "a drill measures time")]
fn now() -> Instant {
    Instant::now()
}

/// Writes a backup into a new file.
pub(crate) async fn backup(database: &Database, to: &Path) -> Result<(), Failed> {
    if to.exists() {
        return Err(Failed::InTheWay(to.to_owned()));
    }
    if database.is_hypertable() {
        return Err(Failed::Hypertable);
    }
    match database {
        Database::Sqlite(store) => store.backup_to(to).await?,
        Database::Postgres(_, url) => {
            // A half-written dump must not look like one.
            let unfinished = to.with_extension("unfinished");
            run(with_password(Command::new("pg_dump").args(["--format=custom", "--file"]).arg(&unfinished), url))?;
            std::fs::rename(&unfinished, to)?;
        }
    }
    Ok(())
}

/// Brings a backup into a place where nothing is, or replaces what is there if that is wanted.
pub(crate) async fn restore(from: &Path, place: &str, force: bool) -> Result<Database, Failed> {
    if !from.exists() {
        return Err(Failed::Absent(from.to_owned()));
    }
    if place.contains("://") {
        let there = Database::open(place).await?;
        if there.is_hypertable() {
            return Err(Failed::Hypertable);
        }
        let contents = Contents::of(&*there.custody()).await?;
        there.close().await;
        if contents.samples > 0 && !force {
            return Err(Failed::NotEmpty(contents.samples));
        }
        // One transaction drops what is there and brings what was: cut off anywhere, it leaves what was there. (pg_restore's own
        // --clean cannot drop what a partition inherits.)
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("restore.sql");
        run(Command::new("pg_restore").args(["--no-owner", "--file"]).arg(&script).arg(from))?;
        let mut psql = Command::new("psql");
        psql.args([
            "--quiet",
            "--no-psqlrc",
            "--single-transaction",
            "--set=ON_ERROR_STOP=1",
            "--output=/dev/null",
            "--command",
        ]);
        run(with_password(psql.arg(DROP_OURS).arg("--file").arg(&script), place))?;
    } else {
        let path = Path::new(place);
        if path.exists() && !force {
            return Err(Failed::InTheWay(path.to_owned()));
        }
        // Beside the place, then into it: a restore that is cut off leaves what was there.
        let unfinished = path.with_extension("unfinished");
        std::fs::copy(from, &unfinished)?;
        let copy = SqliteStore::open(&SqliteConfig::at(&unfinished)).await?;
        copy.check_integrity().await?;
        copy.close().await;
        for log in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{place}{log}"));
        }
        std::fs::rename(&unfinished, path)?;
    }
    Database::open(place).await
}

/// Backs up, restores elsewhere, and compares: a backup that was never restored is a hope.
pub(crate) async fn drill(database: &Database, scratch: &str) -> Result<Drill, Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("drill.backup");
    let before = Contents::of(&*database.custody()).await?;
    let begun = now();
    backup(database, &file).await?;
    let backup = begun.elapsed();
    let begun = now();
    let restored = restore(&file, scratch, true).await?;
    restored.custody().ping().await?;
    let restore = begun.elapsed();
    let contents = Contents::of(&*restored.custody()).await?;
    restored.close().await;
    // The line may have gone on while it was backed up: the backup is from between.
    let after = Contents::of(&*database.custody()).await?;
    let between = before.samples <= contents.samples && contents.samples <= after.samples;
    if !between || (before == after && contents != before) {
        return Err(Failed::Different { expected: before, found: contents });
    }
    let newest = |contents: &Contents| contents.newest.map_or(0, sqal_core::Timestamp::micros);
    let lost = Duration::from_micros(u64::try_from(newest(&after) - newest(&contents)).unwrap_or(0));
    Ok(Drill { contents, backup, restore, lost, bytes: std::fs::metadata(&file)?.len() })
}

/// The password of a URL travels in the environment: arguments are seen by every user of the machine.
fn with_password<'c>(command: &'c mut Command, url: &str) -> &'c mut Command {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let scheme = scheme.split_once('+').map_or(scheme, |(scheme, _)| scheme);
    let (user, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (user, password) = user.split_once(':').map_or((user, None), |(user, password)| (user, Some(password)));
    if let Some(password) = password {
        command.env("PGPASSWORD", percent_decoded(password));
    }
    let at = if user.is_empty() { "" } else { "@" };
    command.arg(format!("--dbname={scheme}://{user}{at}{host}"))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn run(command: &mut Command) -> Result<(), Failed> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| Failed::Program { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failed::Ended { program, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_in_no_argument() {
        let mut command = Command::new("pg_dump");
        with_password(&mut command, "postgresql+asyncpg://me:p%40ss:w@db:5433/sqal?sslmode=require");
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
        assert_eq!(arguments, ["--dbname=postgresql://me@db:5433/sqal?sslmode=require"]);
        let password = command.get_envs().find(|(name, _)| *name == "PGPASSWORD").and_then(|(_, value)| value);
        assert_eq!(password.unwrap(), "p@ss:w");
        let mut command = Command::new("pg_dump");
        with_password(&mut command, "postgres://db/sqal");
        assert!(command.get_envs().next().is_none());
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
    }
}

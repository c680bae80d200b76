//! Backup and restore of a database, and the drill that measures both (BKP-01 to BKP-05).
//!
//! A SQLite file is copied compactly. A PostgreSQL is handled by `pg_dump` and `pg_restore`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sqal_storage::{
    SqliteStore, StorageErrorKind,
    evidence::{Contents, Expected},
    sql::{TABLES, VIEWS},
    sqlite::SqliteConfig,
};

use crate::Failed;
use crate::database::Database;

/// Runs in one transaction with the restore ([`of_ours`] names the tables): limits the wait for
/// locks, and fails if one of our tables holds rows. It is left out with `--force`.
const NOTHING_THERE: &str = "SET LOCAL lock_timeout = '10s';
DO $$ DECLARE ours text; filled boolean; BEGIN
    FOREACH ours IN ARRAY string_to_array('{tables}', ', ') LOOP
        IF to_regclass(ours) IS NOT NULL THEN
            EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', ours);
            EXECUTE format('SELECT EXISTS (SELECT FROM %I)', ours) INTO filled;
            IF filled THEN RAISE EXCEPTION 'the database is not empty: % holds something; --force replaces it', ours; END IF;
        END IF;
    END LOOP;
END $$;";

/// Drops all objects of SQAL. Objects of other owners stay; if one has the name of an object in the
/// backup, the restore fails.
const DROP_OURS: &str = "SET LOCAL lock_timeout = '10s'; DROP VIEW IF EXISTS {views};
    DROP TABLE IF EXISTS {tables}, sqal_schema;
    DROP FUNCTION IF EXISTS sqal_matrix, sqal_channels, sqal_number;";

/// A statement with the names of our tables and views in it.
fn of_ours(statement: &str) -> String {
    statement.replace("{tables}", &TABLES.join(", ")).replace("{views}", &VIEWS.join(", "))
}

/// A block that is executed only if the database has `TimescaleDB`. In the statement, `%1$s` is the
/// schema of its functions.
macro_rules! where_there_are_chunks {
    ($statement:literal) => {
        concat!(
            "DO $$ DECLARE extension text; BEGIN
                SELECT extnamespace::regnamespace INTO extension FROM pg_extension WHERE extname = 'timescaledb';
                IF FOUND THEN EXECUTE format('",
            $statement,
            "', extension); END IF;
            END $$;"
        )
    };
}

/// Dropping a hypertable leaves the tables of its compressed chunks (2.28). Dropping the chunks
/// first does not.
const DROP_CHUNKS: &str = where_there_are_chunks!(
    "SELECT %1$s.drop_chunks(to_regclass(''sample''), created_before => ''infinity''::timestamptz)
        WHERE EXISTS (SELECT FROM _timescaledb_catalog.hypertable
            WHERE to_regclass(format(''%%I.%%I'', schema_name, table_name)) = to_regclass(''sample''))"
);

/// The steps of `TimescaleDB` around a restore. They are rolled back with everything else if the
/// restore fails.
const BEFORE_CHUNKS: &str = where_there_are_chunks!("SELECT %1$s.timescaledb_pre_restore()");
const AFTER_CHUNKS: &str = where_there_are_chunks!("SELECT %1$s.timescaledb_post_restore()");

/// Fails if the restored backup is not one of SQAL.
const IS_OURS: &str = "SELECT 1 FROM sample LIMIT 1; SELECT 1 / count(*) FROM sqal_schema;";

/// The results of a drill.
#[derive(Debug)]
pub(crate) struct Drill {
    /// The contents that were backed up and restored.
    pub(crate) contents: Contents,
    /// The duration of the backup.
    pub(crate) backup: Duration,
    /// The duration of the restore until the store answered: the recovery time.
    pub(crate) restore: Duration,
    /// The age of the backup's newest sample relative to that of the database at the end of the
    /// drill: the time span that would have been lost.
    pub(crate) lost: Duration,
    /// The size of the backup in bytes.
    pub(crate) bytes: u64,
}

#[expect(clippy::disallowed_methods, reason = "a drill measures time")]
fn now() -> Instant {
    Instant::now()
}

/// The name for an unfinished file beside its final one, so that a partial file is never taken for
/// a complete one.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}

/// Renames a finished file to its final name, durably: it is still there after a power cut.
fn finish(unfinished: &Path, path: &Path) -> Result<(), Failed> {
    File::open(unfinished)?.sync_all()?;
    std::fs::rename(unfinished, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

/// Removes the unfinished file of an earlier command, with the logs of SQLite beside it.
fn remove_unfinished(path: &Path) -> Result<(), Failed> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match std::fs::remove_file(Path::new(&name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Writes a backup into a new file.
pub(crate) async fn backup(database: &Database, to: &Path) -> Result<(), Failed> {
    if to.exists() {
        return Err(Failed::InTheWay(to.to_owned()));
    }
    let unfinished = unfinished(to);
    remove_unfinished(&unfinished)?;
    match database {
        Database::Sqlite(store) => store.backup_to(&unfinished).await?,
        Database::Postgres(_, url) => {
            run(as_user(Command::new("pg_dump").args(["--format=custom", "--file"]).arg(&unfinished), url))?;
        }
    }
    finish(&unfinished, to)
}

/// Restores a backup into an empty place; with `force`, replaces the database that is there.
pub(crate) async fn restore(from: &Path, place: &str, force: bool) -> Result<Database, Failed> {
    if !from.exists() {
        return Err(Failed::Absent(from.to_owned()));
    }
    if place.contains("://") {
        restore_postgres(from, place, force)?;
    } else {
        restore_sqlite(from, Path::new(place), force).await?;
    }
    Database::open(place).await
}

/// Drops the present tables and restores the backup in one transaction, so that an interrupted
/// restore changes nothing.
///
/// (The `--clean` of `pg_restore` cannot drop what a partition inherits.)
fn restore_postgres(from: &Path, url: &str, force: bool) -> Result<(), Failed> {
    let list = run(Command::new("pg_restore").arg("--list").arg(from))?;
    let foreign = acting(&list);
    if !foreign.is_empty() {
        return Err(Failed::Foreign { file: from.to_owned(), foreign });
    }
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("restore.sql");
    run(Command::new("pg_restore").args(["--no-owner", "--file"]).arg(&script).arg(from))?;
    let mut psql = Command::new("psql");
    psql.args(["--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]);
    if !force {
        psql.args(["--command", &of_ours(NOTHING_THERE)]);
    }
    psql.args(["--command", DROP_CHUNKS, "--command", &of_ours(DROP_OURS), "--command", BEFORE_CHUNKS]);
    psql.arg("--file").arg(&script);
    // The script of `pg_restore` clears the search path.
    psql.args(["--command", "SET search_path = public", "--command", AFTER_CHUNKS, "--command", IS_OURS]);
    run(as_user(&mut psql, url)).map(|_| ())
}

/// The entries in the list of a dump that run code by themselves, except the triggers of
/// `TimescaleDB`.
fn acting(list: &str) -> Vec<String> {
    const KINDS: [&str; 4] = ["EVENT TRIGGER ", "TRIGGER ", "RULE ", "POLICY "];
    let entries = list.lines().filter(|line| !line.starts_with(';'));
    // An entry has the form `3312; 2620 16456 TRIGGER public register quiet owner`.
    let named = entries.filter_map(|line| line.split_once("; ")?.1.splitn(3, ' ').nth(2));
    let act = named
        .filter(|entry| KINDS.iter().any(|kind| entry.starts_with(kind)) && !entry.contains(" ts_insert_blocker "));
    act.map(|entry| entry.rsplit_once(' ').map_or(entry, |(entry, _owner)| entry).to_owned()).collect()
}

/// Makes a checked copy beside the place and renames it. Fails if the replaced file is open in a
/// server.
async fn restore_sqlite(from: &Path, place: &Path, force: bool) -> Result<(), Failed> {
    let unfinished = unfinished(place);
    if place.exists() && !force {
        return Err(Failed::InTheWay(place.to_owned()));
    }
    if same_file(from, place) || same_file(from, &unfinished) {
        return Err(Failed::Itself(from.to_owned()));
    }
    remove_unfinished(&unfinished)?;
    // Opened through SQLite, so that the log beside the backup is included.
    let backup = SqliteStore::open_as_it_is(&SqliteConfig::at(from)).await?;
    backup.check_integrity().await?;
    let foreign = backup.foreign_objects().await?;
    if !foreign.is_empty() {
        return Err(Failed::Foreign { file: from.to_owned(), foreign });
    }
    backup.backup_to(&unfinished).await?;
    backup.close().await;
    let copy = SqliteStore::open_as_it_is(&SqliteConfig::at(&unfinished)).await?;
    copy.check_integrity().await?;
    copy.close().await;
    if place.exists() {
        match SqliteStore::retire(place).await {
            Ok(()) => {}
            Err(error) if error.kind == StorageErrorKind::Busy => return Err(Failed::InUse(place.to_owned())),
            // A file that is too damaged to be opened is renamed with its log, for a later
            // examination.
            Err(_) => {
                for end in ["-wal", "-shm", ""] {
                    let name = |tail: &str| PathBuf::from(format!("{}{tail}{end}", place.display()));
                    if name("").exists() {
                        std::fs::rename(name(""), name(".replaced"))?;
                    }
                }
            }
        }
    }
    finish(&unfinished, place)
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Whether two URLs lead to one database, whatever names they use.
fn same_database(a: &str, b: &str) -> Result<bool, Failed> {
    let who = |url| {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command"]);
        psql.arg("SELECT system_identifier, current_database() FROM pg_control_system()");
        run(as_user(&mut psql, url))
    };
    Ok(who(a)? == who(b)?)
}

/// Backs up, restores into the scratch database, and compares, because only a restored backup is
/// known to be good.
pub(crate) async fn drill(place: &str, database: &Database, scratch: &str, force: bool) -> Result<Drill, Failed> {
    let same = match database {
        Database::Sqlite(_) => same_file(Path::new(place), Path::new(scratch)),
        Database::Postgres(_, url) => scratch.contains("://") && same_database(url, scratch)?,
    };
    if same || scratch.contains("://") != place.contains("://") {
        return Err(Failed::NoScratch);
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("drill.backup");
    let (before, decided) = (database.contents().await?, database.decisions().await?);
    let begun = now();
    backup(database, &file).await?;
    let backup = begun.elapsed();
    let begun = now();
    let restored = restore(&file, scratch, force).await?;
    restored.custody().ping().await?;
    let restore = begun.elapsed();
    let brought_back = restored.decisions().await?;
    // If the schema is older, only the samples can be compared.
    let contents = if restored.schema_version().await? == restored.newest() {
        restored.examine(&Expected::default()).await?.contents
    } else {
        restored.contents().await?
    };
    restored.close().await;
    // The line may store samples during the backup, so the backup holds between the number before
    // and the number after it.
    let after = database.contents().await?;
    let between = before.samples <= contents.samples && contents.samples <= after.samples;
    if !between || (before == after && contents != before) {
        return Err(Failed::Different { expected: before, found: contents });
    }
    // Decisions are rare. If one is made during the drill, they are not compared.
    if brought_back != decided && database.decisions().await? == decided {
        return Err(Failed::DecisionsDiffer { expected: decided.len(), found: brought_back.len() });
    }
    let newest = |contents: &Contents| contents.newest.map_or(0, sqal_core::Timestamp::micros);
    let lost = Duration::from_micros(u64::try_from(newest(&after) - newest(&contents)).unwrap_or(0));
    Ok(Drill { contents, backup, restore, lost, bytes: std::fs::metadata(&file)?.len() })
}

/// Adds a URL to a call of a PostgreSQL program. The password is passed in the environment, because
/// every user of the machine can read arguments.
fn as_user<'c>(command: &'c mut Command, url: &str) -> &'c mut Command {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let scheme = scheme.split_once('+').map_or(scheme, |(scheme, _)| scheme);
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, mut password) = user.split_once(':').map_or((user, None), |(user, password)| (user, Some(password)));
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.strip_prefix("password=") {
            Some(given) => password = Some(given),
            None => kept.push(pair),
        }
    }
    if let Some(password) = password {
        command.env("PGPASSWORD", percent_decoded(password));
    }
    let (at, mark) = (if user.is_empty() { "" } else { "@" }, if kept.is_empty() { "" } else { "?" });
    // No terminal is available for a password prompt.
    command.arg("--no-password").arg(format!("--dbname={scheme}://{user}{at}{host}{path}{mark}{}", kept.join("&")))
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

/// Runs a program to its end, and returns its output.
fn run(command: &mut Command) -> Result<String, Failed> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| Failed::Program { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failed::Ended { program, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_by_itself_in_a_dump_is_named() {
        let list = ";\n; Archive created at 2026-11-28\n;     TOC Entries: 30\n\
            3300; 1259 16400 TABLE public sample sqal\n3312; 2620 16456 TRIGGER public register quiet sqal\n\
            3313; 2620 16457 TRIGGER public sample ts_insert_blocker sqal\n3314; 2618 16458 RULE public audit_logs no_log sqal\n\
            3315; 0 0 ACL - TABLE sample sqal\n3316; 3466 16459 EVENT TRIGGER - late sqal\n";
        let named = ["TRIGGER public register quiet", "RULE public audit_logs no_log", "EVENT TRIGGER - late"];
        assert_eq!(acting(list), named);
    }

    #[test]
    fn a_password_is_in_no_argument() {
        let mut command = Command::new("pg_dump");
        as_user(&mut command, "postgresql+asyncpg://me:p%40ss:w@db:5433/sqal?sslmode=require");
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
        assert_eq!(arguments, ["--no-password", "--dbname=postgresql://me@db:5433/sqal?sslmode=require"]);
        let password = command.get_envs().find(|(name, _)| *name == "PGPASSWORD").and_then(|(_, value)| value);
        assert_eq!(password.unwrap(), "p@ss:w");
        let mut command = Command::new("pg_dump");
        as_user(&mut command, "postgres://me@prod/sqal?application_name=a@b&password=s3cret&sslmode=require");
        let shown = format!("{:?}", command.get_args().collect::<Vec<_>>());
        assert!(
            shown.contains("me@prod/sqal?application_name=a@b&sslmode=require") && !shown.contains("s3cret"),
            "{shown}"
        );
        let mut command = Command::new("pg_dump");
        as_user(&mut command, "postgres://db/sqal");
        assert!(command.get_envs().next().is_none());
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
    }
}

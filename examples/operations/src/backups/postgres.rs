//! Backup and restore of a PostgreSQL, by its client programs.

use std::path::Path;
use std::process::Command;

use sqal_storage::sql::{TABLES, VIEWS};

use super::program::{as_user, run};
use crate::command_error::CommandError;

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
/// backup, the restore fails. A view is ours if it reads one of our tables.
const DROP_OURS: &str = "SET LOCAL lock_timeout = '10s';
DO $$ DECLARE ours text; BEGIN
    FOR ours IN SELECT name FROM unnest(string_to_array('{views}', ', ')) AS name WHERE EXISTS (
        SELECT FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        WHERE r.ev_class = to_regclass(name) AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN (
            SELECT to_regclass(read) FROM unnest(string_to_array('{tables}', ', ')) AS read))
    LOOP EXECUTE 'DROP VIEW ' || ours; END LOOP;
END $$;
DROP TABLE IF EXISTS {tables}, sqal_schema;
DROP FUNCTION IF EXISTS sqal_matrix, sqal_channels, sqal_number;";

/// A statement with the names of our tables and views in it. A view may have capitals in its name.
fn of_ours(statement: &str) -> String {
    let views = VIEWS.map(|view| format!("\"{view}\""));
    statement.replace("{tables}", &TABLES.join(", ")).replace("{views}", &views.join(", "))
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

/// Writes a dump of a database into a new file.
pub(super) fn dump(url: &str, to: &Path) -> Result<(), CommandError> {
    run(as_user(Command::new("pg_dump").args(["--format=custom", "--file"]).arg(to), url)).map(|_| ())
}

/// Drops the present tables and restores the backup in one transaction, so that an interrupted
/// restore changes nothing.
///
/// (The `--clean` of `pg_restore` cannot drop what a partition inherits.)
pub(super) fn restore(from: &Path, url: &str, force: bool) -> Result<(), CommandError> {
    let list = run(Command::new("pg_restore").arg("--list").arg(from))?;
    let foreign = acting(&list);
    if !foreign.is_empty() {
        return Err(CommandError::Foreign { file: from.to_owned(), foreign });
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

/// Whether two URLs lead to one database, whatever names they use.
pub(crate) fn same_database(a: &str, b: &str) -> Result<bool, CommandError> {
    let who = |url| {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command"]);
        psql.arg("SELECT system_identifier, current_database() FROM pg_control_system()");
        run(as_user(&mut psql, url))
    };
    Ok(who(a)? == who(b)?)
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
}

//! `sqal bugs` as an operator runs it: bugs of other trackers come in once, all bugs go out, the
//! bugs of a person are found, and a reporter is exported and erased by its subject.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use sqal_bugs::book::ReporterFields;
use sqal_bugs::{BugBook, BugFields, NewBug};
use sqal_core::{Name, Timestamp};
use sqal_storage::bugs::{Bug, BugSource, BugSummary};
use sqal_storage::sealed::{KeyRing, Nonce};
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{Bugs, SealedFields, SqliteStore};
use tempfile::TempDir;

const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

const CSV: &str = "\
id,title,severity,status,deviceId,createdAt,resolvedAt,owner
7,valve stuck,high,open,ESP32_003,2026-11-28T06:00:00Z,,jo
8,=cmd|pump,low,resolved,,2026-11-27T06:00:00Z,2026-11-28T18:00:00Z,jo
9,fan loud,awful,open,,,,jo
";

const XML: &str = "\
<bugzilla version=\"5.0\"><bug><bug_id>7</bug_id><creation_ts>2009-01-01 12:00:00 +0000</creation_ts>
<short_desc>valve stuck</short_desc><bug_severity>major</bug_severity><bug_status>NEW</bug_status>
<reporter>jo@plant.example</reporter>
<long_desc><who>jo@plant.example</who><bug_when>2009-01-01 12:00:00 +0000</bug_when>
<thetext>It is.</thetext></long_desc>
</bug></bugzilla>";

/// What a command has printed, or its exit code and its complaint.
fn sqal(arguments: &[&str]) -> Result<String, (Option<i32>, String)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sqal"));
    command.args(arguments).env_remove("DATABASE_URL").env("MASTER_ENCRYPTION_KEY", KEY);
    let ended = command.output().unwrap();
    let (out, error) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    if ended.status.success() { Ok(out.trim().to_owned()) } else { Err((ended.status.code(), error)) }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// A folder with an empty database, and the path of the database.
fn database() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sqal.db");
    block_on(async { SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap().close().await });
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn summary(database: &str) -> BugSummary {
    block_on(async {
        let store = SqliteStore::open(&SqliteConfig::at(Path::new(database))).await.unwrap();
        let until = Timestamp::from_micros(1_800_000_000_000_000).unwrap();
        let summary = store.bug_summary(Timestamp::from_micros(0).unwrap()..until).await.unwrap();
        store.close().await;
        summary
    })
}

/// A name of a file in a folder, with its text.
fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_second_import_adds_nothing_and_refused_lines_are_told_each_time() {
    let (folder, database) = database();
    let csv = file(&folder, "bugs.csv", CSV);
    let import = || sqal(&["bugs", "import", "--database", &database, "--system", "jira", &csv]);
    for (round, begin) in [(1, "2 new bugs, 0 known ones, 1 refused lines"), (2, "0 new bugs, 2 known ones, 1 ref")] {
        let (code, told) = import().unwrap_err();
        assert_eq!(code, Some(1), "{round}: {told}");
        assert!(told.starts_with(&format!("sqal: {begin}")), "{round}: {told}");
        assert!(told.contains("line 4: severity: found \"awful\"") && told.contains("not imported: owner"), "{told}");
    }
    let summary = summary(&database);
    assert_eq!((summary.total(), summary.total_ended(), summary.created, summary.ended), (2, 1, 2, 1));
    assert_eq!(summary.ended_after_micros, 36 * 3_600_000_000);
    let head = sqal(&["audit", "head", "--database", &database]).unwrap();
    assert!(head.starts_with("1 "), "the audit log has one line, of the import that added bugs: {head}");
}

#[test]
fn bugs_of_bugzilla_come_in_by_the_ending_of_the_file_and_without_the_names_of_people() {
    let (folder, database) = database();
    let xml = file(&folder, "show_bug.xml", XML);
    let told = sqal(&["bugs", "import", "--database", &database, &xml]).unwrap();
    assert!(told.starts_with("1 new bugs, 0 known ones, 0 refused lines"), "{told}");
    // The bug of another system with this number is another bug.
    let csv = file(&folder, "bugs.csv", "id,title\n7,valve stuck\n");
    let told = sqal(&["bugs", "import", "--database", &database, "--system", "jira", &csv]).unwrap();
    assert!(told.starts_with("1 new bugs, 0 known ones"), "{told}");
    let table = sqal(&["bugs", "export", "--database", &database]).unwrap();
    assert!(table.lines().count() == 3 && !table.contains("jo@"), "{table}");
}

#[test]
fn what_is_exported_is_known_to_its_own_database_and_new_for_another_one() {
    let (folder, first) = database();
    let csv = file(&folder, "bugs.csv", CSV);
    sqal(&["bugs", "import", "--database", &first, &csv]).unwrap_err();
    let table = sqal(&["bugs", "export", "--database", &first]).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(!table.contains(",=cmd"), "a spreadsheet could take it for a formula: {table}");
    let open = sqal(&["bugs", "export", "--database", &first, "--status", "open"]).unwrap();
    assert!(open.lines().count() == 2 && open.contains("valve stuck"), "{open}");
    assert!(sqal(&["bugs", "export", "--database", &first, "--status", "mended"]).is_err());

    let exported = file(&folder, "exported.csv", &table);
    let told = sqal(&["bugs", "import", "--database", &first, &exported]).unwrap();
    assert_eq!(told, "0 new bugs, 2 known ones, 0 refused lines");
    let (_other, second) = database();
    let told = sqal(&["bugs", "import", "--database", &second, &exported]).unwrap();
    assert_eq!(told, "2 new bugs, 0 known ones, 0 refused lines");
    assert_eq!(summary(&second).bugs, summary(&first).bugs);
    assert_eq!(sqal(&["bugs", "export", "--database", &second]).unwrap(), table);
}

/// Reports a bug with the name and the mail address of a person; its id is made of the number.
fn reported(database: &str, number: u8, name: &str, mail: &str) -> Bug {
    block_on(async {
        let store = Arc::new(SqliteStore::open(&SqliteConfig::at(Path::new(database))).await.unwrap());
        let fields: Arc<dyn SealedFields> = store.clone();
        let sealed = ReporterFields::new(fields, KeyRing::from_texts(KEY, []).unwrap(), Nonce::random);
        let random = Arc::new(move || [number; 16]);
        let book = BugBook::new(store.clone(), None, Some(Arc::new(sealed)), Arc::new(()), random);
        let text = |text: &str| Some(text.to_owned());
        let fields = BugFields {
            title: text("x"),
            description: text("y"),
            severity: text("low"),
            priority: text("low"),
            reported_by: text(name),
            reported_by_email: text(mail),
            ..BugFields::default()
        };
        let (by, at) = (Name::new("anna").unwrap(), Timestamp::from_micros(1_794_000_000_000_000).unwrap());
        let bug = book.report(NewBug::of(fields).unwrap(), BugSource::Person, by, at).await.unwrap();
        store.close().await;
        bug
    })
}

#[test]
fn a_reporter_is_exported_and_erased_by_its_subject_and_the_bug_stays() {
    let (_folder, database) = database();
    let bug = reported(&database, 7, "Planted Person", "planted@plant.example");
    let subject = bug.reporter.unwrap().to_string();
    let export = || sqal(&["export", "--database", &database, "--subject", &subject]).unwrap();
    let found = export();
    assert!(found.contains("Planted Person") && found.contains("planted@plant.example"), "{found}");
    let table = sqal(&["bugs", "export", "--database", &database]).unwrap();
    assert!(!table.to_lowercase().contains("planted"), "{table}");
    let told = sqal(&["erase", "--database", &database, "--subject", &subject]).unwrap();
    assert_eq!(told, format!("erased 2 fields of {subject}"));
    assert_eq!(export(), "");
    assert_eq!(summary(&database).total(), 1);
}

#[test]
fn the_bugs_of_a_person_are_found_by_mail_address_or_name_until_they_are_erased() {
    let (folder, database) = database();
    let bugs = [
        reported(&database, 7, "Planted Person", "planted@plant.example"),
        reported(&database, 8, "P. Person", "Planted@Plant.Example"),
        reported(&database, 9, "Other Person", "other@plant.example"),
    ];
    let [one, two, other] = bugs.map(|bug| format!("{} {}", bug.id, bug.reporter.unwrap()));
    let found = |person: &str| sqal(&["bugs", "reporter", "--database", &database, person]).unwrap();
    assert_eq!(found("planted@PLANT.example"), format!("{one}\n{two}"));
    assert_eq!(found("other person"), other);
    assert_eq!(found("plant.example"), "");

    let subject = one.split(' ').nth(1).unwrap();
    sqal(&["erase", "--database", &database, "--subject", subject]).unwrap();
    assert_eq!(found("planted@plant.example"), two);

    let key = file(&folder, "other.key", &"02".repeat(32));
    let (code, told) =
        sqal(&["bugs", "reporter", "--database", &database, "--master-key-file", &key, "jo"]).unwrap_err();
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("2 confidential fields cannot be opened"), "{told}");
    assert!(!told.to_lowercase().contains("planted"), "{told}");
}

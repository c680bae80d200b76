//! `sqal bugs`: brings bugs of another tracker into a database, writes bugs as CSV, and finds the
//! bugs of a person.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use sqal_bugs::book::{ReporterFields, reporter_of};
use sqal_bugs::exchange::{CsvExport, ImportFile, ImportTerms, import, read_bugzilla, read_csv};
use sqal_bugs::{BugBookError, Reporter};
use sqal_core::Name;
use sqal_storage::bugs::{BugId, BugPerson, BugStatus};

use crate::all_bugs::AllBugs;
use crate::audit_line::action;
use crate::command_error::CommandError;
use crate::database::Database;
use crate::fields::all_opened;
use crate::keys::Keys;
use crate::place::Place;
use crate::wall_clock::now;

/// The bugs that are read at once when those of a person are looked for.
const PAGE: u16 = 500;

/// Bring bugs of another tracker into a database, write bugs as CSV, or find those of a person.
#[derive(Debug, Args)]
pub(crate) struct Bugs {
    #[command(subcommand)]
    what: What,
}

/// The commands for bugs.
#[derive(Debug, Subcommand)]
enum What {
    /// Add the bugs of a file. A bug that was imported before stays as it is, so a file can be
    /// imported again. Names and mail addresses of people are not imported.
    Import {
        #[command(flatten)]
        database: Place,
        /// The file.
        file: PathBuf,
        /// The format of the file; without it that of its ending: `.xml` is of Bugzilla, others are
        /// CSV.
        #[arg(long, value_enum)]
        format: Option<Format>,
        /// The name of the other tracker, such as `bugzilla.plant.example`: bugs are known again by
        /// it and by their number there.
        #[arg(long, default_value = "import", value_parser = Name::<64>::new)]
        system: Name<64>,
        /// A YAML file that maps the names or mail addresses of people in the other tracker to
        /// accounts here.
        #[arg(long, value_name = "FILE")]
        people: Option<PathBuf>,
        /// The author of the imported bugs, and the actor in the audit log.
        #[arg(long, default_value = "sqal bugs import", value_parser = Name::<64>::new)]
        actor: Name<64>,
    },
    /// Write bugs to standard output as CSV, in the order of their ids, without names and mail
    /// addresses of reporters.
    Export {
        #[command(flatten)]
        database: Place,
        /// Only bugs with this status: `open`, `in_progress`, `resolved` or `closed`.
        #[arg(long)]
        status: Option<BugStatus>,
    },
    /// List the bugs that a person has reported, each with the subject of the name and the mail
    /// address, for `sqal export` and `sqal erase`. The names and mail addresses of all bugs are
    /// opened for it, one after another.
    Reporter {
        #[command(flatten)]
        database: Place,
        /// The mail address or the name of the person, with small or capital letters.
        person: String,
        #[command(flatten)]
        keys: Keys,
    },
}

/// The format of a file of bugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Bugzilla,
}

impl Format {
    /// The format that the name of a file tells.
    fn of(file: &Path) -> Self {
        let is_xml = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xml"));
        if is_xml { Self::Bugzilla } else { Self::Csv }
    }

    fn read(self, text: &str, terms: &ImportTerms) -> ImportFile {
        match self {
            Self::Csv => read_csv(text, terms),
            Self::Bugzilla => read_bugzilla(text, terms),
        }
    }
}

impl Bugs {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        match self.what {
            What::Import { database, file, format, system, people, actor } => {
                let by = Name::stored(actor.as_str()).unwrap_or_else(|_| unreachable!("64 bytes are at most 100"));
                let people = people.as_deref().map(people_of).transpose()?.unwrap_or_default();
                let terms = ImportTerms { system, by, at: now(), people };
                let read = format.unwrap_or_else(|| Format::of(&file)).read(&text_of(&file)?, &terms);
                add(&database.read()?, &terms, &read, actor).await
            }
            What::Export { database, status } => export(&database.read()?, status).await,
            What::Reporter { database, person, keys } => reported_by(&database.read()?, &keys, &person).await,
        }
    }
}

/// The text of a file.
fn text_of(file: &Path) -> Result<String, CommandError> {
    fs::read_to_string(file).map_err(|source| CommandError::Unread { file: file.to_owned(), source })
}

/// The accounts of people.
fn people_of(file: &Path) -> Result<BTreeMap<String, BugPerson>, CommandError> {
    let invalid = |why: String| CommandError::InvalidPeople { file: file.to_owned(), why };
    let read: Result<BTreeMap<String, String>, _> = serde_saphyr::from_str(&text_of(file)?);
    // The error does not quote the lines around the place, because they name people.
    let people = read.map_err(|error| invalid(error.without_snippet().to_string()))?;
    let account = |(person, account): (String, String)| match Name::new(&account) {
        Ok(account) => Ok((person, account)),
        Err(why) => Err(invalid(format!("account {account:?} {why}"))),
    };
    people.into_iter().map(account).collect()
}

/// Adds the bugs of a file that was read. What is wrong with the file is an error at the end.
async fn add(place: &str, terms: &ImportTerms, read: &ImportFile, actor: Name<64>) -> Result<String, CommandError> {
    let database = Database::open_current(place).await?;
    let tally = import(&*database.bugs(), &read.bugs, terms.by).await?;
    if tally.added > 0 {
        let what = format!("imported {} bugs of {}", tally.added, terms.system);
        database.custody().log_action(action(actor, "bug_import", &what)).await?;
    }
    database.close().await;
    let mut said = format!("{} new bugs, {} known ones, {} refused lines", tally.added, tally.known, read.faults.len());
    if !read.ignored.is_empty() {
        let ignored = read.ignored.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        said = format!("{said}; not imported: {ignored}");
    }
    if read.faults.is_empty() {
        return Ok(said);
    }
    Err(CommandError::RefusedBugs { said, lines: read.faults.iter().map(ToString::to_string).collect() })
}

/// Writes the bugs of a database.
async fn export(place: &str, status: Option<BugStatus>) -> Result<String, CommandError> {
    let database = Database::open_current(place).await?;
    let mut table = CsvExport::new(std::io::stdout().lock())?;
    let mut all = AllBugs::of(database.bugs(), status);
    while let Some(page) = all.next().await? {
        page.iter().try_for_each(|bug| table.write(bug))?;
    }
    table.finish()?;
    database.close().await;
    Ok(String::new())
}

/// Lists the bugs of a person, one a line, with their subjects. Bugs whose reporter does not open
/// are an error.
async fn reported_by(place: &str, keys: &Keys, person: &str) -> Result<String, CommandError> {
    let database = Database::open_current(place).await?;
    let fields: ReporterFields = keys.fields(database.fields())?;
    let (bugs, person) = (database.bugs(), person.to_lowercase());
    let (mut lines, mut unreadable, mut after) = (Vec::new(), Vec::new(), None::<BugId>);
    loop {
        let page = bugs.bugs_after(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for bug in &page {
            let Some(subject) = bug.reporter else { continue };
            match reporter_of(bug, &fields).await {
                Ok(reporter) if reporter.as_ref().is_some_and(|reporter| is_called(reporter, &person)) => {
                    lines.push(format!("{} {subject}", bug.id));
                }
                Ok(_) => {}
                Err(BugBookError::Storage(error)) => return Err(error.into()),
                Err(error) => unreadable.push(error.to_string()),
            }
        }
    }
    database.close().await;
    all_opened(&unreadable)?;
    Ok(lines.join("\n"))
}

/// Whether a person has this mail address or name, which is in small letters.
fn is_called(reporter: &Reporter, person: &str) -> bool {
    let mail = reporter.mail().is_some_and(|mail| mail.as_str().to_lowercase() == person);
    mail || reporter.name().is_some_and(|name| name.as_str().to_lowercase() == person)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_file_tells_its_format() {
        for (file, format) in [("a.csv", Format::Csv), ("a.XML", Format::Bugzilla), ("a", Format::Csv)] {
            assert_eq!(Format::of(Path::new(file)), format, "{file}");
        }
    }

    #[test]
    fn people_are_read_and_a_mistake_shows_none_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people.yaml");
        fs::write(&file, "jo@plant.example: jo\nMarie Curie: marie\n").unwrap();
        let people = people_of(&file).unwrap();
        assert_eq!((people.len(), people["jo@plant.example"].as_str()), (2, "jo"));
        for text in ["- jo@plant.example", "jo@plant.example: [jo]", "jo@plant.example: ''"] {
            fs::write(&file, text).unwrap();
            let refused = people_of(&file).unwrap_err().to_string();
            assert!(refused.contains("people.yaml") && !refused.contains("jo@"), "{refused}");
        }
    }
}

//! Heads: statements of a database's contents in a file outside of it, and their comparison.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sqal_core::Timestamp;
use sqal_storage::{
    evidence::{Evidence, Expected},
    heads::{HeadFile, HeadSigner, Heads, PublicKey},
    sealed::{FieldKey, KeyId, KeyRing, UnsealError},
};

use crate::Failed;
use crate::database::Database;
use crate::keys::Keys;
use crate::place::Place;
use crate::rotation::all_opened;

/// The commands for heads.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Print the public key that verifies the heads signed with the master key.
    Key {
        #[command(flatten)]
        keys: Keys,
    },
    /// Print the end of the audit log: the number of its lines, and the hash of the last one.
    Head {
        #[command(flatten)]
        database: Place,
    },
    /// Read every hour that changed, and append the contents of the database to a file of heads;
    /// signed if there is a master key.
    Sign {
        #[command(flatten)]
        database: Place,
        /// The file of heads; it is created if it does not exist.
        #[arg(long)]
        heads: PathBuf,
        #[command(flatten)]
        keys: Keys,
    },
    /// Read everything and compare it with itself and with a file of heads, as
    /// `sqal verify --heads` does.
    Verify {
        #[command(flatten)]
        database: Place,
        #[command(flatten)]
        stated: StatedElsewhere,
    },
}

/// The heads to compare with, and the trusted keys.
#[derive(Debug, Args)]
pub(crate) struct StatedElsewhere {
    /// A file of heads to compare with (`heads.ndjson` of the data folder, or a copy from another
    /// machine).
    #[arg(long)]
    heads: Option<PathBuf>,
    /// A public key that heads must be signed with (`sqal audit key` prints it); without one the
    /// keys of the ring are trusted, and without a ring any key, which is reported.
    #[arg(long, value_name = "HEXADECIMAL")]
    public_key: Vec<PublicKey>,
    #[command(flatten)]
    keys: Keys,
}

impl StatedElsewhere {
    /// The expected contents, and a text about the signatures of the heads.
    fn read(&self) -> Result<Option<(Heads, &'static str)>, Failed> {
        let Some(path) = &self.heads else { return Ok(None) };
        let (trusted, who) = if self.public_key.is_empty() {
            match self.keys.ring_if_any()? {
                Some(ring) => (Some(HeadSigner::public_keys(&ring)), "all signed by the ring"),
                None => (None, "signed by whom is not known: no public key is given"),
            }
        } else {
            (Some(self.public_key.clone()), "all signed by the given keys")
        };
        let text = std::fs::read_to_string(path).map_err(|source| Failed::HeadsFile { file: path.clone(), source })?;
        Ok(Some((Heads::read(&text, trusted.as_deref())?, who)))
    }
}

/// Reads the whole database and compares it with the heads.
pub(crate) async fn verify(place: &str, stated: &StatedElsewhere) -> Result<String, Failed> {
    let heads = stated.read()?;
    let database = Database::open_current(place).await?;
    let nothing = Expected::default();
    let expected = heads.as_ref().map_or(&nothing, |(heads, _)| &heads.expected);
    let evidence = database.examine(expected).await?;
    let mut said = sound(&evidence);
    said.push(match stated.keys.ring_if_any()? {
        Some(ring) => open_fields(&database, &ring).await?,
        None => "confidential fields are not opened: no key is given".to_owned(),
    });
    database.close().await;
    if let Some((heads, who)) = heads {
        said.push(format!("compared with {} heads, {who}", heads.count));
        if heads.unsigned > 0 {
            said.push(format!("{} of them are not signed and prove nothing", heads.unsigned));
        }
        if let Some(newest) = heads.newest {
            said.push(format!("the newest is {} s old", age(newest)));
        }
        if let Some(restored) = heads.restored {
            said.push(format!("nothing before the restore {} s ago is compared", age(restored)));
        }
        if evidence.grown > 0 {
            said.push(format!("{} hours got late samples since and are not compared", evidence.grown));
        }
    } else {
        said.push("no heads to compare with: an end of the audit log that was cut off, or a sample that was deleted with its hour, is not seen".to_owned());
    }
    Ok(said.join("; "))
}

/// Opens every confidential field whose key is on the ring. A field that was changed, or moved from
/// another place, is an error.
async fn open_fields(database: &Database, ring: &KeyRing) -> Result<String, Failed> {
    let fields = database.fields();
    let (mut opened, mut missing, mut altered) = (0_u64, 0_u64, Vec::new());
    // No key has either of these ids. A field that claims one of them is listed with the other.
    let [zeros, ones] = [KeyId::from_bytes([0; 8]), KeyId::from_bytes([u8::MAX; 8])];
    for (not_under, only) in [(zeros, None), (ones, Some(zeros))] {
        let mut after: Option<FieldKey> = None;
        loop {
            let page = fields.fields_not_under(not_under, after.as_ref(), 1000).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (key, sealed) in page.iter().filter(|(_, sealed)| only.is_none_or(|only| sealed.key == only)) {
                match ring.open(key, sealed) {
                    Ok(_) => opened += 1,
                    Err(UnsealError::MissingKey(_)) => missing += 1,
                    Err(why) => altered.push(format!("{} of {}: {why}", key.field, key.subject)),
                }
            }
        }
    }
    all_opened(&altered)?;
    let mut said = format!("{opened} confidential fields opened");
    if missing > 0 {
        said = format!("{said}, {missing} are under keys that are not given");
    }
    Ok(said)
}

fn age(at: Timestamp) -> i64 {
    (crate::now().micros() - at.micros()) / 1_000_000
}

/// The parts of the report on a database in which everything agrees.
fn sound(evidence: &Evidence) -> Vec<String> {
    let (contents, head) = (&evidence.contents, &evidence.audit);
    let mut said = vec![
        format!("sound: {} samples, sum {:016x}", contents.samples, contents.sum),
        format!("audit log of {} lines, head {}", head.number, digits(&head.hash)),
        format!("{} decisions", evidence.decisions),
    ];
    said.extend(evidence.schema_unknown.as_ref().map(|why| format!("the schema was not compared: {why}")));
    said
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Appends a head for a database to a file.
pub(crate) async fn state(
    database: &Database,
    path: &Path,
    signer: Option<HeadSigner>,
    restored: bool,
) -> Result<String, Failed> {
    let who = signer.as_ref().map_or_else(|| "not signed".to_owned(), |signer| format!("signed with {}", signer.id()));
    let mut file = HeadFile::open(path, signer)?;
    let mut snapshot = database.snapshot().await?;
    let nothing = Expected::default();
    let stated = if restored { &nothing } else { &file.heads().expected };
    let mut checkpoint = snapshot.checkpoint(crate::now(), None, stated).await?;
    snapshot.close().await?;
    checkpoint.restored = restored;
    file.append(&checkpoint)?;
    Ok(format!(
        "stated {} lines of the audit log and {} hours in {}, {who}",
        checkpoint.audit.number,
        checkpoint.hours.len(),
        path.display()
    ))
}

/// Runs a command for heads.
pub(crate) async fn audit(what: Audit) -> Result<String, Failed> {
    match what {
        Audit::Key { keys } => Ok(HeadSigner::of(&keys.ring()?).public().to_string()),
        Audit::Head { database } => {
            let database = Database::open_current(&database.read()?).await?;
            let head = database.custody().verify_audit().await??;
            database.close().await;
            Ok(format!("{} {}", head.number, digits(&head.hash)))
        }
        Audit::Sign { database, heads, keys } => {
            let database = Database::open_current(&database.read()?).await?;
            let signer = keys.ring_if_any()?.as_ref().map(HeadSigner::of);
            let said = state(&database, &heads, signer, false).await?;
            database.close().await;
            Ok(said)
        }
        Audit::Verify { database, stated } => verify(&database.read()?, &stated).await,
    }
}

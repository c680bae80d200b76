//! `sqal verify`: reads everything, and compares it with itself and with heads.

use clap::Args;
use sqal_core::Timestamp;
use sqal_storage::evidence::{Evidence, Expected};
use sqal_storage::sealed::{FieldKey, KeyId, KeyRing, Sealed, UnsealError};

use crate::command_error::CommandError;
use crate::database::Database;
use crate::fields::{all_opened, each_not_under, unopened};
use crate::heads::StatedElsewhere;
use crate::hex::hex;
use crate::place::Place;
use crate::wall_clock::now;

/// Read everything as of one moment and check it (samples, hours, decisions, audit log, schema, the
/// file), and compare it with heads.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    database: Place,
    #[command(flatten)]
    stated: StatedElsewhere,
}

impl Verify {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        verify(&self.database.read()?, &self.stated).await
    }
}

/// Reads the whole database and compares it with the heads.
pub(super) async fn verify(place: &str, stated: &StatedElsewhere) -> Result<String, CommandError> {
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

/// The parts of the report on a database in which everything agrees.
fn sound(evidence: &Evidence) -> Vec<String> {
    let (contents, head) = (&evidence.contents, &evidence.audit);
    let mut said = vec![
        format!("sound: {} samples, sum {:016x}", contents.samples, contents.sum),
        format!("audit log of {} lines, head {}", head.number, hex(&head.hash)),
        format!("{} decisions", evidence.decisions),
    ];
    said.extend(evidence.schema_unknown.as_ref().map(|why| format!("the schema was not compared: {why}")));
    said
}

/// Opens every confidential field whose key is on the ring. A field that was changed, or moved from
/// another place, is an error.
async fn open_fields(database: &Database, ring: &KeyRing) -> Result<String, CommandError> {
    let fields = database.fields();
    let (mut opened, mut missing, mut altered) = (0_u64, 0_u64, Vec::new());
    // No key has either of these ids. A field that claims one of them is listed with the other.
    let [zeros, ones] = [KeyId::from_bytes([0; 8]), KeyId::from_bytes([u8::MAX; 8])];
    for (not_under, only) in [(zeros, None), (ones, Some(zeros))] {
        let visit = |key: &FieldKey, sealed: &Sealed| {
            if only.is_some_and(|only| sealed.key != only) {
                return;
            }
            match ring.open(key, sealed) {
                Ok(_) => opened += 1,
                Err(UnsealError::MissingKey(_)) => missing += 1,
                Err(why) => altered.push(unopened(key, why)),
            }
        };
        each_not_under(&*fields, not_under, visit).await?;
    }
    all_opened(&altered)?;
    let mut said = format!("{opened} confidential fields opened");
    if missing > 0 {
        said = format!("{said}, {missing} are under keys that are not given");
    }
    Ok(said)
}

fn age(at: Timestamp) -> i64 {
    (now().micros() - at.micros()) / 1_000_000
}

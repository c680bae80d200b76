//! `sqal rotate`: seals confidential fields with a new key, batch by batch, while the server runs.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use clap::Args;
use sqal_core::Name;
use sqal_storage::SealedFields;
use sqal_storage::sealed::{FieldError, FieldKey, Resealed, Sealed};

use crate::audit_line::action;
use crate::command_error::CommandError;
use crate::database::Database;
use crate::fields::{all_opened, each_not_under, unopened};
use crate::keys::{Fields, Keys};
use crate::place::Place;

type Kept = Arc<dyn SealedFields>;

/// Seal every confidential field again that is not under the master key. The server may run, and an
/// interrupted rotation can be continued.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    database: Place,
    /// The number of fields that are read at a time.
    #[arg(long, default_value = "500")]
    batch: NonZeroU16,
    /// Only report how many fields are under each other key.
    #[arg(long)]
    dry_run: bool,
    /// The actor in the audit log.
    #[arg(long, default_value = "sqal rotate")]
    actor: Name<64>,
    #[command(flatten)]
    keys: Keys,
}

impl Rotate {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        let Self { database, batch, dry_run, actor, keys } = self;
        let database = Database::open_current(&database.read()?).await?;
        let fields = keys.fields(database.fields())?;
        let said =
            if dry_run { look(&database, &fields).await? } else { rotate(&database, &fields, batch, actor).await? };
        database.close().await;
        Ok(said)
    }
}

/// The number of fields that must be sealed again, and an error if some cannot be opened.
async fn look(database: &Database, fields: &Fields<Kept>) -> Result<String, CommandError> {
    let (mut waiting, mut unreadable) = (BTreeMap::new(), Vec::new());
    let visit = |key: &FieldKey, sealed: &Sealed| {
        *waiting.entry(sealed.key).or_insert(0_usize) += 1;
        if let Err(why) = fields.ring().open(key, sealed) {
            unreadable.push(unopened(key, why));
        }
    };
    each_not_under(&*database.fields(), fields.ring().active(), visit).await?;
    let total: usize = waiting.values().sum();
    let each = waiting.iter().fold(String::new(), |text, (key, count)| format!("{text}, {count} under {key}"));
    let said = format!("{total} fields are not under the master key {}{each}", fields.ring().active());
    match unreadable.first() {
        None => Ok(said),
        Some(first) => Err(CommandError::Unreadable { count: unreadable.len(), first: format!("{first}; {said}") }),
    }
}

/// Seals all fields again that are not under the master key, until a run finds none. The result is
/// recorded in the audit log, also after an error.
async fn rotate(
    database: &Database,
    fields: &Fields<Kept>,
    batch: NonZeroU16,
    actor: Name<64>,
) -> Result<String, CommandError> {
    let mut done = Resealed::default();
    let ended = runs(fields, batch, &mut done).await;
    let Resealed { resealed, unreadable, .. } = done;
    let unreadable: Vec<_> = unreadable.iter().map(|(key, why)| unopened(key, *why)).collect();
    let key = fields.ring().active();
    let end = if ended.is_ok() { "" } else { ", and was cut off" };
    let what = format!("sealed {resealed} fields anew with {key}, {} could not be opened{end}", unreadable.len());
    let written = database.custody().log_action(action(actor, "key_rotation", &what)).await;
    ended?;
    written?;
    all_opened(&unreadable)?;
    let rest = database.fields().fields_not_under(key, None, 1).await?;
    if rest.is_empty() {
        Ok(format!("sealed {resealed} fields anew; all are under the master key {key} now"))
    } else {
        Err(CommandError::StillSealing { resealed })
    }
}

/// Repeats runs until one finds nothing to do, at most ten times. A server that still seals with
/// another key must be given the new one first.
async fn runs(fields: &Fields<Kept>, batch: NonZeroU16, done: &mut Resealed) -> Result<(), FieldError> {
    for _ in 0..10 {
        let before = done.resealed + done.overtaken;
        done.unreadable.clear();
        fields.reseal_all(batch, done).await?;
        if done.resealed + done.overtaken == before {
            break;
        }
    }
    Ok(())
}

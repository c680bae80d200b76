//! `sqal rotate`: seals confidential fields with a new key, batch by batch, while the server runs.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use sqal_core::Name;
use sqal_storage::{
    SealedFields,
    sealed::{FieldError, FieldKey, Resealed, UnsealError},
};

use crate::database::Database;
use crate::keys::Fields;
use crate::{Failed, action};

type Kept = Arc<dyn SealedFields>;

/// The number of fields that must be sealed again, and an error if some cannot be opened.
pub(crate) async fn look(database: &Database, fields: &Fields<Kept>) -> Result<String, Failed> {
    let (mut waiting, mut unreadable, mut after) = (BTreeMap::new(), Vec::new(), None);
    loop {
        let page = database.fields().fields_not_under(fields.ring().active(), after.as_ref(), 500).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (key, sealed) in &page {
            *waiting.entry(sealed.key).or_insert(0_usize) += 1;
            if let Err(why) = fields.ring().open(key, sealed) {
                unreadable.push(unopened(key, why));
            }
        }
    }
    let total: usize = waiting.values().sum();
    let each = waiting.iter().fold(String::new(), |text, (key, count)| format!("{text}, {count} under {key}"));
    let said = format!("{total} fields are not under the master key {}{each}", fields.ring().active());
    match unreadable.first() {
        None => Ok(said),
        Some(first) => Err(Failed::Unreadable { count: unreadable.len(), first: format!("{first}; {said}") }),
    }
}

/// Seals all fields again that are not under the master key, until a run finds none. The result is
/// recorded in the audit log, also after an error.
pub(crate) async fn rotate(
    database: &Database,
    fields: &Fields<Kept>,
    batch: NonZeroU16,
    actor: Name<64>,
) -> Result<String, Failed> {
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
        Err(Failed::StillSealing { resealed })
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

/// The name of a field that cannot be opened, and the reason.
fn unopened(key: &FieldKey, why: UnsealError) -> String {
    format!("{} of {}: {why}", key.field, key.subject)
}

/// An error that names the first field that could not be opened, if there is one.
pub(crate) fn all_opened(unreadable: &[String]) -> Result<(), Failed> {
    match unreadable.first() {
        None => Ok(()),
        Some(first) => Err(Failed::Unreadable { count: unreadable.len(), first: first.clone() }),
    }
}

//! [`action`]: what a command writes into the audit log of the database.

use sqal_core::Name;
use sqal_storage::audit::Action;

use crate::wall_clock::now;

/// A short text as a name.
pub(crate) fn word<const N: usize>(text: &str) -> Name<N> {
    Name::new(text).unwrap_or_else(|_| unreachable!("a short word"))
}

/// An entry for the audit log, with the present time.
pub(crate) fn action(actor: Name<64>, category: &str, what: &str) -> Action {
    let category = word(category);
    // The name of a device may be longer than an entry allows, so the text is cut.
    let end = what.char_indices().map(|(at, _)| at).take_while(|at| *at < 250).last().unwrap_or(0);
    let what = Name::stored(what).or_else(|_| Name::stored(&what[..end]));
    Action { at: now(), actor, category, what: what.unwrap_or_else(|_| unreachable!("printable words and a name")) }
}

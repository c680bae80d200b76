//! Who acts on bugs: the name of a caller, and what the caller may see.

use sqal_core::Name;
use sqal_storage::bugs::BugPerson;

use crate::door::caller::Caller;
use crate::door::deeds::actor;
use crate::route::ENGINEER;

/// The name under which a bug keeps what a caller does.
pub(super) fn person(caller: &Caller) -> BugPerson {
    Name::stored(actor(caller).as_str()).unwrap_or_else(|_| unreachable!("the name of a holder is shorter"))
}

/// Whether a caller sees internal comments, and the names and mail addresses of reporters.
pub(super) fn sees_all(caller: &Caller) -> bool {
    caller.may(ENGINEER)
}

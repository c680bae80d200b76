//! Query parameters that several routes have; every one is text first, so that a wrong one can be named.

use axum::extract::rejection::QueryRejection;
use sqal_core::{DeviceId, Name};

use crate::{Problem, Violation};

/// A query that is none.
pub(super) fn unreadable(refused: &QueryRejection, parameters: &str) -> Problem {
    let french = format!("{}, chacun au plus une fois", parameters.replace(" and ", " et "));
    let limit = format!("{parameters}, each at most once");
    Problem::invalid_query(vec![Violation::new("?", refused.body_text(), limit, french)])
}

/// A device's name, if it is one.
pub(super) fn device_of(text: Option<String>, wrong: &mut Vec<Violation>) -> Option<DeviceId> {
    let text = text?;
    let name = Name::new(&text);
    if name.is_err() {
        let (limit, french) = ("1 to 100 bytes of printable text", "1 à 100 octets de texte imprimable");
        wrong.push(Violation::new("?device_id", format!("{text:?}"), limit, french));
    }
    name.ok()
}

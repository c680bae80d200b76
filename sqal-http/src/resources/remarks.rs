//! Reads what people write about alerts, silences and stations.

use axum::body::Body;
use serde::de::DeserializeOwned;
use sqal_alerts::state::{InvalidRemark, Remark};
use sqal_protocol::Violation;

use crate::door::body::{json, whole};
use crate::door::problem::Problem;

/// The longest body, in bytes.
const LONGEST: usize = 16 * 1024;

/// The JSON object of a body. `limit` and `french` describe the object that is expected.
pub(super) async fn read<T: DeserializeOwned>(body: Body, limit: &str, french: &str) -> Result<T, Problem> {
    let most = format!("at most {LONGEST} bytes");
    let body = whole(body, LONGEST, || Problem::wrong("", "more", &*most, format!("au plus {LONGEST} octets"))).await?;
    json(&body, limit, french)
}

/// The remark at a place of the body. A text that is none is added to `wrong`.
pub(super) fn remark(place: &str, text: &str, wrong: &mut Vec<Violation>) -> Option<Remark> {
    Remark::new(text).map_err(|why| wrong.push(refused(place, why))).ok()
}

fn refused(place: &str, why: InvalidRemark) -> Violation {
    let found = match why {
        InvalidRemark::Blank => "no text".to_owned(),
        InvalidRemark::TooLong { found } => format!("{found} characters"),
        InvalidRemark::Control { at } => format!("a control character at character {at}"),
        other => other.to_string(),
    };
    let most = Remark::LONGEST;
    let limit = format!("a text of 1 to {most} characters, without control characters");
    Violation::new(place, found, limit, format!("un texte de 1 à {most} caractères, sans caractère de commande"))
}

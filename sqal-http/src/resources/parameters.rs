//! Path and query parameters that several routes share.
//!
//! Every parameter is text first, so that a wrong one can be named.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use serde::Deserialize;
use sqal_core::{DeviceId, Name};
use sqal_protocol::Violation;

use crate::door::problem::Problem;

/// The problem of a query that cannot be parsed.
pub(crate) fn unreadable(refused: &QueryRejection, parameters: &str) -> Problem {
    let french = format!("{}, chacun au plus une fois", parameters.replace(" and ", " et "));
    let limit = format!("{parameters}, each at most once");
    Problem::invalid_query(vec![Violation::new("?", found_in_query(&refused.body_text()), limit, french)])
}

/// What is wrong with a query as a whole, in the words of this interface.
fn found_in_query(text: &str) -> String {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    let named = |before: &str| text.split_once(before)?.1.split_once('`').map(|(name, _)| name.to_owned());
    if let Some(name) = named("unknown field `") {
        format!("the unknown parameter {name:?}")
    } else if let Some(name) = named("duplicate field `") {
        format!("the parameter {name:?} twice")
    } else {
        text.to_owned()
    }
}

/// The device that a parameter names. A text that is not a valid name is added to `wrong`.
pub(crate) fn device_of(text: Option<String>, wrong: &mut Vec<Violation>) -> Option<DeviceId> {
    let text = text?;
    // The device may have been stored under an older, wider rule for names.
    let name = Name::stored(&text);
    if name.is_err() {
        let (limit, french) = ("1 to 100 bytes of printable text", "1 à 100 octets de texte imprimable");
        wrong.push(Violation::new("?device_id", format!("{text:?}"), limit, french));
    }
    name.ok()
}

/// The name in the path, and the problem to answer with if no such thing exists. If the text is not
/// a valid name, returns that problem as the error.
pub(crate) fn name_in_path<const N: usize>(
    name: Result<Path<String>, PathRejection>,
    what: &str,
) -> Result<(Name<N>, Problem), Problem> {
    let Path(name) = name.map_err(|refused| Problem::not_found(refused.body_text()))?;
    let unknown = Problem::not_found(format!("no {what} {:?}", name.chars().take(40).collect::<String>()));
    match Name::stored(&name) {
        Ok(name) => Ok((name, unknown)),
        Err(_) => Err(unknown),
    }
}

/// The name in the path of something that may be created; otherwise as [`name_in_path`]. The name
/// must obey the present rules.
pub(crate) fn new_name_in_path<const N: usize>(
    name: Result<Path<String>, PathRejection>,
    what: &str,
) -> Result<(Name<N>, Problem), Problem> {
    let (name, unknown) = name_in_path::<N>(name, what)?;
    match Name::new(name.as_str()) {
        Ok(name) => Ok((name, unknown)),
        Err(_) => Err(unknown),
    }
}

/// The query parameter `limit`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HowMany {
    limit: Option<String>,
}

impl HowMany {
    /// The limit, at most `most`. If the parameter is missing, it is `usual`.
    pub(crate) fn most(self, usual: u16, most: u16) -> Result<u16, Problem> {
        let mut wrong = Vec::new();
        let limit = limit_of(self.limit, usual, most, &mut wrong);
        if wrong.is_empty() { Ok(limit) } else { Err(Problem::invalid_query(wrong)) }
    }
}

/// The query parameters of a list of versions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Versions {
    limit: Option<String>,
    before: Option<String>,
}

impl Versions {
    /// The version below which the list begins, if any, and the limit.
    pub(crate) fn read(query: Result<Query<Self>, QueryRejection>) -> Result<(Option<u32>, u16), Problem> {
        let Query(Self { limit, before }) = query.map_err(|refused| unreadable(&refused, "limit and before"))?;
        let mut wrong = Vec::new();
        let limit = limit_of(limit, 50, 500, &mut wrong);
        let before = before.map(|text| {
            let number = text.parse().ok().filter(|number| *number > 0);
            if number.is_none() {
                let (limit, french) = ("a whole number from 1", "un entier à partir de 1");
                wrong.push(Violation::new("?before", text, limit, french));
            }
            number
        });
        if wrong.is_empty() { Ok((before.flatten(), limit)) } else { Err(Problem::invalid_query(wrong)) }
    }
}

/// A limit from 1 to `most`. If the parameter is missing, it is `usual`.
pub(crate) fn limit_of(text: Option<String>, usual: u16, most: u16, wrong: &mut Vec<Violation>) -> u16 {
    let Some(text) = text else { return usual };
    match text.parse() {
        Ok(limit) if (1..=most).contains(&limit) => limit,
        _ => {
            let (limit, french) = (format!("a whole number from 1 to {most}"), format!("un entier de 1 à {most}"));
            wrong.push(Violation::new("?limit", text, limit, french));
            usual
        }
    }
}

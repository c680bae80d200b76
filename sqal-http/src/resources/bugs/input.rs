//! Reads the JSON object of a body whose fields clients may spell in both ways (C-22).

use axum::body::Body;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sqal_bugs::report::InvalidField;
use sqal_protocol::Violation;

use crate::door::body::{json, whole_within};
use crate::door::budget::Party;
use crate::door::problem::Problem;
use crate::route::spelling::camel;
use crate::services::Services;

/// The longest body, in bytes: enough that a description that is far too long is named as such.
const LONGEST: usize = 4 * 1024 * 1024;

/// What a body should be, in English and French.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) english: &'static str,
    pub(super) french: &'static str,
    /// The fields, in `snake_case`.
    pub(super) fields: &'static [&'static str],
}

/// The fields that a client spelled in camelCase, so that a fault is named as the client wrote it.
#[derive(Debug, Default)]
pub(super) struct Written(Vec<&'static str>);

/// The object of a body, and how its fields were written.
pub(super) async fn object<T: DeserializeOwned>(
    services: &Services,
    party: Party,
    body: Body,
    expected: Expected,
) -> Result<(T, Written), Problem> {
    let too_large = || Problem::body_too_large(LONGEST);
    let (bytes, _hold) = whole_within(&services.door.budget, party, body, LONGEST, too_large).await?;
    parsed(&bytes, expected)
}

/// The object that these bytes are.
fn parsed<T: DeserializeOwned>(bytes: &[u8], expected: Expected) -> Result<(T, Written), Problem> {
    let Expected { english, french, fields } = expected;
    let members: Map<String, Value> = json(bytes, english, french)?;
    let (mut plain, mut written, mut wrong) = (Map::new(), Written::default(), Vec::new());
    for (key, value) in members {
        let in_camel = fields.iter().copied().find(|name| *name != key && camel(name) == key);
        written.0.extend(in_camel);
        let name = in_camel.map_or(key, str::to_owned);
        if plain.get(&name).is_some_and(|other| *other != value) {
            let (limit, french) = ("one value, under one of both names", "une seule valeur, sous un des deux noms");
            wrong.push(Violation::new(format!("/{name}"), "two different values", limit, french));
        }
        plain.insert(name, value);
    }
    if !wrong.is_empty() {
        return Err(Problem::invalid_body(wrong));
    }
    match json(Value::Object(plain).to_string().as_bytes(), english, french) {
        Ok(object) => Ok((object, written)),
        Err(problem) => Err(written.respelt(problem)),
    }
}

impl Written {
    /// The place of a field in the body, as the client wrote it.
    pub(super) fn pointer(&self, field: &str) -> String {
        format!("/{}", self.name(field))
    }

    /// The name of a field as the client wrote it.
    fn name(&self, field: &str) -> String {
        if self.0.contains(&field) { camel(field) } else { field.to_owned() }
    }

    /// A problem whose violations name the fields as the client wrote them.
    fn respelt(&self, mut problem: Problem) -> Problem {
        let mut violations = std::mem::take(&mut problem.violations);
        for violation in &mut violations {
            let Some(path) = violation.pointer.strip_prefix('/') else { continue };
            let (field, rest) = path.split_once('/').map_or((path, None), |(field, rest)| (field, Some(rest)));
            let rest = rest.map(|rest| format!("/{rest}")).unwrap_or_default();
            violation.pointer = format!("/{}{rest}", self.name(field));
        }
        Problem::invalid_body(violations)
    }

    /// The violations of fields that are not valid.
    pub(super) fn violations(&self, invalid: Vec<InvalidField>) -> Vec<Violation> {
        let one = |InvalidField { field, value, limit, limit_fr }| {
            Violation::new(self.pointer(field), value, limit, limit_fr)
        };
        invalid.into_iter().map(one).collect()
    }

    /// The problem of fields that are not valid.
    pub(super) fn invalid(&self, invalid: Vec<InvalidField>) -> Problem {
        Problem::invalid_body(self.violations(invalid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq, Eq)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        device_id: Option<String>,
        tags: Option<Vec<String>>,
    }

    const ASKED: Expected = Expected { english: "an object", french: "un objet", fields: &["device_id", "tags"] };

    fn read(text: &str) -> Result<(Asked, Written), Problem> {
        parsed(text.as_bytes(), ASKED)
    }

    fn place(text: &str) -> (String, String) {
        let problem = read(text).map(|(asked, _)| asked).unwrap_err();
        (problem.violations[0].pointer.clone(), problem.violations[0].value.clone())
    }

    #[test]
    fn both_spellings_are_one_field() {
        let asked = |text| read(text).unwrap().0.device_id;
        for text in [r#"{"device_id":"D1"}"#, r#"{"deviceId":"D1"}"#, r#"{"deviceId":"D1","device_id":"D1"}"#] {
            assert_eq!(asked(text).as_deref(), Some("D1"), "{text}");
        }
        for text in [r#"{"deviceId":"D1","device_id":"D2"}"#, r#"{"device_id":null,"deviceId":"D2"}"#] {
            assert_eq!(place(text), ("/device_id".to_owned(), "two different values".to_owned()), "{text}");
        }
    }

    #[test]
    fn a_fault_is_named_as_the_client_wrote_the_field() {
        assert_eq!(place(r#"{"deviceId":7}"#).0, "/deviceId");
        assert_eq!(place(r#"{"device_id":7}"#).0, "/device_id");
        assert_eq!(place(r#"{"tags":["a",7]}"#).0, "/tags/1");
        assert_eq!(place(r#"{"deviceID":"D1"}"#).1, "unknown field deviceID");
        let (_, written) = read(r#"{"deviceId":"D1"}"#).unwrap();
        assert_eq!((written.name("device_id"), written.name("tags")), ("deviceId".to_owned(), "tags".to_owned()));
    }
}

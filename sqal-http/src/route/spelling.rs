//! [`Spelling`]: in which of two spellings a route writes the names of fields (C-22).
//!
//! The documented paths `/api/bugs…` write camelCase, all other paths write `snake_case`. A type
//! has its names in `snake_case`; camelCase is made while the answer is written.

use std::io;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::{Shape, Shaped};
use crate::door::problem::Problem;

/// How the names of fields are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// `device_id`.
    Snake,
    /// `deviceId`.
    Camel,
}

/// The spelling of a route, as a type, so that a handler and its description have one parameter.
pub(crate) trait Spelling: Send + Sync + 'static {
    /// How the names are written.
    const CASE: Case;

    /// The schema of a type.
    fn shape<T: Shaped>() -> Shape {
        match Self::CASE {
            Case::Snake => T::shape(),
            Case::Camel => T::camel_shape(),
        }
    }
}

/// `snake_case`: the spelling of `/api/v1`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Snake {}

/// camelCase: the spelling of the documented paths.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Camel {}

impl Spelling for Snake {
    const CASE: Case = Case::Snake;
}

impl Spelling for Camel {
    const CASE: Case = Case::Camel;
}

impl Case {
    /// The name of a field, given in `snake_case`.
    pub(crate) fn name(self, snake: &str) -> String {
        match self {
            Self::Snake => snake.to_owned(),
            Self::Camel => camel(snake),
        }
    }
}

/// A name in `snake_case` as camelCase.
pub(crate) fn camel(snake: &str) -> String {
    let mut name = String::with_capacity(snake.len());
    let mut begins = false;
    for character in snake.chars() {
        if character == '_' && !name.is_empty() {
            begins = true;
        } else if begins {
            name.push(character.to_ascii_uppercase());
            begins = false;
        } else {
            name.push(character);
        }
    }
    name
}

/// An answer with a JSON body, whose names have the spelling `S`.
pub(crate) fn spelled<S: Spelling>(status: StatusCode, value: &impl Serialize) -> Response {
    let mut body = Vec::new();
    let written = match S::CASE {
        Case::Snake => serde_json::to_writer(&mut body, value),
        Case::Camel => value.serialize(&mut Serializer::with_formatter(&mut body, CamelKeys::default())),
    };
    if written.is_err() {
        return Problem::broken("the answer cannot be written").into_response();
    }
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Writes compact JSON whose keys, which are in `snake_case`, become camelCase.
#[derive(Debug, Default)]
struct CamelKeys {
    is_key: bool,
}

impl Formatter for CamelKeys {
    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.is_key = true;
        if first { Ok(()) } else { writer.write_all(b",") }
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.is_key = false;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if self.is_key { writer.write_all(camel(fragment).as_bytes()) } else { writer.write_all(fragment.as_bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_written_in_both_ways() {
        for (snake, written) in [
            ("device_id", "deviceId"),
            ("avg_resolution_time_hours", "avgResolutionTimeHours"),
            ("title", "title"),
            ("p90_resolution_hours", "p90ResolutionHours"),
            ("", ""),
        ] {
            assert_eq!((camel(snake), Case::Snake.name(snake)), (written.to_owned(), snake.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn two_names_in_snake_case_are_two_in_camel_case(
            one in "[a-z]{1,4}(_[a-z]{1,4}){0,3}",
            other in "[a-z]{1,4}(_[a-z]{1,4}){0,3}",
        ) {
            prop_assert_eq!(camel(&one) == camel(&other), one == other);
        }
    }

    /// What is written in values stays, and so does the order.
    #[tokio::test]
    async fn only_keys_change_their_spelling() {
        #[derive(Serialize)]
        struct Inner {
            last_seen: &'static str,
        }
        #[derive(Serialize)]
        struct Outer {
            open_bugs: u32,
            device_id: &'static str,
            all_of_it: Vec<Inner>,
        }
        let value = Outer { open_bugs: 1, device_id: "in_progress", all_of_it: vec![Inner { last_seen: "a_\"b" }] };
        let text = async |response: Response| {
            String::from_utf8(to_bytes(response.into_body(), 1000).await.unwrap().to_vec()).unwrap()
        };
        assert_eq!(
            text(spelled::<Camel>(StatusCode::OK, &value)).await,
            r#"{"openBugs":1,"deviceId":"in_progress","allOfIt":[{"lastSeen":"a_\"b"}]}"#
        );
        assert_eq!(
            text(spelled::<Snake>(StatusCode::OK, &value)).await,
            r#"{"open_bugs":1,"device_id":"in_progress","all_of_it":[{"last_seen":"a_\"b"}]}"#
        );
    }
}

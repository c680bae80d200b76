//! [`Node`]: a value of a file with its place, so that every mistake names where it stands.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::mistake::PlanMistake;

/// The longest part of a value that a mistake shows, in characters.
const LONGEST_SHOWN: usize = 60;

/// A value of a file, and its place.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    place: String,
    value: &'a Value,
}

/// The values of a mapping whose keys are known.
#[derive(Debug)]
pub(super) struct Members<'a> {
    place: String,
    map: Option<&'a Map<String, Value>>,
}

impl<'a> Node<'a> {
    /// The whole file.
    pub(super) const fn root(value: &'a Value) -> Self {
        Self { place: String::new(), value }
    }

    fn child(place: &str, key: &str, value: &'a Value) -> Self {
        let place = if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
        Self { place, value }
    }

    /// A mistake at this place.
    pub(super) fn mistake(&self, what: impl Into<String>) -> PlanMistake {
        let place = if self.place.is_empty() { "the file" } else { self.place.as_str() };
        PlanMistake::new(place, what)
    }

    /// A mistake that shows the value and says what is expected. A value with an `@` is not shown,
    /// because logs must not name persons.
    pub(super) fn expected(&self, what: &str) -> PlanMistake {
        let text = self.value.to_string();
        if text.contains('@') {
            return self.mistake(format!("expected {what}"));
        }
        let shown: String = text.chars().take(LONGEST_SHOWN).collect();
        let rest = if shown.len() < text.len() { "…" } else { "" };
        self.mistake(format!("{shown}{rest}: expected {what}"))
    }

    /// The values of a mapping. Another value than a mapping, and each key that is not known, is a
    /// mistake.
    pub(super) fn members(&self, known: &[&str], mistakes: &mut Vec<PlanMistake>) -> Members<'a> {
        let map = self.value.as_object();
        match map {
            None => mistakes.push(self.expected("a mapping")),
            Some(map) => {
                let unknown = map.iter().filter(|(key, _)| !known.contains(&key.as_str()));
                let what = || format!("unknown, expected one of {}", known.join(", "));
                mistakes.extend(unknown.map(|(key, value)| Self::child(&self.place, key, value).mistake(what())));
            }
        }
        Members { place: self.place.clone(), map }
    }

    /// The keys and the values of a mapping whose keys are names.
    pub(super) fn entries(&self, mistakes: &mut Vec<PlanMistake>) -> Vec<(&'a str, Self)> {
        let Some(map) = self.value.as_object() else {
            mistakes.push(self.expected("a mapping of names"));
            return Vec::new();
        };
        map.iter().map(|(key, value)| (key.as_str(), Self::child(&self.place, key, value))).collect()
    }

    /// The values of a list.
    pub(super) fn items(&self, mistakes: &mut Vec<PlanMistake>) -> Vec<Self> {
        let Some(values) = self.value.as_array() else {
            mistakes.push(self.expected("a list"));
            return Vec::new();
        };
        let item = |(at, value): (usize, &'a Value)| Self { place: format!("{}[{at}]", self.place), value };
        values.iter().enumerate().map(item).collect()
    }

    /// Whether the value is a list.
    pub(super) const fn is_list(&self) -> bool {
        matches!(self.value, Value::Array(_))
    }

    /// A text.
    pub(super) fn text(&self, mistakes: &mut Vec<PlanMistake>) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            mistakes.push(self.expected("text; a number or a word such as on is text between quotes"));
        }
        text
    }

    /// A text that is read as a value. The error of the value does not repeat the text, so the
    /// mistake does not show it either.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, mistakes: &mut Vec<PlanMistake>) -> Option<T> {
        let text = self.text(mistakes)?;
        text.parse::<T>().map_err(|error| mistakes.push(self.mistake(error.to_string()))).ok()
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, mistakes: &mut Vec<PlanMistake>) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            mistakes.push(self.expected("true or false"));
        }
        flag
    }
}

impl<'a> Members<'a> {
    /// The value of a key; `None` if the key is absent or has no value.
    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        let value = self.map?.get(key).filter(|value| !value.is_null())?;
        Some(Node::child(&self.place, key, value))
    }

    /// A mistake at a key that is absent.
    pub(super) fn missing(&self, key: &str, expected: &str) -> PlanMistake {
        Node::child(&self.place, key, &Value::Null).mistake(format!("missing, expected {expected}"))
    }
}

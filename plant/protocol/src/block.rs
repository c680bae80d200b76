//! [`Block`]: an object of a frame, whose members are read strictly, each fault with its place.

use serde::Deserialize;
use serde::de::value::{Error as NoWord, StrDeserializer};
use sqal_core::{Grid, Name, tof::TargetStatus};
use unicode_normalization::is_nfc;

use crate::item::{Item, whole};
use crate::violation::Violation;

/// An object of a frame, with its place.
pub(crate) struct Block<'i, 'a> {
    pub(crate) place: &'static str,
    pub(crate) item: &'i Item<'a>,
}

impl<'i, 'a> Block<'i, 'a> {
    pub(crate) fn of(place: &'static str, item: &'i Item<'a>, wrong: &mut Vec<Violation>) -> Option<Self> {
        if item.is_object() {
            return Some(Self { place, item });
        }
        wrong.push(Violation::new(place, item, "a JSON object", "un objet JSON"));
        None
    }

    /// The block of this name; `None` if it is null or missing.
    pub(crate) fn block(&self, name: &str, place: &'static str, wrong: &mut Vec<Violation>) -> Option<Self> {
        match self.item.member(name) {
            Item::Null => None,
            item => Self::of(place, item, wrong),
        }
    }

    pub(crate) fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }

    /// A member that must be there.
    pub(crate) fn required(&self, name: &str, wrong: &mut Vec<Violation>) -> Option<&'i Item<'a>> {
        let Item::Object(members) = self.item else { return None };
        let found = members.iter().find(|(key, _)| key == name).map(|(_, item)| item);
        if found.is_none() {
            wrong.push(Violation::new(self.pointer(name), "missing", "the field", "le champ"));
        }
        found
    }

    /// A text that must be there.
    pub(crate) fn text(&self, name: &str, wrong: &mut Vec<Violation>) -> Option<&'i str> {
        let item = self.required(name, wrong)?;
        let text = item.text();
        if text.is_none() {
            wrong.push(Violation::new(self.pointer(name), item, "a text", "un texte"));
        }
        text
    }

    /// A short text that must be there.
    pub(crate) fn name<const N: usize>(&self, name: &str, wrong: &mut Vec<Violation>) -> Option<Name<N>> {
        let text = self.text(name, wrong)?;
        let checked = Name::new(text);
        if checked.is_ok() && !is_nfc(text) {
            let (limit, french) = ("the composed form of Unicode (NFC)", "la forme composée d'Unicode (NFC)");
            wrong.push(Violation::new(self.pointer(name), self.item.member(name), limit, french));
            return None;
        }
        if checked.is_err() {
            let (limit, french) = printable::<N>();
            wrong.push(Violation::new(self.pointer(name), self.item.member(name), limit, french));
        }
        checked.ok()
    }

    /// A number that must be there.
    pub(crate) fn number(&self, name: &str, wrong: &mut Vec<Violation>) -> Option<f64> {
        let item = self.required(name, wrong)?;
        read_number(item)
            .map_err(|(limit, french)| wrong.push(Violation::new(self.pointer(name), item, limit, french)))
            .ok()
    }

    /// One of a few words; `T::default()` if it is null or missing.
    pub(crate) fn word<T>(&self, name: &str, limit: &str, french: &str, wrong: &mut Vec<Violation>) -> Option<T>
    where
        T: Default + for<'t> Deserialize<'t>,
    {
        let item = match self.item.member(name) {
            Item::Null => return Some(T::default()),
            item => item,
        };
        let word = item.text().and_then(|text| T::deserialize(StrDeserializer::<NoWord>::new(text)).ok());
        if word.is_none() {
            wrong.push(Violation::new(self.pointer(name), item, limit, french));
        }
        word
    }

    /// A grid of 8 rows of 8; the first fault of it is named.
    pub(crate) fn grid<T: Copy>(
        &self,
        name: &str,
        read: Read<T>,
        zero: T,
        wrong: &mut Vec<Violation>,
    ) -> Option<Grid<T>> {
        let item = self.required(name, wrong)?;
        let mut rows = [[zero; 8]; 8];
        match fill(item, read, &mut rows) {
            Ok(()) => Some(Grid::new(rows)),
            Err((place, found, (limit, french))) => {
                wrong.push(Violation::new(format!("{}{place}", self.pointer(name)), found, limit, french));
                None
            }
        }
    }

    /// A grid of 8 rows of 8 that may be missing.
    pub(crate) fn grid_or_none<T: Copy>(
        &self,
        name: &str,
        read: Read<T>,
        zero: T,
        wrong: &mut Vec<Violation>,
    ) -> Option<Grid<T>> {
        match self.item.member(name) {
            Item::Null => None,
            _ => self.grid(name, read, zero, wrong),
        }
    }
}

/// What was expected, in English and French.
pub(crate) type Expected = (&'static str, &'static str);

/// How a member of a grid is read.
pub(crate) type Read<T> = fn(&Item<'_>) -> Result<T, Expected>;

const NUMBER: Expected = ("a number", "un nombre");
const SMALLER: Expected = ("a number below 3e38", "un nombre inférieur à 3e38");
const GRID: Expected = ("8 rows of 8 numbers (8x8)", "8 lignes de 8 nombres (8x8)");

/// Fills a grid. At the first fault, returns the place, the value found and what was expected.
fn fill<'i, 'a, T>(
    item: &'i Item<'a>,
    read: Read<T>,
    grid: &mut [[T; 8]; 8],
) -> Result<(), (String, &'i Item<'a>, Expected)> {
    let rows = match item {
        Item::Array(rows) if rows.len() == 8 => rows,
        other => return Err((String::new(), other, GRID)),
    };
    for (r, (row, into)) in rows.iter().zip(grid).enumerate() {
        let cells = match row {
            Item::Array(cells) if cells.len() == 8 => cells,
            other => return Err((format!("/{r}"), other, GRID)),
        };
        for (c, (cell, into)) in cells.iter().zip(into).enumerate() {
            *into = read(cell).map_err(|expected| (format!("/{r}/{c}"), cell, expected))?;
        }
    }
    Ok(())
}

pub(crate) fn read_number(item: &Item<'_>) -> Result<f64, Expected> {
    let Item::Number(written) = item else { return Err(NUMBER) };
    written.parse().ok().filter(|number: &f64| number.is_finite()).ok_or(SMALLER)
}

pub(crate) fn read_single(item: &Item<'_>) -> Result<f32, Expected> {
    let Item::Number(written) = item else { return Err(NUMBER) };
    written.parse().ok().filter(|number: &f32| number.is_finite()).ok_or(SMALLER)
}

pub(crate) fn read_status(item: &Item<'_>) -> Result<TargetStatus, Expected> {
    let Item::Number(written) = item else { return Err(STATUS) };
    whole(written).map(TargetStatus).ok_or(STATUS)
}

const STATUS: Expected = ("a whole number from 0 to 255", "un entier de 0 à 255");

pub(crate) fn printable<const N: usize>() -> (String, String) {
    (format!("1 to {N} bytes of printable text"), format!("1 à {N} octets de texte imprimable"))
}

//! [`Value`] and [`Row`]: what is bound to a statement and what it returns, in the three types that
//! both engines share.

use std::num::NonZeroU16;

use sqal_core::{Name, Timestamp};

/// A value that is bound to a statement. `None` is NULL.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Int(Option<i64>),
    Text(Option<&'a str>),
    Bytes(&'a [u8]),
    /// A time in a column of times: PostgreSQL has a type for them, SQLite has microseconds.
    Time(Timestamp),
    /// A time as [`Value::Time`], or NULL.
    MaybeTime(Option<Timestamp>),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<u64> for Value<'_> {
    /// A number beyond 64 signed bits is bound as the largest: none of ours is that large.
    fn from(number: u64) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<u16> for Value<'_> {
    fn from(number: u16) -> Self {
        Self::Int(Some(number.into()))
    }
}

impl From<NonZeroU16> for Value<'_> {
    fn from(number: NonZeroU16) -> Self {
        number.get().into()
    }
}

impl From<Option<u64>> for Value<'_> {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Self::Int(None), Self::from)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        time.micros().into()
    }
}

impl From<Option<Timestamp>> for Value<'_> {
    fn from(time: Option<Timestamp>) -> Self {
        Self::Int(time.map(Timestamp::micros))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a Name<N>> for Value<'a> {
    fn from(name: &'a Name<N>) -> Self {
        name.as_str().into()
    }
}

impl<'a, const N: usize> From<&'a Option<Name<N>>> for Value<'a> {
    fn from(name: &'a Option<Name<N>>) -> Self {
        Self::Text(name.as_ref().map(Name::as_str))
    }
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    /// A number, or a time in microseconds.
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    /// A value that its engine cannot read back, with the reason.
    Damaged(String),
}

/// A row, read from its first column to its last.
///
/// Every method names the column that cannot be read back: it is damaged or was changed.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    cells: std::vec::IntoIter<Cell>,
}

impl Row {
    pub(crate) fn new(cells: Vec<Cell>) -> Self {
        Self { cells: cells.into_iter() }
    }

    fn next(&mut self) -> Cell {
        self.cells.next().unwrap_or(Cell::Null)
    }

    pub(crate) fn optional_int(&mut self, column: &str) -> Result<Option<i64>, String> {
        match self.next() {
            Cell::Null => Ok(None),
            Cell::Int(number) => Ok(Some(number)),
            Cell::Text(_) | Cell::Bytes(_) => Err(format!("{column} is a text: expected a number")),
            Cell::Damaged(why) => Err(format!("{column}: {why}")),
        }
    }

    pub(crate) fn int(&mut self, column: &str) -> Result<i64, String> {
        self.optional_int(column)?.ok_or_else(|| format!("{column} is NULL: expected a number"))
    }

    /// A number that is not negative and fits its type.
    pub(crate) fn unsigned<T: TryFrom<i64>>(&mut self, column: &str) -> Result<T, String> {
        let number = self.int(column)?;
        T::try_from(number).map_err(|_| format!("{column} is {number}: out of its range"))
    }

    pub(crate) fn time(&mut self, column: &str) -> Result<Timestamp, String> {
        let micros = self.int(column)?;
        Timestamp::from_micros(micros).map_err(|error| format!("{column}: {error}"))
    }

    pub(crate) fn optional_time(&mut self, column: &str) -> Result<Option<Timestamp>, String> {
        let time = |micros| Timestamp::from_micros(micros).map_err(|error| format!("{column}: {error}"));
        self.optional_int(column)?.map(time).transpose()
    }

    pub(crate) fn optional_text(&mut self, column: &str) -> Result<Option<String>, String> {
        match self.next() {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text)),
            Cell::Int(_) | Cell::Bytes(_) => Err(format!("{column} is no text: expected a text")),
            Cell::Damaged(why) => Err(format!("{column}: {why}")),
        }
    }

    pub(crate) fn text(&mut self, column: &str) -> Result<String, String> {
        self.optional_text(column)?.ok_or_else(|| format!("{column} is NULL: expected a text"))
    }

    pub(crate) fn bytes(&mut self, column: &str) -> Result<Vec<u8>, String> {
        match self.next() {
            Cell::Bytes(bytes) => Ok(bytes),
            Cell::Damaged(why) => Err(format!("{column}: {why}")),
            _ => Err(format!("{column} is not of bytes")),
        }
    }

    /// Bytes of a fixed number.
    pub(crate) fn fixed<const N: usize>(&mut self, column: &str) -> Result<[u8; N], String> {
        let bytes = self.bytes(column)?;
        bytes.try_into().map_err(|bytes: Vec<u8>| format!("{column} has {} bytes", bytes.len()))
    }

    pub(crate) fn optional_name<const N: usize>(&mut self, column: &str) -> Result<Option<Name<N>>, String> {
        let name = |text: String| Name::stored(&text).map_err(|error| format!("{column} {error}"));
        self.optional_text(column)?.map(name).transpose()
    }

    pub(crate) fn name<const N: usize>(&mut self, column: &str) -> Result<Name<N>, String> {
        self.optional_name(column)?.ok_or_else(|| format!("{column} is NULL: expected a name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_in_order_and_a_wrong_type_names_its_column() {
        let mut row = Row::new(vec![Cell::Int(7), Cell::Null, Cell::Text("a".to_owned()), Cell::Int(-1), Cell::Null]);
        assert_eq!(row.int("id"), Ok(7));
        assert_eq!(row.optional_text("worker"), Ok(None));
        assert_eq!(row.int("due"), Err("due is a text: expected a number".to_owned()));
        assert_eq!(row.unsigned::<u16>("attempts"), Err("attempts is -1: out of its range".to_owned()));
        assert_eq!(row.text("body"), Err("body is NULL: expected a text".to_owned()));
        assert_eq!(row.int("more"), Err("more is NULL: expected a number".to_owned()), "a row that is too short");
    }
}

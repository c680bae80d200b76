//! [`Texts`]: the texts of a trace in one buffer, so that a text needs no allocation of its own.

use std::fmt::{self, Write as _};

/// The longest text of one value, in bytes.
const MOST_VALUE: usize = 4096;

/// The most bytes that all texts of a trace have together; texts beyond are cut.
const MOST_TEXTS: usize = 1 << 20;

/// A buffer of texts.
#[derive(Debug, Default)]
pub(crate) struct Texts(String);

/// The place of a text in its buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    begin: usize,
    length: usize,
}

impl Texts {
    /// An empty buffer with room for this many bytes.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Keeps a text, cut at the limits.
    pub(crate) fn keep(&mut self, text: &str) -> Piece {
        let room = MOST_VALUE.min(MOST_TEXTS.saturating_sub(self.0.len()));
        let text = cut(text, room);
        let piece = Piece { begin: self.0.len(), length: text.len() };
        self.0.push_str(text);
        piece
    }

    /// Keeps the debug form of a value, cut at the limits.
    pub(crate) fn keep_debug(&mut self, value: &dyn fmt::Debug) -> Piece {
        let begin = self.0.len();
        let room = MOST_VALUE.min(MOST_TEXTS.saturating_sub(begin));
        // The only error is that the room is used up, which ends the writing.
        let _ = write!(Bounded { texts: &mut self.0, room }, "{value:?}");
        Piece { begin, length: self.0.len() - begin }
    }

    /// The text at this place.
    pub(crate) fn text(&self, piece: Piece) -> &str {
        self.0.get(piece.begin..piece.begin + piece.length).unwrap_or_default()
    }

    /// Forgets all texts and keeps the buffer.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The bytes that the buffer holds without growing.
    pub(crate) fn room(&self) -> usize {
        self.0.capacity()
    }
}

/// Writes into a buffer until the room is used up.
struct Bounded<'a> {
    texts: &'a mut String,
    room: usize,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let fits = cut(part, self.room);
        self.texts.push_str(fits);
        self.room -= fits.len();
        if fits.len() == part.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// The longest beginning of a text that has at most this many bytes.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A text with each run of white space as one blank, cut at this many bytes.
pub(crate) fn folded(text: &str, most: usize) -> String {
    let mut folded = String::with_capacity(text.len().min(most));
    for word in text.split_whitespace() {
        if folded.len() >= most {
            break;
        }
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded.truncate(cut(&folded, most).len());
    folded
}

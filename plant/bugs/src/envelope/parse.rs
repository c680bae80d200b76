//! Reads an envelope, the format in which clients of Sentry send events, attachments and sessions.
//!
//! An envelope is a line with a header, then items: a line with the header of the item, its bytes,
//! and a newline. An item without a length ends at the next newline.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::event::{InvalidEvent, LARGEST_EVENT};
use super::text::cut;
use crate::attachment::LARGEST_ATTACHMENT;

/// The longest line of a header, in bytes.
const LONGEST_HEADER: usize = 1 << 16;

/// The longest description of a fault of JSON, in bytes: it can repeat what was sent.
const LONGEST_PROBLEM: usize = 200;

/// What an envelope may have at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeLimits {
    /// The number of items.
    pub most_items: usize,
    /// The number of bytes of an event.
    pub largest_event: usize,
    /// The number of bytes of the whole envelope, unpacked.
    pub largest: usize,
}

/// 200 items, [`LARGEST_EVENT`] an event, and together an event with the largest attachment: 11
/// MiB.
impl Default for EnvelopeLimits {
    fn default() -> Self {
        Self { most_items: 200, largest_event: LARGEST_EVENT, largest: LARGEST_EVENT + LARGEST_ATTACHMENT }
    }
}

/// An envelope; the bytes of its items are those that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The id of its event, as the client wrote it.
    pub event_id: Option<String>,
    /// The address with the public key of the client, if it is not in the fields of the request.
    pub dsn: Option<String>,
    /// Its items, in their order.
    pub items: Vec<EnvelopeItem<'a>>,
}

/// An item of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeItem<'a> {
    /// What it is.
    pub kind: ItemKind,
    /// The name of the file, for an attachment.
    pub file_name: Option<String>,
    /// The media type that the client declares.
    pub content_type: Option<String>,
    /// What kind of attachment it is, for example `event.minidump`.
    pub attachment_type: Option<String>,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// What an item of an envelope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ItemKind {
    /// An error or a message.
    Event,
    /// The trace of a request that was handled.
    Transaction,
    /// Sessions of a program: how many ended well.
    Session,
    /// A file that belongs to the event.
    Attachment,
    /// What the client has discarded.
    ClientReport,
    /// A sign of life of scheduled work.
    CheckIn,
    /// Any other item.
    Other,
}

impl ItemKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Event,
        Self::Transaction,
        Self::Session,
        Self::Attachment,
        Self::ClientReport,
        Self::CheckIn,
        Self::Other,
    ];

    /// The word of the kind, for metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Transaction => "transaction",
            Self::Session => "session",
            Self::Attachment => "attachment",
            Self::ClientReport => "client_report",
            Self::CheckIn => "check_in",
            Self::Other => "other",
        }
    }

    /// The kind with a word of the protocol.
    fn of(word: &str) -> Self {
        if word == "sessions" {
            return Self::Session;
        }
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap_or(Self::Other)
    }
}

/// An envelope cannot be read. Items are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEnvelope {
    /// The envelope is too large.
    #[error("the envelope has {len} bytes: expected at most {most}")]
    TooLarge {
        /// The number of its bytes.
        len: usize,
        /// The limit.
        most: usize,
    },
    /// The first line is not a header.
    #[error("the header of the envelope, its first line: {problem}")]
    Header {
        /// What is wrong.
        problem: String,
    },
    /// The envelope has too many items.
    #[error("the envelope has more than {most} items")]
    TooManyItems {
        /// The limit.
        most: usize,
    },
    /// The header of an item cannot be read.
    #[error("the header of item {item}: {problem}")]
    ItemHeader {
        /// The item.
        item: usize,
        /// What is wrong.
        problem: String,
    },
    /// An item ends before the length that its header says.
    #[error("item {item}: its header says {declared} bytes, {left} are left")]
    ItemLength {
        /// The item.
        item: usize,
        /// The length of its header.
        declared: u64,
        /// The number of bytes after its header.
        left: usize,
    },
    /// An item is longer than its header says.
    #[error("item {item}: expected a newline after the {declared} bytes that its header says")]
    ItemEnd {
        /// The item.
        item: usize,
        /// The length of its header.
        declared: u64,
    },
    /// An item is too large.
    #[error("item {item} has {len} bytes: expected at most {most}")]
    ItemTooLarge {
        /// The item.
        item: usize,
        /// The number of its bytes.
        len: usize,
        /// The limit.
        most: usize,
    },
    /// The event of an item cannot be read.
    #[error("item {item}: {problem}")]
    Event {
        /// The item.
        item: usize,
        /// What is wrong.
        problem: InvalidEvent,
    },
}

#[derive(Deserialize)]
struct EnvelopeHeader {
    event_id: Option<String>,
    dsn: Option<String>,
}

#[derive(Deserialize)]
struct ItemHeader {
    #[serde(rename = "type")]
    kind: String,
    length: Option<u64>,
    filename: Option<String>,
    content_type: Option<String>,
    attachment_type: Option<String>,
}

/// Reads an envelope. The bytes are unpacked already.
///
/// An item of an unknown kind and a field of an unknown name are accepted.
///
/// ```
/// use sqal_bugs::envelope::{EnvelopeLimits, ItemKind, parse};
///
/// let bytes = b"{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\"}\n\
///     {\"type\":\"attachment\",\"length\":2,\"filename\":\"a.txt\"}\n\n\n\n\
///     {\"type\":\"event\"}\n{\"message\":\"valve stuck\"}";
/// let envelope = parse(bytes, &EnvelopeLimits::default())?;
/// let items: Vec<_> = envelope.items.iter().map(|item| (item.kind, item.payload.len())).collect();
/// assert_eq!(items, [(ItemKind::Attachment, 2), (ItemKind::Event, 25)]);
/// # Ok::<(), sqal_bugs::envelope::InvalidEnvelope>(())
/// ```
///
/// # Errors
///
/// [`InvalidEnvelope`] if the bytes are no envelope, or exceed a limit.
pub fn parse<'a>(bytes: &'a [u8], limits: &EnvelopeLimits) -> Result<Envelope<'a>, InvalidEnvelope> {
    if bytes.len() > limits.largest {
        return Err(InvalidEnvelope::TooLarge { len: bytes.len(), most: limits.largest });
    }
    let (line, mut rest) = first_line(bytes);
    let header: EnvelopeHeader = header(line).map_err(|problem| InvalidEnvelope::Header { problem })?;
    let mut items = Vec::new();
    loop {
        while let Some(after) = rest.strip_prefix(b"\n") {
            rest = after;
        }
        if rest.is_empty() {
            return Ok(Envelope { event_id: header.event_id, dsn: header.dsn, items });
        }
        if items.len() >= limits.most_items {
            return Err(InvalidEnvelope::TooManyItems { most: limits.most_items });
        }
        let (item, after) = first_item(rest, items.len(), limits)?;
        items.push(item);
        rest = after;
    }
}

/// The item at the beginning of bytes, and the bytes after it.
fn first_item<'a>(
    bytes: &'a [u8],
    item: usize,
    limits: &EnvelopeLimits,
) -> Result<(EnvelopeItem<'a>, &'a [u8]), InvalidEnvelope> {
    let (line, rest) = first_line(bytes);
    let header: ItemHeader = header(line).map_err(|problem| InvalidEnvelope::ItemHeader { item, problem })?;
    let (payload, rest) = match header.length {
        None => first_line(rest),
        Some(declared) => {
            let len = usize::try_from(declared).unwrap_or(usize::MAX);
            let halves = rest.split_at_checked(len);
            let (payload, rest) = halves.ok_or(InvalidEnvelope::ItemLength { item, declared, left: rest.len() })?;
            match rest.split_first() {
                None => (payload, rest),
                Some((b'\n', after)) => (payload, after),
                Some(_) => return Err(InvalidEnvelope::ItemEnd { item, declared }),
            }
        }
    };
    let kind = ItemKind::of(&header.kind);
    if kind == ItemKind::Event && payload.len() > limits.largest_event {
        return Err(InvalidEnvelope::ItemTooLarge { item, len: payload.len(), most: limits.largest_event });
    }
    let ItemHeader { filename, content_type, attachment_type, .. } = header;
    Ok((EnvelopeItem { kind, file_name: filename, content_type, attachment_type, payload }, rest))
}

/// The bytes before the first newline, and those after it.
fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    (line, rest.strip_prefix(b"\n").unwrap_or(rest))
}

/// Reads the line of a header.
fn header<H: DeserializeOwned>(line: &[u8]) -> Result<H, String> {
    if line.len() > LONGEST_HEADER {
        return Err(format!("has {} bytes: expected at most {LONGEST_HEADER}", line.len()));
    }
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err("expected an object of JSON".to_owned());
    }
    serde_json::from_slice(line).map_err(|error| cut(&error.to_string(), LONGEST_PROBLEM).to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(bytes: &[u8]) -> Result<Vec<(ItemKind, Vec<u8>)>, InvalidEnvelope> {
        let envelope = parse(bytes, &EnvelopeLimits::default())?;
        Ok(envelope.items.iter().map(|item| (item.kind, item.payload.to_vec())).collect())
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_items_are_parts_of_them(bytes: Vec<u8>) {
            let limits = EnvelopeLimits { most_items: 3, largest_event: 50, largest: 80 };
            if let Ok(envelope) = parse(&bytes, &limits) {
                prop_assert!(envelope.items.len() <= 3);
                prop_assert!(envelope.items.iter().map(|item| item.payload.len()).sum::<usize>() <= bytes.len());
            }
        }

        #[test]
        fn damaged_envelopes_are_read_or_refused(
            lines in proptest::collection::vec(
                prop_oneof![
                    Just("{}".to_owned()),
                    "\\{\"type\":\"(event|session|attachment|x)\"(,\"length\":[0-9]{1,20})?\\}",
                    "[ -~]{0,20}",
                    ".{0,10}",
                ],
                0..12,
            ),
            cut_at: prop::sample::Index,
        ) {
            let bytes = lines.join("\n").into_bytes();
            let _ = kinds(&bytes[..cut_at.index(bytes.len() + 1)]);
            let _ = kinds(&[b"{}\n", bytes.as_slice()].concat());
        }

        #[test]
        fn what_is_written_with_lengths_is_read_back(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
            ends_with_newline: bool,
        ) {
            let mut bytes = b"{\"sdk\":{\"name\":\"a\"},\"trace\":{}}".to_vec();
            for payload in &payloads {
                let header = format!("\n{{\"length\":{},\"type\":\"attachment\",\"new\":[1]}}\n", payload.len());
                bytes.extend(header.bytes());
                bytes.extend(payload);
            }
            if ends_with_newline {
                bytes.push(b'\n');
            }
            let expected: Vec<_> = payloads.into_iter().map(|payload| (ItemKind::Attachment, payload)).collect();
            prop_assert_eq!(kinds(&bytes), Ok(expected));
        }
    }

    #[test]
    fn an_item_without_a_length_ends_at_the_newline() {
        let read =
            kinds(b"{}\n{\"type\":\"session\"}\n{\"a\":1}\n{\"type\":\"check_in\"}\n\n{\"type\":\"sessions\"}\nx\r\n");
        let expected = [(ItemKind::Session, "{\"a\":1}"), (ItemKind::CheckIn, ""), (ItemKind::Session, "x\r")];
        assert_eq!(read, Ok(expected.map(|(kind, payload)| (kind, payload.as_bytes().to_vec())).to_vec()));
    }

    #[test]
    fn a_broken_envelope_is_refused_with_its_item_and_what_is_wrong() {
        let ok = "{}\n{\"type\":\"session\"}\n{}\n";
        for (bytes, problem) in [
            (String::new(), "the header of the envelope, its first line: expected an object of JSON"),
            ("[]\n".to_owned(), "the header of the envelope, its first line: expected an object of JSON"),
            ("{\"event_id\"\n".to_owned(), "the header of the envelope, its first line: EOF while parsing"),
            (format!("{ok}{{\"length\":2}}\nab"), "the header of item 1: missing field `type`"),
            (format!("{ok}{{\"type\":\"event\",\"length\":-2}}\nab"), "the header of item 1: invalid value"),
            (format!("{ok}{{\"type\":\"event\",\"length\":3}}\nab"), "item 1: its header says 3 bytes, 2 are left"),
            (format!("{ok}{{\"type\":\"event\",\"length\":1}}\nab"), "item 1: expected a newline after the 1 bytes"),
            (format!("{ok}no header\n"), "the header of item 1: expected an object of JSON"),
        ] {
            let found = kinds(bytes.as_bytes()).expect_err(&bytes).to_string();
            assert!(found.starts_with(problem), "{bytes}: {found}");
        }
    }

    #[test]
    fn each_limit_is_held() {
        let limits = EnvelopeLimits { most_items: 1, largest_event: 3, largest: 60 };
        let refused = |text: &str| parse(text.as_bytes(), &limits).expect_err("beyond a limit");
        assert_eq!(refused(&" ".repeat(61)), InvalidEnvelope::TooLarge { len: 61, most: 60 });
        let two = "{}\n{\"type\":\"a\"}\n\n{\"type\":\"b\"}\n";
        assert_eq!(refused(two), InvalidEnvelope::TooManyItems { most: 1 });
        let event = "{}\n{\"type\":\"event\"}\n1234";
        assert_eq!(refused(event), InvalidEnvelope::ItemTooLarge { item: 0, len: 4, most: 3 });
        assert!(parse(b"{}\n{\"type\":\"event\"}\n123", &limits).is_ok());
    }
}

//! [`Message`]: writes the few kinds of fields that a profile in the format of pprof needs.
//!
//! The encoding is that of <https://protobuf.dev/programming-guides/encoding/>. A field with its
//! default value is left out, as proto3 does.

/// The bytes of a message that is being written.
#[derive(Debug, Default)]
pub(crate) struct Message(Vec<u8>);

/// The kind of a field that is one integer.
const VARINT: u64 = 0;

/// The kind of a field that is bytes after their length: texts, messages, packed integers.
const BYTES: u64 = 2;

impl Message {
    /// Adds a field that is an unsigned integer.
    pub(crate) fn integer(&mut self, field: u32, value: u64) -> &mut Self {
        if value != 0 {
            self.key(field, VARINT);
            varint(&mut self.0, value);
        }
        self
    }

    /// Adds a field that is an index into a table, or a number of things.
    pub(crate) fn index(&mut self, field: u32, value: usize) -> &mut Self {
        self.integer(field, u64::try_from(value).unwrap_or(u64::MAX))
    }

    /// Adds a field that is a list of unsigned integers.
    pub(crate) fn integers(&mut self, field: u32, values: impl IntoIterator<Item = u64>) -> &mut Self {
        let mut packed = Vec::new();
        values.into_iter().for_each(|value| varint(&mut packed, value));
        if !packed.is_empty() {
            self.bytes(field, &packed);
        }
        self
    }

    /// Adds an element of a field that is a list of texts; an empty text is an element too.
    pub(crate) fn text(&mut self, field: u32, text: &str) -> &mut Self {
        self.bytes(field, text.as_bytes())
    }

    /// Adds a field that is a message, or an element of a list of messages.
    pub(crate) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0)
    }

    /// The bytes of the message.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) -> &mut Self {
        self.key(field, BYTES);
        varint(&mut self.0, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
        self
    }

    fn key(&mut self, field: u32, kind: u64) {
        varint(&mut self.0, (u64::from(field) << 3) | kind);
    }
}

/// Appends an integer in base 128, the lowest digits first.
fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let [lowest, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(lowest & 0x7f);
            return;
        }
        bytes.push(lowest | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the documentation of the encoding.
    #[test]
    fn the_examples_of_the_documentation_are_written_as_they_stand_there() {
        let written = |write: &dyn Fn(&mut Message)| {
            let mut message = Message::default();
            write(&mut message);
            message.into_bytes()
        };
        let number = |message: &mut Message| {
            message.integer(1, 150);
        };
        assert_eq!(written(&number), [0x08, 0x96, 0x01]);
        let text = |message: &mut Message| {
            message.text(2, "testing");
        };
        assert_eq!(written(&text), [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        let nested = |message: &mut Message| {
            message.message(3, number);
        };
        assert_eq!(written(&nested), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let packed = |message: &mut Message| {
            message.integers(6, [3, 270, 86_942]);
        };
        assert_eq!(written(&packed), [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]);
    }

    #[test]
    fn a_default_value_is_left_out_and_an_empty_element_is_not() {
        let mut message = Message::default();
        message.integer(1, 0).integers(2, []).text(6, "");
        assert_eq!(message.into_bytes(), [0x32, 0x00]);
        let mut message = Message::default();
        message.integer(1, u64::MAX);
        assert_eq!(message.into_bytes(), [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    }
}

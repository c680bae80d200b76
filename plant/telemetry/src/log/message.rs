//! [`write_message`]: the message of an event, without its other fields.

use std::fmt::{self, Write};

use tracing::Event;
use tracing::field::{Field, Visit};

/// Writes the message of an event behind a prefix; nothing if it has none.
pub(super) fn write_message(event: &Event<'_>, prefix: &str, to: &mut impl Write) -> fmt::Result {
    let mut message = Message { prefix, to, written: Ok(()) };
    event.record(&mut message);
    message.written
}

struct Message<'a, W> {
    prefix: &'a str,
    to: &'a mut W,
    written: fmt::Result,
}

impl<W: Write> Visit for Message<'_, W> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" && self.written.is_ok() {
            self.written = write!(self.to, "{}{value:?}", self.prefix);
        }
    }
}

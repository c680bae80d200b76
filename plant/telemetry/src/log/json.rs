//! [`write()`]: an event as a JSON object on one line.

use std::error::Error;
use std::fmt::{self, Write};

use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use super::causes::with_causes;
use super::escaped::JsonText;
use super::message::write_message;
use crate::TraceContext;

/// The members that every line has, or may have; a field of the same name is prefixed.
const OURS: [&str; 6] = ["timestamp", "level", "message", "target", "trace_id", "span_id"];

/// Writes the time (RFC 3339, microseconds, UTC), the level, the message, the target, the trace,
/// and the fields.
pub(super) fn write(writer: &mut Writer<'_>, event: &Event<'_>, trace: Option<TraceContext>) -> fmt::Result {
    writer.write_str("{\"timestamp\":\"")?;
    SystemTime.format_time(writer)?;
    write!(writer, "\",\"level\":\"{}\",\"message\":\"", event.metadata().level().as_str())?;
    write_message(event, "", &mut JsonText::new(writer))?;
    writer.write_str("\",\"target\":\"")?;
    JsonText::new(writer).write_str(event.metadata().target())?;
    writer.write_char('"')?;
    if let Some(TraceContext { trace, span, .. }) = trace {
        write!(writer, ",\"trace_id\":\"{trace}\",\"span_id\":\"{span}\"")?;
    }
    let mut fields = Fields { writer: &mut *writer, written: Ok(()) };
    event.record(&mut fields);
    fields.written?;
    writer.write_str("}\n")
}

/// Writes the fields of an event as members, without its message.
struct Fields<'a, 'w> {
    writer: &'a mut Writer<'w>,
    written: fmt::Result,
}

impl Fields<'_, '_> {
    /// Writes a member whose value is JSON already.
    fn plain(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if field.name() != "message" && self.written.is_ok() {
            self.written = self.name(field).and_then(|()| self.writer.write_fmt(value));
        }
    }

    /// Writes a member whose value is a text.
    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if field.name() != "message" && self.written.is_ok() {
            self.written = self.name(field).and_then(|()| self.quoted(value));
        }
    }

    fn name(&mut self, field: &Field) -> fmt::Result {
        let name = field.name().strip_prefix("r#").unwrap_or(field.name());
        let prefix = if OURS.contains(&name) { "field_" } else { "" };
        self.writer.write_char(',')?;
        self.quoted(format_args!("{prefix}{name}"))?;
        self.writer.write_char(':')
    }

    fn quoted(&mut self, value: fmt::Arguments<'_>) -> fmt::Result {
        self.writer.write_char('"')?;
        JsonText::new(self.writer).write_fmt(value)?;
        self.writer.write_char('"')
    }
}

impl Visit for Fields<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for NaN and the infinities. The debug form of any other number is JSON.
        if value.is_finite() {
            self.plain(field, format_args!("{value:?}"));
        } else {
            self.text(field, format_args!("{value}"));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, format_args!("{}", with_causes(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Also numbers of 128 bits: readers of JSON would round them.
        self.text(field, format_args!("{value:?}"));
    }
}

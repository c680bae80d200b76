//! [`write()`]: an event as a line for people.

use std::error::Error;
use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use super::causes::with_causes;
use super::escaped::OneLine;
use super::message::write_message;
use crate::TraceContext;

/// The escape sequences of a terminal; empty if the log is not one.
#[derive(Clone, Copy)]
struct Style {
    dimmed: &'static str,
    italic: &'static str,
    level: &'static str,
    end: &'static str,
}

impl Style {
    const PLAIN: Self = Self { dimmed: "", italic: "", level: "", end: "" };

    fn of(level: Level) -> Self {
        let level = match level {
            Level::ERROR => "\x1b[31m",
            Level::WARN => "\x1b[33m",
            Level::INFO => "\x1b[32m",
            Level::DEBUG => "\x1b[34m",
            Level::TRACE => "\x1b[35m",
        };
        Self { dimmed: "\x1b[2m", italic: "\x1b[3m", level, end: "\x1b[0m" }
    }
}

/// Writes the time, the level, the message, the fields, and the trace.
pub(super) fn write(writer: &mut Writer<'_>, event: &Event<'_>, trace: Option<TraceContext>) -> fmt::Result {
    let level = *event.metadata().level();
    let style = if writer.has_ansi_escapes() { Style::of(level) } else { Style::PLAIN };
    writer.write_str(style.dimmed)?;
    SystemTime.format_time(writer)?;
    write!(writer, "{} {}{:>5}{}", style.end, style.level, level.as_str(), style.end)?;
    // The message comes first, wherever it stands among the fields.
    write_message(event, " ", &mut OneLine::new(writer))?;
    let mut fields = Fields { writer: &mut *writer, style, written: Ok(()) };
    event.record(&mut fields);
    fields.written?;
    if let Some(TraceContext { trace, span, .. }) = trace {
        name_of(writer, style, "trace_id")?;
        write!(writer, "{trace}")?;
        name_of(writer, style, "span_id")?;
        write!(writer, "{span}")?;
    }
    writer.write_char('\n')
}

/// The name of a field, with a space before it and `=` behind it.
fn name_of(writer: &mut Writer<'_>, style: Style, name: &str) -> fmt::Result {
    write!(writer, " {}{name}{}{}={}", style.italic, style.end, style.dimmed, style.end)
}

/// Writes the fields of an event, without its message.
struct Fields<'a, 'w> {
    writer: &'a mut Writer<'w>,
    style: Style,
    written: fmt::Result,
}

impl Visit for Fields<'_, '_> {
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_debug(field, &format_args!("{}", with_causes(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() != "message" && self.written.is_ok() {
            let name = field.name().strip_prefix("r#").unwrap_or(field.name());
            self.written =
                name_of(self.writer, self.style, name).and_then(|()| write!(OneLine::new(self.writer), "{value:?}"));
        }
    }
}

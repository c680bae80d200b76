//! [`LogLines`]: the layer that writes one line for each event.

use std::fmt;
use std::sync::Arc;

use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, Layer as Formatting, MakeWriter};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::format::LogFormat;
use super::home::Home;
use super::{json, text};
use crate::TraceContext;
use crate::current::context_in;

/// Writes one line for each event that its filter lets through.
///
/// A text looks like `2024-10-26T22:00:00.123456Z  INFO sample stored device_id="D1" trace_id=…
/// span_id=…`. JSON has the members `timestamp`, `level`, `message`, `target`, `trace_id`,
/// `span_id` and the fields of the event; a field named like one of these six is prefixed with
/// `field_`. Control characters are escaped, so a line stays one line whatever a text holds. A
/// message or value over 16 KiB is cut and ends with `…`.
///
/// A line has `trace_id` and `span_id` if its event stands in a span that
/// [`HeldTraces`](crate::held::HeldTraces) follows, also if the filter of the log hides that span.
pub struct LogLines<S, W> {
    lines: Formatting<S, DefaultFields, Line, W>,
    home: Arc<Home>,
}

impl<S, W> LogLines<S, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    /// Lines of a format. A line that cannot be written is dropped silently: a closed log must not
    /// stop the program.
    #[must_use]
    pub fn new(format: LogFormat, writer: W) -> Self {
        let home = Arc::<Home>::default();
        let line = Line { format, home: Arc::clone(&home) };
        let lines = tracing_subscriber::fmt::layer().log_internal_errors(false).with_ansi(false);
        Self { lines: lines.event_format(line).with_writer(writer), home }
    }

    /// Colours the level and the names of fields, for a terminal. JSON has no colours.
    #[must_use]
    pub fn colored(self, is_terminal: bool) -> Self {
        Self { lines: self.lines.with_ansi(is_terminal), ..self }
    }
}

impl<S, W> Layer<S> for LogLines<S, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.home.register(dispatch);
    }

    // Only events are passed on: a line shows no fields of spans, so none are formatted.
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        self.lines.on_event(event, context);
    }
}

impl<S, W> fmt::Debug for LogLines<S, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLines").finish_non_exhaustive()
    }
}

/// Formats an event.
struct Line {
    format: LogFormat,
    home: Arc<Home>,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let trace = self.trace(context, event);
        match self.format {
            LogFormat::Text => text::write(&mut writer, event, trace),
            LogFormat::Json => json::write(&mut writer, event, trace),
        }
    }
}

impl Line {
    /// The context of the trace in which an event stands.
    fn trace<S, N>(&self, context: &FmtContext<'_, S, N>, event: &Event<'_>) -> Option<TraceContext>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        N: for<'a> FormatFields<'a> + 'static,
    {
        let current = || context.current_span().id().cloned();
        let id = event.parent().cloned().or_else(|| if event.is_contextual() { current() } else { None })?;
        // Within `Option<LogLines>` the subscriber is not known: then only spans that the filter
        // lets through are seen.
        self.home.trace_of(&id).or_else(|| context_in(&context.parent_span()?))
    }
}

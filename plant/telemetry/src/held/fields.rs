//! [`Fields`]: what a span's fields say, read before any lock is taken.
//!
//! Fields are read into a buffer that each thread keeps, so that reading allocates nothing. The
//! debug form of a value is the caller's code: it may panic, or make spans itself. It therefore
//! runs while no lock is held.

use std::cell::Cell;
use std::fmt;

use tracing::field::{Field, Visit};

use super::finished::SpanKind;
use super::texts::{Piece, Texts};
use crate::context::{InvalidTraceContext, TraceContext};

/// The most attributes that a span has.
pub(crate) const MOST_ATTRIBUTES: usize = 64;

/// A buffer with more room than this is not kept for the next span.
const MOST_ROOM: usize = 16 * 1024;

/// The value of an attribute, with its text in a buffer beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HeldValue {
    Text(Piece),
    /// A statement, whose white space is folded when the trace is kept.
    Statement(Piece),
    Integer(i64),
    Number(f64),
    Flag(bool),
}

impl HeldValue {
    /// The value with its text kept in another buffer.
    pub(crate) fn moved(self, from: &Texts, to: &mut Texts) -> Self {
        match self {
            Self::Text(piece) => Self::Text(to.keep(from.text(piece))),
            Self::Statement(piece) => Self::Statement(to.keep(from.text(piece))),
            other => other,
        }
    }
}

/// The fields of a span, or of a record, by their meaning.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// The texts of the other members.
    pub(crate) texts: Texts,
    /// Every field without a meaning of its own.
    pub(crate) attributes: Vec<(&'static str, HeldValue)>,
    /// `otel.name`.
    pub(crate) name: Option<Piece>,
    /// `otel.kind`.
    pub(crate) kind: Option<SpanKind>,
    /// Whether `otel.status_code` or `otel.status_description` says that the span failed.
    pub(crate) failed: Option<bool>,
    /// `otel.status_description`.
    pub(crate) description: Option<Piece>,
    /// `traceparent`.
    pub(crate) remote: Option<Result<TraceContext, InvalidTraceContext>>,
}

thread_local! {
    static BUFFER: Cell<Option<Box<Fields>>> = const { Cell::new(None) };
}

impl Fields {
    /// Does work with empty fields from the buffer of the thread. Work within work gets a buffer of
    /// its own.
    pub(crate) fn with_buffer<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        let mut fields = BUFFER.try_with(Cell::take).ok().flatten().unwrap_or_default();
        let result = work(&mut fields);
        if fields.texts.room() <= MOST_ROOM {
            fields.clear();
            // At the end of a thread there is no buffer any more.
            let _ = BUFFER.try_with(|buffer| buffer.set(Some(fields)));
        }
        result
    }

    fn clear(&mut self) {
        self.texts.clear();
        self.attributes.clear();
        (self.name, self.kind, self.failed, self.description, self.remote) = (None, None, None, None, None);
    }

    fn attribute(&mut self, name: &'static str, value: HeldValue) {
        if self.has_room() {
            self.attributes.push((name, value));
        }
    }

    fn has_room(&self) -> bool {
        self.attributes.len() < MOST_ATTRIBUTES
    }

    fn take(&mut self, meaning: Meaning, text: &str) {
        match meaning {
            Meaning::Name => self.name = Some(self.texts.keep(text)),
            Meaning::Kind => self.kind = kind(text),
            Meaning::Status => self.failed = Some(text.eq_ignore_ascii_case("error")),
            Meaning::Description => {
                self.failed = Some(true);
                self.description = Some(self.texts.keep(text));
            }
            Meaning::Remote => {
                let remote = text.parse::<TraceContext>();
                #[cfg(feature = "metrics")]
                if remote.is_err() {
                    metrics::counter!("traceparents_refused_total").increment(1);
                }
                self.remote = Some(remote);
            }
        }
    }
}

/// What a field says about the span itself, by the conventions of tracing-opentelemetry.
#[derive(Clone, Copy)]
enum Meaning {
    Name,
    Kind,
    Status,
    Description,
    Remote,
}

/// The meaning of a field of this name; `None` if it is an attribute.
fn meaning(name: &str) -> Option<Meaning> {
    match name {
        "otel.name" => Some(Meaning::Name),
        "otel.kind" => Some(Meaning::Kind),
        "otel.status_code" => Some(Meaning::Status),
        "otel.status_description" => Some(Meaning::Description),
        TraceContext::HEADER => Some(Meaning::Remote),
        _ => None,
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.attribute(field.name(), HeldValue::Number(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.attribute(field.name(), HeldValue::Integer(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.attribute(field.name(), HeldValue::Integer(value)),
            // OpenTelemetry has no unsigned numbers: the digits are kept.
            Err(_) => self.record_debug(field, &value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.attribute(field.name(), HeldValue::Flag(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(meaning) = meaning(field.name()) {
            self.take(meaning, value);
        } else if self.has_room() {
            let piece = self.texts.keep(value);
            self.attribute(field.name(), HeldValue::Text(piece));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(meaning) = meaning(field.name()) {
            // A value that was given by `%` has no quotation marks in its debug form.
            let mut written = Texts::with_room(64);
            let piece = written.keep_debug(value);
            self.take(meaning, written.text(piece));
        } else if self.has_room() {
            let piece = self.texts.keep_debug(value);
            self.attribute(field.name(), HeldValue::Text(piece));
        }
    }
}

fn kind(text: &str) -> Option<SpanKind> {
    let kinds = [
        ("server", SpanKind::Server),
        ("client", SpanKind::Client),
        ("producer", SpanKind::Producer),
        ("consumer", SpanKind::Consumer),
        ("internal", SpanKind::Internal),
    ];
    kinds.into_iter().find(|(word, _)| text.eq_ignore_ascii_case(word)).map(|(_, kind)| kind)
}

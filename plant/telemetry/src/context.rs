//! [`TraceContext`]: the trace and the span that a piece of work belongs to, as W3C Trace Context
//! writes them in `traceparent`.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

/// The length of a `traceparent` of version 00, and of the part that every later version begins
/// with (W3C Trace Context, 3.2.2 and 3.2.4).
const LENGTH: usize = 55;

/// The id of a trace: 16 bytes, never all zero.
///
/// ```
/// use sqal_telemetry::TraceId;
///
/// let id = TraceId::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736).unwrap();
/// assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(TraceId::new(0), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// The id with this value; `None` if it is zero, which W3C Trace Context forbids.
    #[must_use]
    pub const fn new(id: u128) -> Option<Self> {
        match NonZeroU128::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The value, whose first byte is the most significant one.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0.get()
    }

    /// A new id from two random numbers.
    pub(crate) fn drawn(random: fn() -> u64) -> Self {
        let (high, low) = (random(), random());
        let id = (u128::from(high) << 64) | u128::from(low);
        // A random generator gives 0 once in 2^128 ids.
        Self(NonZeroU128::new(id).unwrap_or(NonZeroU128::MIN))
    }
}

/// The id as 32 lower-case hexadecimal digits.
impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

/// The id of a span: 8 bytes, never all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// The id with this value; `None` if it is zero, which W3C Trace Context forbids.
    #[must_use]
    pub const fn new(id: u64) -> Option<Self> {
        match NonZeroU64::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The value, whose first byte is the most significant one.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// A new id from a random number.
    pub(crate) fn drawn(random: fn() -> u64) -> Self {
        // A random generator gives 0 once in 2^64 ids.
        Self(NonZeroU64::new(random()).unwrap_or(NonZeroU64::MIN))
    }
}

/// The id as 16 lower-case hexadecimal digits.
impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

/// The place of a piece of work in a trace: what a caller sends and its callee continues.
///
/// ```
/// use sqal_telemetry::TraceContext;
///
/// let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context: TraceContext = sent.parse()?;
/// assert!(context.sampled);
/// assert_eq!(context.span.to_string(), "00f067aa0ba902b7");
/// assert_eq!(context.to_string(), sent);
///
/// let upper_case = sent.to_uppercase().parse::<TraceContext>().unwrap_err();
/// assert!(upper_case.to_string().contains("32 lower-case hexadecimal digits"), "{upper_case}");
/// # Ok::<_, sqal_telemetry::InvalidTraceContext>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span within the trace.
    pub span: SpanId,
    /// Whether the sender keeps the trace.
    pub sampled: bool,
}

impl TraceContext {
    /// The name of the header field, and of the member of a message, that holds the text of a
    /// context.
    pub const HEADER: &'static str = "traceparent";

    /// A context of these ids.
    #[must_use]
    pub const fn new(trace: TraceId, span: SpanId, sampled: bool) -> Self {
        Self { trace, span, sampled }
    }
}

/// The context as a `traceparent` of version 00. Of the flags only `sampled` is written.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// Reads a `traceparent` as W3C Trace Context demands: hexadecimal digits in lower case, version ff
/// refused, 55 characters in version 00. A later version may have more behind a hyphen, which is
/// ignored. Flags other than `sampled` are ignored.
impl FromStr for TraceContext {
    type Err = InvalidTraceContext;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text.as_bytes()).map_err(|fault| InvalidTraceContext { fault, text: text.chars().take(LENGTH).collect() })
    }
}

/// The `traceparent` is refused: it is not of the form that W3C Trace Context demands. The message
/// quotes at most 55 characters of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("traceparent {text:?}: {fault}")]
pub struct InvalidTraceContext {
    fault: Fault,
    text: String,
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("it has {0} bytes, and at least 55 are needed")]
    Short(usize),
    #[error("it has {0} bytes, and version 00 has exactly 55")]
    Long(usize),
    #[error("byte 56 must be a hyphen if a later version is longer than 55 bytes")]
    Tail,
    #[error("the version must be 2 lower-case hexadecimal digits")]
    Version,
    #[error("version ff is forbidden")]
    Forbidden,
    #[error("byte {0} must be a hyphen")]
    Hyphen(usize),
    #[error("the trace id must be 32 lower-case hexadecimal digits")]
    Trace,
    #[error("the trace id must not be all zeros")]
    ZeroTrace,
    #[error("the span id must be 16 lower-case hexadecimal digits")]
    Span,
    #[error("the span id must not be all zeros")]
    ZeroSpan,
    #[error("the flags must be 2 lower-case hexadecimal digits")]
    Flags,
}

fn read(text: &[u8]) -> Result<TraceContext, Fault> {
    let (head, tail) = text.split_first_chunk::<LENGTH>().ok_or(Fault::Short(text.len()))?;
    match (hexadecimal(&head[..2]).ok_or(Fault::Version)?, tail) {
        (0xff, _) => return Err(Fault::Forbidden),
        (0, [_, ..]) => return Err(Fault::Long(text.len())),
        (_, [] | [b'-', ..]) => {}
        _ => return Err(Fault::Tail),
    }
    if let Some(at) = [2, 35, 52].into_iter().find(|at| head.get(*at) != Some(&b'-')) {
        return Err(Fault::Hyphen(at + 1));
    }
    let trace = hexadecimal(&head[3..35]).ok_or(Fault::Trace)?;
    let trace = TraceId::new(trace).ok_or(Fault::ZeroTrace)?;
    let span = hexadecimal(&head[36..52]).and_then(|span| u64::try_from(span).ok()).ok_or(Fault::Span)?;
    let span = SpanId::new(span).ok_or(Fault::ZeroSpan)?;
    let flags = hexadecimal(&head[53..]).ok_or(Fault::Flags)?;
    Ok(TraceContext::new(trace, span, flags & 1 == 1))
}

/// The value of up to 32 hexadecimal digits; `None` if one is another character or in upper case.
fn hexadecimal(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((value << 4) | u128::from(digit))
    })
}

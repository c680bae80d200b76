//! [`Span`]: a span of time in a request body.

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_protocol::Violation;
use sqal_protocol::time::parse;

use crate::door::problem::Problem;

/// A span of time, whose end is not part of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Span {
    /// The first moment, RFC 3339.
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    from: String,
    /// The moment after the last, RFC 3339.
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    until: String,
}

impl Span {
    /// Parses both times. `place` is the JSON pointer of the span.
    pub(crate) fn times(&self, place: &str) -> Result<(Timestamp, Timestamp), Problem> {
        let mut wrong = Vec::new();
        let mut time = |name: &str, text: &String| {
            let time = parse(text);
            if time.is_none() {
                let (limit, french) = ("a time as RFC 3339 writes it", "une date au format RFC 3339");
                wrong.push(Violation::new(format!("{place}/{name}"), text, limit, french));
            }
            time
        };
        match (time("from", &self.from), time("until", &self.until)) {
            (Some(from), Some(until)) if from < until => Ok((from, until)),
            (Some(_), Some(_)) => {
                let (limit, french) = (format!("after {}", self.from), format!("après {}", self.from));
                Err(Problem::wrong(format!("{place}/until"), &self.until, limit, french))
            }
            _ => Err(Problem::invalid_body(wrong)),
        }
    }
}

//! [`OtlpHeaders`]: the header fields that a collector asks for, such as its token; shown nowhere.

use std::fmt;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::pairs::pairs;

/// The most header fields.
const MOST: usize = 32;

/// Header fields that the exporter sets itself, or that belong to the connection.
const RESERVED: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Header fields of each request to a collector. They may hold a token, so their `Debug` output
/// shows only how many there are.
///
/// ```
/// use sqal_telemetry::otlp::OtlpHeaders;
///
/// let headers: OtlpHeaders = "authorization=Bearer%20hunter2,x-plant=1".parse()?;
/// assert_eq!(format!("{headers:?}"), "OtlpHeaders(2 hidden)");
/// # Ok::<(), sqal_telemetry::otlp::InvalidOtlpHeaders>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OtlpHeaders(HeaderMap);

/// A list of header fields that cannot be used. It names the place of the fault and repeats no part
/// of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOtlpHeaders {
    /// A pair is no header field.
    #[error("pair {0}: expected name=value of a header field, with a percent-encoded value")]
    Pair(usize),
    /// A field is set by the exporter or belongs to the connection.
    #[error("pair {0}: expected a field that the exporter does not set itself")]
    Reserved(usize),
    /// There are too many pairs.
    #[error("more pairs than the limit: expected at most {}", MOST)]
    Number,
}

impl OtlpHeaders {
    /// The fields, each marked as secret.
    pub(super) const fn fields(&self) -> &HeaderMap {
        &self.0
    }
}

impl FromStr for OtlpHeaders {
    type Err = InvalidOtlpHeaders;

    fn from_str(text: &str) -> Result<Self, InvalidOtlpHeaders> {
        let mut fields = HeaderMap::new();
        for (place, pair) in (1..).zip(pairs(text)) {
            if place > MOST {
                return Err(InvalidOtlpHeaders::Number);
            }
            let (name, value) = pair.ok_or(InvalidOtlpHeaders::Pair(place))?;
            let name = HeaderName::try_from(name).map_err(|_| InvalidOtlpHeaders::Pair(place))?;
            let mut value = HeaderValue::try_from(value).map_err(|_| InvalidOtlpHeaders::Pair(place))?;
            if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("grpc-") {
                return Err(InvalidOtlpHeaders::Reserved(place));
            }
            value.set_sensitive(true);
            fields.append(name, value);
        }
        Ok(Self(fields))
    }
}

impl fmt::Debug for OtlpHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OtlpHeaders({} hidden)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pairs_are_header_fields_with_decoded_values() {
        let headers: OtlpHeaders = "Authorization=Bearer%20a%3D, x-plant = 1,x-plant=2".parse().unwrap();
        let of = |name| headers.fields().get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!((of("authorization"), of("x-plant")), (vec!["Bearer a="], vec!["1", "2"]));
        assert!(headers.fields().values().all(HeaderValue::is_sensitive));
        assert_eq!("".parse::<OtlpHeaders>(), Ok(OtlpHeaders::default()));
    }

    #[test]
    fn a_list_that_cannot_be_used_is_told_by_its_place_alone() {
        for (text, why) in [
            ("hunter2", InvalidOtlpHeaders::Pair(1)),
            ("a=1,hunter2", InvalidOtlpHeaders::Pair(2)),
            ("a b=hunter2", InvalidOtlpHeaders::Pair(1)),
            ("a=hunter2%0d%0ab: c", InvalidOtlpHeaders::Pair(1)),
            ("a=%ff", InvalidOtlpHeaders::Pair(1)),
            ("a=1,b=2,Host=hunter2", InvalidOtlpHeaders::Reserved(3)),
            ("grpc-timeout=1S", InvalidOtlpHeaders::Reserved(1)),
        ] {
            let told = text.parse::<OtlpHeaders>().unwrap_err();
            assert_eq!(told, why, "{text}");
            assert!(!told.to_string().contains("hunter2"), "{told}");
        }
        let many = "a=1,".repeat(MOST + 1);
        assert_eq!(many.parse::<OtlpHeaders>(), Err(InvalidOtlpHeaders::Number));
        assert!(many["a=1,".len()..].parse::<OtlpHeaders>().is_ok());
    }
}

//! The frame of a message in gRPC, and the status of its answer.
//!
//! One call is a POST with one message before the answer, and one message and a status behind it.
//! That is little enough to do without a client of gRPC, which would tell its errors as texts only.

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;

/// The length of what stands before a message: a flag for compression and the length.
const PREFIX: usize = 5;

/// A message with its prefix; `None` if it is longer than 4 GiB.
pub(super) fn framed(message: &[u8]) -> Option<Bytes> {
    let length = u32::try_from(message.len()).ok()?;
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(length);
    framed.put_slice(message);
    Some(framed.freeze())
}

/// The message of an answer; `None` if it is compressed or cut.
pub(super) fn unframed(answer: &[u8]) -> Option<&[u8]> {
    let (prefix, message) = answer.split_first_chunk::<PREFIX>()?;
    let [0, length @ ..] = prefix else { return None };
    message.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The status of a call. 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GrpcCode(u32);

impl GrpcCode {
    /// The code of calls whose answer has no status.
    const UNKNOWN: Self = Self(2);

    /// A code by its number.
    #[cfg(test)]
    pub(super) const fn new(code: u32) -> Self {
        Self(code)
    }

    /// The code of an answer, which is in its trailers, or in its header fields if it has no
    /// message.
    pub(super) fn of(headers: &HeaderMap, trailers: Option<&HeaderMap>) -> Self {
        let found = trailers.and_then(|trailers| trailers.get("grpc-status")).or_else(|| headers.get("grpc-status"));
        let code = found.and_then(|code| code.to_str().ok()?.parse().ok());
        code.map_or(Self::UNKNOWN, Self)
    }

    /// Whether the call succeeded.
    pub(super) const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Whether another try may help, by the list of OTLP. `RESOURCE_EXHAUSTED` is one of them only
    /// if the collector says when to try again, in details that are not read here.
    pub(super) const fn is_transient(self) -> bool {
        matches!(self.0, 1 | 4 | 10 | 11 | 14 | 15)
    }

    /// The name of the code in the specification of gRPC.
    pub(super) fn name(self) -> &'static str {
        self.described().0
    }

    /// What the code says of an export.
    pub(super) fn meaning(self) -> &'static str {
        self.described().1
    }

    fn described(self) -> (&'static str, &'static str) {
        const CODES: [(&str, &str); 17] = [
            ("OK", "the spans are accepted"),
            ("CANCELLED", "the collector cancelled the call"),
            ("UNKNOWN", "the collector gave no reason"),
            ("INVALID_ARGUMENT", "the collector cannot read the spans"),
            ("DEADLINE_EXCEEDED", "the collector took too long"),
            ("NOT_FOUND", "the collector does not know the call"),
            ("ALREADY_EXISTS", "the collector has the spans already"),
            ("PERMISSION_DENIED", "the sender may not send spans"),
            ("RESOURCE_EXHAUSTED", "the collector has no room"),
            ("FAILED_PRECONDITION", "the collector is not in a state to accept spans"),
            ("ABORTED", "the collector broke off the call"),
            ("OUT_OF_RANGE", "the collector does not accept these spans now"),
            ("UNIMPLEMENTED", "no collector of traces answers at this address"),
            ("INTERNAL", "the collector failed"),
            ("UNAVAILABLE", "the collector is not ready"),
            ("DATA_LOSS", "the collector lost the spans"),
            ("UNAUTHENTICATED", "the header fields are not those of a known sender"),
        ];
        let place = usize::try_from(self.0).unwrap_or(usize::MAX);
        CODES.get(place).copied().unwrap_or(("UNKNOWN", "the collector answered with a status that does not exist"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_framed_is_read_again_and_what_is_cut_is_not(message in prop::collection::vec(any::<u8>(), 0..300)) {
            let sent = framed(&message).unwrap();
            prop_assert_eq!(unframed(&sent), Some(&*message));
            for end in 0..sent.len() {
                prop_assert_eq!(unframed(&sent[..end]), None);
            }
        }
    }

    #[test]
    fn a_compressed_answer_is_not_read() {
        assert_eq!(unframed(&[1, 0, 0, 0, 0]), None);
        assert_eq!(unframed(&[0, 0, 0, 0, 0]), Some(&[][..]));
    }

    #[test]
    fn the_status_is_in_the_trailers_or_in_the_header_fields() {
        let with = |code: &'static str| {
            let mut fields = HeaderMap::new();
            fields.insert("grpc-status", code.parse().unwrap());
            fields
        };
        let none = HeaderMap::new();
        assert!(GrpcCode::of(&none, Some(&with("0"))).is_ok());
        assert_eq!(GrpcCode::of(&with("14"), None).name(), "UNAVAILABLE");
        assert_eq!(GrpcCode::of(&with("16"), Some(&none)).name(), "UNAUTHENTICATED");
        assert_eq!(GrpcCode::of(&with("0"), Some(&with("8"))).name(), "RESOURCE_EXHAUSTED");
        for broken in [&none, &with("x"), &with("-1")] {
            assert_eq!(GrpcCode::of(broken, None), GrpcCode::UNKNOWN);
        }
        assert_eq!(GrpcCode::new(99).meaning(), "the collector answered with a status that does not exist");
    }

    #[test]
    fn the_codes_that_otlp_lists_are_tried_again() {
        let again: Vec<_> = (0..17).map(GrpcCode).filter(|code| code.is_transient()).map(GrpcCode::name).collect();
        assert_eq!(again, ["CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"]);
    }
}

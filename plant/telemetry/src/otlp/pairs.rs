//! [`pairs`]: the `name=value` lists of OpenTelemetry's variables.

use percent_encoding::percent_decode_str;

/// The pairs of a list between commas, each with its value percent-decoded. A pair without `=`,
/// without a name, or with a value that is no UTF-8, is `None`. Empty parts are left out, as the
/// specification has it, so that a comma at the end is no mistake.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = Option<(&str, String)>> {
    text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?.into_owned();
        let name = name.trim();
        (!name.is_empty()).then_some((name, value))
    })
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_encoded_is_read(list in prop::collection::vec(("[a-z.]{1,12}", ".{0,20}"), 0..8)) {
            let encoded = |(name, value): &(String, String)| {
                format!(" {name} = {} ", utf8_percent_encode(value, NON_ALPHANUMERIC))
            };
            let text = list.iter().map(encoded).collect::<Vec<_>>().join(",");
            let read = pairs(&text).map(|pair| pair.map(|(name, value)| (name.to_owned(), value)));
            let read: Option<Vec<_>> = read.collect();
            prop_assert_eq!(read, Some(list));
        }
    }

    #[test]
    fn a_part_that_is_no_pair_is_told_from_an_empty_one() {
        let read: Vec<_> = pairs("a=1,,b,=2,c=%ff, ,d=e=f,").collect();
        let pair = |name, value: &str| Some((name, value.to_owned()));
        assert_eq!(read, [pair("a", "1"), None, None, None, pair("d", "e=f")]);
    }
}

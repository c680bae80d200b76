//! Conditional requests (RFC 9110, 13): `If-None-Match` to read, `If-Match` to change.
//!
//! With `If-None-Match` a client reads only what changed. With `If-Match` it changes only what it
//! has read.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::door::problem::Problem;

/// The entity tag of a content, from the hash of the content.
pub(crate) fn tag(hash: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether a field names the tag, or any tag by `*`. `None` without the field. If the comparison is
/// weak, a weak tag equals the strong one.
fn names(headers: &HeaderMap, field: &HeaderName, tag: Option<&HeaderValue>, weakly: bool) -> Option<bool> {
    let mut values = headers.get_all(field).iter().peekable();
    values.peek()?;
    let tag = tag.and_then(|tag| tag.to_str().ok());
    Some(values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).map(str::trim).any(|one| {
        let one = if weakly { one.strip_prefix("W/").unwrap_or(one) } else { one };
        // A hash without quotes, as it stands in an answer, is accepted as its tag.
        tag.is_some_and(|tag| one == "*" || one.trim_matches('"') == tag.trim_matches('"'))
    }))
}

/// Whether the client has this content already.
pub(crate) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    names(headers, &header::IF_NONE_MATCH, Some(tag), true) == Some(true)
}

/// Checks that the client has read what it changes: `If-Match` has the tag that was read, or
/// `If-None-Match: *` stands for something new.
///
/// # Errors
///
/// 428 without a condition, 412 if a condition does not hold.
pub(crate) fn has_seen(headers: &HeaderMap, tag: Option<&HeaderValue>) -> Result<(), Problem> {
    let matches = names(headers, &header::IF_MATCH, tag, false);
    let for_nothing = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| value == "*");
    match (matches, for_nothing) {
        (None, false) => Err(Problem::precondition_required()),
        (Some(false), _) => Err(Problem::precondition_failed()),
        (_, true) if tag.is_some() => Err(Problem::precondition_failed()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn who_changes_something_must_have_seen_it() {
        let there = tag("abc");
        let seen = |fields: &[_], there| has_seen(&asked(fields), there).map_err(|problem| problem.status);
        for (value, with, without) in [
            ("\"abc\"", Ok(()), Err(412)),
            ("\"x\", \"abc\"", Ok(()), Err(412)),
            ("*", Ok(()), Err(412)),
            ("W/\"abc\"", Err(412), Err(412)),
            ("abc", Ok(()), Err(412)),
            ("", Err(412), Err(412)),
        ] {
            assert_eq!(seen(&[(header::IF_MATCH, value)], Some(&there)), with, "{value}");
            assert_eq!(seen(&[(header::IF_MATCH, value)], None), without, "{value}");
        }
        let new = [(header::IF_NONE_MATCH, "*")];
        assert_eq!((seen(&new, None), seen(&new, Some(&there)), seen(&[], None)), (Ok(()), Err(412), Err(428)));
        let both = [(header::IF_MATCH, "\"abc\""), (header::IF_NONE_MATCH, "*")];
        assert_eq!(seen(&both, Some(&there)), Err(412));
        // A client that names another tag in `If-None-Match` has not read this version.
        assert_eq!(seen(&[(header::IF_NONE_MATCH, "\"x\"")], Some(&there)), Err(428));
    }

    #[test]
    fn who_has_it_need_not_get_it_again() {
        let there = tag("abc");
        let known = |value| is_known(&asked(&[(header::IF_NONE_MATCH, value)]), &there);
        assert!(known("\"abc\"") && known("W/\"abc\"") && known("\"x\" , \"abc\"") && known("*"));
        assert!(!known("\"x\"") && !known("") && !is_known(&HeaderMap::new(), &there));
    }
}

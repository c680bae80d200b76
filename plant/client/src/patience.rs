//! [`retry_after`]: the wait that an answer asks for before the next request.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};

/// The wait of `Retry-After`: seconds, or the time until a date. A date is counted from the
/// answer's own `Date`, so that the clocks of both sides need not agree. A date in the past gives
/// zero. `None` if the field, or the `Date` to count from, is missing or cannot be parsed.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number of seconds that does not fit is longer than any limit.
        return Some(Duration::from_secs(asked.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let said = httpdate::parse_http_date(text(DATE)?).ok()?;
    Some(until.duration_since(said).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(retry_after: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        super::retry_after(&headers)
    }

    const NOW: Option<&str> = Some("Sun, 06 Nov 1994 08:49:37 GMT");

    #[test]
    fn rt_12_seconds_and_dates_are_read_and_garbage_is_not() {
        for (text, seconds) in [
            ("0", 0),
            ("120", 120),
            (" 7 ", 7),
            ("99999999999999999999999999", u64::MAX),
            ("Sun, 06 Nov 1994 08:50:37 GMT", 60),
            ("Sunday, 06-Nov-94 08:49:38 GMT", 1),
            ("Sun Nov  6 08:49:39 1994", 2),
            ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ] {
            assert_eq!(asked(text, NOW), Some(Duration::from_secs(seconds)), "{text:?}");
        }
        for text in ["", "-1", "+5", "1.5", "soon", "5 minutes", "1994-11-06T08:50:37Z", "٣"] {
            assert_eq!(asked(text, NOW), None, "{text:?}");
        }
    }

    #[test]
    fn a_date_without_the_answers_own_is_not_guessed_at() {
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:37 GMT", None), None);
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:37 GMT", Some("today")), None);
    }
}

//! What a scraper or another client accepts: the format that it prefers, and whether compressed
//! (RFC 9110, 12.5).

use std::str::FromStr;

use axum::http::header::{ACCEPT, ACCEPT_ENCODING};
use axum::http::{HeaderMap, HeaderName};

/// The media type of Prometheus' text format.
pub(super) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The media type of OpenMetrics 1.0.
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The media type of the draft of OpenMetrics, which has the same text. Older versions of
/// Prometheus ask only for it.
pub(super) const OPEN_METRICS_DRAFT: &str = "application/openmetrics-text; version=0.0.1; charset=utf-8";

/// The media type of OpenMetrics that a scraper names and likes at least as well as Prometheus'
/// text format; `None` if it does not. A wildcard names nothing: a client that accepts anything
/// gets the text that it always got.
pub(super) fn open_metrics(headers: &HeaderMap) -> Option<&'static str> {
    let ranges = items(headers, ACCEPT);
    // The most specific range that matches decides, not the one with the highest quality.
    let quality = |ranges_of_it: &[(&str, &str)]| {
        ranges_of_it.iter().find_map(|(name, version)| {
            let matches = ranges.iter().filter(|range| range.name == *name && range.version == *version);
            matches.map(|range| range.quality).reduce(f64::max)
        })
    };
    let text = quality(&[("text/plain", "0.0.4"), ("text/plain", ""), ("text/*", ""), ("*/*", "")]);
    let named = "application/openmetrics-text";
    let (current, draft) = (quality(&[(named, "1.0.0"), (named, "")]), quality(&[(named, "0.0.1")]));
    let (current, draft) = (current.unwrap_or(0.0), draft.unwrap_or(0.0));
    let (best, media) = if current >= draft { (current, OPEN_METRICS) } else { (draft, OPEN_METRICS_DRAFT) };
    (best > 0.0 && best >= text.unwrap_or(0.0)).then_some(media)
}

/// Whether a client likes JSON better than plain text. A client that names neither, as a browser or
/// a program that accepts anything, gets text.
pub(in crate::resources) fn prefers_json(headers: &HeaderMap) -> bool {
    let ranges = items(headers, ACCEPT);
    // The most specific range that matches decides.
    let quality = |ranges_of_it: [&str; 3]| {
        let found = ranges_of_it.iter().find_map(|name| {
            let matches = ranges.iter().filter(|range| range.name == *name);
            matches.map(|range| range.quality).reduce(f64::max)
        });
        found.unwrap_or(0.0)
    };
    quality(["application/json", "application/*", "*/*"]) > quality(["text/plain", "text/*", "*/*"])
}

/// Whether a scraper accepts gzip, and does not prefer what is not compressed.
pub(super) fn gzip(headers: &HeaderMap) -> bool {
    let codings = items(headers, ACCEPT_ENCODING);
    let quality = |names: &[&str]| {
        let named = codings.iter().filter(|coding| names.contains(&coding.name.as_str()));
        named.map(|coding| coding.quality).reduce(f64::max)
    };
    let gzip = quality(&["gzip", "x-gzip"]).or_else(|| quality(&["*"])).unwrap_or(0.0);
    // What is not compressed is always acceptable, and is the last choice if it is not named.
    gzip > 0.0 && gzip >= quality(&["identity"]).unwrap_or(0.0)
}

/// An item of a list: a range of media types, or a coding.
struct Item {
    /// In lower case.
    name: String,
    /// The parameter `version`; empty without one.
    version: String,
    /// 0 to 1; 0 for what is not acceptable.
    quality: f64,
}

impl FromStr for Item {
    type Err = std::num::ParseFloatError;

    /// An error if the quality is no number.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut version, mut quality) = (String::new(), 1.0);
        for (parameter, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match parameter.trim().to_ascii_lowercase().as_str() {
                "version" => value.clone_into(&mut version),
                "q" => quality = value.parse()?,
                _ => {}
            }
        }
        Ok(Self { name, version, quality })
    }
}

/// The items of a header field, which may be given more than once. An item that cannot be read is
/// left out.
fn items(headers: &HeaderMap, field: HeaderName) -> Vec<Item> {
    let texts = headers.get_all(field).iter().filter_map(|value| value.to_str().ok());
    let items = texts.flat_map(|text| text.split(',')).filter_map(|text| text.parse::<Item>().ok());
    items.filter(|item| (0.0..=1.0).contains(&item.quality)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    fn with(field: HeaderName, values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| HeaderValue::from_str(value).unwrap());
        std::iter::repeat(field).zip(values).collect()
    }

    /// The header fields of the versions of Prometheus, of other scrapers and of browsers.
    #[test]
    fn each_scraper_gets_the_format_that_it_prefers() {
        const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        const PROMETHEUS_2_20: &str =
            "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        const PROMETHEUS_WITH_PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, media) in [
            (PROMETHEUS_2, Some(OPEN_METRICS)),
            (PROMETHEUS_2_20, Some(OPEN_METRICS_DRAFT)),
            (PROMETHEUS_3, Some(OPEN_METRICS)),
            (PROMETHEUS_WITH_PROTOBUF, Some(OPEN_METRICS)),
            // What is configured with `scrape_protocols: [PrometheusText0.0.4]`.
            ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", None),
            ("text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.9", None),
            ("application/openmetrics-text", Some(OPEN_METRICS)),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.1", Some(OPEN_METRICS)),
            ("application/openmetrics-text;version=2.0.0", None),
            ("application/openmetrics-text;q=0", None),
            ("application/openmetrics-text;version=1.0.0;q=0,application/openmetrics-text;q=1", None),
            ("application/openmetrics-text,*/*", Some(OPEN_METRICS)),
            ("application/openmetrics-text;q=0.1,text/*;q=0.2", None),
            ("application/openmetrics-text;q=0.5,text/plain;q=0.2,text/*", Some(OPEN_METRICS)),
            // A later version of the text format is not the one that is here.
            ("application/openmetrics-text;q=0.5,text/plain;version=1.0.0", Some(OPEN_METRICS)),
            ("application/openmetrics-text;q=2,text/plain", None),
            ("application/openmetrics-text;q=much,text/plain", None),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", None),
            ("application/json", None),
            ("*/*", None),
            ("", None),
        ] {
            assert_eq!(open_metrics(&with(ACCEPT, &[accept])), media, "{accept}");
        }
        assert_eq!(open_metrics(&HeaderMap::new()), None);
        let twice = with(ACCEPT, &["text/plain;q=0.1", "application/openmetrics-text; version=1.0.0; q=0.2"]);
        assert_eq!(open_metrics(&twice), Some(OPEN_METRICS));
    }

    #[test]
    fn a_client_gets_json_only_if_it_likes_it_better_than_text() {
        for (accept, is_json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/json, text/plain, */*", false),
            ("application/json, text/plain;q=0.9, */*;q=0.8", true),
            ("application/json;q=0.5, */*;q=0.1", true),
            ("application/*", true),
            ("application/json;q=0, */*", false),
            ("text/plain", false),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
            ("*/*", false),
            ("", false),
        ] {
            assert_eq!(prefers_json(&with(ACCEPT, &[accept])), is_json, "{accept}");
        }
        assert!(!prefers_json(&HeaderMap::new()));
        assert!(prefers_json(&with(ACCEPT, &["text/plain;q=0.1", "application/json;q=0.2"])));
    }

    #[test]
    fn only_a_scraper_that_accepts_gzip_gets_it() {
        for (coding, is_accepted) in [
            ("gzip", true),
            ("GZIP;q=0.001", true),
            ("x-gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("deflate;q=1, gzip;q=0.5", true),
            ("*", true),
            ("identity;q=0.5, *;q=0.5", true),
            ("identity;q=0, gzip", true),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("*;q=0", false),
            ("gzip;q=0.5, identity", false),
            ("identity", false),
            ("identity;q=0", false),
            ("br, zstd", false),
            ("gzip;q=1.5", false),
            ("", false),
        ] {
            assert_eq!(gzip(&with(ACCEPT_ENCODING, &[coding])), is_accepted, "{coding}");
        }
        assert!(!gzip(&HeaderMap::new()));
        assert!(gzip(&with(ACCEPT_ENCODING, &["br", "gzip"])));
    }

    proptest! {
        /// A scraper that does not name OpenMetrics gets what it always got.
        #[test]
        fn no_other_text_chooses_open_metrics(accept in "[ -~]{0,80}") {
            prop_assume!(!accept.to_ascii_lowercase().contains("application/openmetrics-text"));
            prop_assert_eq!(open_metrics(&with(ACCEPT, &[&accept])), None);
        }

        /// The order of the items means nothing.
        #[test]
        fn qualities_decide_in_any_order(open in 0..=10_u8, text in 0..=10_u8, any in 0..=10_u8, turned: bool) {
            let mut items = [
                format!("application/openmetrics-text;version=1.0.0;q={}", f64::from(open) / 10.0),
                format!("text/plain;version=0.0.4;q={}", f64::from(text) / 10.0),
                format!("*/*;q={}", f64::from(any) / 10.0),
            ];
            if turned {
                items.reverse();
            }
            let wanted = (open > 0 && open >= text).then_some(OPEN_METRICS);
            prop_assert_eq!(open_metrics(&with(ACCEPT, &[&items.join(", ")])), wanted);
        }
    }
}

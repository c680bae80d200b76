//! The live page of SQAL and its page of bugs: their markup, their style sheets, their scripts and
//! their words in English and French.
//!
//! The crate holds assets and names no other crate. A server puts [`page_at`], [`STYLE`] and
//! [`SCRIPT`] under `/`, `/dashboard.css` and `/dashboard.js` of one place. If it follows bugs, it
//! puts [`bugs_page_at`], [`BUGS_STYLE`] and [`BUGS_SCRIPT`] under `/bugs`, `/bugs.css` and
//! `/bugs.js` of that place.
//!
//! ```
//! use sqal_dashboard::{Parts, page_at};
//!
//! let parts = Parts { stations: true, description: false, bugs: true, dsn: None };
//! let page = page_at("/quality", "terrine", parts);
//! assert!(page.starts_with("<!doctype html>") && page.contains("terrine"));
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

/// The script of the live page: its files in the order of their use, joined to one module.
pub const SCRIPT: &str = concat!(
    include_str!("script/open.js"),
    include_str!("script/beside.js"),
    include_str!("script/faults.js"),
    include_str!("script/words.js"),
    include_str!("script/language.js"),
    include_str!("script/numbers.js"),
    include_str!("script/elements.js"),
    include_str!("script/signs.js"),
    include_str!("script/ask.js"),
    include_str!("script/refusals.js"),
    include_str!("script/limits.js"),
    include_str!("script/condition.js"),
    include_str!("script/verdict.js"),
    include_str!("script/map.js"),
    include_str!("script/spectrum.js"),
    include_str!("script/outputs.js"),
    include_str!("script/defects.js"),
    include_str!("script/history.js"),
    include_str!("script/stations.js"),
    include_str!("script/situation.js"),
    include_str!("script/server.js"),
    include_str!("script/doubtful.js"),
    include_str!("script/alerts.js"),
    include_str!("script/deeds.js"),
    include_str!("script/report.js"),
    include_str!("script/sign_in.js"),
    include_str!("script/session.js"),
    include_str!("script/start.js"),
);

/// The style sheet of every page.
pub const STYLE: &str = include_str!("dashboard.css");

/// The script of the page of bugs: files that the pages share and its own, joined to one module.
pub const BUGS_SCRIPT: &str = concat!(
    include_str!("bugs/script/open.js"),
    include_str!("script/beside.js"),
    include_str!("script/faults.js"),
    include_str!("script/words.js"),
    include_str!("bugs/script/words.js"),
    include_str!("script/language.js"),
    include_str!("script/numbers.js"),
    include_str!("script/elements.js"),
    include_str!("script/signs.js"),
    include_str!("script/ask.js"),
    include_str!("script/refusals.js"),
    include_str!("bugs/script/rules.js"),
    include_str!("bugs/script/interface.js"),
    include_str!("bugs/script/difference.js"),
    include_str!("bugs/script/page.js"),
    include_str!("script/sign_in.js"),
    include_str!("bugs/script/figures.js"),
    include_str!("bugs/script/list.js"),
    include_str!("bugs/script/fields.js"),
    include_str!("bugs/script/one.js"),
    include_str!("bugs/script/beside.js"),
    include_str!("bugs/script/start.js"),
);

/// The style sheet of the page of bugs, beside [`STYLE`].
pub const BUGS_STYLE: &str = include_str!("bugs/bugs.css");

/// The parts of the server that the page may offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Whether stations can connect.
    pub stations: bool,
    /// Whether the interface is described under `docs`.
    pub description: bool,
    /// Whether bugs are followed, with their page under `bugs`.
    pub bugs: bool,
    /// The DSN under which the page reports its own faults as clients of Sentry do, without the
    /// host: `KEY@/PROJECT`. Without it the page reports none.
    pub dsn: Option<&'a str>,
}

/// The attribute that hides an element whose feature this build does not have.
const fn hidden_unless(there: bool) -> &'static str {
    if there { "" } else { " hidden" }
}

/// A text, escaped for an attribute of the page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The element that says under which DSN a page reports its own faults, and its version; empty
/// without a DSN.
fn reporting(dsn: Option<&str>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    dsn.map_or_else(String::new, |dsn| {
        format!("<meta name=\"sqal-dsn\" content=\"{}\" data-release=\"sqal-page@{version}\">", escaped(dsn))
    })
}

/// The live page for a place under a path without a slash at its end, for example `/quality`; the
/// empty path is the root. `product` says what is graded, in plain words.
#[must_use]
pub fn page_at(path: &str, product: &str, parts: Parts<'_>) -> String {
    include_str!("index.html")
        .replace("{sign-in}", include_str!("sign_in.html"))
        .replace("{ws-hidden}", hidden_unless(parts.stations))
        .replace("{docs-hidden}", hidden_unless(parts.description))
        .replace("{bugs-hidden}", hidden_unless(parts.bugs))
        .replace("{dsn}", &reporting(parts.dsn))
        .replace("{here}", &path.replace('&', "&amp;"))
        .replace("{product}", &escaped(product))
}

/// The page of bugs for a place under a path, as [`page_at`] takes it, and with the DSN of
/// [`Parts::dsn`].
///
/// ```
/// let page = sqal_dashboard::bugs_page_at("/quality", Some("8d0f3c5b@/2"));
/// assert!(page.contains("src=\"/quality/bugs.js\"") && page.contains("content=\"8d0f3c5b@/2\""));
/// ```
#[must_use]
pub fn bugs_page_at(path: &str, dsn: Option<&str>) -> String {
    include_str!("bugs/bugs.html")
        .replace("{sign-in}", include_str!("sign_in.html"))
        .replace("{dsn}", &reporting(dsn))
        .replace("{here}", &escaped(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_graded_cannot_leave_its_attribute() {
        assert_eq!(escaped("foie gras trays"), "foie gras trays");
        assert_eq!(escaped("\"><b>&amp;"), "&quot;&gt;&lt;b&gt;&amp;amp;");
    }

    #[test]
    fn a_page_reports_its_faults_only_under_a_dsn() {
        let parts = Parts { stations: true, description: true, bugs: true, dsn: None };
        let named = "<meta name=\"sqal-dsn\" content=\"a&quot;b@/2\" data-release=\"sqal-page@";
        for (page, has_dsn) in [
            (page_at("", "terrine", parts), false),
            (page_at("", "terrine", Parts { dsn: Some("a\"b@/2"), ..parts }), true),
            (bugs_page_at("", None), false),
            (bugs_page_at("", Some("a\"b@/2")), true),
        ] {
            assert_eq!((page.contains(named), page.contains("sqal-dsn")), (has_dsn, has_dsn), "{page}");
            assert!(!page.contains("{dsn}"), "{page}");
        }
    }
}

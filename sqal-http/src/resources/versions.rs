//! `GET /docs/versions`: the versions of the interface, and how clients move to a newer one
//! (API-06).
//!
//! The answers of deprecated paths link to this page. It comes from the binary, so that it is there
//! in a plant without the Internet.

use axum::response::Html;

use crate::door::quota::Class;
use crate::door::version::MOVING;
use crate::route::{EVERYONE, Endpoint, get};

/// The route of the page.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get(MOVING, EVERYONE, Class::Unlimited, page)
            .described(
                "explainVersions",
                "Description",
                "The versions of the interface, and how to move to a newer one",
            )
            .gives_text("text/html; charset=utf-8")
            .line(
                "the versions of the interface, and how clients move to a newer one, in English and French \
                 ([versions.md](versions.md)); deprecated paths link to it",
                "",
            ),
    ]
}

/// The page.
async fn page() -> Html<&'static str> {
    Html(include_str!("versions.html"))
}

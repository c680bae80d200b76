//! `/api/bugs…` and `/api/v1/bugs…`: faults that were reported, followed until they are gone.
//!
//! The documented paths of the old system, `/api/bugs…`, have names in camelCase; their successors
//! under `/api/v1` have them in `snake_case` and can do more. Both read both spellings (C-22). The
//! documented paths are not deprecated: their answers differ from those of their successors.

mod attachments;
mod body;
mod comments;
mod create;
mod days;
mod document;
mod faults;
mod figures;
mod history;
mod input;
mod legal;
mod list;
mod one;
mod person;
mod refusals;
mod upload;

use crate::route::Endpoint;

/// The routes of bugs and faults.
pub(crate) fn routes() -> Vec<Endpoint> {
    [
        list::routes(),
        create::routes(),
        one::routes(),
        comments::routes(),
        history::routes(),
        attachments::routes(),
        figures::routes(),
        legal::routes(),
        faults::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

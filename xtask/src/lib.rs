//! The checks of this repository as a program; a library so that its own negative tests can call
//! them.

pub mod arrows;
pub mod check;
pub mod circles;
pub mod demo;
mod error_names;
pub mod fuzz;
pub mod jobs;
mod library_policy;
pub mod load;
mod log_fields;
mod messages;
pub mod packages;
pub mod process;
mod prose;
pub mod readme;
pub mod report;
pub mod requirements;
pub mod scenarios;
pub mod seeded;
pub mod sentences;
pub mod services;
mod source;
pub mod surface;
pub mod test;
pub mod tidy;
pub mod tools;
mod type_names;
mod words;

/// A check or a command did not succeed; the text says what and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

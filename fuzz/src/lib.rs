//! Fuzzing targets for every parser of outside bytes: they panic if a promise is broken.
//!
//! `cargo xtask fuzz` searches with libFuzzer for bytes that break a promise. The inputs that it
//! finds useful are kept in `corpus/`, in an archive for each target, and every test run tries them
//! again.
#![allow(clippy::missing_panics_doc, reason = "a target panics when a promise is broken: that is what it is for")]

mod conversation;
pub mod corpus;
mod frame;
mod line;
mod routes;

pub use conversation::conversation;
pub use frame::{cbor, cloud_events, cursor, frame};
pub use routes::{headers, ndjson, profile, query};

/// A target: a function of any bytes.
pub type Target = fn(&[u8]);

/// All targets, with the names of their archives in `corpus/`.
pub const TARGETS: [(&str, Target); 9] = [
    ("frame", frame),
    ("cbor", cbor),
    ("cloud_events", cloud_events),
    ("ndjson", ndjson),
    ("query", query),
    ("cursor", cursor),
    ("headers", headers),
    ("profile", profile),
    ("conversation", conversation),
];

/// The entry point of one target. Under `cargo fuzz` it is that of libFuzzer, otherwise a program
/// that tries the files in its arguments.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$name(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            std::env::args_os().skip(1).try_for_each(|path| std::fs::read(path).map(|data| $crate::$name(&data)))
        }
    };
}

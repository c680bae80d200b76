//! What every parser of outside bytes is held to, as functions of any bytes: they panic when a promise is broken.
//!
//! `cargo xtask fuzz` searches with libFuzzer for bytes that break one; what it found on the way is kept in `corpus/` and tried again by every test run.
#![allow(clippy::missing_panics_doc, reason = "a target panics when a promise is broken: that is what it is for")]

mod conversation;
mod frame;
mod line;
mod routes;

pub use conversation::conversation;
pub use frame::{cbor, cloud_events, cursor, frame};
pub use routes::{headers, ndjson, profile, query};

/// What a target does with bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in `corpus/`.
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

/// The entry of one target: libFuzzer's under `cargo fuzz`, else a program that tries the files that it is given.
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

//! [`PanicLog`]: where the program has panicked lately.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{set_hook, take_hook};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The most panics that are kept until they are taken.
const MOST_PANICS: usize = 100;

/// The most characters of the message of a panic.
const LONGEST_MESSAGE: usize = 500;

/// The panics of the program since they were taken last, each once.
///
/// A panic of a request or a task is caught by what runs it, and its place in the sources is known
/// only while it happens.
#[derive(Debug, Default)]
pub(super) struct PanicLog(Arc<Mutex<Panics>>);

type Panics = BTreeSet<SeenPanic>;

/// A panic that happened once or more often.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeenPanic {
    /// The file and the line, such as `src/grade.rs:10`.
    pub(super) place: String,
    /// The beginning of its message.
    pub(super) message: String,
}

impl PanicLog {
    /// Begins to note panics of the whole process. What was told of panics before is told further.
    pub(super) fn begin() -> Self {
        let log = Self::default();
        let panics = Arc::downgrade(&log.0);
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if let Some(at) = panic.location() {
                let place = format!("{}:{}", short(at.file()), at.line());
                note(&panics, SeenPanic { place, message: message(panic.payload()) });
            }
            before(panic);
        }));
        log
    }

    /// The panics since the last call.
    pub(super) fn take(&self) -> BTreeSet<SeenPanic> {
        std::mem::take(&mut *locked(&self.0))
    }
}

fn locked(panics: &Mutex<Panics>) -> MutexGuard<'_, Panics> {
    panics.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a panic, unless the server that took them has ended.
fn note(panics: &Weak<Mutex<Panics>>, panic: SeenPanic) {
    let Some(panics) = panics.upgrade() else { return };
    let mut panics = locked(&panics);
    if panics.len() < MOST_PANICS {
        panics.insert(panic);
    }
}

/// The beginning of the message of a panic; empty if it is no text.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or_default().chars().take(LONGEST_MESSAGE).collect()
}

/// The path of a source file without the folders of the machine that built the program: those of
/// the registry and of the compiler are left out.
fn short(file: &str) -> &str {
    let behind = |mark: &str| file.split_once(mark).and_then(|(_, rest)| rest.split_once('/')).map(|(_, rest)| rest);
    behind("/registry/src/").or_else(|| behind("/rustc/")).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_the_source_and_not_the_machine_that_built_it() {
        assert_eq!(short("sqal-http/src/door/gate.rs"), "sqal-http/src/door/gate.rs");
        assert_eq!(
            short("/home/me/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.54.0/src/lib.rs"),
            "tokio-1.54.0/src/lib.rs"
        );
        assert_eq!(short("/rustc/0123abcd/library/core/src/option.rs"), "library/core/src/option.rs");
    }

    #[tokio::test]
    async fn each_panic_of_a_task_is_noted_with_its_place_and_taken_once() {
        let log = PanicLog::begin();
        for number in [1, 1, 2] {
            let broken = tokio::spawn(async move { panic!("planted {number}") }).await;
            assert!(broken.unwrap_err().is_panic());
        }
        // Other tests of this process may panic meanwhile.
        let mine = |panics: &Panics| {
            let mine = panics.iter().filter(|panic| panic.place.contains("bugs/panic_log.rs:"));
            mine.map(|panic| panic.message.clone()).collect::<Vec<_>>()
        };
        assert_eq!(mine(&log.take()), ["planted 1", "planted 2"]);
        assert_eq!(mine(&log.take()), [""; 0]);
    }

    #[test]
    fn the_memory_is_bounded() {
        let panics = Arc::new(Mutex::new(Panics::new()));
        let weak = Arc::downgrade(&panics);
        let long = message(&"é".repeat(100_000));
        assert_eq!(long.chars().count(), LONGEST_MESSAGE);
        for line in 0..1_000 {
            note(&weak, SeenPanic { place: format!("a.rs:{line}"), message: long.clone() });
        }
        assert_eq!(locked(&panics).len(), MOST_PANICS);
        drop(panics);
        note(&weak, SeenPanic { place: String::new(), message: String::new() });
    }
}

//! [`DeadLetters`]: frames that were refused for good, with the reason, so that they can be taken after all when what was wrong is mended.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sqal_core::{DeviceId, Timestamp};
use tracing::warn;

use crate::Problem;
use crate::access::{Caller, Grant};
use crate::wire::{rfc3339, sample_id_of};

/// One refused frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLetter {
    /// When it came, in RFC 3339.
    pub received_at: String,
    /// The device whose token brought it, and whose sample it may only be; null where any device's may come.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub device_id: Option<DeviceId>,
    /// What it called itself, if that could be read.
    pub sample_id: Option<String>,
    /// The type of the problem.
    pub problem: String,
    /// What was wrong.
    pub detail: String,
    /// The frame as it came.
    pub frame: String,
}

/// The newest refused frames: at most a thousand, and 8 MiB; the oldest go first.
///
/// In memory, or also in a file of at most 16 MiB that outlives the process. A frame that is refused because there is no room or no time is none: its device keeps
/// it.
#[derive(Debug, Default)]
pub struct DeadLetters(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    letters: VecDeque<DeadLetter>,
    bytes: usize,
    file: Option<Book>,
}

/// The file, and how much was written into it since it was written anew.
#[derive(Debug)]
struct Book {
    path: PathBuf,
    file: File,
    written: u64,
}

impl DeadLetters {
    const MOST: usize = 1000;
    const MOST_BYTES: usize = 8 * 1024 * 1024;

    /// With a file, which is read if it is there. A line that cannot be read, as the last one before a power cut, is left out.
    ///
    /// # Errors
    ///
    /// If the file can be neither read nor made.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        let mut kept = Kept::default();
        match File::open(path) {
            Ok(file) => {
                for line in BufReader::new(file).split(b'\n') {
                    if let Ok(letter) = serde_json::from_slice(&line?) {
                        kept.keep(letter);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        kept.file = Some(Book::anew(path, &kept.letters)?);
        Ok(Self(Mutex::new(kept)))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a frame that was refused for good; one that may come again is let go.
    pub(crate) fn keep(&self, frame: &str, problem: &Problem, caller: &Caller, now: Timestamp) {
        if matches!(problem.status, 403 | 429 | 503) || frame.len() > Self::MOST_BYTES / 8 {
            return;
        }
        let letter = DeadLetter {
            received_at: rfc3339(now),
            device_id: match caller {
                Caller::Known(_, Grant::Device(device)) => Some(*device),
                _ => None,
            },
            sample_id: sample_id_of(frame),
            problem: problem.kind.to_string(),
            detail: problem.detail.clone(),
            frame: frame.to_owned(),
        };
        let mut kept = self.kept();
        kept.write(&letter);
        kept.keep(letter);
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        metrics::gauge!("dead_letters").set(kept.letters.len() as f64);
    }

    /// The newest first, at most so many.
    #[must_use]
    pub fn newest(&self, most: usize) -> Vec<DeadLetter> {
        self.kept().letters.iter().rev().take(most).cloned().collect()
    }

    /// All of them, the oldest first.
    pub(crate) fn all(&self) -> Vec<DeadLetter> {
        self.kept().letters.iter().cloned().collect()
    }

    /// Those that were taken after all are no dead letters any more.
    pub(crate) fn remove(&self, taken: &[DeadLetter]) {
        let mut kept = self.kept();
        kept.letters.retain(|letter| !taken.contains(letter));
        kept.bytes = kept.letters.iter().map(|letter| letter.frame.len()).sum();
        kept.anew();
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        metrics::gauge!("dead_letters").set(kept.letters.len() as f64);
    }
}

impl Kept {
    fn keep(&mut self, letter: DeadLetter) {
        self.bytes += letter.frame.len();
        self.letters.push_back(letter);
        while self.letters.len() > DeadLetters::MOST || self.bytes > DeadLetters::MOST_BYTES {
            let Some(oldest) = self.letters.pop_front() else { return };
            self.bytes -= oldest.frame.len();
        }
    }

    /// Writes it down too; a disk that is full is no reason not to answer.
    fn write(&mut self, letter: &DeadLetter) {
        let Some(book) = &mut self.file else { return };
        let mut line = serde_json::to_vec(letter).unwrap_or_default();
        line.push(b'\n');
        book.written += line.len() as u64;
        if let Err(error) = book.file.write_all(&line) {
            warn!(%error, path = %book.path.display(), "dead letter not written down");
        }
        if book.written > DeadLetters::MOST_BYTES as u64 {
            self.anew();
        }
    }

    fn anew(&mut self) {
        let Some(book) = &mut self.file else { return };
        match Book::anew(&book.path, &self.letters) {
            Ok(new) => *book = new,
            Err(error) => warn!(%error, path = %book.path.display(), "dead letters not written anew"),
        }
    }
}

impl Book {
    /// A file with these letters in it takes the place of the old one at once.
    fn anew(path: &Path, letters: &VecDeque<DeadLetter>) -> io::Result<Self> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let mut text = Vec::new();
        for letter in letters {
            serde_json::to_writer(&mut text, letter)?;
            text.push(b'\n');
        }
        let mut file = File::create(&unfinished)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        Ok(Self { path: path.to_owned(), file, written: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Violation;

    fn problem(detail: &str) -> Problem {
        Problem::invalid_frame(vec![Violation::new("/x", detail, "y", "y")])
    }

    fn now() -> Timestamp {
        Timestamp::from_micros(0).unwrap()
    }

    #[test]
    fn the_newest_are_kept_in_number_and_in_size() {
        let letters = DeadLetters::default();
        for k in 0..1500 {
            letters.keep(&k.to_string(), &problem("wrong"), &Caller::Anybody, now());
        }
        let newest = letters.newest(2000);
        assert_eq!((newest.len(), newest[0].frame.as_str(), newest[999].frame.as_str()), (1000, "1499", "500"));
        for _ in 0..40 {
            letters.keep(&"x".repeat(250_000), &problem("wrong"), &Caller::Anybody, now());
        }
        let kept: usize = letters.newest(2000).iter().map(|letter| letter.frame.len()).sum();
        assert!(kept <= 8 * 1024 * 1024 && kept > 8_000_000, "{kept}");
        letters.keep("later", &Problem::busy("x"), &Caller::Anybody, now());
        letters.keep(&"y".repeat(2_000_000), &problem("wrong"), &Caller::Anybody, now());
        assert!(letters.newest(2).iter().all(|letter| letter.frame.starts_with("xx")));
    }

    #[test]
    fn what_was_written_down_is_there_after_a_restart_and_the_file_does_not_grow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.ndjson");
        let letters = DeadLetters::in_file(&path).unwrap();
        for k in 0..300 {
            letters.keep(&format!("{k}{}", "x".repeat(100_000)), &problem("wrong"), &Caller::Anybody, now());
        }
        assert!(fs::metadata(&path).unwrap().len() <= 17 * 1024 * 1024);
        let kept = letters.newest(1000);
        letters.remove(&kept[1..]);
        letters.keep("last\n\"line\"", &problem("wrong"), &Caller::Anybody, now());
        drop(letters);
        // A power cut in the middle of a line.
        File::options().append(true).open(&path).unwrap().write_all(b"{\"received_at\":\"19").unwrap();
        let again = DeadLetters::in_file(&path).unwrap().newest(1000);
        assert_eq!(again.len(), 2);
        assert_eq!((again[0].frame.as_str(), &again[1]), ("last\n\"line\"", &kept[0]));
    }
}

//! [`DeadLetters`]: frames that were refused for good, kept with the reason for a later replay.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sqal_core::{DeviceId, Sample, Timestamp};
use sqal_protocol::Problem;
use sqal_protocol::document::frame_of;
use sqal_protocol::frame::sample_id_of;
use sqal_protocol::time::rfc3339;
use sqal_resilience::outage::Outage;
use sqal_resilience::{Clock, KeyedBuckets, Quota, SystemClock};
use tracing::{info, warn};

use crate::sender::Holder;

/// One refused frame, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLetter {
    /// When the frame arrived, in RFC 3339.
    pub received_at: String,
    /// The holder of the token that brought the frame; null without one.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub holder: Option<Holder>,
    /// The sample's name in the frame, if it could be read.
    pub sample_id: Option<String>,
    /// The type of the problem.
    pub problem: String,
    /// The detail of the problem.
    pub detail: String,
    /// The frame as it arrived.
    pub frame: String,
    /// Whether the sender was told that the sample is durable. Such a letter is never thrown away
    /// to make room for others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub acknowledged: bool,
}

impl DeadLetter {
    /// Whether the frame names this device as its own, which may be false.
    fn is_of(&self, device: &DeviceId) -> bool {
        #[derive(Deserialize)]
        struct Named {
            device_id: DeviceId,
        }
        serde_json::from_str::<Named>(&self.frame).is_ok_and(|named| named.device_id == *device)
    }
}

/// The newest refused frames: at most 1000, and at most 8 MiB as written. The oldest go first.
///
/// One holder has at most a quarter of the number and of the bytes: its oldest letters make room
/// for its newest. In a minute at most 120 letters and 4 MiB of one holder are kept. So a holder
/// that sends nothing else takes neither the room of others nor the disk.
///
/// The letters are in memory, or also in a file of at most 16 MiB that outlives the process. If a
/// frame is refused because there is no room or no time, it is not a dead letter, and its device
/// keeps it. If a device was told for ten minutes to send a frame again, a copy of the frame is
/// kept.
pub struct DeadLetters {
    kept: Mutex<Kept>,
    pace: KeyedBuckets<Option<Holder>>,
    /// In KiB, as written.
    pace_of_bytes: KeyedBuckets<Holder>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Each letter with its length in bytes, as written.
    letters: VecDeque<(DeadLetter, usize)>,
    bytes: usize,
    file: Option<Book>,
    /// The letters in a row that could not be written to the file.
    outage: Outage,
}

/// The file, and the number of bytes written into it since it was last rewritten.
#[derive(Debug)]
struct Book {
    path: PathBuf,
    file: File,
    written: usize,
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self::with(Kept::default())
    }
}

impl DeadLetters {
    const MOST: usize = 1000;
    const MOST_OF_ONE: usize = Self::MOST / 4;
    const MOST_BYTES: usize = 8 * 1024 * 1024;
    /// The most bytes of one holder, as written. There a control character takes six times its
    /// length.
    const MOST_BYTES_OF_ONE: usize = Self::MOST_BYTES / 4;
    const KIB_A_MINUTE: u32 = 4096;

    fn with(kept: Kept) -> Self {
        let quota = Quota::new(NonZeroU32::new(120).unwrap_or(NonZeroU32::MIN), Duration::from_mins(1));
        let pace = KeyedBuckets::new(quota, 10_000).unwrap_or_else(|_| unreachable!("120 a minute is a rate"));
        let quota = Quota::new(NonZeroU32::new(Self::KIB_A_MINUTE).unwrap_or(NonZeroU32::MIN), Duration::from_mins(1));
        let pace_of_bytes =
            KeyedBuckets::new(quota, 10_000).unwrap_or_else(|_| unreachable!("4096 a minute is a rate"));
        Self { kept: Mutex::new(kept), pace, pace_of_bytes }
    }

    /// Keeps the letters in a file, and reads those that are in it already. A line that cannot be
    /// read is left out, for example the last one before a power cut.
    ///
    /// # Errors
    ///
    /// If the file can be neither read nor created.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        let mut kept = Kept { outage: Outage::calm_after(Outage::CALM), ..Kept::default() };
        match File::open(path) {
            Ok(file) => {
                for line in BufReader::new(file).split(b'\n') {
                    let line = line?;
                    if let Ok(letter) = serde_json::from_slice(&line) {
                        kept.keep(letter, line.len() + 1);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        kept.file = Some(Book::anew(path, &kept.letters)?);
        kept.report();
        Ok(Self::with(kept))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a frame that was refused for good. A frame that may be sent again (429, 503) is not
    /// kept.
    pub(crate) fn keep(&self, frame: &str, problem: &Problem, holder: Option<Holder>, wall: Timestamp, now: Instant) {
        if !matches!(problem.status, 429 | 503) {
            self.put(frame, problem, holder, wall, now);
        }
    }

    /// Keeps one copy of a frame that its device was told to send again, however often the frame
    /// arrives. Returns whether there is a copy.
    pub(crate) fn keep_copy(
        &self,
        frame: &str,
        problem: &Problem,
        holder: Option<Holder>,
        wall: Timestamp,
        now: Instant,
    ) -> bool {
        let there = self.kept().letters.iter().any(|(letter, _)| letter.holder == holder && letter.frame == frame);
        there || self.put(frame, problem, holder, wall, now)
    }

    fn put(&self, frame: &str, problem: &Problem, holder: Option<Holder>, wall: Timestamp, now: Instant) -> bool {
        if frame.len() > Self::MOST_BYTES / 8 {
            return false;
        }
        if !self.pace.take(holder, 1, now).allowed {
            metrics::counter!("dead_letters_dropped_total").increment(1);
            return false;
        }
        let letter = DeadLetter {
            received_at: rfc3339(wall),
            holder,
            sample_id: sample_id_of(frame),
            problem: problem.kind.to_string(),
            detail: problem.detail.clone(),
            frame: frame.to_owned(),
            acknowledged: false,
        };
        let line = line(&letter);
        let is_light = line.len() <= Self::MOST_BYTES_OF_ONE;
        if !is_light || holder.is_some_and(|holder| !self.has_time_for(holder, line.len(), now)) {
            metrics::counter!("dead_letters_dropped_total").increment(1);
            return false;
        }
        let mut kept = self.kept();
        kept.keep(letter, line.len());
        kept.write(&line);
        kept.report();
        true
    }

    /// Keeps an acknowledged sample that the database cannot hold, because another reading has its
    /// device, time and name. Returns whether it is durable here: only then may the caller give it
    /// up. No pace limits it, because its device has forgotten it.
    #[must_use]
    pub fn keep_conflict(&self, sample: &Sample, wall: Timestamp) -> bool {
        let problem = Problem::name_taken();
        let letter = DeadLetter {
            received_at: rfc3339(wall),
            holder: None,
            sample_id: Some(sample.key.name.to_string()),
            problem: problem.kind.to_string(),
            detail: problem.detail,
            frame: serde_json::to_string(&frame_of(sample)).unwrap_or_default(),
            acknowledged: true,
        };
        let line = line(&letter);
        let mut kept = self.kept();
        if !kept.has_room_for_acknowledged(line.len()) {
            // The sample stays where it is until some of these letters are replayed or erased.
            return false;
        }
        kept.keep(letter, line.len());
        let written = kept.write(&line) && kept.is_synced();
        if written {
            metrics::counter!("samples_conflict_total").increment(1);
        } else if let Some((_, length)) = kept.letters.pop_back() {
            // The sample stays where it is, and comes again.
            kept.bytes -= length;
        }
        kept.report();
        written
    }

    /// Whether this number of bytes of a holder may be written now. If so, they count against its
    /// pace.
    fn has_time_for(&self, holder: Holder, bytes: usize, now: Instant) -> bool {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        self.pace_of_bytes.take(holder, kib, now).allowed
    }

    /// The newest letters first, at most this number.
    #[must_use]
    pub fn newest(&self, most: usize) -> Vec<DeadLetter> {
        self.kept().letters.iter().rev().take(most).map(|(letter, _)| letter.clone()).collect()
    }

    /// All letters, the oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<DeadLetter> {
        self.kept().letters.iter().map(|(letter, _)| letter.clone()).collect()
    }

    /// Removes letters that were accepted in a replay.
    pub fn remove(&self, taken: &[DeadLetter]) {
        self.retain(|letter| !taken.contains(letter));
    }

    /// Removes the letters of a device, or all letters. Returns how many were removed.
    #[must_use]
    pub fn erase(&self, device: Option<&DeviceId>) -> usize {
        self.retain(|letter| device.is_some_and(|device| !letter.is_of(device)))
    }

    fn retain(&self, stays: impl Fn(&DeadLetter) -> bool) -> usize {
        let mut kept = self.kept();
        let before = kept.letters.len();
        kept.letters.retain(|(letter, _)| stays(letter));
        kept.bytes = kept.letters.iter().map(|(_, length)| length).sum();
        kept.anew();
        kept.report();
        before - kept.letters.len()
    }
}

fn line(letter: &DeadLetter) -> Vec<u8> {
    let mut line = serde_json::to_vec(letter).unwrap_or_default();
    line.push(b'\n');
    line
}

impl Kept {
    fn keep(&mut self, letter: DeadLetter, length: usize) {
        let own = |(other, _): &(DeadLetter, usize)| {
            other.holder.is_some() && other.holder == letter.holder && !other.acknowledged
        };
        let (mut number, mut bytes) = self
            .letters
            .iter()
            .filter(|other| own(other))
            .fold((0, length), |(number, bytes), (_, length)| (number + 1, bytes + length));
        while (number >= DeadLetters::MOST_OF_ONE || bytes > DeadLetters::MOST_BYTES_OF_ONE)
            && let Some(oldest) = self.letters.iter().position(own)
            && let Some((_, length)) = self.letters.remove(oldest)
        {
            self.bytes -= length;
            (number, bytes) = (number - 1, bytes - length);
        }
        self.bytes += length;
        self.letters.push_back((letter, length));
        while self.letters.len() > DeadLetters::MOST || self.bytes > DeadLetters::MOST_BYTES {
            // Acknowledged letters have at most half of the room, so there is another letter.
            let Some(oldest) = self.letters.iter().position(|(letter, _)| !letter.acknowledged) else { return };
            let Some((_, length)) = self.letters.remove(oldest) else { return };
            self.bytes -= length;
        }
    }

    /// Whether one more acknowledged letter may be kept. Acknowledged letters take at most half of
    /// the room, and are never thrown away to make room.
    fn has_room_for_acknowledged(&self, length: usize) -> bool {
        let acknowledged = self.letters.iter().filter(|(letter, _)| letter.acknowledged);
        let (number, bytes) = acknowledged.fold((1, length), |(n, bytes), (_, length)| (n + 1, bytes + length));
        number <= DeadLetters::MOST / 2 && bytes <= DeadLetters::MOST_BYTES / 2
    }

    /// Writes a line into the file, if there is one. A full disk does not prevent the answer.
    /// Returns `false` if the letter should be in the file but is in memory only.
    fn write(&mut self, line: &[u8]) -> bool {
        let Some(book) = &mut self.file else { return true };
        book.written += line.len();
        let (written, is_long) = (book.file.write_all(line), book.written > DeadLetters::MOST_BYTES);
        match &written {
            Ok(()) => self.outage_ended(),
            Err(error) => self.outage_begins(error),
        }
        // A line that was written in part would spoil the next one.
        if written.is_err() || is_long {
            return self.anew();
        }
        true
    }

    /// Whether the written lines are on the disk.
    fn is_synced(&self) -> bool {
        self.file.as_ref().is_none_or(|book| book.file.sync_data().is_ok())
    }

    fn anew(&mut self) -> bool {
        let Some(book) = &mut self.file else { return true };
        match Book::anew(&book.path, &self.letters) {
            Ok(new) => {
                *book = new;
                self.outage_ended();
                true
            }
            Err(error) => {
                self.outage_begins(&error);
                false
            }
        }
    }

    fn outage_begins(&self, error: &io::Error) {
        if self.outage.failed(SystemClock.now()) {
            let path = self.file.as_ref().map(|book| tracing::field::display(book.path.display()));
            warn!(%error, path, "dead letters cannot be written to their file; a restart would lose them");
        }
    }

    fn outage_ended(&self) {
        if let Some(recovery) = self.outage.succeeded(SystemClock.now()) {
            let (failures, seconds) = (recovery.failures, recovery.seconds());
            info!(failures, seconds, "dead letters are written to their file again");
        }
    }

    fn report(&self) {
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        metrics::gauge!("dead_letters").set(self.letters.len() as f64);
    }
}

impl Book {
    /// Writes a new file with these letters, which then replaces the old file in one step.
    fn anew(path: &Path, letters: &VecDeque<(DeadLetter, usize)>) -> io::Result<Self> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let text: Vec<u8> = letters.iter().flat_map(|(letter, _)| line(letter)).collect();
        let mut file = File::create(&unfinished)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        Ok(Self { path: path.to_owned(), file, written: 0 })
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeadLetters({})", self.kept().letters.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_core::Name;
    use sqal_protocol::Violation;
    use sqal_resilience::{Clock, ManualClock};

    fn problem(detail: &str) -> Problem {
        Problem::invalid_frame(vec![Violation::new("/x", detail, "y", "y")])
    }

    fn wall() -> Timestamp {
        Timestamp::from_micros(0).unwrap()
    }

    /// Keeps a frame, a second after the one before.
    fn keep(letters: &DeadLetters, clock: &ManualClock, holder: Option<&str>, frame: &str) {
        clock.advance(Duration::from_secs(1));
        let holder = holder.map(|name| Name::new(name).unwrap());
        letters.keep(frame, &problem("wrong"), holder, wall(), clock.now());
    }

    #[test]
    fn the_newest_are_kept_in_number_and_in_size() {
        let (letters, clock) = (DeadLetters::default(), ManualClock::new());
        for k in 0..1500 {
            keep(&letters, &clock, None, &k.to_string());
        }
        let newest = letters.newest(2000);
        assert_eq!((newest.len(), newest[0].frame.as_str(), newest[999].frame.as_str()), (1000, "1499", "500"));
        for _ in 0..40 {
            // As written, six times as long.
            keep(&letters, &clock, None, &"\u{1}".repeat(50_000));
        }
        let kept: usize = letters.newest(2000).iter().map(|letter| line(letter).len()).sum();
        assert!(kept <= 8 * 1024 * 1024 && kept > 8_000_000, "{kept}");
        letters.keep("later", &Problem::storage_unavailable("x", 5), None, wall(), clock.now());
        letters.keep(&"y".repeat(2_000_000), &problem("wrong"), None, wall(), clock.now());
        assert!(letters.newest(2).iter().all(|letter| letter.frame.starts_with('\u{1}')));
    }

    #[test]
    fn no_holder_takes_the_room_of_others() {
        let (letters, clock) = (DeadLetters::default(), ManualClock::new());
        keep(&letters, &clock, Some("marie"), "hers");
        for k in 0..2000 {
            keep(&letters, &clock, Some("flood"), &k.to_string());
        }
        let kept = letters.newest(2000);
        assert_eq!((kept.len(), kept[250].frame.as_str(), kept[249].frame.as_str()), (251, "hers", "1750"));
        // The pace is limited too: of letters that arrive at once, 120 are kept.
        let before = letters.newest(1).remove(0);
        clock.advance(Duration::from_mins(2));
        for k in 0..500 {
            letters.keep(&format!("at once {k}"), &problem("wrong"), before.holder, wall(), clock.now());
        }
        assert_eq!(letters.newest(1)[0].frame, "at once 119");
    }

    #[test]
    fn an_acknowledged_sample_is_kept_whatever_the_pace_and_outlives_the_process() {
        use proptest::strategy::{Strategy, ValueTree};
        let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let path = folder.path().join("dead.ndjson");
        let letters = DeadLetters::in_file(&path).unwrap();
        for k in 0..200 {
            letters.keep(&k.to_string(), &problem("wrong"), None, wall(), clock.now());
        }
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let sample = fixtures::strategy::sample().new_tree(&mut runner).unwrap().current();
        assert!(letters.keep_conflict(&sample, wall()));
        drop(letters);
        let kept = DeadLetters::in_file(&path).unwrap().newest(1).remove(0);
        assert_eq!((kept.problem.as_str(), kept.holder), ("/problems/name-taken", None));
        assert_eq!(kept.sample_id.as_deref(), Some(sample.key.name.as_str()));
        assert!(kept.is_of(&sample.key.device_id), "{}", kept.frame);
    }

    /// An acknowledged letter is never thrown away. If half of the room is taken, further
    /// acknowledged samples stay where they are.
    #[test]
    fn acknowledged_samples_are_never_pushed_out() {
        use proptest::strategy::{Strategy, ValueTree};
        let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let path = folder.path().join("dead.ndjson");
        let letters = DeadLetters::in_file(&path).unwrap();
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let pattern = fixtures::strategy::sample().new_tree(&mut runner).unwrap().current();
        let mut taken = 0;
        for k in 0..800 {
            let mut sample = pattern.clone();
            sample.key.name = Name::new(&format!("tray {k}")).unwrap();
            taken += usize::from(letters.keep_conflict(&sample, wall()));
        }
        assert!((10..=500).contains(&taken), "{taken}");
        for k in 0..2500 {
            keep(&letters, &clock, None, &k.to_string());
        }
        let acknowledged = |letters: &DeadLetters| letters.newest(2000).iter().filter(|one| one.acknowledged).count();
        assert_eq!(acknowledged(&letters), taken);
        drop(letters);
        assert_eq!(acknowledged(&DeadLetters::in_file(&path).unwrap()), taken);
    }

    #[test]
    fn the_room_of_others_is_not_taken_by_weight_either() {
        let (letters, clock) = (DeadLetters::default(), ManualClock::new());
        for k in 0..5 {
            keep(&letters, &clock, Some("marie"), &format!("hers {k}"));
        }
        // As written, the frames are six times as long. This frame is heavier than the share of a
        // holder. Of the frames below, four have the weight of the share.
        keep(&letters, &clock, Some("flood"), &"\u{1}".repeat(1024 * 1024 - 10));
        assert_eq!(letters.newest(2000).len(), 5);
        for _ in 0..100 {
            clock.advance(Duration::from_mins(1));
            keep(&letters, &clock, Some("flood"), &"\u{1}".repeat(80_000));
        }
        let kept = letters.newest(2000);
        let bytes = |name: &str| -> usize {
            let own = kept.iter().filter(|letter| letter.holder.is_some_and(|holder| holder.as_str() == name));
            own.map(|letter| line(letter).len()).sum()
        };
        assert_eq!(kept.iter().filter(|letter| letter.frame.starts_with("hers")).count(), 5);
        assert!((1_000_000..=DeadLetters::MOST_BYTES_OF_ONE).contains(&bytes("flood")), "{}", bytes("flood"));
        // The disk is protected too: in a minute, only the heavy letters that fit into 4 MiB are
        // kept.
        clock.advance(Duration::from_mins(2));
        let flood = kept[0].holder;
        let before = letters.kept().bytes;
        for k in 0..100 {
            let frame = format!("at once {k}{}", "\u{1}".repeat(80_000));
            letters.keep(&frame, &problem("wrong"), flood, wall(), clock.now());
        }
        assert!(letters.newest(1)[0].frame.starts_with("at once 7\u{1}"), "eight of 480 kB are 4 MiB");
        assert!(letters.kept().bytes <= before + DeadLetters::MOST_BYTES_OF_ONE);
    }

    #[test]
    fn those_of_a_device_are_erased() {
        let (letters, clock) = (DeadLetters::default(), ManualClock::new());
        for frame in ["{\"device_id\": \"A\"}", "{\"device_id\": \"B\"}", "no frame"] {
            keep(&letters, &clock, None, frame);
        }
        assert_eq!(letters.erase(Some(&Name::new("A").unwrap())), 1);
        assert_eq!(
            letters.newest(9).iter().map(|letter| letter.frame.as_str()).collect::<Vec<_>>(),
            ["no frame", "{\"device_id\": \"B\"}"]
        );
        assert_eq!((letters.erase(None), letters.newest(9).len()), (2, 0));
    }

    #[test]
    fn what_was_written_down_is_there_after_a_restart_and_the_file_does_not_grow() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let path = folder.path().join("dead.ndjson");
        let letters = DeadLetters::in_file(&path).unwrap();
        for k in 0..300 {
            keep(&letters, &clock, None, &format!("{k}{}", "\u{1}".repeat(20_000)));
            assert!(fs::metadata(&path).unwrap().len() <= 17 * 1024 * 1024);
        }
        let kept = letters.newest(1000);
        letters.remove(&kept[1..]);
        keep(&letters, &clock, None, "last\n\"line\"");
        drop(letters);
        // A power cut in the middle of a line.
        File::options().append(true).open(&path).unwrap().write_all(b"{\"received_at\":\"19").unwrap();
        let again = DeadLetters::in_file(&path).unwrap().newest(1000);
        assert_eq!(again.len(), 2);
        assert_eq!((again[0].frame.as_str(), &again[1]), ("last\n\"line\"", &kept[0]));
    }
}

//! [`HeadFile`]: a file to which heads are appended, and [`Heads`]: the statements of all of them
//! together.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use sqal_core::Timestamp;

use super::line::{self, HeadError, InvalidHead};
use super::{Checkpoint, HeadSigner, PublicKey};
use crate::evidence::Expected;

/// The statements of the heads of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// The expected contents of the database.
    pub expected: Expected,
    /// The number of heads.
    pub count: u64,
    /// The number of heads without a signature: every writer of the file may have written these.
    pub unsigned: u64,
    /// The time of the newest head.
    pub newest: Option<Timestamp>,
    /// The time of the last restored backup: earlier statements are not expected any more.
    pub restored: Option<Timestamp>,
    last: [u8; 32],
}

impl Heads {
    /// Reads heads, oldest first.
    ///
    /// If `trusted` is given, every head must be signed by one of its keys. If it is `None`, a head
    /// may be unsigned, and a signature only has to be valid. A last line without a line end was
    /// cut off while it was written, and is left out.
    ///
    /// # Errors
    ///
    /// [`HeadError`] names the first line that cannot be used.
    pub fn read(text: &str, trusted: Option<&[PublicKey]>) -> Result<Self, HeadError> {
        let mut heads = Self::default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            heads.count += 1;
            heads.take(line, trusted).map_err(|why| HeadError { line: heads.count, why })?;
        }
        Ok(heads)
    }

    fn take(&mut self, line: &str, trusted: Option<&[PublicKey]>) -> Result<(), InvalidHead> {
        let read = line::read(line)?;
        if read.previous != self.last {
            return Err(InvalidHead::Unlinked);
        }
        match (read.signed_by, trusted) {
            (Some(key), Some(trusted)) if !trusted.contains(&key) => return Err(InvalidHead::Untrusted(key)),
            (None, Some(_)) => return Err(InvalidHead::Unsigned),
            (None, None) => self.unsigned += 1,
            (Some(_), _) => {}
        }
        self.last = line::hash(line);
        self.newest = Some(read.checkpoint.at);
        if read.checkpoint.restored {
            self.restored = Some(read.checkpoint.at);
        }
        self.expected.expect(&read.checkpoint);
        Ok(())
    }
}

/// A file of heads cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadFileError {
    /// The file cannot be opened, read or written.
    #[error("{path}: {source}")]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A line of the file cannot be used.
    #[error("{path}: {source}")]
    Head {
        /// The path of the file.
        path: PathBuf,
        /// The number of the line, and the reason.
        source: HeadError,
    },
    /// A head cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A file to which heads are appended; created with mode 0600 if it does not exist.
#[derive(Debug)]
pub struct HeadFile {
    path: PathBuf,
    file: File,
    signer: Option<HeadSigner>,
    heads: Heads,
}

impl HeadFile {
    /// Opens a file and reads its heads; a last line that was cut off is removed from the file.
    ///
    /// # Errors
    ///
    /// [`HeadFileError`] if the file cannot be read, or if a line cannot be used.
    pub fn open(path: &Path, signer: Option<HeadSigner>) -> Result<Self, HeadFileError> {
        let broken = |source| HeadFileError::File { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(broken)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(broken)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(u64::try_from(whole).unwrap_or(u64::MAX)).map_err(broken)?;
        }
        let heads = Heads::read(&text, None).map_err(|source| HeadFileError::Head { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file, signer, heads })
    }

    /// The statements of the file so far.
    #[must_use]
    pub const fn heads(&self) -> &Heads {
        &self.heads
    }

    /// Drops the statements about hours before `hour` from memory; the file keeps them.
    pub fn forget_before(&mut self, hour: crate::samples::Hour) {
        self.heads.expected.forget_before(hour);
    }

    /// Appends a head; it is on the disk when this function returns.
    ///
    /// # Errors
    ///
    /// [`HeadFileError`] if the file cannot be written.
    pub fn append(&mut self, checkpoint: &Checkpoint) -> Result<(), HeadFileError> {
        let line = line::write(checkpoint, &self.heads.last, self.signer.as_ref())?;
        let written = self.file.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|source| HeadFileError::File { path: self.path.clone(), source })?;
        self.heads.last = line::hash(&line);
        self.heads.count += 1;
        self.heads.unsigned += u64::from(self.signer.is_none());
        self.heads.newest = Some(checkpoint.at);
        if checkpoint.restored {
            self.heads.restored = Some(checkpoint.at);
        }
        self.heads.expected.expect(checkpoint);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use sqal_core::Name;

    use super::*;
    use crate::{
        audit::Head,
        evidence::Bucket,
        sealed::{Key, KeyRing},
    };

    fn checkpoint(number: u64) -> Checkpoint {
        let device = Name::new("a \"device\",\"signature\":").unwrap();
        Checkpoint {
            at: Timestamp::from_micros(1_794_000_000_000_000 + number.cast_signed()).unwrap(),
            audit: Head { number, hash: [7; 32] },
            decisions: number,
            devices: BTreeMap::from([(device, 40 + number)]),
            hours: vec![(device, 498_333, Bucket { samples: 40 + number, sum: u64::MAX - number })],
            restored: false,
        }
    }

    fn signer(key: u8) -> HeadSigner {
        HeadSigner::of(&KeyRing::new(Key::from_bytes([key; 32])))
    }

    fn file_of(count: u64, signer: Option<&HeadSigner>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads.ndjson");
        for number in 1..=count {
            // Opened anew each time, as by a server that restarts.
            HeadFile::open(&path, signer.cloned()).unwrap().append(&checkpoint(number)).unwrap();
        }
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn what_was_stated_is_read_back_with_who_signed_it() {
        let text = file_of(3, Some(&signer(1)));
        let heads = Heads::read(&text, Some(&[signer(1).public()])).unwrap();
        assert_eq!((heads.count, heads.unsigned, heads.newest), (3, 0, Some(checkpoint(3).at)));
        let mut expected = Expected::default();
        (1..=3).for_each(|number| expected.expect(&checkpoint(number)));
        assert_eq!(heads.expected, expected);
        let untrusted = Heads::read(&text, Some(&[signer(2).public()])).unwrap_err();
        assert_eq!(untrusted.why, InvalidHead::Untrusted(signer(1).public()));
        assert_eq!(Heads::read(&file_of(3, None), None).unwrap().unsigned, 3);
        let unsigned = Heads::read(&file_of(3, None), Some(&[signer(1).public()])).unwrap_err();
        assert_eq!(unsigned, HeadError { line: 1, why: InvalidHead::Unsigned });
    }

    #[test]
    fn a_line_that_was_cut_off_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads.ndjson");
        let text = file_of(2, Some(&signer(1)));
        std::fs::write(&path, &text[..text.len() - 20]).unwrap();
        let mut file = HeadFile::open(&path, Some(signer(1))).unwrap();
        assert_eq!(file.heads().count, 1);
        file.append(&checkpoint(2)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn after_a_restore_nothing_that_was_before_is_expected() {
        let mut expected = Expected::default();
        expected.expect(&checkpoint(9));
        let restored = Checkpoint { restored: true, ..checkpoint(2) };
        expected.expect(&restored);
        let mut anew = Expected::default();
        anew.expect(&checkpoint(2));
        assert_eq!(expected, anew);
    }

    #[test]
    fn a_public_key_is_read_as_it_is_written() {
        let public = signer(1).public();
        assert_eq!(public.to_string().parse(), Ok(public));
        assert!("00".parse::<PublicKey>().is_err());
        assert_ne!(signer(1).public(), signer(2).public());
    }

    proptest! {
        #[test]
        fn no_changed_byte_and_no_moved_line_passes(at in any::<prop::sample::Index>(), bit in 0..7_u32, how in 0..3) {
            let (text, trusted) = (file_of(3, Some(&signer(1))), [signer(1).public()]);
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            match how {
                0 => { lines.remove(at.index(2)); }
                1 => { let at = at.index(2); lines.swap(at, at + 1); }
                _ => {
                    let mut bytes = text.clone().into_bytes();
                    let at = at.index(bytes.len() - 1);
                    bytes[at] ^= 1 << bit;
                    let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
                    // Hexadecimal digits of a signature may be upper or lower case: the bytes are
                    // equal.
                    prop_assume!(!changed.eq_ignore_ascii_case(&text));
                    let read = Heads::read(&changed, Some(&trusted));
                    // A lost line end joins the last two lines, or makes the last line incomplete.
                    prop_assert!(read.is_err() || read.is_ok_and(|heads| heads.count < 3));
                    return Ok(());
                }
            }
            let changed = lines.join("\n") + "\n";
            prop_assert!(Heads::read(&changed, Some(&trusted)).is_err());
        }

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = Heads::read(&format!("{text}\n"), None);
            let _ = Heads::read(&format!("{{{text},\"signature\":null}}\n"), None);
        }
    }
}

//! The inputs that searches have found useful: one archive (`.tar.gz`) for each target.
//!
//! An archive is unpacked for a run, and packed again after it.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tar::{Archive, Builder, Header};

/// The archive of a target.
#[must_use]
pub fn archive(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format!("{target}.tar.gz"))
}

/// The names and the bytes of all inputs in an archive.
///
/// # Errors
///
/// An [`io::Error`] if the archive cannot be read.
pub fn inputs(archive: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut packed = Archive::new(GzDecoder::new(File::open(archive)?));
    let read = |entry: io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry?;
        let (name, mut bytes) = (entry.path()?.into_owned(), Vec::new());
        entry.read_to_end(&mut bytes)?;
        Ok((name, bytes))
    };
    packed.entries()?.map(read).collect()
}

/// Writes every input of an archive into a folder, which is emptied first.
///
/// # Errors
///
/// An [`io::Error`] if the archive cannot be read or the folder cannot be written.
pub fn unpack(archive: &Path, folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(folder)?,
    }
    inputs(archive)?.into_iter().try_for_each(|(name, bytes)| fs::write(folder.join(name), bytes))
}

/// Writes the files of a folder into an archive. Equal files give equal bytes, because they are
/// sorted by name and have no times and no owners.
///
/// # Errors
///
/// An [`io::Error`] if the folder cannot be read or the archive cannot be written.
pub fn pack(folder: &Path, archive: &Path) -> io::Result<()> {
    let mut names =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    let mut packed = Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for name in names {
        let bytes = fs::read(folder.join(&name))?;
        let mut header = Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        packed.append_data(&mut header, &name, bytes.as_slice())?;
    }
    File::create(archive)?.write_all(&packed.into_inner()?.finish()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_is_packed_comes_out_and_the_same_files_are_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (files, again) = (folder.path().join("files"), folder.path().join("again"));
        fs::create_dir(&files).unwrap();
        let written = [("b", vec![0, 255, 10]), ("a", Vec::new()), ("c", vec![7; 5000])];
        for (name, bytes) in &written {
            fs::write(files.join(name), bytes).unwrap();
        }
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        pack(&files, &one).unwrap();
        fs::create_dir(&again).unwrap();
        fs::write(again.join("of an earlier run"), "x").unwrap();
        unpack(&one, &again).unwrap();
        let there: Vec<_> = inputs(&one).unwrap();
        let mut expected = written.map(|(name, bytes)| (PathBuf::from(name), bytes));
        expected.sort();
        assert_eq!(there, expected);
        pack(&again, &two).unwrap();
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    }
}

//! Reads a settings file as a whole, if it is a regular file of moderate size.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use tokio::sync::oneshot;

/// The largest file that is read, in bytes: about the size of 5 000 tokens.
pub(crate) const LARGEST: u64 = 1024 * 1024;

/// The most time for reading a file. On a network file system that is unavailable, a read may never
/// end.
const LIMIT: Duration = Duration::from_secs(5);

/// The text of a file. The error names the file.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    text_of_unnamed(path).map_err(|why| format!("{} cannot be read: {why}", path.display()))
}

/// The text of a file whose path may be a secret by mistake. The error does not name the path.
pub(crate) fn text_of_unnamed(path: &Path) -> Result<String, String> {
    let broken = |error: std::io::Error| error.to_string();
    // Checked before the file is opened, because opening a pipe waits for its writer.
    is_plain(&std::fs::metadata(path).map_err(broken)?)?;
    let file = File::open(path).map_err(broken)?;
    is_plain(&file.metadata().map_err(broken)?)?;
    let mut text = String::new();
    let read = file.take(LARGEST + 1).read_to_string(&mut text).map_err(broken)?;
    if u64::try_from(read).is_ok_and(|read| read <= LARGEST) {
        Ok(text)
    } else {
        Err(format!("it has more than {LARGEST} bytes"))
    }
}

fn is_plain(metadata: &Metadata) -> Result<(), &'static str> {
    if metadata.is_dir() {
        Err("it is a folder, expected a file")
    } else if metadata.is_file() {
        Ok(())
    } else {
        Err("it is a pipe, a socket or a device, expected a regular file")
    }
}

/// Why there is no value from a file yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadingError {
    /// The file was not read within the time limit; the result can be requested again.
    Late,
    /// The thread ended without a result.
    Broken,
}

/// A value that is made from a file in a separate thread, so that neither the runtime nor its
/// shutdown waits for a file system that does not answer.
#[derive(Debug)]
pub(crate) struct Reading<T>(oneshot::Receiver<T>);

impl<T: Send + 'static> Reading<T> {
    /// Starts to read.
    pub(crate) fn begin(read: impl FnOnce() -> T + Send + 'static) -> Self {
        let (tell, told) = oneshot::channel();
        // If the thread cannot be started, the sender is dropped, and the result is `Broken`.
        let _detached = std::thread::Builder::new().name("settings file".to_owned()).spawn(move || {
            // The receiver may be dropped already.
            let _ = tell.send(read());
        });
        Self(told)
    }

    /// The value, once it is read.
    pub(crate) async fn result(&mut self) -> Result<T, ReadingError> {
        match tokio::time::timeout(LIMIT, &mut self.0).await {
            Ok(Ok(made)) => Ok(made),
            Ok(Err(_)) => Err(ReadingError::Broken),
            Err(_) => Err(ReadingError::Late),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_of_a_sensible_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let size = usize::try_from(LARGEST).unwrap();
        std::fs::write(at("most"), vec![b'x'; size]).unwrap();
        std::fs::write(at("more"), vec![b'x'; size + 1]).unwrap();
        std::fs::write(at("binary"), [0xff, 0xfe]).unwrap();
        std::os::unix::fs::symlink(at("most"), at("link")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("endless")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(text(&at("most")).unwrap().len(), size);
        assert_eq!(text(&at("link")).unwrap().len(), size, "as an orchestrator mounts secrets");
        for (name, why) in [
            ("more", "more than 1048576 bytes"),
            ("binary", "UTF-8"),
            ("endless", "a device"),
            ("socket", "a socket"),
            ("", "a folder"),
            ("not-there", "No such file"),
        ] {
            let refused = text(&at(name)).unwrap_err();
            assert!(refused.contains(why) && refused.contains(name), "{name}: {refused}");
        }
    }

    /// Opening a pipe without a writer would block its reader for ever, so a pipe is refused first.
    #[test]
    fn a_pipe_is_refused_before_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert!(text(&pipe).unwrap_err().contains("a pipe"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_system_that_does_not_answer_stops_nobody() {
        let (answer, asked) = std::sync::mpsc::channel::<&str>();
        let mut reading = Reading::begin(move || asked.recv().unwrap_or("gone"));
        assert_eq!(reading.result().await, Err(ReadingError::Late));
        answer.send("at last").unwrap();
        let read = loop {
            match reading.result().await {
                Err(ReadingError::Late) => {}
                read => break read,
            }
        };
        assert_eq!(read, Ok("at last"));
    }
}

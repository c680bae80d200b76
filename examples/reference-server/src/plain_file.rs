//! A settings file is read as a whole, if it is a regular file of a size that a person writes.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use tokio::sync::oneshot;

/// The largest file that is read: 5 000 tokens have about this size.
pub(crate) const LARGEST: u64 = 1024 * 1024;

/// How long a file may take; one behind a network that is away may take for ever.
const LIMIT: Duration = Duration::from_secs(5);

/// The text of a file; what is wrong names the file.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    text_of_unnamed(path).map_err(|why| format!("{} cannot be read: {why}", path.display()))
}

/// The text of a file whose path may be a secret by mistake: what is wrong does not name it.
pub(crate) fn text_of_unnamed(path: &Path) -> Result<String, String> {
    let broken = |error: std::io::Error| error.to_string();
    // Before it is opened: opening a pipe waits for its writer.
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

/// Why a file gives no value yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadingError {
    /// It has not answered in time, and may be asked again.
    Late,
    /// Its thread has ended without an answer.
    Broken,
}

/// A value made from a file in a thread of its own, so that neither the runtime nor its end waits for a file system that does not answer.
#[derive(Debug)]
pub(crate) struct Reading<T>(oneshot::Receiver<T>);

impl<T: Send + 'static> Reading<T> {
    /// Begins to read.
    pub(crate) fn begin(read: impl FnOnce() -> T + Send + 'static) -> Self {
        let (tell, told) = oneshot::channel();
        // A thread that cannot be started drops its sender: the answer is that there is none.
        let _detached = std::thread::Builder::new().name("settings file".to_owned()).spawn(move || {
            // The one who asked may be gone.
            let _ = tell.send(read());
        });
        Self(told)
    }

    /// What was made.
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

    /// A pipe that is written to by no process makes its reader wait for ever.
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

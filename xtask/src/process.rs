//! Child processes that never outlive this one, also when it is interrupted.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::Failed;

/// The process groups that run, and whether Ctrl-C was pressed.
///
/// Every child leads a group of its own; an interrupt is passed to all groups, their parents' waits
/// end, and the guards that own servers and folders are dropped on the ordinary way out.
#[derive(Clone, Debug, Default)]
pub struct Interrupts {
    interrupted: Arc<AtomicBool>,
    quiet: bool,
    groups: Arc<Mutex<Vec<u32>>>,
}

impl Interrupts {
    /// Takes over SIGINT, SIGTERM and SIGHUP for this process.
    ///
    /// # Errors
    ///
    /// [`Failed`] if another handler is installed.
    pub fn install() -> Result<Self, Failed> {
        let interrupts = Self::default();
        let handler = interrupts.clone();
        ctrlc::set_handler(move || {
            handler.interrupted.store(true, Ordering::SeqCst);
            for group in handler.groups().iter() {
                signal_group(*group, Signal::INT);
            }
        })
        .map_err(|error| Failed(error.to_string()))?;
        Ok(interrupts)
    }

    /// Takes over nothing, and runs commands without a word: for checks that are expected to fail.
    #[must_use]
    pub fn quiet() -> Self {
        Self { quiet: true, ..Self::default() }
    }

    /// Whether an interrupt came.
    #[must_use]
    pub fn came(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    fn groups(&self) -> MutexGuard<'_, Vec<u32>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    ///
    /// [`Failed`] if it cannot be started, fails, or an interrupt came.
    pub fn run(&self, command: &mut Command) -> Result<(), Failed> {
        let shown = shown(command);
        if self.quiet {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let status = self.spawn(command)?.wait()?;
        match status {
            _ if self.came() => Err(Failed("interrupted".to_owned())),
            status if status.success() => Ok(()),
            status => Err(Failed(format!("{shown}: {status}"))),
        }
    }

    /// Starts a command in a process group of its own.
    ///
    /// # Errors
    ///
    /// [`Failed`] if it cannot be started or an interrupt came.
    pub fn spawn(&self, command: &mut Command) -> Result<Running, Failed> {
        if self.came() {
            return Err(Failed("interrupted".to_owned()));
        }
        let shown = shown(command);
        let child = command.process_group(0).stdin(Stdio::null()).spawn();
        let child = child.map_err(|error| Failed(format!("{shown}: {error}")))?;
        self.groups().push(child.id());
        Ok(Running { child, interrupts: self.clone(), at_the_end: Signal::KILL })
    }
}

/// A child that is ended when this value is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    interrupts: Interrupts,
    at_the_end: Signal,
}

impl Running {
    /// Ends with this signal instead of SIGKILL.
    #[must_use]
    pub const fn ending_with(mut self, signal: Signal) -> Self {
        self.at_the_end = signal;
        self
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// [`Failed`] if the system cannot tell.
    pub fn wait(mut self) -> Result<std::process::ExitStatus, Failed> {
        Ok(self.child.wait()?)
    }

    /// Reads the child's standard output until a line contains a text, and goes on reading it into
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`Failed`] with what was printed if the output ends first.
    pub fn until(&mut self, text: &str) -> Result<String, Failed> {
        match self.child.stdout.take() {
            Some(output) => read_until(output, text),
            None => Err(Failed("output is not captured".to_owned())),
        }
    }

    /// Waits for a line with a text on standard error.
    ///
    /// # Errors
    ///
    /// [`Failed`] with what was printed if the output ends first.
    pub fn until_error(&mut self, text: &str) -> Result<String, Failed> {
        match self.child.stderr.take() {
            Some(output) => read_until(output, text),
            None => Err(Failed("output is not captured".to_owned())),
        }
    }
}

fn read_until(output: impl Read + Send + 'static, text: &str) -> Result<String, Failed> {
    let mut lines = BufReader::new(output).lines();
    let mut seen = String::new();
    while let Some(Ok(line)) = lines.next() {
        if line.contains(text) {
            // Reading must go on, or the child blocks on a full pipe.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(line);
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    Err(Failed(format!("ended before it said {text:?}:\n{seen}")))
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal_group(self.child.id(), self.at_the_end);
            // It was just told to end.
            let _ = self.child.wait();
        }
        let id = self.child.id();
        self.interrupts.groups().retain(|group| *group != id);
    }
}

fn signal_group(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // A group that has just ended is what was wanted.
        let _ = kill_process_group(pid, signal);
    }
}

/// A command as a person would type it.
#[must_use]
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

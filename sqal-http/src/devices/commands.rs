//! [`Commands`]: sends commands to connected devices, and returns their answers (ING-02).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqal_core::DeviceId;
use sqal_protocol::talk::CommandAck;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// The most commands that wait for one connection. A further command is answered as if the device
/// were away.
const WAITING: usize = 16;

/// The connections through which devices receive commands.
#[derive(Clone, Default)]
pub(crate) struct Commands(Arc<Mutex<State>>);

/// A command that waits for its answer.
struct Question {
    device: DeviceId,
    through: u64,
    answer: oneshot::Sender<CommandAck>,
}

#[derive(Default)]
struct State {
    connections: HashMap<DeviceId, (u64, mpsc::Sender<String>)>,
    asked: HashMap<String, Question>,
    count: u64,
}

impl State {
    /// Sends no more commands to the device through this connection.
    fn forget(&mut self, device: &DeviceId, number: u64) {
        if self.connections.get(device).is_some_and(|(known, _)| *known == number) {
            self.connections.remove(device);
        }
    }
}

/// Why a device did not answer a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAnswered {
    /// The device is not connected to this server, or its connection accepts no command.
    Away,
    /// The device was sent the command and did not answer in time. It may have executed it all the
    /// same.
    Silent,
}

impl Commands {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection. Returns its [`Line`], and the receiver of the commands for its
    /// devices.
    pub(crate) fn connect(&self) -> (Line, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let mut state = self.state();
        state.count += 1;
        (Line { commands: self.clone(), number: state.count, sender, devices: Vec::new() }, receiver)
    }

    /// Sends a command to a device, and waits for its answer until the limit.
    pub(crate) async fn ask(
        &self,
        device: &DeviceId,
        limit: Duration,
        write: impl FnOnce(&str) -> String,
    ) -> Result<CommandAck, NotAnswered> {
        let (id, answer) = {
            let mut state = self.state();
            let (through, connection) = state.connections.get(device).ok_or(NotAnswered::Away)?;
            let (through, connection) = (*through, connection.clone());
            state.count += 1;
            // No other process draws this number, so an answer that comes after a restart matches
            // no command.
            let id = format!("{:016x}-{}", sqal_resilience::fresh_seed(), state.count);
            connection.try_send(write(&id)).map_err(|_| NotAnswered::Away)?;
            let (sender, answer) = oneshot::channel();
            state.asked.insert(id.clone(), Question { device: *device, through, answer: sender });
            (id, answer)
        };
        let _forgotten = Forgotten { commands: self, id: &id };
        match timeout(limit, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            _ => Err(NotAnswered::Silent),
        }
    }
}

/// Forgets a command when its answer is no longer waited for, also if its caller has left.
struct Forgotten<'a> {
    commands: &'a Commands,
    id: &'a str,
}

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        self.commands.state().asked.remove(self.id);
    }
}

/// One connection: the devices that receive commands through it. They receive none through it once
/// it is dropped.
pub(crate) struct Line {
    commands: Commands,
    number: u64,
    sender: mpsc::Sender<String>,
    devices: Vec<DeviceId>,
}

impl Line {
    /// The most devices of one connection that can receive commands.
    const MOST: usize = 256;

    /// Registers that a device speaks through this connection. From now on the device receives its
    /// commands here, because the connection through which it spoke last is the one that is alive.
    pub(crate) fn is_of(&mut self, device: DeviceId) {
        if !self.devices.contains(&device) {
            if self.devices.len() >= Self::MOST {
                // If a gateway has more devices, those that spoke last can receive commands.
                let oldest = self.devices.remove(0);
                self.commands.state().forget(&oldest, self.number);
            }
            self.devices.push(device);
        }
        let mut state = self.commands.state();
        if state.connections.get(&device).is_none_or(|(number, _)| *number != self.number) {
            state.connections.insert(device, (self.number, self.sender.clone()));
        }
    }

    /// The device that speaks through this connection; `None` if it is not exactly one.
    pub(crate) fn only_device(&self) -> Option<DeviceId> {
        match self.devices.as_slice() {
            [device] => Some(*device),
            _ => None,
        }
    }

    /// Passes on the answer of a device, if it came through a connection of that device.
    pub(crate) fn answered(&self, answer: CommandAck) {
        let mut state = self.commands.state();
        let own = state.asked.get(&answer.id).is_some_and(|question| self.devices.contains(&question.device));
        if own && let Some(question) = state.asked.remove(&answer.id) {
            // The caller may have left.
            let _ = question.answer.send(answer);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut state = self.commands.state();
        for device in &self.devices {
            state.forget(device, self.number);
        }
        // Commands that were sent through this connection get no answer any more.
        state.asked.retain(|_, question| question.through != self.number);
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        write!(f, "Commands({} devices, {} asked)", state.connections.len(), state.asked.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_core::Name;
    use sqal_protocol::talk::Done;

    fn device(name: &str) -> DeviceId {
        Name::new(name).unwrap()
    }

    fn ack(id: &str) -> CommandAck {
        CommandAck { id: id.to_owned(), status: Done::Done, detail: None, result: None }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_device_is_asked_through_its_newest_connection_and_answers_for_itself() {
        let commands = Commands::default();
        let ask = |limit| {
            let commands = commands.clone();
            tokio::spawn(async move { commands.ask(&device("a"), limit, str::to_owned).await.map(|ack| ack.id) })
        };
        assert_eq!(ask(SECOND).await.unwrap(), Err(NotAnswered::Away));
        let ((mut old, mut old_asked), (mut new, mut asked)) = (commands.connect(), commands.connect());
        let (mut other, _other_asked) = commands.connect();
        old.is_of(device("a"));
        new.is_of(device("a"));
        other.is_of(device("b"));
        let waiting = ask(SECOND);
        let id = asked.recv().await.unwrap();
        assert!(old_asked.try_recv().is_err());
        other.answered(ack(&id));
        other.answered(ack("nothing"));
        assert!(!waiting.is_finished(), "nobody answers for another");
        new.answered(ack(&id));
        assert_eq!(waiting.await.unwrap(), Ok(id));
        let waiting = ask(SECOND);
        assert!(asked.recv().await.is_some());
        assert_eq!(waiting.await.unwrap(), Err(NotAnswered::Silent));
        // The device speaks through the older connection again, so it receives commands there.
        old.is_of(device("a"));
        let waiting = ask(60 * SECOND);
        assert!(old_asked.recv().await.is_some());
        // If that connection ends, its answers are not waited for, and the device is away until it
        // speaks again.
        drop((old, old_asked));
        assert_eq!(waiting.await.unwrap(), Err(NotAnswered::Silent));
        assert_eq!(ask(SECOND).await.unwrap(), Err(NotAnswered::Away));
        new.is_of(device("a"));
        let waiting = ask(SECOND);
        assert!(asked.recv().await.is_some());
        assert_eq!(waiting.await.unwrap(), Err(NotAnswered::Silent));
        assert_eq!(format!("{commands:?}"), "Commands(2 devices, 0 asked)");
        drop((new, asked));
        assert_eq!(ask(SECOND).await.unwrap(), Err(NotAnswered::Away));
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_without_a_device_is_refused_and_one_without_a_waiter_is_forgotten() {
        let commands = Commands::default();
        let (mut line, asked) = commands.connect();
        line.is_of(device("a"));
        let ask = || {
            let commands = commands.clone();
            tokio::spawn(async move { commands.ask(&device("a"), 60 * SECOND, str::to_owned).await.map(|ack| ack.id) })
        };
        let waiting: Vec<_> = (0..WAITING).map(|_| ask()).collect();
        assert_eq!(ask().await.unwrap(), Err(NotAnswered::Away), "its line is full");
        for one in &waiting {
            one.abort();
        }
        for one in waiting {
            assert!(one.await.is_err());
        }
        assert_eq!(format!("{commands:?}"), "Commands(1 devices, 0 asked)");
        drop(asked);
    }
}

//! [`NoticeReceiver`]: a receiver of notices on this machine, which remembers what it got.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A notice as it was posted.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

/// A receiver that answers every notice with 204.
pub(crate) struct NoticeReceiver {
    pub(crate) url: String,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl NoticeReceiver {
    /// Starts a receiver. It ends with the process of the test.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/notices", listener.local_addr().unwrap());
        let posted = Arc::<Mutex<Vec<Posted>>>::default();
        let all = Arc::clone(&posted);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let all = Arc::clone(&all);
                std::thread::spawn(move || serve(stream.unwrap(), &all));
            }
        });
        Self { url, posted }
    }

    /// The notices up to now.
    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }
}

/// Answers the requests of a connection until its client closes it.
fn serve(stream: TcpStream, all: &Mutex<Vec<Posted>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(posted) = read(&mut reader) {
        all.lock().unwrap().push(posted);
        if writer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
            return;
        }
    }
}

/// Reads one request; `None` if the client has closed the connection.
fn read(reader: &mut impl BufRead) -> Option<Posted> {
    let (mut authorization, mut length, mut is_first) = (String::new(), 0, true);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() && !is_first {
            break;
        }
        is_first = false;
        match line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value)) {
            Some((name, value)) if name == "authorization" => value.clone_into(&mut authorization),
            Some((name, value)) if name == "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Posted { authorization, body: serde_json::from_slice(&body).unwrap() })
}

//! [`Stations`]: simulated stations of a line, which send frames until they are stopped.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value};
use sqal_core::Timestamp;
use sqal_http::sqal_protocol::time::rfc3339;
use sqal_resilience::{Clock, SystemClock};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::server::Failed;

/// The unanswered frames of a station.
const WINDOW: usize = 16;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What was answered to the frames of all stations.
#[derive(Debug, Default)]
pub(crate) struct FrameAnswers {
    /// For each frame that is stored, the microseconds until its acknowledgement: since it was due,
    /// or since it was sent if the station sends as fast as it is answered.
    pub(crate) micros: Vec<u32>,
    /// The number of frames that were answered otherwise.
    pub(crate) refused: u64,
}

/// What all stations share.
#[derive(Debug)]
struct Plan {
    /// A frame after its time and its names.
    rest: String,
    /// The time between two frames of a station; `None` if it sends as fast as it is answered.
    every: Option<Duration>,
    is_over: AtomicBool,
    answers: Mutex<FrameAnswers>,
}

/// Stations that send frames on one connection each.
#[derive(Debug)]
pub(crate) struct Stations {
    plan: Arc<Plan>,
    tasks: JoinSet<Result<(), Failed>>,
}

impl Stations {
    /// Connects this number of stations to a server, and begins to send. `every` is the time
    /// between two frames of a station; `None` means as fast as the frames are answered.
    pub(crate) async fn begin(address: &str, count: u32, every: Option<Duration>) -> Result<Self, Failed> {
        let url = format!("ws://{address}/ws/sensors");
        let mut sockets = Vec::new();
        for _ in 0..count {
            sockets.push(connect_async(url.as_str()).await?.0);
        }
        let is_over = AtomicBool::new(false);
        let plan = Arc::new(Plan { rest: rest_of_frame()?, every, is_over, answers: Mutex::default() });
        let mut tasks = JoinSet::new();
        for (number, socket) in (0_u32..).zip(sockets) {
            tasks.spawn(station(Arc::clone(&plan), number, socket));
        }
        Ok(Self { plan, tasks })
    }

    /// Takes what was answered since the last call.
    pub(crate) fn take(&self) -> FrameAnswers {
        std::mem::take(&mut *self.plan.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stops the stations, and waits for the last answers.
    pub(crate) async fn end(mut self) -> Result<(), Failed> {
        self.plan.is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// Runs one station to its end.
async fn station(plan: Arc<Plan>, number: u32, socket: Socket) -> Result<(), Failed> {
    let (mut sink, mut stream) = socket.split();
    let device = format!("LINE_{number:03}");
    // Stations start at different times.
    let later = |every: Duration| every.mul_f64(f64::from(number) * 0.618 % 1.0);
    let mut due = SystemClock.now() + plan.every.map_or(Duration::ZERO, later);
    let (mut sent, mut under_way) = (0_u64, VecDeque::new());
    loop {
        let is_over = plan.is_over.load(Ordering::Relaxed);
        if is_over && under_way.is_empty() {
            break;
        }
        let may_send = !is_over && under_way.len() < WINDOW;
        let now = SystemClock.now();
        if may_send && now >= due {
            under_way.push_back(if plan.every.is_some() { due } else { now });
            sink.send(Message::text(frame(&plan.rest, &device, sent))).await?;
            sent += 1;
            due = plan.every.map_or(due, |every| due + every);
            continue;
        }
        tokio::select! {
            answer = stream.next() => {
                let Message::Text(text) = answer.ok_or("the server closed a connection")?? else { continue };
                let begun = under_way.pop_front().ok_or("an answer to nothing")?;
                let took = SystemClock.now().saturating_duration_since(begun);
                let mut answers = plan.answers.lock().unwrap_or_else(PoisonError::into_inner);
                if text.contains("\"persisted\"") {
                    answers.micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
                } else {
                    answers.refused += 1;
                }
            }
            () = tokio::time::sleep_until(due.into()), if may_send => {}
        }
    }
    // The server may have closed the connection at the same time.
    let _ = sink.close().await;
    Ok(())
}

/// The documented frame without its time and its names, and without the bracket that opens it.
fn rest_of_frame() -> Result<String, Failed> {
    let mut frame: Map<String, Value> = serde_json::from_str(fixtures::DOCUMENTED_FRAME)?;
    frame.retain(|field, _| !["timestamp", "device_id", "sample_id"].contains(&field.as_str()));
    let text = Value::Object(frame).to_string();
    Ok(text.strip_prefix('{').ok_or("the documented frame is no object")?.to_owned())
}

/// A frame of a device that is measured now.
fn frame(rest: &str, device: &str, number: u64) -> String {
    let time = rfc3339(wall_clock());
    format!(r#"{{"timestamp":"{time}","device_id":"{device}","sample_id":"S-{number}",{rest}"#)
}

fn wall_clock() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "a station stamps its samples with its own clock")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or_default();
    Timestamp::from_micros(micros).unwrap_or_else(|_| unreachable!("a time of this century"))
}

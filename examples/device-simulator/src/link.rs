//! The connection to the server: frames are kept until acknowledged, and sent again if necessary.
//!
//! A frame is sent again after a reconnect.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::Deserialize;
use serde_json::{Value, json};
use sqal_core::Timestamp;
use sqal_resilience::{Backoff, backoff::InvalidBackoff};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tracing::{info, warn};

use crate::set_aside::SetAside;
use crate::{Config, Shot, SourceError, Station};

/// The most frames that are sent and not acknowledged; equal to the server's own credit.
const WINDOW: usize = 32;

/// The most frames that are kept while the server is unavailable. At this limit, the station stops
/// measuring.
const MOST_KEPT: usize = 1000;

/// The most time for opening a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A duration longer than any run of a station.
const FAR: Duration = Duration::from_secs(1 << 30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The counts of frames by their outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Frames measured.
    pub measured: u64,
    /// Samples acknowledged as new.
    pub persisted: u64,
    /// Samples acknowledged as duplicates.
    pub duplicate: u64,
    /// Frames refused permanently.
    pub rejected: u64,
    /// Frames that the server keeps for a later replay, and that this station dropped for lack of
    /// room.
    pub left_with_server: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// The ids that the server assigned to acknowledged samples, in order.
    pub ids: Vec<String>,
}

/// Why the station cannot run. An unavailable server is no such reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The source or the profiles cannot be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The backoff is not valid.
    #[error(transparent)]
    Backoff(#[from] InvalidBackoff),
    /// The file for the truth cannot be opened.
    #[error("truth file: {0}")]
    Truth(#[from] std::io::Error),
}

/// A message of the server.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Ack(Answer),
    Welcome(Welcome),
    Command(Command),
}

/// The unanswered frames that the server has stored durably.
#[derive(Deserialize)]
struct Welcome {
    persisted: Vec<Known>,
}

#[derive(Deserialize)]
struct Known {
    sample_id: String,
    id: String,
}

#[derive(Deserialize)]
struct Command {
    id: String,
    name: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    id: Option<String>,
    final_grade: Option<String>,
    problem: Option<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    r#type: String,
    status: u16,
    detail: String,
    retry_after: Option<u64>,
    #[serde(default)]
    kept: bool,
}

impl Problem {
    /// Whether the refusal is a disagreement about clock or profile. Then the frame is kept and
    /// sent again, while the line continues.
    fn is_disagreement(&self) -> bool {
        matches!(self.r#type.as_str(), "/problems/clock-disagrees" | "/problems/profile-unknown-here")
    }
}

/// A running station: the frames that it still has to send, and the counts of the others.
struct Work {
    station: Station,
    interval: Duration,
    count: Option<u64>,
    truth: Option<File>,
    /// Frames that are measured and not acknowledged, oldest first. The first `under_way` of them
    /// are sent on this connection.
    kept: VecDeque<Shot>,
    under_way: usize,
    /// Frames that were refused for a disagreement and will be sent again.
    aside: SetAside,
    dry: bool,
    /// Whether measuring is paused by a command.
    paused: bool,
    summary: Summary,
    now: fn() -> Timestamp,
}

/// Runs a station until its recordings end, its count is reached, or `stop` is ready.
///
/// If the server is unavailable, the station retries after 250 ms, doubling to 10 s, with jitter
/// from the seed.
///
/// # Errors
///
/// [`LinkError`] if the station cannot be set up.
pub async fn run(
    config: &Config,
    now: fn() -> Timestamp,
    stop: impl Future<Output = ()>,
) -> Result<Summary, LinkError> {
    let truth = config.truth.as_ref().map(|path| File::options().create(true).append(true).open(path)).transpose()?;
    let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10))?;
    let mut random = ChaCha8Rng::seed_from_u64(config.seed);
    let mut work = Work {
        station: Station::open(config)?,
        interval: config.interval,
        count: config.count,
        truth,
        kept: VecDeque::new(),
        under_way: 0,
        aside: SetAside::default(),
        dry: false,
        paused: false,
        summary: Summary::default(),
        now,
    };
    tokio::pin!(stop);
    let mut attempt = 0;
    while !work.is_done() {
        let acknowledged = work.summary.ids.len();
        tokio::select! {
            () = &mut stop => break,
            ended = work.converse(&config.url, config.token.as_deref()) => match ended {
                Ok(()) => continue,
                Err(why) => warn!(url = config.url, "connection: {why}"),
            },
        }
        // After progress, the server is available again, so the next wait is the shortest one.
        attempt = if work.summary.ids.len() > acknowledged { 0 } else { attempt + 1 };
        let delay = backoff.delay(attempt, f64::from(random.next_u32()) / f64::from(u32::MAX));
        info!("Retrying connection in {:.1} seconds", delay.as_secs_f64());
        tokio::select! {
            () = &mut stop => break,
            () = sleep(delay) => {}
        }
    }
    Ok(work.summary)
}

impl Work {
    fn is_done(&self) -> bool {
        let enough = self.count.is_some_and(|count| self.summary.persisted + self.summary.duplicate >= count);
        // Refused frames count too: a station is done if all its frames are measured and none is
        // left to send.
        let all_measured = self.dry || self.count.is_some_and(|count| self.summary.measured >= count);
        enough || (all_measured && self.kept.is_empty() && self.aside.is_empty())
    }

    /// Whether another product should be measured.
    fn wants_more(&self) -> bool {
        let room = if self.interval.is_zero() { WINDOW } else { MOST_KEPT };
        !self.dry
            && !self.paused
            && self.kept.len() + self.aside.needed() < room
            && self.count.is_none_or(|count| self.summary.measured < count)
    }

    fn measure(&mut self) {
        if self.kept.len() + self.aside.len() >= MOST_KEPT && self.aside.forget_one() {
            self.summary.left_with_server += 1;
        }
        match self.station.shoot((self.now)()) {
            Some(shot) => {
                self.summary.measured += 1;
                if let (Some(file), Some(truth)) = (&mut self.truth, &shot.truth)
                    && let Err(error) = writeln!(file, "{truth}")
                {
                    warn!(%error, "truth not written");
                }
                self.kept.push_back(shot);
            }
            None => self.dry = true,
        }
    }

    /// Runs one connection, until it fails or there is nothing left to do.
    async fn converse(&mut self, url: &str, token: Option<&str>) -> Result<(), String> {
        let mut request = url.into_client_request().map_err(|error| error.to_string())?;
        if let Some(token) = token {
            let bearer =
                HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| "the token is no text".to_owned())?;
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        let opening = timeout(PATIENCE, connect_async(request)).await.map_err(|_| "no answer".to_owned())?;
        let (mut socket, _) = opening.map_err(|error| error.to_string())?;
        self.summary.connections += 1;
        let sent = std::mem::take(&mut self.under_way);
        // The server may be another one, or a corrected one.
        self.aside.reset();
        if sent > 0 {
            self.ask_what_is_durable(&mut socket, sent).await?;
        }
        info!(url, waiting = self.kept.len(), "connected");
        let mut ticks = interval(self.interval.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The time limit for an answer starts with the oldest unanswered frame, even if new frames
        // are measured meanwhile.
        let mut heard = Instant::now();
        while !self.is_done() {
            while let Some(shot) = self.aside.due(Instant::now()) {
                self.kept.push_back(shot);
            }
            while self.under_way < self.kept.len().min(WINDOW) {
                let text = self.kept[self.under_way].text.clone();
                let sending = timeout(PATIENCE, socket.send(Message::text(text))).await;
                sending.map_err(|_| "not taken".to_owned())?.map_err(|error| error.to_string())?;
                if self.under_way == 0 {
                    heard = Instant::now();
                }
                self.under_way += 1;
            }
            if self.interval.is_zero() && self.wants_more() {
                self.measure();
                continue;
            }
            tokio::select! {
                _ = ticks.tick(), if self.wants_more() && !self.interval.is_zero() => self.measure(),
                () = sleep_until(self.aside.next(heard).unwrap_or(heard + FAR)), if self.aside.next(heard).is_some() => {}
                // If no frame is sent, the server owes no answer, but it may send a command.
                answer = timeout_at(if self.under_way > 0 { heard + PATIENCE } else { heard + FAR }, socket.next()) => {
                    let answer = answer.map_err(|_| "no answer".to_owned())?;
                    let message = answer.ok_or("closed")?.map_err(|error| error.to_string())?;
                    let unanswered = self.under_way;
                    let reply = self.take(&message)?;
                    // A ping of the server is no answer.
                    if self.under_way < unanswered {
                        heard = Instant::now();
                    }
                    if let Some(answer) = reply {
                        socket.send(Message::text(answer)).await.map_err(|error| error.to_string())?;
                        ticks = interval(self.interval.max(Duration::from_millis(1)));
                        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                    }
                }
            }
        }
        close(socket).await;
        Ok(())
    }

    /// Asks which of the frames sent on an earlier connection are stored durably. Those are not
    /// sent again.
    async fn ask_what_is_durable(&mut self, socket: &mut Socket, sent: usize) -> Result<(), String> {
        let unanswered: Vec<_> = self.kept.iter().take(sent).map(|shot| &shot.key).collect();
        let hello = json!({ "type": "hello", "device_id": self.station.device_id(), "unanswered": unanswered });
        socket.send(Message::text(hello.to_string())).await.map_err(|error| error.to_string())?;
        loop {
            let message = timeout(PATIENCE, socket.next()).await.map_err(|_| "no answer".to_owned())?;
            match message.ok_or("closed")?.map_err(|error| error.to_string())? {
                Message::Text(text) => match serde_json::from_str(&text) {
                    Ok(Said::Welcome(welcome)) => {
                        for known in welcome.persisted {
                            self.kept.retain(|shot| shot.sample_id != known.sample_id);
                            self.summary.persisted += 1;
                            self.summary.ids.push(known.id);
                        }
                        return Ok(());
                    }
                    Ok(Said::Command(command)) => {
                        let done = self.obey(&command);
                        socket.send(Message::text(done)).await.map_err(|error| error.to_string())?;
                    }
                    // If the server cannot tell now, all frames are sent again.
                    Ok(Said::Ack(_)) => return Ok(()),
                    Err(error) => return Err(format!("hello not answered: {error}")),
                },
                Message::Close(frame) => {
                    return Err(frame.map_or_else(|| "closed".to_owned(), |frame| frame.to_string()));
                }
                _ => {}
            }
        }
    }

    /// Executes a command of the server (SIM-05), and returns the reply.
    fn obey(&mut self, command: &Command) -> String {
        let done = match command.name.as_str() {
            "simulator.pause" => {
                self.paused = true;
                Ok(json!({ "paused": true }))
            }
            "simulator.resume" => {
                self.paused = false;
                Ok(json!({ "paused": false }))
            }
            "simulator.interval" => match command.arguments["seconds"].as_f64().map(Duration::try_from_secs_f64) {
                Some(Ok(interval)) if !interval.is_zero() => {
                    self.interval = interval;
                    Ok(json!({ "seconds": interval.as_secs_f64() }))
                }
                _ => Err("seconds: expected a number above 0".to_owned()),
            },
            name => Err(format!("{name} is not known here: simulator.pause, simulator.resume, simulator.interval")),
        };
        info!(command = command.name, ?done, "asked");
        let id = &command.id;
        match done {
            Ok(result) => json!({ "type": "command_ack", "id": id, "status": "done", "result": result }),
            Err(why) => json!({ "type": "command_ack", "id": id, "status": "refused", "detail": why }),
        }
        .to_string()
    }

    /// Handles one message of the server, and returns the reply to it. Answers arrive in the order
    /// of the frames, commands at any time.
    fn take(&mut self, message: &Message) -> Result<Option<String>, String> {
        let text = match message {
            Message::Text(text) => text.as_str(),
            Message::Close(frame) => {
                return Err(frame.as_ref().map_or_else(|| "closed".to_owned(), ToString::to_string));
            }
            _ => return Ok(None),
        };
        let said = serde_json::from_str(text).map_err(|error| format!("answer not understood: {error}"))?;
        let answer = match said {
            Said::Ack(answer) => answer,
            Said::Command(command) => return Ok(Some(self.obey(&command))),
            Said::Welcome(_) => return Ok(None),
        };
        let Some(shot) = self.kept.front() else { return Err("an answer to nothing".to_owned()) };
        let grade = answer.final_grade.as_deref().unwrap_or("-");
        match (answer.status.as_str(), &answer.problem) {
            ("persisted", _) => {
                self.summary.persisted += 1;
                self.aside.taken();
            }
            ("duplicate", _) => {
                self.summary.duplicate += 1;
                self.aside.taken();
            }
            (_, Some(problem)) if problem.is_disagreement() => {
                warn!("Échantillon {} set aside: {}", shot.sample_id, problem.detail);
                let after = Duration::from_secs(problem.retry_after.unwrap_or(5));
                if let Some(shot) = self.kept.pop_front() {
                    self.aside.put(shot, problem.kept, Instant::now() + after);
                    self.under_way -= 1;
                }
                return Ok(None);
            }
            // The server cannot store now, or this station's token is not valid for it yet. The
            // frame is kept for a later try.
            (_, Some(problem)) if matches!(problem.status, 403 | 429 | 503) => return Err(problem.detail.clone()),
            (_, problem) => {
                self.summary.rejected += 1;
                warn!(
                    "Échantillon {} rejected: {}",
                    shot.sample_id,
                    problem.as_ref().map_or("no reason given", |p| &p.detail)
                );
            }
        }
        if let Some(id) = answer.id {
            info!("Échantillon {} {}: {grade}; device: {}", shot.sample_id, answer.status, shot.conclusion);
            self.summary.ids.push(id);
        }
        self.kept.pop_front();
        self.under_way -= 1;
        Ok(None)
    }
}

async fn close(mut socket: Socket) {
    // All frames are acknowledged, so an error of the close does not matter.
    let _ = socket.close(None).await;
}

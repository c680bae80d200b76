//! One connection of a station to the server, from its opening to its end.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::messages::Said;
use super::work::{WINDOW, Work};

/// The most time for opening a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A duration longer than any run of a station.
const FAR: Duration = Duration::from_secs(1 << 30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Work {
    /// Runs one connection, until it fails or there is nothing left to do.
    pub(super) async fn converse(&mut self, url: &str, token: Option<&str>) -> Result<(), String> {
        let mut socket = connect(url, token).await?;
        self.summary.connections += 1;
        let sent = std::mem::take(&mut self.under_way);
        // The server may be another one, or a corrected one.
        self.aside.reset();
        if sent > 0 {
            self.ask_what_is_durable(&mut socket, sent).await?;
        }
        self.connected(url);
        let mut ticks = ticks_every(self.interval);
        // The time limit for an answer starts with the oldest unanswered frame, even if new frames
        // are measured meanwhile.
        let mut heard = Instant::now();
        while !self.is_done() {
            if let Some(first) = self.send_due(&mut socket).await? {
                heard = first;
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
                        // The answer may be to a command that has changed the interval.
                        ticks = ticks_every(self.interval);
                    }
                }
            }
        }
        close(socket).await;
        Ok(())
    }

    /// Sends the frames that may be sent now. If none was unanswered before, returns when the first
    /// of them was sent.
    async fn send_due(&mut self, socket: &mut Socket) -> Result<Option<Instant>, String> {
        while let Some(shot) = self.aside.due(Instant::now()) {
            self.kept.push_back(shot);
        }
        let mut first = None;
        while self.under_way < self.kept.len().min(WINDOW) {
            let text = self.kept[self.under_way].text.clone();
            let sending = timeout(PATIENCE, socket.send(Message::text(text))).await;
            sending.map_err(|_| "not taken".to_owned())?.map_err(|error| error.to_string())?;
            if self.under_way == 0 {
                first = Some(Instant::now());
            }
            self.under_way += 1;
        }
        Ok(first)
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
}

/// Opens a connection, with the token of the station if there is one.
async fn connect(url: &str, token: Option<&str>) -> Result<Socket, String> {
    let mut request = url.into_client_request().map_err(|error| error.to_string())?;
    if let Some(token) = token {
        let bearer = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| "the token is no text".to_owned())?;
        request.headers_mut().insert(AUTHORIZATION, bearer);
    }
    let opening = timeout(PATIENCE, connect_async(request)).await.map_err(|_| "no answer".to_owned())?;
    let (socket, _) = opening.map_err(|error| error.to_string())?;
    Ok(socket)
}

/// The times at which products are measured. A late one delays the next ones.
fn ticks_every(every: Duration) -> Interval {
    let mut ticks = interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn close(mut socket: Socket) {
    // All frames are acknowledged, so an error of the close does not matter.
    let _ = socket.close(None).await;
}

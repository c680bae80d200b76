//! One device connection from its upgrade to its close.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use sqal_protocol as protocol;
use sqal_protocol::Violation;
use sqal_protocol::answer::Answer;
use sqal_protocol::encoding::{self, Encoding};
use sqal_resilience::fresh_seed;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tracing::field::display;
use tracing::{debug, info, warn};

use super::dialog::Dialog;
use super::pending::CREDIT;
use crate::door::budget::{Connection, Party, Resource};
use crate::door::caller::{Caller, Grant};
use crate::door::peer::peer;
use crate::door::problem::Problem;
use crate::services::Services;

/// A message over this size ends the connection with 1009. A frame that is only over the frame
/// limit is answered, and the connection goes on.
const LARGEST_MESSAGE: usize = 1024 * 1024;

/// Bytes that may wait for one device to read them. The largest message to a device is a command of
/// 64 KiB, which is six times as long if all of it is escaped.
const MOST_UNSENT: usize = 512 * 1024;

/// The size of the read buffer and of the write buffer, in bytes.
const BUFFER: usize = 8 * 1024;

/// The endpoint, as the events of the server name it.
const SOURCE: &str = "/ws/sensors";

/// The interval of pings to the device, and of the checks of its token.
const PING_EVERY: Duration = Duration::from_secs(20);

/// If nothing is received for this duration, the device is gone. A device that lost its power or
/// its network does not close its connection.
const SILENCE: Duration = Duration::from_mins(1);

/// The interval at which a connection is checked for a message that does not end.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The longest time of a message, from its first byte to its last. It is checked every two seconds
/// ([`LOOK_EVERY`]).
const MESSAGE_LIMIT: Duration = Duration::from_secs(10);

/// The longest time that a device may take to read an answer.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// If a device has used up its credit and receives no answer for this duration, the server closes
/// the connection. The device reconnects when the database is available again.
const STANDSTILL: Duration = Duration::from_secs(10);

/// `GET /ws/sensors`: the device endpoint (ING-01).
pub(crate) async fn upgrade(
    ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    Extension(party): Extension<Party>,
    request: Request,
) -> Response {
    let peer = peer(&services, &request);
    let place = match services.door.budget.take(Resource::WebSockets, party, 1) {
        Ok(place) => place,
        Err(exceeded) => return Problem::from(exceeded).into_response(),
    };
    // A listener that does not count the bytes that it reads provides no `Connection`.
    let connection = request.extensions().get::<Connection>().cloned().unwrap_or_default();
    let ws = match ws {
        Ok(ws) => ws,
        Err(refused) => {
            let violation = Violation::new("", refused.body_text(), "a WebSocket upgrade", "une connexion WebSocket");
            return Problem::invalid_query(vec![violation]).into_response();
        }
    };
    // A line has thousands of connections, and a frame has a few kilobytes: buffers of 128 KiB each
    // would be most of the memory.
    let ws = ws.read_buffer_size(BUFFER).write_buffer_size(BUFFER).max_write_buffer_size(MOST_UNSENT);
    ws.max_message_size(LARGEST_MESSAGE).max_frame_size(LARGEST_MESSAGE).protocols(Encoding::SUBPROTOCOLS).on_upgrade(
        move |mut socket| async move {
            let _place = place;
            match connects(&services, &caller, peer) {
                Ok(()) => {
                    let _entered = services.line.websockets.enter();
                    connection.speaks(&services.door.budget, party);
                    serve(socket, services, caller, peer, party, &connection).await;
                }
                Err(problem) => {
                    if let Some(left_out) =
                        services.door.quiet.may_say(party, "connection refused", services.clock.now())
                    {
                        let (peer, retry_after) = (peer.map(display), problem.retry_after);
                        warn!(peer, retry_after, left_out, "connection refused: rate limit exceeded");
                    }
                    // The reason of the close is documented word for word. An answer before it
                    // tells the device when to reconnect.
                    let encoding = encoding_of(&socket);
                    let answer = Answer::refused(0, None, problem).at((services.now)()).text();
                    let _ = send(&mut socket, written(encoding, answer, 1)).await;
                    close(&mut socket, close_code::POLICY, "Rate limit exceeded").await;
                }
            }
        },
    )
}

/// Counts a connection of a caller. If it may not be opened now, returns the problem.
fn connects(services: &Services, caller: &Caller, peer: Option<IpAddr>) -> Result<(), protocol::Problem> {
    let limit = services.door.connect_limit.as_ref();
    let taken = limit.and_then(|limit| limit.take(caller, peer, services.clock.now()));
    match taken.filter(|answer| !answer.allowed) {
        None => Ok(()),
        Some(answer) => Err(protocol::Problem::too_many_connections(answer.retry_after_seconds())),
    }
}

/// The encoding of the subprotocol that a connection has agreed on.
fn encoding_of(socket: &WebSocket) -> Encoding {
    Encoding::of_subprotocol(socket.protocol().and_then(|protocol| protocol.to_str().ok()))
}

/// The documented JSON as a message of the server in the encoding of the connection.
fn written(encoding: Encoding, text: String, number: u64) -> Message {
    match encoding.encode(text, number, SOURCE) {
        encoding::Message::Text(text) => Message::text(text.into_owned()),
        encoding::Message::Binary(bytes) => Message::binary(bytes.into_owned()),
    }
}

/// Sends a message unless the device takes too long to take it.
async fn send(sink: &mut (impl SinkExt<Message> + Unpin), message: Message) -> Result<(), ()> {
    match timeout(SEND_LIMIT, sink.send(message)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}

/// Writes what is queued for the device, for example the pong that answers a ping, unless the
/// device takes too long to read it.
///
/// The connection is not read meanwhile. TCP's flow control holds up a device that sends pings and
/// reads no pongs, and its connection ends after [`SEND_LIMIT`].
async fn flush(sink: &mut (impl SinkExt<Message> + Unpin)) -> Result<(), ()> {
    match timeout(SEND_LIMIT, sink.flush()).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}

async fn close(socket: &mut (impl SinkExt<Message> + Unpin), code: u16, reason: &str) {
    let frame = CloseFrame { code, reason: Utf8Bytes::from(reason) };
    // The device may be gone already. Then the close frame is lost, which is no error.
    let _ = send(socket, Message::Close(Some(frame))).await;
}

/// Why a connection ends.
enum End {
    /// The device closed, or cannot be reached.
    Device,
    /// The server closes, with this code and reason.
    Us(u16, Cow<'static, str>),
}

async fn serve(
    socket: WebSocket,
    services: Arc<Services>,
    caller: Caller,
    peer: Option<IpAddr>,
    party: Party,
    connection: &Connection,
) {
    let encoding = encoding_of(&socket);
    info!(peer = peer.map(display), %caller, speech = encoding.as_str(), "device connected");
    let (sink, stream) = socket.split();
    let (mut line, mut commands) = services.line.commands.connect();
    if let Caller::Known(_, Grant::Device(device), _) = caller {
        line.is_of(device);
    }
    let dialog = Dialog::new(Arc::clone(&services), caller, party, line, encoding);
    let now = Instant::now();
    let mut session = Session {
        services,
        caller,
        peer,
        connection,
        dialog,
        sink,
        stream,
        said: 0,
        heard: now,
        asked: now,
        answered: now,
    };
    let end = session.converse(&mut commands).await;
    session.end(end).await;
}

/// One open connection.
struct Session<'a> {
    services: Arc<Services>,
    caller: Caller,
    peer: Option<IpAddr>,
    connection: &'a Connection,
    dialog: Dialog,
    sink: SplitSink<WebSocket, Message>,
    stream: SplitStream<WebSocket>,
    /// The number of messages that were sent.
    said: u64,
    /// When the device was last heard from.
    heard: Instant,
    /// When its token was last checked.
    asked: Instant,
    /// When it was last answered, or began to wait.
    answered: Instant,
}

impl Session<'_> {
    /// Takes the messages of the device and sends what it is to be told, until the connection ends.
    async fn converse(&mut self, commands: &mut mpsc::Receiver<String>) -> End {
        let websockets = self.services.line.websockets.clone();
        let closing = websockets.closing();
        tokio::pin!(closing);
        let (mut pings, mut looks) = (every(PING_EVERY), every(LOOK_EVERY));
        loop {
            if let Some(end) = self.must_end() {
                return end;
            }
            // If the credit is used up, the connection is not read, and the bytes that wait may be
            // whole messages.
            let has_credit = self.dialog.pending.len() < CREDIT;
            let end = tokio::select! {
                biased;
                () = &mut closing => Some(End::Us(close_code::RESTART, come_back(fresh_seed()).into())),
                Some(answer) = self.dialog.pending.next(), if !self.dialog.pending.is_empty() => {
                    self.answered = Instant::now();
                    self.say(answer).await
                }
                () = sleep_until(self.answered + STANDSTILL), if !has_credit => Some(self.stands_still()),
                Some(command) = commands.recv() => self.say(command).await,
                message = self.stream.next(), if has_credit => self.hear(message).await,
                _ = looks.tick(), if has_credit => self.is_unfinished_for_too_long(),
                _ = pings.tick() => self.ping().await,
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// The end of a connection that has sent too much, or whose token was taken back. Tokens are
    /// revoked while connections are open, also of devices that never pause.
    fn must_end(&mut self) -> Option<End> {
        if let Some(reason) = self.dialog.conduct.too_much() {
            metrics::counter!("budget_refused_total", "kind" => "messages").increment(1);
            return Some(End::Us(close_code::POLICY, reason.into()));
        }
        if self.asked.elapsed() < PING_EVERY {
            return None;
        }
        self.asked = Instant::now();
        let Self { services, caller, peer, .. } = self;
        if services.door.access.still_knows(caller, (services.now)()) {
            return None;
        }
        warn!(peer = peer.map(display), %caller, "the token was taken back: connection closed");
        Some(End::Us(close_code::POLICY, "the token was taken back".into()))
    }

    /// Sends a text to the device.
    async fn say(&mut self, text: String) -> Option<End> {
        self.said += 1;
        if send(&mut self.sink, written(self.dialog.encoding, text, self.said)).await.is_err() {
            return Some(End::Device);
        }
        metrics::counter!("websocket_messages_sent_total").increment(1);
        None
    }

    /// The end of a connection without an answer. The device sends its unanswered samples again,
    /// and those that were committed are duplicates then. The pending work still runs to its end,
    /// so that watchers of the line are informed.
    fn stands_still(&mut self) -> End {
        let rest = std::mem::take(&mut self.dialog.pending);
        tokio::spawn(rest.for_each(|_| std::future::ready(())));
        End::Us(close_code::AGAIN, "no answer for 10 s: try again later".into())
    }

    /// Takes what was read from the connection.
    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Option<End> {
        self.heard = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => self.take(&encoding::Message::text(text.as_str())),
            Some(Ok(Message::Binary(bytes))) => self.take(&encoding::Message::binary(&*bytes)),
            Some(Ok(Message::Ping(payload))) => {
                self.take_control(payload.len());
                // The pong was queued while the ping was read.
                if flush(&mut self.sink).await.is_err() {
                    return Some(End::Device);
                }
            }
            Some(Ok(Message::Pong(payload))) => self.take_control(payload.len()),
            Some(Ok(Message::Close(_))) | None => return Some(End::Device),
            Some(Err(error)) => {
                metrics::counter!("websocket_errors_total").increment(1);
                debug!(peer = self.peer.map(display), %error, "device connection broke");
                return Some(if self.connection.exceeded() { too_many_unfinished() } else { broken(error) });
            }
        }
        None
    }

    fn take(&mut self, message: &encoding::Message<'_>) {
        metrics::counter!("websocket_messages_received_total").increment(1);
        self.connection.message_ended();
        if self.dialog.pending.is_empty() {
            self.answered = self.heard;
        }
        self.dialog.hear(message);
    }

    fn take_control(&mut self, payload: usize) {
        self.dialog.conduct.control();
        self.connection.control_frame(payload);
    }

    /// The end of a connection with a message that takes too long.
    fn is_unfinished_for_too_long(&self) -> Option<End> {
        if self.connection.unfinished_for(Instant::now()) < MESSAGE_LIMIT {
            return None;
        }
        metrics::counter!("budget_refused_total", "kind" => "message_time").increment(1);
        Some(End::Us(close_code::POLICY, "a message took more than 10 s".into()))
    }

    /// Asks the device for a sign of life, unless it has given none for too long.
    async fn ping(&mut self) -> Option<End> {
        if self.heard.elapsed() > SILENCE && self.dialog.pending.is_empty() {
            return Some(End::Us(close_code::AWAY, "no sign of life for 60 s".into()));
        }
        send(&mut self.sink, Message::Ping(Bytes::new())).await.is_err().then_some(End::Device)
    }

    /// Answers what was taken, and closes.
    ///
    /// Accepted frames are answered as long as the device listens, so that it learns which samples
    /// are durable. A device that has closed does not listen any more; it sends unanswered samples
    /// again.
    async fn end(mut self, end: End) {
        let mut listening = matches!(end, End::Us(..));
        while let Some(answer) = self.dialog.pending.next().await {
            self.said += 1;
            listening =
                listening && send(&mut self.sink, written(self.dialog.encoding, answer, self.said)).await.is_ok();
        }
        match end {
            End::Us(code, reason) => close(&mut self.sink, code, &reason).await,
            // The reply to the device's own close is waiting to be sent.
            End::Device => drop(timeout(SEND_LIMIT, self.sink.close()).await),
        }
        let Self { peer, caller, dialog, .. } = self;
        info!(peer = peer.map(display), %caller, frames = dialog.sequence, "device disconnected");
    }
}

/// A timer that ticks at this interval, the first time after it.
fn every(interval: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The reason of the close, with a random delay for the device. All devices were connected, and
/// they must not reconnect at the same instant. Two seconds are enough for a restart.
fn come_back(random: u64) -> String {
    format!("the server restarts, connect again in {} ms", random % 2000)
}

/// All unfinished messages of a holder together exceed its share. The device may try again when
/// other messages have ended.
fn too_many_unfinished() -> End {
    End::Us(close_code::AGAIN, "too many unfinished messages: try again later".into())
}

/// The close code and reason for a broken connection: the codes of RFC 6455, 7.4.1.
fn broken(error: axum::Error) -> End {
    use tungstenite::Error;
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => End::Us(close_code::SIZE, format!("message over {LARGEST_MESSAGE} bytes").into()),
        Some(Error::Utf8(_)) => End::Us(close_code::INVALID, "text that is not UTF-8".into()),
        Some(Error::Protocol(_)) => End::Us(close_code::PROTOCOL, "not WebSocket (RFC 6455)".into()),
        _ => End::Device,
    }
}

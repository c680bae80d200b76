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
use futures_util::stream::FuturesOrdered;
use futures_util::{SinkExt, StreamExt};
use sqal_resilience::fresh_seed;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::conduct::Conduct;
use super::pending::{CREDIT, PendingAnswer};
use super::resume::welcome;
use super::speech::{Speech, kept};
use crate::answer::{Answer, hand_in, judge};
use crate::budget::{Connection, Party, Resource};
use crate::caller::{Caller, Grant};
use crate::commands::Line;
use crate::peer::peer;
use crate::wire::{Talk, sample_id_of, talk};
use crate::{Problem, Services, Violation};

/// A message over this size ends the connection with 1009. A frame that is only over the frame
/// limit is answered, and the connection goes on.
const LARGEST_MESSAGE: usize = 1024 * 1024;

/// Bytes that may wait for one device to read them. The largest message to a device is a command of
/// 64 KiB, which is six times as long if all of it is escaped.
const MOST_UNSENT: usize = 512 * 1024;

/// The size of the read buffer and of the write buffer, in bytes.
const BUFFER: usize = 8 * 1024;

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
    let place = match services.budget.take(Resource::WebSockets, party, 1) {
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
    ws.max_message_size(LARGEST_MESSAGE).max_frame_size(LARGEST_MESSAGE).protocols(Speech::KNOWN).on_upgrade(
        move |mut socket| async move {
            let _place = place;
            match services.connects(&caller, peer) {
                Ok(()) => {
                    let _entered = services.websockets.enter();
                    connection.speaks(&services.budget, party);
                    serve(socket, services, caller, peer, party, &connection).await;
                }
                Err(problem) => {
                    if let Some(left_out) = services.quiet.may_say(party, "connection refused", services.clock.now()) {
                        warn!(?peer, retry_after = ?problem.retry_after, left_out, "connection refused: rate limit exceeded");
                    }
                    // The reason of the close is documented word for word. An answer before it
                    // tells the device when to reconnect.
                    let speech = Speech::agreed(socket.protocol().and_then(|protocol| protocol.to_str().ok()));
                    let answer = Answer::refused(0, None, problem).at((services.now)()).text();
                    let _ = send(&mut socket, speech.say(answer, 1)).await;
                    close(&mut socket, close_code::POLICY, "Rate limit exceeded").await;
                }
            }
        },
    )
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
    let speech = Speech::agreed(socket.protocol().and_then(|protocol| protocol.to_str().ok()));
    info!(?peer, %caller, ?speech, "device connected");
    let (mut sink, mut stream) = socket.split();
    let (mut line, mut asked_of_it) = services.commands.connect();
    if let Caller::Known(_, Grant::Device(device), _) = caller {
        line.is_of(device);
    }
    let mut said = 0;
    let mut pending = FuturesOrdered::<PendingAnswer>::new();
    let mut sequence = 0;
    let closing = services.websockets.closing();
    tokio::pin!(closing);
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut conduct = Conduct::new();
    let (mut heard, mut asked, mut answered) = (Instant::now(), Instant::now(), Instant::now());
    let end = loop {
        if let Some(reason) = conduct.too_much() {
            metrics::counter!("budget_refused_total", "kind" => "messages").increment(1);
            break End::Us(close_code::POLICY, reason.into());
        }
        // Also checked for a device that never pauses: tokens are revoked while connections are
        // open.
        if asked.elapsed() >= PING_EVERY {
            asked = Instant::now();
            if !services.access.still_knows(&caller, (services.now)()) {
                warn!(?peer, %caller, "the token was taken back: connection closed");
                break End::Us(close_code::POLICY, "the token was taken back".into());
            }
        }
        tokio::select! {
            biased;
            () = &mut closing => break End::Us(close_code::RESTART, come_back(fresh_seed()).into()),
            Some(answer) = pending.next(), if !pending.is_empty() => {
                (said, answered) = (said + 1, Instant::now());
                if send(&mut sink, speech.say(answer, said)).await.is_err() {
                    break End::Device;
                }
                metrics::counter!("websocket_messages_sent_total").increment(1);
            }
            () = sleep_until(answered + STANDSTILL), if pending.len() >= CREDIT => {
                // The device sends its unanswered samples again, and those that were committed are
                // duplicates then. The pending work still runs to its end, so that watchers of the
                // line are informed.
                let rest = std::mem::take(&mut pending);
                tokio::spawn(rest.for_each(|_| std::future::ready(())));
                break End::Us(close_code::AGAIN, "no answer for 10 s: try again later".into());
            }
            Some(command) = asked_of_it.recv() => {
                said += 1;
                if send(&mut sink, speech.say(command, said)).await.is_err() {
                    break End::Device;
                }
                metrics::counter!("websocket_messages_sent_total").increment(1);
            }
            message = stream.next(), if pending.len() < CREDIT => {
                heard = Instant::now();
                match message {
                    Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                        metrics::counter!("websocket_messages_received_total").increment(1);
                        connection.message_ended();
                        if pending.is_empty() {
                            answered = heard;
                        }
                        match speech.hear(&message, services.intake.limits().bytes) {
                            Ok(text) => match talk(&text) {
                                Some(Ok(Talk::Hello(hello))) => {
                                    conduct.other();
                                    let known = line.only_device();
                                    if let Some(device) = hello.device_id.filter(|device| caller.speaks_for(device)) {
                                        line.is_of(device);
                                    }
                                    pending.push_back(welcome(&services, &caller, known, hello));
                                }
                                Some(Ok(Talk::CommandAck(answer))) => {
                                    conduct.other();
                                    line.answered(answer);
                                }
                                Some(Err(problem)) => {
                                    conduct.refused();
                                    services.keep_letter(&text, &problem, caller.holder());
                                    pending.push_back(refused(&services, &caller, party, 0, sample_id_of(&text), problem));
                                }
                                None => {
                                    sequence += 1;
                                    pending.push_back(match take(&services, &caller, party, &mut line, sequence, &text) {
                                        Ok(answer) => answer,
                                        Err((for_good, answer)) => {
                                            // If the device is told to send a frame again, the
                                            // frame does not count as refused, for any number of
                                            // repetitions.
                                            if for_good {
                                                conduct.refused();
                                            }
                                            answer
                                        }
                                    });
                                }
                            },
                            Err(problem) => {
                                sequence += 1;
                                conduct.refused();
                                services.keep_letter(&kept(&message), &problem, caller.holder());
                                pending.push_back(refused(&services, &caller, party, sequence, None, problem));
                            }
                        }
                    }
                    Some(Ok(Message::Ping(payload))) => {
                        conduct.control();
                        connection.control_frame(payload.len());
                        // The pong was queued while the ping was read.
                        if flush(&mut sink).await.is_err() {
                            break End::Device;
                        }
                    }
                    Some(Ok(Message::Pong(payload))) => {
                        conduct.control();
                        connection.control_frame(payload.len());
                    }
                    Some(Ok(Message::Close(_))) | None => break End::Device,
                    Some(Err(error)) => {
                        metrics::counter!("websocket_errors_total").increment(1);
                        debug!(?peer, %error, "device connection broke");
                        break if connection.exceeded() { too_many_unfinished() } else { broken(error) };
                    }
                }
            }
            // If the credit is used up, the connection is not read, and the bytes that wait may be
            // whole messages.
            _ = looks.tick(), if pending.len() < CREDIT => {
                if connection.unfinished_for(Instant::now()) >= MESSAGE_LIMIT {
                    metrics::counter!("budget_refused_total", "kind" => "message_time").increment(1);
                    break End::Us(close_code::POLICY, "a message took more than 10 s".into());
                }
            }
            _ = pings.tick() => {
                if heard.elapsed() > SILENCE && pending.is_empty() {
                    break End::Us(close_code::AWAY, "no sign of life for 60 s".into());
                }
                if send(&mut sink, Message::Ping(Bytes::new())).await.is_err() {
                    break End::Device;
                }
            }
        }
    };
    // Accepted frames are answered as long as the device listens, so that it learns which samples
    // are durable. A device that has closed does not listen any more; it sends unanswered samples
    // again.
    let mut listening = matches!(end, End::Us(..));
    while let Some(answer) = pending.next().await {
        said += 1;
        listening = listening && send(&mut sink, speech.say(answer, said)).await.is_ok();
    }
    match end {
        End::Us(code, reason) => close(&mut sink, code, &reason).await,
        // The reply to the device's own close is waiting to be sent.
        End::Device => drop(timeout(SEND_LIMIT, sink.close()).await),
    }
    info!(?peer, %caller, frames = sequence, "device disconnected");
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

/// Judges a frame at once. The future hands the sample to the writer and gives the answer. The
/// error is the answer of a refused frame, and whether the frame is refused for good.
fn take(
    services: &Arc<Services>,
    caller: &Caller,
    party: Party,
    line: &mut Line,
    sequence: u64,
    text: &str,
) -> Result<PendingAnswer, (bool, PendingAnswer)> {
    let accepted = judge(services, caller, text).map_err(|problem| {
        let for_good = !matches!(problem.status, 429 | 503);
        (for_good, refused(services, caller, party, sequence, sample_id_of(text), problem))
    })?;
    line.is_of(accepted.sample.key.device_id);
    let (services, holder) = (Arc::clone(services), caller.holder());
    Ok(Box::pin(async move {
        let outcome = hand_in(&services, &accepted.sample, holder).await;
        Answer::to_sample(sequence, &accepted, outcome).at((services.now)()).text()
    }))
}

fn refused(
    services: &Services,
    caller: &Caller,
    party: Party,
    sequence: u64,
    sample_id: Option<String>,
    problem: Problem,
) -> PendingAnswer {
    // A device chose these texts: they are quoted, so that they cannot forge a log line or move a
    // cursor. A device also chooses the number of lines: one a minute is logged.
    if problem.status != 429
        && let Some(left_out) = services.quiet.may_say(party, "frame rejected", services.clock.now())
    {
        warn!(%caller, ?sample_id, detail = ?problem.detail, left_out, "frame rejected");
    }
    metrics::counter!("websocket_errors_total").increment(1);
    Box::pin(std::future::ready(Answer::refused(sequence, sample_id, problem).at((services.now)()).text()))
}

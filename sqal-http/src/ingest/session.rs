//! One device connection from its upgrade to its close.

use std::net::SocketAddr;
use std::pin::Pin;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{ConnectInfo, State};
use axum::http::Extensions;
use axum::response::Response;
use futures_util::stream::FuturesOrdered;
use futures_util::{SinkExt, StreamExt};
use tracing::{debug, info, warn};

use super::answer::Answer;
use crate::wire::sample_id_of;
use crate::{Problem, Services, Violation};

/// Frames that may be under way on one connection; then it is not read until the oldest is answered, and the device's TCP feels it.
const CREDIT: usize = 64;

/// A message this large ends the connection with 1009; a frame that is only over the frame limit is answered and the connection goes on.
const LARGEST_MESSAGE: usize = 8 * 1024 * 1024;

type PendingAnswer = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// `GET /ws/sensors`: the device endpoint (ING-01).
pub(crate) async fn upgrade(
    ws: WebSocketUpgrade,
    State(services): State<Services>,
    extensions: Extensions,
) -> Response {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    ws.max_message_size(LARGEST_MESSAGE).max_frame_size(LARGEST_MESSAGE).on_upgrade(move |mut socket| async move {
        if services.may_connect(peer.map(|peer| peer.ip())) {
            let _entered = services.websockets.enter();
            serve(socket, services, peer).await;
        } else {
            warn!(?peer, "connection refused: rate limit exceeded");
            close(&mut socket, close_code::POLICY, "Rate limit exceeded").await;
        }
    })
}

async fn close(socket: &mut (impl SinkExt<Message> + Unpin), code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    // The device may be gone already; then there is nobody to tell.
    let _ = socket.send(Message::Close(Some(frame))).await;
}

async fn serve(socket: WebSocket, services: Services, peer: Option<SocketAddr>) {
    info!(?peer, "device connected");
    let (mut sink, mut stream) = socket.split();
    let mut pending = FuturesOrdered::<PendingAnswer>::new();
    let mut sequence = 0;
    let closing = services.websockets.closing();
    tokio::pin!(closing);
    let end = loop {
        tokio::select! {
            biased;
            () = &mut closing => break Some((close_code::RESTART, "the server restarts, connect again")),
            Some(answer) = pending.next(), if !pending.is_empty() => {
                if sink.send(Message::text(answer.text())).await.is_err() {
                    break None;
                }
                metrics::counter!("websocket_messages_sent_total").increment(1);
            }
            message = stream.next(), if pending.len() < CREDIT => match message {
                Some(Ok(Message::Text(text))) => {
                    sequence += 1;
                    metrics::counter!("websocket_messages_received_total").increment(1);
                    pending.push_back(take(&services, sequence, text.as_str()));
                }
                Some(Ok(Message::Binary(bytes))) => {
                    sequence += 1;
                    metrics::counter!("websocket_messages_received_total").increment(1);
                    let found = format!("a binary message of {} bytes", bytes.len());
                    let violation = Violation::new("", found, "a text message with one JSON frame", "un message texte avec une trame JSON");
                    let problem = Problem::invalid_frame(vec![violation]);
                    pending.push_back(Box::pin(std::future::ready(Answer::refused(sequence, None, problem))));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => break None,
                Some(Err(error)) => {
                    metrics::counter!("websocket_errors_total").increment(1);
                    debug!(?peer, %error, "device connection broke");
                    break Some((close_code::SIZE, "message over 8388608 bytes, or not WebSocket"));
                }
            }
        }
    };
    // What was taken is answered, whoever ends the connection: the device learns what is durable.
    while let Some(answer) = pending.next().await {
        if sink.send(Message::text(answer.text())).await.is_err() {
            break;
        }
    }
    // What nobody listens to any more is still written.
    while pending.next().await.is_some() {}
    if let Some((code, reason)) = end {
        close(&mut sink, code, reason).await;
    }
    info!(?peer, frames = sequence, "device disconnected");
}

/// Judges a frame at once and hands it to the writer; the future is its answer.
fn take(services: &Services, sequence: u64, text: &str) -> PendingAnswer {
    let sample = match services.intake.accept(text) {
        Ok(sample) => sample,
        Err(problem) => {
            let sample_id = sample_id_of(text);
            warn!(?sample_id, detail = %problem.detail, "frame rejected");
            metrics::counter!("websocket_errors_total").increment(1);
            return Box::pin(std::future::ready(Answer::refused(sequence, sample_id, problem)));
        }
    };
    let services = services.clone();
    Box::pin(async move {
        let outcome = match services.writer.submit(Box::new(sample.clone())).await {
            Ok(receipt) => receipt.outcome().await,
            Err(why) => Err(why),
        };
        if outcome.as_ref().is_ok_and(|inserted| *inserted == sqal_storage::Inserted::Stored) {
            let verdict = &sample.inspection.verdict;
            metrics::histogram!("sample_processing_duration_seconds").record(f64::from(sample.processing_micros) / 1e6);
            if let Some(score) = verdict.score {
                metrics::histogram!("sample_quality_score", "grade" => verdict.grade.as_str()).record(score.value());
            }
            services.publish(&sample);
        }
        Answer::to_sample(sequence, &sample, outcome)
    })
}

//! Fuzzing target for a conversation over a WebSocket: every message must be answered.
//!
//! Alternatively the connection is closed with a code that states the reason.

use std::cell::RefCell;

use axum::http::HeaderValue;
use futures_util::{SinkExt, StreamExt};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use sqal_protocol::encoding::{self, Encoding};
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::line::Line;

thread_local! {
    static LINE: RefCell<Line> = RefCell::new(Line::new(false));
}

/// Sends the messages of a device. The first byte selects the encoding. Each line is a message,
/// whose first byte selects text or binary.
pub fn conversation(data: &[u8]) {
    let Some((encoding, rest)) = data.split_first() else { return };
    let protocol = [None, Some(Encoding::SUBPROTOCOLS[0]), Some(Encoding::SUBPROTOCOLS[1])][usize::from(*encoding) % 3];
    let messages = rest.split(|byte| *byte == b'\n').take(32).filter_map(|line| {
        let (kind, said) = line.split_first()?;
        Some(match std::str::from_utf8(said) {
            Ok(text) if kind % 4 != 0 => Message::text(text),
            _ => Message::binary(said.to_vec()),
        })
    });
    let messages: Vec<_> = messages.chain([last(Encoding::of_subprotocol(protocol))]).collect();
    LINE.with_borrow_mut(|line| {
        line.on(async |app| {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let service = TowerToHyperService::new(app);
            let serving =
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(theirs), service).with_upgrades());
            let mut request = "ws://localhost/ws/sensors".into_client_request().expect("an address");
            if let Some(protocol) = protocol {
                request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
            }
            let (socket, _) = client_async(request, ours).await.expect("a connection");
            converse(socket, messages).await;
            serving.await.expect("no panic").expect("HTTP");
        });
    });
}

/// The sample id of the last frame, which no other frame uses.
const END: &str = "the end";

/// A frame that is refused. Its answer shows that all earlier messages were answered.
fn last(encoding: Encoding) -> Message {
    match encoding.encode(json!({ "type": "sensor_data", "sample_id": END }).to_string(), 0, "/station") {
        encoding::Message::Binary(bytes) => Message::binary(bytes.into_owned()),
        encoding::Message::Text(text) => Message::text(text.into_owned()),
    }
}

/// Sends all messages and receives all answers.
async fn converse(socket: WebSocketStream<DuplexStream>, messages: Vec<Message>) {
    let (mut sink, mut stream) = socket.split();
    let asked = messages.len();
    let saying = async {
        for message in messages {
            sink.send(message).await.expect("what is said is taken");
        }
    };
    let hearing = async {
        let mut answers = 0;
        loop {
            let said: Value = match stream.next().await.expect("an answer").expect("a connection") {
                Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
                Message::Binary(bytes) => ciborium::from_reader(&*bytes).expect("CBOR"),
                Message::Ping(_) | Message::Pong(_) => continue,
                other => panic!("{other:?} after {answers} of {asked} answers"),
            };
            let said = said.get("data").unwrap_or(&said);
            answers += 1;
            assert!(answers <= asked, "{answers} answers to {asked} messages: {said}");
            if let Some(problem) = said.get("problem") {
                let status = problem["status"].as_u64();
                let disagrees = matches!(
                    problem["type"].as_str(),
                    Some("/problems/clock-disagrees" | "/problems/profile-unknown-here")
                );
                assert!(disagrees || status.is_some_and(|status| (400..500).contains(&status)), "{said}");
            }
            if said["sample_id"] == END {
                return;
            }
        }
    };
    tokio::join!(saying, hearing);
}

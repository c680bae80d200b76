//! A server with a store in memory, and a device that is connected to it.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sqal_core::{Name, Timestamp};
use sqal_http::{Grant, Profile, Profiles, Services, Token, TokenFile, TokenHash, WebSockets, router};
use sqal_storage::{BatchWriter, MemoryStore, SampleQuery, SampleStore, WriterConfig};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// 2024-10-26T23:00:10Z: ten seconds after the documented frame was measured.
pub(crate) const NOW: i64 = 1_729_983_610_000_000;

pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) websockets: WebSockets,
}

pub(crate) async fn line(adjust: impl FnOnce(&mut Services)) -> Line {
    let store = Arc::new(MemoryStore::new());
    let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    let mut services = Services::new(store.clone(), writer, profiles, || Timestamp::from_micros(NOW).unwrap());
    adjust(&mut services);
    let websockets = services.line.websockets.clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = router(services).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, app).into_future());
    Line { address, store, websockets }
}

pub(crate) struct Device(pub(crate) WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>);

impl Device {
    pub(crate) async fn connect(line: &Line) -> Self {
        Self::at(line, "/ws/sensors/").await
    }

    pub(crate) async fn at(line: &Line, path: &str) -> Self {
        let (socket, _) = connect_async(format!("ws://{}{path}", line.address)).await.unwrap();
        Self(socket)
    }

    /// Connects with this subprotocol.
    pub(crate) async fn speaking(line: &Line, protocol: &'static str) -> Self {
        let mut request = format!("ws://{}/ws/sensors", line.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        let (socket, response) = connect_async(request).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
        Self(socket)
    }

    pub(crate) async fn with_token(line: &Line, token: &str) -> Result<Self, String> {
        let mut request = format!("ws://{}/ws/sensors", line.address).into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let (socket, _) = connect_async(request).await.map_err(|refused| refused.to_string())?;
        Ok(Self(socket))
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    pub(crate) async fn answer(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected an answer, not {other:?}"),
            }
        }
    }

    pub(crate) async fn ask(&mut self, text: impl Into<String>) -> Value {
        self.send(text).await;
        self.answer().await
    }

    pub(crate) async fn close_code(&mut self) -> (CloseCode, String) {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Close(Some(frame)) => return (frame.code, frame.reason.to_string()),
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected a close, not {other:?}"),
            }
        }
    }
}

/// The documented frame with this name and one change.
pub(crate) fn frame(name: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    frame["sample_id"] = json!(name);
    change(&mut frame);
    frame.to_string()
}

pub(crate) async fn stored(line: &Line) -> usize {
    line.store.query(&SampleQuery::newest(500.try_into().unwrap())).await.unwrap().items.len()
}

pub(crate) fn tokens(entries: &[(&str, Grant, &str)]) -> TokenFile {
    let token = |(name, grant, text): &(&str, Grant, &str)| Token {
        name: Name::new(name).unwrap(),
        grant: *grant,
        sha256: TokenHash::of(text),
        until: None,
    };
    TokenFile { tokens: entries.iter().map(token).collect() }
}

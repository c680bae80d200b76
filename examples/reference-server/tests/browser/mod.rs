//! A headless Chromium, driven by the `DevTools` protocol over its WebSocket.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// One browser with one page.
pub(crate) struct Browser {
    child: Child,
    _profile: tempfile::TempDir,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: Option<String>,
    calls: u64,
    /// The complaints of the page: errors, and refusals by its policy.
    pub(crate) complaints: Vec<String>,
}

impl Browser {
    /// Starts the browser that the test command names. Without it, the test fails with a message on
    /// how to run it.
    pub(crate) async fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "how the test command passes the browser")]
        let program = std::env::var("SQAL_TEST_CHROMIUM")
            .expect("this test needs a browser: run `cargo xtask test`, or set SQAL_TEST_CHROMIUM to a Chromium");
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--remote-debugging-port=0", "--window-size=1280,1040"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = lines
            .find_map(|line| line.unwrap().strip_prefix("DevTools listening on ").map(str::to_owned))
            .expect("Chromium says where its DevTools listen");
        std::thread::spawn(move || lines.for_each(drop));
        let (socket, _) = connect_async(url).await.unwrap();
        Self { child, _profile: profile, socket, session: None, calls: 0, complaints: Vec::new() }
    }

    /// Calls a `DevTools` method.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let answer = self.try_call(method, params).await;
        answer.unwrap_or_else(|message| panic!("{method}: {message}"))
    }

    /// Calls a `DevTools` method, which may fail while a page goes and the next one comes.
    async fn try_call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.calls += 1;
        let id = self.calls;
        let mut call = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(call.to_string())).await.unwrap();
        loop {
            let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == id {
                return if message.get("error").is_none() { Ok(message["result"].clone()) } else { Err(message) };
            }
            match message["method"].as_str() {
                Some("Runtime.exceptionThrown") => self.complaints.push(message["params"].to_string()),
                Some("Log.entryAdded") if message["params"]["entry"]["level"] == "error" => {
                    self.complaints.push(message["params"].to_string());
                }
                _ => {}
            }
        }
    }

    /// Opens a page.
    pub(crate) async fn open(&mut self, url: &str) {
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.call("Target.attachToTarget", attach).await;
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Log.enable", "Runtime.enable", "Page.enable"] {
            self.call(domain, json!({})).await;
        }
        self.call("Page.navigate", json!({ "url": url })).await;
    }

    /// Waits until a JavaScript expression is true, evaluating it again when the page changes, and
    /// returns its value.
    pub(crate) async fn until(&mut self, condition: &str) -> Value {
        let script = format!(
            "new Promise(resolve => {{ \
               const look = () => {{ const value = ({condition}); if (value) {{ watcher.disconnect(); resolve(value); }} }}; \
               const watcher = new MutationObserver(look); \
               watcher.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }}); look(); }})"
        );
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let result = self.call("Runtime.evaluate", params).await;
        assert!(result.get("exceptionDetails").is_none(), "{result}");
        result["result"]["value"].clone()
    }

    /// Waits until the browser has gone to a page whose address has this in it.
    pub(crate) async fn arrives(&mut self, part: &str) {
        loop {
            let params = json!({ "expression": "document.readyState === 'loading' ? '' : location.href" });
            let answer = self.try_call("Runtime.evaluate", params).await;
            let address = answer.ok().and_then(|answer| answer["result"]["value"].as_str().map(str::to_owned));
            if address.is_some_and(|address| address.contains(part)) {
                return;
            }
        }
    }

    /// The value of a JavaScript expression, or of the promise that it returns.
    pub(crate) async fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let result = self.call("Runtime.evaluate", params).await;
        assert!(result.get("exceptionDetails").is_none(), "{result}");
        result["result"]["value"].clone()
    }

    /// Presses Escape, as a user does.
    pub(crate) async fn press_escape(&mut self) {
        for kind in ["keyDown", "keyUp"] {
            let key = json!({ "type": kind, "key": "Escape", "code": "Escape", "windowsVirtualKeyCode": 27 });
            self.call("Input.dispatchKeyEvent", key).await;
        }
    }

    /// The page as a PNG.
    pub(crate) async fn screenshot(&mut self) -> Vec<u8> {
        use base64::Engine;
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" })).await;
        base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! [`SmtpServer`]: an SMTP server whose answers a script gives, and which remembers what it got.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// How the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Sends a line.
    Say(&'static str),
    /// Closes the connection.
    Drop,
    /// Never answers.
    Silence,
}

use Reply::Say;

/// The answers of the server in one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    pub(crate) greeting: Reply,
    /// The lines behind the name in the answer to `EHLO`.
    pub(crate) offers: &'static [&'static str],
    /// The answer to `STARTTLS`. Lines behind the first one are bytes in plain text after it.
    pub(crate) go_ahead: Reply,
    pub(crate) login: Reply,
    pub(crate) sender: Reply,
    pub(crate) recipient: Reply,
    pub(crate) content: Reply,
    pub(crate) acceptance: Reply,
    pub(crate) farewell: Reply,
}

impl Manners {
    /// A server that takes everything.
    pub(crate) const fn usual() -> Self {
        Self {
            greeting: Say("220 test ESMTP"),
            offers: &["8BITMIME", "AUTH PLAIN LOGIN"],
            go_ahead: Say("220 go ahead"),
            login: Say("235 2.7.0 welcome"),
            sender: Say("250 2.1.0 fine"),
            recipient: Say("250 2.1.5 fine"),
            content: Say("354 go ahead"),
            acceptance: Say("250 2.0.0 queued as 4B2F for <marie@example.com>"),
            farewell: Say("221 bye"),
        }
    }
}

/// What happened in one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dialogue {
    pub(crate) commands: Vec<String>,
    /// The commands that came over TLS.
    pub(crate) encrypted: Vec<String>,
    /// The mail, with its dots as the client sent them.
    pub(crate) mail: Option<String>,
}

type Dialogues = Arc<Mutex<Vec<Dialogue>>>;

/// When a connection changes to TLS.
#[derive(Clone)]
pub(crate) enum Tls {
    Never,
    OnDemand(TlsAcceptor),
    AtOnce(TlsAcceptor),
}

pub(crate) struct SmtpServer {
    pub(crate) address: SocketAddr,
    dialogues: Dialogues,
}

impl SmtpServer {
    /// A server with these manners, one for each connection. The last ones are repeated.
    pub(crate) async fn new(script: impl IntoIterator<Item = Manners>, tls: Tls) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script: Vec<Manners> = script.into_iter().collect();
        let dialogues = Dialogues::default();
        let all = dialogues.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = {
                    let mut all = all.lock().unwrap();
                    all.push(Dialogue::default());
                    all.len() - 1
                };
                let manners = script[number.min(script.len() - 1)];
                tokio::spawn(connection(stream, manners, tls.clone(), all.clone(), number));
            }
        });
        Self { address, dialogues }
    }

    pub(crate) fn dialogues(&self) -> Vec<Dialogue> {
        self.dialogues.lock().unwrap().clone()
    }

    /// The mails that were sent completely, in the order of their connections.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.dialogues().into_iter().filter_map(|dialogue| dialogue.mail).collect()
    }
}

async fn connection(stream: TcpStream, manners: Manners, tls: Tls, all: Dialogues, number: usize) {
    let note = |command: &str, is_encrypted: bool| {
        let dialogue = &mut all.lock().unwrap()[number];
        dialogue.commands.push(command.to_owned());
        if is_encrypted {
            dialogue.encrypted.push(command.to_owned());
        }
    };
    let keep = |mail: String| all.lock().unwrap()[number].mail = Some(mail);
    match tls {
        Tls::AtOnce(acceptor) => {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            talk(stream, &manners, true, |command| note(command, true), keep).await;
        }
        Tls::OnDemand(acceptor) => {
            let plain = talk(stream, &manners, true, |command| note(command, false), keep).await;
            let Some(stream) = plain else { return };
            let Ok(stream) = acceptor.accept(stream).await else { return };
            talk(stream, &manners, false, |command| note(command, true), keep).await;
        }
        Tls::Never => {
            talk(stream, &manners, true, |command| note(command, false), keep).await;
        }
    }
}

/// Talks until the connection ends. If the client asks for TLS, returns the stream.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    manners: &Manners,
    greets: bool,
    note: impl Fn(&str),
    keep: impl Fn(String),
) -> Option<S> {
    let mut stream = BufReader::new(stream);
    if greets && !answer(&mut stream, manners.greeting).await {
        return None;
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        note(line);
        let goes_on = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => {
                let mut lines: Vec<_> = manners.offers.iter().map(|offer| format!("250-{offer}")).collect();
                lines.insert(0, "250-test".to_owned());
                lines.push("250 SIZE 1000000".to_owned());
                stream.write_all((lines.join("\r\n") + "\r\n").as_bytes()).await.is_ok()
            }
            "STARTTLS" => {
                return answer(&mut stream, manners.go_ahead).await.then(|| stream.into_inner());
            }
            "AUTH" => answer(&mut stream, manners.login).await,
            "MAIL" => answer(&mut stream, manners.sender).await,
            "RCPT" => answer(&mut stream, manners.recipient).await,
            "DATA" => {
                let goes_on = answer(&mut stream, manners.content).await;
                if matches!(manners.content, Say(text) if text.starts_with("354")) {
                    keep(mail(&mut stream).await?);
                    answer(&mut stream, manners.acceptance).await
                } else {
                    goes_on
                }
            }
            "QUIT" => answer(&mut stream, manners.farewell).await,
            _ => answer(&mut stream, Say("250 fine")).await,
        };
        if !goes_on {
            return None;
        }
    }
}

/// Answers; returns whether the connection goes on.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, reply: Reply) -> bool {
    match reply {
        Say(text) => stream.write_all(format!("{text}\r\n").as_bytes()).await.is_ok() && stream.flush().await.is_ok(),
        Reply::Drop => false,
        Reply::Silence => {
            // Until the client closes the connection.
            let _ = stream.read_to_end(&mut Vec::new()).await;
            false
        }
    }
}

/// Reads a mail up to the line that ends it.
async fn mail<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut mail = String::new();
    while !mail.ends_with("\r\n.\r\n") {
        if stream.read_line(&mut mail).await.ok()? == 0 {
            return None;
        }
    }
    mail.strip_suffix(".\r\n").map(str::to_owned)
}

/// A certificate authority of a test's own.
pub(crate) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.certificate.pem().into_bytes()
    }

    /// What a server for `localhost` needs.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

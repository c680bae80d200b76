//! [`Unbuffered`]: a connection to an SMTP server that is read byte by byte until TLS begins.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The most bytes that a server may send before TLS.
const MOST_BEFORE_TLS: u32 = 64 * 1024;

/// The first byte that a client sends over TLS: the type of a handshake record (RFC 8446, section
/// 5.1). No command of SMTP begins with it.
const HANDSHAKE: u8 = 22;

/// A connection that begins in plain text and changes to TLS by `STARTTLS`.
///
/// Before TLS each read returns one byte, so the client reads no further than the end of the answer
/// to `STARTTLS`. Bytes that follow in plain text can come from an attacker on the network. A
/// client that has them in its buffer would take them for answers over TLS. Here they are read as
/// the first bytes of TLS, and the handshake fails.
#[derive(Debug)]
pub(super) struct Unbuffered {
    stream: TcpStream,
    /// The number of bytes that may still be read before TLS; `None` once TLS has begun.
    plain_left: Option<u32>,
}

impl Unbuffered {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self { stream, plain_left: Some(MOST_BEFORE_TLS) }
    }
}

impl AsyncRead for Unbuffered {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(left) = this.plain_left else { return Pin::new(&mut this.stream).poll_read(cx, buffer) };
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let Some(left) = left.checked_sub(1) else {
            return Poll::Ready(Err(io::Error::other("the server sends too much before TLS")));
        };
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut byte))?;
        buffer.put_slice(byte.filled());
        this.plain_left = Some(left);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Unbuffered {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.first() == Some(&HANDSHAKE) {
            this.plain_left = None;
        }
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Unbuffered {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A connection to a server that sends these bytes and then waits for the end.
    async fn connection(bytes: Vec<u8>) -> Unbuffered {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(&bytes).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        Unbuffered::new(TcpStream::connect(address).await.unwrap())
    }

    #[tokio::test]
    async fn a_read_returns_one_byte_until_tls_begins() {
        let mut connection = connection(b"220 go ahead\r\n".to_vec()).await;
        let mut buffer = [0; 100];
        assert_eq!((connection.read(&mut buffer).await.unwrap(), buffer[0]), (1, b'2'));
        connection.write_all(b"STARTTLS\r\n").await.unwrap();
        assert_eq!((connection.read(&mut buffer).await.unwrap(), buffer[0]), (1, b'2'));
        connection.write_all(&[HANDSHAKE, 3, 1]).await.unwrap();
        assert!(connection.read(&mut buffer).await.unwrap() > 1);
    }

    #[tokio::test]
    async fn a_server_that_sends_without_end_before_tls_is_given_up() {
        let mut connection = connection(vec![b'x'; 70_000]).await;
        let mut read = Vec::new();
        let failed = connection.read_to_end(&mut read).await.unwrap_err();
        assert_eq!((read.len(), failed.to_string().as_str()), (65_536, "the server sends too much before TLS"));
    }
}

//! Which servers the client trusts, with a certificate authority of this test's own.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use sqal_client::{InvalidTrust, SendError, Trust};
use sqal_resilience::idempotency::Sent;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use crate::names::Script;
use crate::{at, client_with, post};

struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A server with a certificate of this authority for `name`. It answers each connection once.
    async fn serves(&self, name: &str) -> SocketAddr {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap() > 0 {}
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ntrusted").await.unwrap();
            }
        });
        address
    }
}

async fn ask(address: SocketAddr, name: &str, trust: Trust) -> Result<String, SendError> {
    let resolver = Arc::new(Script::new(&["127.0.0.1"]));
    let client = client_with(|config| {
        config.trust = trust;
        config.resolver = resolver;
    });
    let mut there = at(address);
    there.plain_allowed = false;
    there.origin = format!("https://{name}:{}", address.port()).parse().unwrap();
    let answer = client.destination("other", there).unwrap().get("/").await?;
    Ok(String::from_utf8(answer.into_body().to_vec()).unwrap())
}

#[tokio::test]
async fn a_server_is_believed_by_the_authorities_of_the_caller_alone() {
    let (ours, other) = (Authority::new(), Authority::new());
    let address = ours.serves("other.test").await;
    let trust = |authority: &Authority| Trust::only(authority.certificate.pem().as_bytes()).unwrap();
    assert_eq!(ask(address, "other.test", trust(&ours)).await.unwrap(), "trusted");
    let both = other.certificate.pem() + &ours.certificate.pem();
    assert_eq!(ask(address, "other.test", Trust::only(both.as_bytes()).unwrap()).await.unwrap(), "trusted");

    // Another authority, no authority, and another name.
    for (name, trust) in
        [("other.test", trust(&other)), ("other.test", Trust::none()), ("elsewhere.test", trust(&ours))]
    {
        let failed = ask(address, name, trust).await.unwrap_err();
        assert!(matches!(&failed, SendError::Untrusted { host, .. } if host == name), "{failed:?}");
        assert_eq!((failed.sent(), failed.is_transient()), (Sent::No, false));
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_sent_nothing() {
    let server = crate::server::Server::new([crate::server::ok()]).await;
    let mut there = at(server.address);
    there.origin = format!("https://{}", server.address).parse().unwrap();
    there.retries.max_retries = 0;
    there.connect = std::time::Duration::from_millis(200);
    let failed = crate::destination(there).send(post(None)).await.unwrap_err();
    assert_eq!(failed.sent(), Sent::No);
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[test]
fn authorities_that_cannot_be_read_are_refused() {
    assert!(matches!(Trust::only(b""), Err(InvalidTrust::None)));
    assert!(matches!(Trust::only(b"no certificate"), Err(InvalidTrust::None)));
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(Trust::only(broken), Err(InvalidTrust::Certificate { place: 1, .. })));
    assert_eq!(format!("{:?}", Trust::none()), "Trust(0 authorities)");
}

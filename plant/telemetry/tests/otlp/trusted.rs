//! Which collectors are trusted, with a certificate authority of this test's own.

use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use sqal_telemetry::otlp::{InvalidOtlpTrust, OtlpProtocol, OtlpTrust};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use crate::collector::{Collector, Says};
use crate::{export_one_trace, one, settings};

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

    /// Accepts connections with a certificate of this authority for `localhost`, and agrees on this
    /// version of HTTP.
    fn acceptor(&self, version: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        config.alpn_protocols = vec![version.as_bytes().to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

#[tokio::test]
async fn a_collector_is_believed_by_the_authorities_of_the_caller_alone() {
    let (ours, other) = (Authority::new(), Authority::new());
    for (protocol, says, version) in
        [(OtlpProtocol::Grpc, Says::Grpc("0"), "h2"), (OtlpProtocol::HttpProtobuf, Says::Status(200), "http/1.1")]
    {
        let collector = Collector::with_tls(says, Some(ours.acceptor(version))).await;
        let mut settings = settings(&format!("https://localhost:{}", collector.address.port()), protocol);
        settings.trust = OtlpTrust::only(ours.certificate.pem().as_bytes()).unwrap();
        assert_eq!(export_one_trace(&settings).await, one("traces_exported_total"), "{protocol:?}");
        assert_eq!(collector.received().len(), 1, "{protocol:?}");
        for trust in [OtlpTrust::only(other.certificate.pem().as_bytes()).unwrap(), OtlpTrust::default()] {
            settings.trust = trust;
            assert_eq!(export_one_trace(&settings).await, one("traces_dropped_total undelivered"), "{protocol:?}");
            assert!(collector.received().is_empty(), "{protocol:?}");
        }
    }
}

#[test]
fn what_is_no_certificate_is_refused() {
    let authority = Authority::new().certificate.pem();
    assert_eq!(OtlpTrust::only(b"").unwrap_err(), InvalidOtlpTrust::None);
    let broken = format!("{authority}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_eq!(OtlpTrust::only(broken.as_bytes()).unwrap_err(), InvalidOtlpTrust::Certificate(2));
}

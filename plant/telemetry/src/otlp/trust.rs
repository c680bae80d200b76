//! [`OtlpTrust`]: the certificate authorities that may certify a collector.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The certificate authorities that may certify a collector. The default is none, which is enough
/// for a collector that is reached without encryption.
#[derive(Clone)]
pub struct OtlpTrust(Arc<RootCertStore>);

/// Certificate authorities that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOtlpTrust {
    /// The machine's store could not be read, or nothing in it is a certificate.
    #[error("the machine's certificate store has no certificate: {0}")]
    Machine(String),
    /// A text is no certificate of an authority.
    #[error("certificate {0}: expected a PEM certificate of an authority")]
    Certificate(usize),
    /// A text has no certificate.
    #[error("no certificate: expected at least one, in PEM")]
    None,
}

impl OtlpTrust {
    /// The authorities that the machine's other programs trust: the store of the operating system,
    /// or the one that `SSL_CERT_FILE` and `SSL_CERT_DIR` name. It reads files, so it is called
    /// once when the process begins.
    ///
    /// # Errors
    ///
    /// [`InvalidOtlpTrust::Machine`] if the store has no certificate that can be read.
    pub fn machine() -> Result<Self, InvalidOtlpTrust> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(found.certs).0 == 0 {
            let why = found.errors.first().map_or_else(|| "it is empty".to_owned(), ToString::to_string);
            return Err(InvalidOtlpTrust::Machine(why));
        }
        Ok(Self(Arc::new(roots)))
    }

    /// Only these authorities, as PEM certificates one after the other.
    ///
    /// # Errors
    ///
    /// [`InvalidOtlpTrust`] if the text has no certificate, or one that is not valid.
    pub fn only(pem: &[u8]) -> Result<Self, InvalidOtlpTrust> {
        let mut roots = RootCertStore::empty();
        for (place, certificate) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
            let certificate = certificate.map_err(|_| InvalidOtlpTrust::Certificate(place))?;
            roots.add(certificate).map_err(|_| InvalidOtlpTrust::Certificate(place))?;
        }
        if roots.is_empty() { Err(InvalidOtlpTrust::None) } else { Ok(Self(Arc::new(roots))) }
    }

    /// The TLS configuration by which a connection authenticates the collector.
    pub(super) fn tls(&self) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap_or_else(|_| unreachable!("ring has the ciphers of TLS 1.2 and 1.3"))
            .with_root_certificates(Arc::clone(&self.0))
            .with_no_client_auth()
    }
}

impl Default for OtlpTrust {
    fn default() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }
}

impl fmt::Debug for OtlpTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OtlpTrust({} authorities)", self.0.len())
    }
}

//! [`Trust`]: the certificate authorities that may certify a server's identity.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The certificate authorities that a client trusts.
#[derive(Clone)]
pub struct Trust(Arc<RootCertStore>);

/// Certificate authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTrust {
    /// The machine's store could not be read, or nothing in it is a certificate.
    #[error("the machine's certificate store has no certificate: {0}")]
    Machine(String),
    /// The certificate is not a valid certificate of an authority.
    #[error("certificate {place}: expected a PEM certificate of an authority")]
    Certificate {
        /// The position of the certificate, from 1.
        place: usize,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The text contains no certificate.
    #[error("no certificate: expected at least one, in PEM")]
    None,
}

impl Trust {
    /// The authorities that the machine's other programs trust: the store of the operating system,
    /// or the one that `SSL_CERT_FILE` and `SSL_CERT_DIR` name. It reads files, which takes some
    /// tens of milliseconds. Call it once, when the process begins.
    ///
    /// # Errors
    ///
    /// [`InvalidTrust::Machine`] if the store has no certificate that can be read. If only some
    /// certificates cannot be read, they are skipped.
    pub fn machine() -> Result<Self, InvalidTrust> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(found.certs).0 == 0 {
            let why = found.errors.first().map_or_else(|| "it is empty".to_owned(), ToString::to_string);
            return Err(InvalidTrust::Machine(why));
        }
        Ok(Self(Arc::new(roots)))
    }

    /// Only these authorities, as PEM certificates one after the other.
    ///
    /// # Errors
    ///
    /// [`InvalidTrust`] if the text contains no certificate, or one that is not valid.
    pub fn only(pem: &[u8]) -> Result<Self, InvalidTrust> {
        let mut roots = RootCertStore::empty();
        for (place, certificate) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
            let certificate =
                certificate.map_err(|error| InvalidTrust::Certificate { place, source: Box::new(error) })?;
            roots.add(certificate).map_err(|error| InvalidTrust::Certificate { place, source: Box::new(error) })?;
        }
        if roots.is_empty() { Err(InvalidTrust::None) } else { Ok(Self(Arc::new(roots))) }
    }

    /// No authority: every `https` destination fails. For a client that calls only plain
    /// destinations of a network of its own.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }

    /// The TLS configuration by which connections authenticate the server.
    pub(super) fn tls(&self) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap_or_else(|_| unreachable!("ring has the ciphers of TLS 1.2 and 1.3"))
            .with_root_certificates(Arc::clone(&self.0))
            .with_no_client_auth()
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} authorities)", self.0.len())
    }
}

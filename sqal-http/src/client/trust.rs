//! [`Trust`]: which authorities may say who somebody is.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The certificate authorities that a client believes.
#[derive(Clone)]
pub struct Trust(Arc<RootCertStore>);

/// Authorities that cannot be believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTrust {
    /// The machine's store could not be read, or nothing in it is a certificate.
    #[error("the machine's certificate store has no certificate: {0}")]
    Machine(String),
    /// What was given is no certificate of an authority.
    #[error("certificate {place}: expected a PEM certificate of an authority")]
    Certificate {
        /// Which one, from 1.
        place: usize,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A text without a certificate.
    #[error("no certificate: expected at least one, in PEM")]
    None,
}

impl Trust {
    /// Whom the machine's other programs believe: the store of the operating system, or the one that `SSL_CERT_FILE` and `SSL_CERT_DIR` name. It reads files, for
    /// some tens of milliseconds: once, when a process begins.
    ///
    /// # Errors
    ///
    /// [`InvalidTrust::Machine`] if there is not one certificate; one among them that cannot be read is passed over.
    pub fn machine() -> Result<Self, InvalidTrust> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(found.certs).0 == 0 {
            let why = found.errors.first().map_or_else(|| "it is empty".to_owned(), ToString::to_string);
            return Err(InvalidTrust::Machine(why));
        }
        Ok(Self(Arc::new(roots)))
    }

    /// These authorities and no other, one PEM certificate after the other.
    ///
    /// # Errors
    ///
    /// [`InvalidTrust`] for a text without a certificate, or with one that is none.
    pub fn only(pem: &[u8]) -> Result<Self, InvalidTrust> {
        let mut roots = RootCertStore::empty();
        for (place, certificate) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
            let certificate =
                certificate.map_err(|error| InvalidTrust::Certificate { place, source: Box::new(error) })?;
            roots.add(certificate).map_err(|error| InvalidTrust::Certificate { place, source: Box::new(error) })?;
        }
        if roots.is_empty() { Err(InvalidTrust::None) } else { Ok(Self(Arc::new(roots))) }
    }

    /// Nobody: every `https` destination fails. For a client that calls only plain destinations of a network of its own.
    #[must_use]
    pub fn nobody() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }

    /// How connections prove who they are.
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

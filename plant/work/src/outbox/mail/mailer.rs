//! [`Mailer`]: hands mails to an SMTP server, one connection for each.

use std::fmt;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use sqal_core::Timestamp;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::address::MailAddress;
use super::letter::Letter;
use super::rendered::{address, rendered};
use super::smtp_config::{SmtpConfig, SmtpSecurity, SmtpTrust};
use super::smtp_error::{SmtpCause, SmtpError, SmtpStep, without_addresses};
use super::unbuffered::Unbuffered;

/// How a certificate begins in PEM.
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Hands mails to a server. It opens a connection for each mail: mails are rare, and a server that
/// closes an idle connection would otherwise fail the next mail.
#[derive(Clone)]
pub struct Mailer {
    config: SmtpConfig,
    tls: Option<TlsParameters>,
    hello: ClientId,
}

/// The certificates of [`SmtpTrust`] cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trust: {0}")]
pub struct InvalidTls(String);

/// The answer of a server that has accepted a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The text of the server, often with the id of the mail in its queue. It holds no mail
    /// address.
    pub reply: String,
}

impl Mailer {
    /// A mailer for a server. With [`SmtpTrust::Machine`] it reads the machine's certificates,
    /// which takes some tens of milliseconds.
    ///
    /// # Errors
    ///
    /// [`InvalidTls`] if a certificate of [`SmtpTrust::Only`] cannot be read.
    pub fn new(config: SmtpConfig) -> Result<Self, InvalidTls> {
        let tls = if config.security().is_plain() { None } else { Some(tls(&config)?) };
        // The greeting names the domain that mails come from.
        let hello = ClientId::Domain(config.sender().address().domain().to_owned());
        Ok(Self { config, tls, hello })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &SmtpConfig {
        &self.config
    }

    /// Sends a letter to one recipient and waits for the server to accept it. `id` names the
    /// message in its `Message-ID`, and `at` is its date: the same arguments send the same mail.
    ///
    /// # Errors
    ///
    /// [`SmtpError`] says at which step and why the server has not accepted the mail, and whether
    /// it [may have](SmtpError::may_be_accepted) all the same.
    pub async fn deliver(
        &self,
        letter: &Letter,
        to: &MailAddress,
        id: &str,
        at: Timestamp,
    ) -> Result<Accepted, SmtpError> {
        let unwritable = |step, why: String| self.failed(step, SmtpCause::Unwritable(why));
        let mail = rendered(letter, self.config.sender(), to, id, at)
            .map_err(|error| unwritable(SmtpStep::Content, error.to_string()))?;
        let sender =
            address(self.config.sender().address()).map_err(|error| unwritable(SmtpStep::Sender, error.to_string()))?;
        let recipient = address(to).map_err(|error| unwritable(SmtpStep::Recipient, error.to_string()))?;

        let mut connection = self.open().await?;
        let command = self.config.limits().command;
        let sent = async {
            self.within(SmtpStep::Sender, command, connection.command(Mail::new(Some(sender), Vec::new()))).await?;
            self.within(SmtpStep::Recipient, command, connection.command(Rcpt::new(recipient, Vec::new()))).await?;
            self.within(SmtpStep::Content, command, connection.command(Data)).await?;
            self.within(SmtpStep::Acceptance, self.config.limits().acceptance, connection.message(&mail)).await
        };
        let sent = sent.await;
        self.close(connection, sent.as_ref().err()).await;
        let reply = sent?;
        Ok(Accepted { reply: without_addresses(reply.first_line().unwrap_or_default()) })
    }

    /// Connects, logs in, and asks for nothing: whether a mail could be handed over now.
    ///
    /// # Errors
    ///
    /// [`SmtpError`] if the server cannot be reached, is not trusted, or refuses the login.
    pub async fn check(&self) -> Result<(), SmtpError> {
        let mut connection = self.open().await?;
        let asked = self.within(SmtpStep::Login, self.config.limits().command, connection.command(Noop)).await;
        self.close(connection, asked.as_ref().err()).await;
        asked.map(drop)
    }

    /// Opens a connection that is protected and logged in as the configuration says.
    async fn open(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let limits = self.config.limits();
        let mut connection = match &self.tls {
            Some(tls) if self.config.security() == SmtpSecurity::StartTls => self.open_and_change_to(tls).await?,
            tls => {
                let (server, limit) = ((self.config.host(), self.config.port()), limits.connect);
                let connecting =
                    AsyncSmtpConnection::connect_tokio1(server, Some(limit), &self.hello, tls.clone(), None);
                self.within(SmtpStep::Connection, limit, connecting).await?
            }
        };
        if let Some((user, password)) = self.config.credentials() {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            let logging_in = connection.auth(DEFAULT_MECHANISMS, &credentials);
            let logged_in = self.within(SmtpStep::Login, limits.command, logging_in).await;
            if let Err(failed) = logged_in {
                self.close(connection, Some(&failed)).await;
                return Err(failed);
            }
        }
        Ok(connection)
    }

    /// Opens a connection that begins in plain text and changes to TLS.
    async fn open_and_change_to(&self, tls: &TlsParameters) -> Result<AsyncSmtpConnection, SmtpError> {
        let (step, limit) = (SmtpStep::Connection, self.config.limits().connect);
        let opening = async {
            let stream = TcpStream::connect((self.config.host(), self.config.port())).await;
            let stream = stream.map_err(|error| SmtpCause::Broken(without_addresses(&error.to_string())))?;
            let connection =
                AsyncSmtpConnection::connect_with_transport(Box::new(Unbuffered::new(stream)), &self.hello);
            connection.await.map_err(|error| SmtpCause::of(&error))
        };
        let opened = timeout(limit, opening).await.unwrap_or(Err(SmtpCause::TimedOut(limit)));
        let mut connection = opened.map_err(|cause| self.failed(step, cause))?;
        if !connection.can_starttls() {
            let failed = self.failed(step, SmtpCause::NoStartTls);
            self.close(connection, Some(&failed)).await;
            return Err(failed);
        }
        self.within(step, limit, connection.starttls(tls.clone(), &self.hello)).await?;
        Ok(connection)
    }

    /// Takes leave of a server that still answers. What comes of that changes nothing: a mail that
    /// was accepted stays accepted.
    async fn close(&self, mut connection: AsyncSmtpConnection, failed: Option<&SmtpError>) {
        let is_silent =
            failed.is_some_and(|failed| matches!(failed.cause, SmtpCause::TimedOut(_) | SmtpCause::Broken(_)));
        if !is_silent {
            let _ = timeout(self.config.limits().farewell, connection.abort()).await;
        }
    }

    /// The result of a step within its time limit.
    async fn within<T>(
        &self,
        step: SmtpStep,
        limit: Duration,
        result: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    ) -> Result<T, SmtpError> {
        match timeout(limit, result).await {
            Ok(result) => result.map_err(|error| self.failed(step, SmtpCause::of(&error))),
            Err(_) => Err(self.failed(step, SmtpCause::TimedOut(limit))),
        }
    }

    fn failed(&self, step: SmtpStep, cause: SmtpCause) -> SmtpError {
        SmtpError { host: self.config.host().to_owned(), step, cause }
    }
}

/// What TLS needs to know about the server.
fn tls(config: &SmtpConfig) -> Result<TlsParameters, InvalidTls> {
    let builder = TlsParametersBuilder::new(config.host().to_owned());
    let builder = match config.trust() {
        SmtpTrust::Machine => builder.certificate_store(CertificateStore::Default),
        SmtpTrust::Only(pem) => {
            if !pem.windows(BEGIN.len()).any(|bytes| bytes == BEGIN) {
                return Err(InvalidTls("no certificate, expected at least one, in PEM".to_owned()));
            }
            let certificates = Certificate::from_pem(pem).map_err(|error| InvalidTls(error.to_string()))?;
            builder.certificate_store(CertificateStore::None).add_root_certificate(certificates)
        }
    };
    builder.build().map_err(|error| InvalidTls(error.to_string()))
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("config", &self.config).finish_non_exhaustive()
    }
}

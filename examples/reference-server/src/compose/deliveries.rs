//! [`Deliveries`]: the messages that leave this server: mail, notices and webhooks.

use std::sync::Arc;

use sqal_client::{HttpClient, HttpClientConfig, Trust};
use sqal_resilience::log::Causes;
use sqal_storage::sealed::{Confidential, KeyRing, Nonce, RandomnessError};
use sqal_work::Work;
use sqal_work::outbox::PostLimits;
use sqal_work::outbox::mail::{MailWork, Mailer};
use sqal_work::outbox::notify::NoticeWork;
use sqal_work::outbox::webhook::{Endpoints, WebhookSecrets, WebhookWork};
use tracing::{info, warn};

use super::database::Database;
use crate::settings::{MailSettings, NoticeSettings, OutgoingSettings};

/// How messages leave this server. What waits for a way that it does not have stays in the queue,
/// for a server of the database that has it.
pub(super) struct Deliveries {
    mailer: Option<Mailer>,
    notices: NoticeSettings,
    outgoing: OutgoingSettings,
    /// The keys that open the secrets of webhooks; `None` if no webhook is delivered.
    ring: Option<KeyRing>,
}

impl Deliveries {
    /// The deliveries that the settings ask for.
    pub(super) fn of(
        mail: MailSettings,
        notices: NoticeSettings,
        outgoing: OutgoingSettings,
        ring: Option<KeyRing>,
    ) -> Self {
        Self { mailer: mail.mailer, notices, outgoing, ring }
    }

    /// The work of each way.
    pub(super) fn works(self, database: &Database) -> Vec<Arc<dyn Work>> {
        let mail = self.mail(database);
        let Some(client) = self.client() else { return mail.into_iter().collect() };
        let limits = PostLimits { plain_allowed: !self.outgoing.networks.is_empty(), ..PostLimits::default() };
        let notices = self.notices(database, &client, limits);
        let webhooks = self.webhooks(database, client, limits);
        [mail, notices, webhooks].into_iter().flatten().collect()
    }

    fn mail(&self, database: &Database) -> Option<Arc<dyn Work>> {
        let Some(mailer) = self.mailer.clone() else {
            info!("no SMTP_HOST: no mail is sent");
            return None;
        };
        let (host, port) = (mailer.config().host(), mailer.config().port());
        info!(host, port, "mail that waits in the database is handed to this SMTP server");
        Some(Arc::new(MailWork::new(mailer, Arc::clone(&database.records))))
    }

    fn notices(&self, database: &Database, client: &HttpClient, limits: PostLimits) -> Option<Arc<dyn Work>> {
        let channels = &self.notices.channels;
        if channels.is_empty() {
            return None;
        }
        let names = channels.iter().map(|channel| channel.name().as_str()).collect::<Vec<_>>().join(", ");
        info!(channels = names.as_str(), "notices that wait in the database are posted to these channels");
        Some(Arc::new(NoticeWork::new(client.clone(), limits, channels.iter().cloned(), Arc::clone(&database.records))))
    }

    fn webhooks(self, database: &Database, client: HttpClient, limits: PostLimits) -> Option<Arc<dyn Work>> {
        let nonces: fn() -> Result<Nonce, RandomnessError> = Nonce::random;
        let secrets: WebhookSecrets = Confidential::new(Arc::clone(&database.fields), self.ring?, nonces);
        let endpoints = Endpoints::new(Arc::clone(&database.records), Arc::new(secrets));
        let (queue, records) = (Arc::clone(&database.queue), Arc::clone(&database.records));
        Some(Arc::new(WebhookWork::new(client, limits, endpoints, queue, records)))
    }

    /// The client that posts notices and webhooks; `None` if there are neither.
    fn client(&self) -> Option<HttpClient> {
        let trust = match (&self.notices.trust, &self.ring) {
            (Some(trust), _) => trust.clone(),
            (None, Some(_)) => Trust::machine().unwrap_or_else(|why| {
                warn!(error = %Causes::of(&why), "webhooks to https endpoints are not delivered");
                Trust::none()
            }),
            (None, None) if self.notices.channels.is_empty() => return None,
            (None, None) => Trust::none(),
        };
        let mut config = HttpClientConfig::usual(trust);
        config.allowed.clone_from(&self.outgoing.networks);
        Some(HttpClient::new(config))
    }
}

//! Signatures, checked by an independent computation and by the official library.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use sqal_core::Timestamp;
use sqal_storage::sealed::{ErasureOf, FieldKey, FieldName, KeyId, Sealed, Subject};
use sqal_storage::{MemoryStore, SealedFields, StorageError, StorageErrorKind};
use sqal_work::outbox::webhook::{EndpointError, WebhookSecret, sign};
use standardwebhooks::Webhook;

use crate::line::Line;
use crate::receiver::{Received, ok, status};
use crate::webhooks::{Hook, SECRET};

/// HMAC-SHA-256 by its definition (RFC 2104), for keys of at most 64 bytes.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

/// Base64 by its definition (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

proptest! {
    #[test]
    fn a_signature_is_the_hmac_of_id_time_and_body(
        secrets in prop::collection::vec(prop::collection::vec(any::<u8>(), 24..=64), 1..3),
        id in "[a-z0-9_]{1,40}", seconds in any::<i64>(), body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let expected: Vec<_> = secrets.iter().map(|secret| {
            let signed = [format!("{id}.{seconds}.").as_bytes(), &body].concat();
            format!("v1,{}", base64(&hmac(secret, &signed)))
        }).collect();
        let secrets: Vec<_> = secrets.iter().map(|secret| WebhookSecret::from_bytes(secret).unwrap()).collect();
        prop_assert_eq!(sign(&secrets, &id, seconds, &body), expected.join(" "));
    }
}

fn system_time() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the official library compares with the machine's clock")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap()).unwrap()
}

fn verifies(secret: &str, received: &Received) -> bool {
    Webhook::new(secret).unwrap().verify(received.body.as_bytes(), &received.head).is_ok()
}

/// The attempts are made at 4:00 before now, 5 seconds later, and 5 minutes after that, which the
/// library takes for fresh: it accepts 5 minutes on either side.
#[tokio::test]
async fn the_official_library_verifies_every_attempt() {
    let line = Line::at(Timestamp::from_micros(system_time().micros() - 240_000_000).unwrap());
    let hook = Hook::on(line, [status(500, ""), status(500, ""), ok()]).await;
    hook.send("one").await;
    hook.line.drain(&hook.work).await;
    let received = hook.receiver.received();
    assert_eq!(received.len(), 3);
    for (k, request) in received.iter().enumerate() {
        assert!(verifies(SECRET, request), "attempt {k}: {request:?}");
        assert_eq!(request.field("webhook-id"), received[0].field("webhook-id"));
        assert_eq!(request.body, received[0].body);
    }
    let mut altered = received[0].clone();
    altered.body = altered.body.replace("rejected", "graded");
    assert!(!verifies(SECRET, &altered) && !verifies("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &received[0]));
}

#[tokio::test]
async fn while_a_secret_is_replaced_either_verifies_and_afterwards_the_new_one_alone() {
    const NEW: &str = "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXch";
    let hook = Hook::on(Line::at(system_time()), [ok()]).await;
    let (id, new) = ("erp".parse().unwrap(), NEW.parse().unwrap());
    assert!(hook.endpoints.rotate(&id, &new, Duration::from_mins(2), hook.line.now()).await.unwrap());
    hook.send("one").await;
    hook.line.drain(&hook.work).await;
    hook.line.advance(Duration::from_mins(2));
    hook.send("two").await;
    hook.line.drain(&hook.work).await;
    let [both, new_alone] = &hook.receiver.received()[..] else { panic!("two deliveries") };
    assert_eq!(both.field("webhook-signature").split(' ').count(), 2);
    assert!(verifies(SECRET, both) && verifies(NEW, both));
    assert!(!verifies(SECRET, new_alone) && verifies(NEW, new_alone));
}

#[tokio::test]
async fn a_secret_that_is_replaced_twice_signs_no_longer() {
    let hook = Hook::on(Line::new(), [ok()]).await;
    let id = "erp".parse().unwrap();
    let secrets: Vec<_> = [1, 2].map(|byte| WebhookSecret::from_bytes(&[byte; 24]).unwrap()).into();
    for secret in &secrets {
        // A call that is repeated changes nothing.
        for _ in 0..2 {
            assert!(hook.endpoints.rotate(&id, secret, Duration::from_hours(24), hook.line.now()).await.unwrap());
        }
    }
    let held = hook.endpoints.secrets(&id, hook.line.now()).await.unwrap();
    assert_eq!(held, [secrets[1].clone(), secrets[0].clone()]);
}

#[tokio::test]
async fn a_secret_of_an_endpoint_that_does_not_exist_is_not_kept() {
    let hook = Hook::on(Line::new(), [ok()]).await;
    let (id, secret) = ("unknown".parse().unwrap(), SECRET.parse().unwrap());
    assert!(!hook.endpoints.rotate(&id, &secret, Duration::from_mins(2), hook.line.now()).await.unwrap());
    assert!(hook.endpoints.secrets(&id, hook.line.now()).await.unwrap().is_empty());
}

/// Fields of a store that another task can use before each call.
#[derive(Debug)]
struct Yielding(Arc<MemoryStore>);

#[async_trait]
impl SealedFields for Yielding {
    async fn put_field(&self, key: &FieldKey, sealed: &Sealed) -> Result<(), StorageError> {
        tokio::task::yield_now().await;
        self.0.put_field(key, sealed).await
    }

    async fn field(&self, key: &FieldKey) -> Result<Option<Sealed>, StorageError> {
        tokio::task::yield_now().await;
        self.0.field(key).await
    }

    async fn fields_of(&self, subject: &Subject) -> Result<Vec<(FieldName, Sealed)>, StorageError> {
        self.0.fields_of(subject).await
    }

    async fn fields_not_under(
        &self,
        key: KeyId,
        after: Option<&FieldKey>,
        limit: u16,
    ) -> Result<Vec<(FieldKey, Sealed)>, StorageError> {
        self.0.fields_not_under(key, after, limit).await
    }

    async fn replace_field(&self, key: &FieldKey, old: &Sealed, new: &Sealed) -> Result<bool, StorageError> {
        self.0.replace_field(key, old, new).await
    }

    async fn erase_subject(&self, subject: &Subject, action: ErasureOf<'_>) -> Result<u64, StorageError> {
        self.0.erase_subject(subject, action).await
    }
}

/// Two operators replace the secret at once. The secret of a rotation that has succeeded signs: its
/// receiver was given it.
#[tokio::test]
async fn of_two_rotations_at_once_none_loses_the_secret_of_the_other() {
    let hook = Hook::on(Line::new(), [ok()]).await;
    let (id, now) = ("erp".parse().unwrap(), hook.line.now());
    let endpoints = hook.line.endpoints_in(Arc::new(Yielding(hook.line.store.clone())));
    let [first, second] = [1, 2].map(|byte| WebhookSecret::from_bytes(&[byte; 24]).unwrap());
    let rotate = async |secret: &WebhookSecret| endpoints.rotate(&id, secret, Duration::from_hours(24), now).await;
    let (one, other) = tokio::join!(rotate(&first), rotate(&second));
    assert!(one.unwrap());
    let busy = other.unwrap_err();
    assert!(matches!(&busy, EndpointError::Storage(error) if error.kind == StorageErrorKind::Busy), "{busy:?}");
    assert!(rotate(&second).await.unwrap());
    assert_eq!(endpoints.secrets(&id, now).await.unwrap(), [second, first]);
}

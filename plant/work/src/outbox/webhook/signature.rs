//! [`sign`]: the signatures of one attempt, as the header field `webhook-signature` has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::webhook_secret::WebhookSecret;

/// The value of `webhook-signature`: for each secret `v1,` and the base64 of the HMAC-SHA-256 of
/// `id.seconds.body`, separated by spaces. `seconds` is the time of the attempt since 1970.
///
/// The example is a test vector of the official library.
///
/// ```
/// use sqal_work::outbox::webhook::{WebhookSecret, sign};
///
/// let secret: WebhookSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".parse()?;
/// let body = br#"{"email":"test@example.com","username":"test_user"}"#;
/// let signature = sign([&secret], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
/// assert_eq!(signature, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
/// # Ok::<(), sqal_work::outbox::webhook::InvalidWebhookSecret>(())
/// ```
#[must_use]
pub fn sign<'a>(secrets: impl IntoIterator<Item = &'a WebhookSecret>, id: &str, seconds: i64, body: &[u8]) -> String {
    let signatures = secrets.into_iter().map(|secret| {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        context.update(format!("{id}.{seconds}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

//! [`WebhookSecret`]: the key that signs the deliveries to one endpoint.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The beginning of a secret's text.
const PREFIX: &str = "whsec_";

/// A secret of 24 to 64 random bytes, written as `whsec_` and base64.
///
/// Its `Debug` shows nothing of it, and its memory is wiped when it is dropped. Each endpoint
/// should have a secret of its own.
///
/// ```
/// use sqal_work::outbox::webhook::WebhookSecret;
///
/// let secret: WebhookSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".parse()?;
/// assert_eq!(secret.expose().as_str(), "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
/// assert_eq!(format!("{secret:?}"), "WebhookSecret(24 bytes)");
/// # Ok::<(), sqal_work::outbox::webhook::InvalidWebhookSecret>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

/// A text that is not the secret of a webhook. The error does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWebhookSecret {
    /// The text does not begin with `whsec_`, or what follows is not base64.
    #[error("webhook secret: expected whsec_ and base64")]
    Form,
    /// The secret is too short or too long.
    #[error("webhook secret: {0} bytes, expected 24 to 64")]
    Length(usize),
}

impl WebhookSecret {
    /// A secret from random bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidWebhookSecret::Length`] if there are not 24 to 64 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidWebhookSecret> {
        match bytes.len() {
            24..=64 => Ok(Self(Zeroizing::new(bytes.to_vec()))),
            length => Err(InvalidWebhookSecret::Length(length)),
        }
    }

    /// The text that is given to the owner of the endpoint.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(self.0.as_slice())))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for WebhookSecret {
    type Err = InvalidWebhookSecret;

    fn from_str(text: &str) -> Result<Self, InvalidWebhookSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidWebhookSecret::Form)?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| InvalidWebhookSecret::Form)?);
        Self::from_bytes(&bytes)
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookSecret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_secret_of_24_to_64_bytes_is_read_back_from_its_text(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            match WebhookSecret::from_bytes(&bytes) {
                Ok(secret) => {
                    prop_assert!((24..=64).contains(&bytes.len()));
                    prop_assert_eq!(secret.expose().parse::<WebhookSecret>(), Ok(secret.clone()));
                    prop_assert_eq!(secret.as_bytes(), &bytes[..]);
                }
                Err(refused) => {
                    prop_assert!(!(24..=64).contains(&bytes.len()));
                    prop_assert_eq!(refused, InvalidWebhookSecret::Length(bytes.len()));
                }
            }
        }
    }

    #[test]
    fn another_form_is_refused_and_not_repeated() {
        for text in ["", "hunter2", "whsec_hunter2!", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_ C2FVsBQIhrscChlQIMV"]
        {
            let refused = text.parse::<WebhookSecret>().unwrap_err();
            assert_eq!(refused, InvalidWebhookSecret::Form);
            assert!(!format!("{refused} {refused:?}").contains("hunter2"));
        }
    }
}

//! [`OnceKey`]: the `Idempotency-Key` of a request, as its route may keep it for longer than the
//! process lives.

use sha2::{Digest, Sha256};
use sqal_core::Name;
use sqal_intake::Holder;

use crate::door::replies::ReplyKey;

/// The key of a request that is executed once, as its route finds it among the request's
/// extensions: a hash of the owner and of the key. It is the same on every server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OnceKey([u8; 32]);

impl OnceKey {
    pub(crate) fn of(key: &ReplyKey) -> Self {
        let holder = key.holder.as_ref().map_or("", Holder::as_str);
        let address = key.address.map(|address| address.to_string()).unwrap_or_default();
        Self(hash(&[holder, &address, &key.key]))
    }

    /// A name of the key for one kind of request: the same key of another kind has another name.
    pub(crate) fn named<const N: usize>(self, kind: &str) -> Name<N> {
        let digits = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let name = hash(&[kind, &digits(&self.0)]);
        Name::new(&digits(&name)).unwrap_or_else(|_| unreachable!("64 digits"))
    }
}

/// A hash of texts that distinguishes where one ends and the next begins.
fn hash(texts: &[&str]) -> [u8; 32] {
    let hash = texts.iter().fold(Sha256::new(), |hash, text| {
        hash.chain_update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes()).chain_update(text)
    });
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(holder: Option<&str>, address: Option<[u8; 4]>, key: &str, kind: &str) -> Name<64> {
        let holder = holder.map(|holder| Name::new(holder).unwrap());
        let key = ReplyKey { route: 1, holder, address: address.map(Into::into), key: key.to_owned() };
        OnceKey::of(&key).named(kind)
    }

    #[test]
    fn a_key_has_one_name_for_its_owner_and_its_kind_on_every_route() {
        let names = [
            named(Some("marie"), None, "k", "jobs"),
            named(Some("paul"), None, "k", "jobs"),
            named(None, None, "k", "jobs"),
            named(None, Some([192, 0, 2, 1]), "k", "jobs"),
            named(None, Some([192, 0, 2, 2]), "k", "jobs"),
            named(Some("marie"), None, "l", "jobs"),
            named(Some("marie"), None, "k", "schedules"),
        ];
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        // The number of a route differs between servers of two versions.
        let other =
            ReplyKey { route: 2, holder: Some(Name::new("marie").unwrap()), address: None, key: "k".to_owned() };
        assert_eq!(OnceKey::of(&other).named::<64>("jobs"), names[0]);
    }
}

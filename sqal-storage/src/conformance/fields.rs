//! The laws of [`SealedFields`] as code: each is a function on an empty store that panics with the
//! broken law.

use sqal_core::{Name, Timestamp};

use crate::{
    Custody, SealedFields,
    audit::Action,
    sealed::{FieldKey, KeyId, Sealed},
};

fn key(subject: &str, field: &str) -> FieldKey {
    FieldKey { subject: Name::new(subject).expect("short"), field: Name::new(field).expect("short") }
}

fn sealed(by: u8, what: &str) -> Sealed {
    Sealed { key: KeyId::from_bytes([by; 8]), bytes: what.as_bytes().to_vec() }
}

async fn put(store: &dyn SealedFields, fields: &[(FieldKey, Sealed)]) {
    for (key, sealed) in fields {
        store.put_field(key, sealed).await.expect("the store takes the field");
    }
}

async fn read(store: &dyn SealedFields, key: &FieldKey) -> Option<Sealed> {
    store.field(key).await.expect("the store answers")
}

fn erased(count: u64) -> Action {
    let at = Timestamp::from_micros(1_794_000_000_000_000).expect("a time");
    let what = Name::new(&format!("{count} fields")).expect("short");
    Action {
        at,
        actor: Name::new("conformance").expect("short"),
        category: Name::new("gdpr_erase").expect("short"),
        what,
    }
}

/// Law 1: the value that was put last is read, and absent is not an error.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn what_was_put_last_is_there(store: &dyn SealedFields) {
    let (name, mail) = (key("user 7", "name"), key("user 7", "mail"));
    assert_eq!(read(store, &name).await, None);
    assert_eq!(store.fields_of(&name.subject).await.expect("the store answers"), []);
    put(store, &[(name, sealed(1, "first")), (mail, sealed(1, "")), (key("user 70", "name"), sealed(1, "other"))])
        .await;
    put(store, &[(name, sealed(2, "last \0 \u{fffd}"))]).await;
    assert_eq!(read(store, &name).await, Some(sealed(2, "last \0 \u{fffd}")));
    assert_eq!(read(store, &key("user 8", "name")).await, None);
    let fields = store.fields_of(&name.subject).await.expect("the store answers");
    assert_eq!(fields, [(mail.field, sealed(1, "")), (name.field, sealed(2, "last \0 \u{fffd}"))]);
}

/// Law 2: a field is replaced only if it still holds the expected value.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn replacing_is_for_what_is_still_there(store: &dyn SealedFields) {
    let name = key("user 7", "name");
    let replace =
        async |old: &Sealed, new: &Sealed| store.replace_field(&name, old, new).await.expect("the store answers");
    assert!(!replace(&sealed(1, "x"), &sealed(2, "x")).await, "what is not there is not made");
    assert_eq!(read(store, &name).await, None);
    put(store, &[(name, sealed(1, "a")), (key("user 8", "name"), sealed(1, "a"))]).await;
    assert!(!replace(&sealed(1, "b"), &sealed(2, "c")).await);
    assert!(!replace(&sealed(2, "a"), &sealed(2, "c")).await);
    assert_eq!(read(store, &name).await, Some(sealed(1, "a")), "the field of the other writer stays");
    assert!(replace(&sealed(1, "a"), &sealed(2, "c")).await);
    assert_eq!(read(store, &name).await, Some(sealed(2, "c")));
    assert_eq!(read(store, &key("user 8", "name")).await, Some(sealed(1, "a")), "no other field is touched");
}

/// Law 3: each field that is not under a key is listed once, in one order.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn what_is_not_under_a_key_is_listed_once(store: &dyn SealedFields) {
    // In the order of bytes: capitals before small letters, whatever the locale.
    let places: Vec<_> =
        ["B", "a", "b", "\u{e9}"].iter().flat_map(|s| [key(s, "X"), key(s, "m"), key(s, "\u{fc}")]).collect();
    let fields: Vec<_> =
        places.iter().enumerate().map(|(k, place)| (*place, sealed([1, 2, 3][k % 3], &k.to_string()))).collect();
    put(store, &fields.iter().rev().cloned().collect::<Vec<_>>()).await;
    let wanted: Vec<_> = fields.iter().filter(|(_, sealed)| sealed.key.as_bytes() != &[2; 8]).cloned().collect();
    for limit in [1, 3, 100] {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = store.fields_not_under(KeyId::from_bytes([2; 8]), after.as_ref(), limit).await;
            let page = page.expect("the store answers");
            assert!(page.len() <= usize::from(limit));
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            listed.extend(page);
        }
        assert_eq!(listed, wanted);
    }
}

/// Law 4: an erased subject is gone, no other subject is touched, and the erasure is recorded in
/// the store's audit log.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn an_erased_subject_is_gone(store: &dyn SealedFields, log: &dyn Custody) {
    let stays = (key("user 70", "name"), sealed(1, "c"));
    put(store, &[(key("user 7", "name"), sealed(1, "a")), (key("user 7", "mail"), sealed(2, "b")), stays.clone()])
        .await;
    let erase = async || store.erase_subject(&Name::new("user 7").expect("short"), &erased).await.expect("it erases");
    assert_eq!(erase().await, 2);
    assert_eq!(store.fields_of(&Name::new("user 7").expect("short")).await.expect("the store answers"), []);
    assert_eq!(read(store, &stays.0).await, Some(stays.1));
    assert_eq!(erase().await, 0);
    let log = log.audit(0, 10).await.expect("the store answers");
    assert_eq!(log.into_iter().map(|entry| entry.action).collect::<Vec<_>>(), [erased(2), erased(0)]);
}

/// One named test per law for a store: give an async expression that makes an empty store.
#[macro_export]
macro_rules! fields_conformance {
    ($make:expr) => {
        $crate::fields_conformance! { @each $make;
            what_was_put_last_is_there(made)
            replacing_is_for_what_is_still_there(made)
            what_is_not_under_a_key_is_listed_once(made)
            an_erased_subject_is_gone(made, made)
        }
    };
    (@each $make:expr; $($law:ident($($made:ident),+))*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::run(async {
                    $crate::fields_conformance! { @run $make; $law($($made),+) }
                });
            }
        )*
    };
    (@run $make:expr; $law:ident($first:ident $(, $made:ident)*)) => {
        let $first = $make.await;
        $crate::conformance::fields::$law(&$first $(, &$made)*).await;
    };
}

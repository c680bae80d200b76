//! The laws of [`Cache`] as code: each is a function on an empty cache that panics with the sentence that broke.

use std::sync::Arc;
use std::time::Duration;

use sqal_core::{DeviceId, Name};

use crate::{Cache, CacheKey, CacheKind, CacheScope};

const LONG: Duration = Duration::from_mins(10);

fn device(name: &str) -> DeviceId {
    Name::new(name).expect("a short name")
}

fn bytes(text: &str) -> Arc<[u8]> {
    text.as_bytes().into()
}

async fn put(cache: &dyn Cache, key: &CacheKey, text: &str) {
    cache.put(key, bytes(text), LONG).await.expect("the cache answers");
}

async fn got(cache: &dyn Cache, key: &CacheKey) -> Option<String> {
    let cached = cache.get(key).await.expect("the cache answers")?;
    Some(String::from_utf8(cached.value.to_vec()).expect("what was put"))
}

/// Law 1: what was put is got, unchanged, with what is left of its time.
///
/// # Panics
///
/// If the cache breaks the law.
pub async fn what_was_put_is_got(cache: &dyn Cache) {
    let key = CacheKey::of_line(CacheKind::LatestSample, "latest");
    for value in [vec![], vec![0, 255, 10, 13], vec![7; 100_000]] {
        cache.put(&key, value.clone().into(), LONG).await.expect("the cache answers");
        let first = cache.get(&key).await.expect("the cache answers").expect("it was put");
        assert_eq!(*first.value, *value);
        assert!(first.left <= LONG && first.left > LONG / 2, "{:?}", first.left);
        let second = cache.get(&key).await.expect("the cache answers").expect("it was put");
        assert!(second.left <= first.left, "its time grows");
    }
}

/// Law 2: absent is not an error.
///
/// # Panics
///
/// If the cache breaks the law.
pub async fn absent_is_not_an_error(cache: &dyn Cache) {
    assert_eq!(got(cache, &CacheKey::of_line(CacheKind::DeviceStats, "nothing")).await, None);
    cache.clear(&CacheScope::Device(device("nobody"))).await.expect("nothing to clear is not an error");
}

/// Law 3: the last put counts.
///
/// # Panics
///
/// If the cache breaks the law.
pub async fn the_last_put_counts(cache: &dyn Cache) {
    let key = CacheKey::of_device(CacheKind::LatestSample, device("a"), "latest");
    put(cache, &key, "first").await;
    put(cache, &key, "second").await;
    assert_eq!(got(cache, &key).await.as_deref(), Some("second"));
}

/// Law 4: kind, device and name tell keys apart, whatever characters they have.
///
/// # Panics
///
/// If the cache breaks the law.
pub async fn keys_are_told_apart(cache: &dyn Cache) {
    let kind = CacheKind::HourlyAggregates;
    let keys = [
        CacheKey::of_line(kind, "x"),
        CacheKey::of_line(CacheKind::DeviceStats, "x"),
        CacheKey::of_line(kind, "a:x"),
        CacheKey::of_device(kind, device("a"), "x"),
        CacheKey::of_device(kind, device("a:x"), ""),
        CacheKey::of_device(kind, device("a"), "x:"),
        CacheKey::of_device(kind, device("a:"), "x"),
        CacheKey::of_device(kind, device("*"), "x"),
        CacheKey::of_device(kind, device("é {b}"), "x"),
    ];
    for (k, key) in keys.iter().enumerate() {
        put(cache, key, &k.to_string()).await;
    }
    for (k, key) in keys.iter().enumerate() {
        assert_eq!(got(cache, key).await, Some(k.to_string()), "{key:?}");
    }
}

/// Law 5: a cleared scope is empty, and what is outside stays.
///
/// # Panics
///
/// If the cache breaks the law.
pub async fn a_cleared_scope_is_empty(cache: &dyn Cache) {
    let of = |name: &str, kind| CacheKey::of_device(kind, device(name), "x");
    let inside = CacheKind::ALL.map(|kind| of("a", kind));
    let outside = [of("ab", CacheKind::LatestSample), of("*", CacheKind::LatestSample)];
    let line = CacheKey::of_line(CacheKind::DashboardMetrics, "a");
    for key in inside.iter().chain(&outside).chain([&line]) {
        put(cache, key, "before").await;
    }
    cache.clear(&CacheScope::Device(device("a"))).await.expect("the cache answers");
    for key in &inside {
        assert_eq!(got(cache, key).await, None, "{key:?} is still there");
    }
    for key in outside.iter().chain([&line]) {
        assert_eq!(got(cache, key).await.as_deref(), Some("before"), "{key:?} was not in the scope");
    }
    put(cache, &inside[0], "after").await;
    assert_eq!(got(cache, &inside[0]).await.as_deref(), Some("after"));
    cache.clear(&CacheScope::All).await.expect("the cache answers");
    for key in inside.iter().chain(&outside).chain([&line]) {
        assert_eq!(got(cache, key).await, None, "{key:?} is still there");
    }
    put(cache, &line, "after").await;
    assert_eq!(got(cache, &line).await.as_deref(), Some("after"));
}

/// Law 6: a value is not got after its time.
///
/// # Panics
///
/// If the cache breaks the law.
pub async fn its_time_comes(cache: &dyn Cache) {
    let key = CacheKey::of_line(CacheKind::LatestSample, "short");
    cache.put(&key, bytes("x"), Duration::from_millis(1)).await.expect("the cache answers");
    // Asked so often that a millisecond is over, however slow or fast this machine is.
    let begun = std::time::SystemTime::now();
    while begun.elapsed().is_ok_and(|passed| passed < Duration::from_millis(20)) {
        tokio::task::yield_now().await;
    }
    assert_eq!(got(cache, &key).await, None, "it is there after its time");
}

/// One named test per law for a cache: give an async expression that makes an empty one.
#[macro_export]
macro_rules! cache_conformance {
    ($make:expr) => {
        $crate::cache_conformance! { @each $make;
            what_was_put_is_got
            absent_is_not_an_error
            the_last_put_counts
            keys_are_told_apart
            a_cleared_scope_is_empty
            its_time_comes
        }
    };
    (@each $make:expr; $($law:ident)*) => {
        $(
            #[tokio::test]
            async fn $law() {
                let cache = $make.await;
                $crate::conformance::cache::$law(&cache).await;
            }
        )*
    };
}

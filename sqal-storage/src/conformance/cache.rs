//! The laws of [`Cache`] as code: each is a function on an empty cache that panics with the broken
//! law.

use std::sync::Arc;
use std::time::Duration;

use sqal_core::{DeviceId, Name};

use crate::{
    Cache,
    cache::{CacheKey, CacheKind, CacheScope, Cached},
};

const LONG: Duration = Duration::from_mins(10);

fn device(name: &str) -> DeviceId {
    Name::new(name).expect("a short name")
}

fn bytes(text: &str) -> Arc<[u8]> {
    text.as_bytes().into()
}

async fn put(cache: &dyn Cache, key: &CacheKey, text: &str) {
    keep(cache, key, bytes(text), LONG).await;
}

async fn keep(cache: &dyn Cache, key: &CacheKey, value: Arc<[u8]>, time: Duration) {
    let stamp = cache.get(key).await.expect("the cache answers").stamp;
    cache.put(key, stamp, value, time).await.expect("the cache answers");
}

async fn look(cache: &dyn Cache, key: &CacheKey) -> Option<Cached> {
    cache.get(key).await.expect("the cache answers").cached
}

async fn got(cache: &dyn Cache, key: &CacheKey) -> Option<String> {
    let cached = look(cache, key).await?;
    Some(String::from_utf8(cached.value.to_vec()).expect("what was put"))
}

/// Law 1: a value that was put is got, unchanged, with its remaining time.
///
/// # Panics
///
/// If the cache breaks the law.
pub async fn what_was_put_is_got(cache: &dyn Cache) {
    let key = CacheKey::of_line(CacheKind::LatestSample, "latest");
    for value in [vec![], vec![0, 255, 10, 13], vec![7; 100_000]] {
        keep(cache, &key, value.clone().into(), LONG).await;
        let first = look(cache, &key).await.expect("it was put");
        assert_eq!(*first.value, *value);
        assert!(first.left <= LONG && first.left > LONG / 2, "{:?}", first.left);
        let second = look(cache, &key).await.expect("it was put");
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

/// Law 4: keys differ by kind, device and name, whatever characters they have.
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

/// Law 5: a cleared scope is empty, and values outside it stay.
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
    keep(cache, &key, bytes("x"), Duration::from_millis(1)).await;
    // Yields for 20 ms of wall time, so that the millisecond is over on every machine.
    #[expect(clippy::disallowed_methods, reason = "a cache has a clock of its own, and some are in other processes")]
    let begun = std::time::SystemTime::now();
    while begun.elapsed().is_ok_and(|passed| passed < Duration::from_millis(20)) {
        tokio::task::yield_now().await;
    }
    assert_eq!(got(cache, &key).await, None, "it is there after its time");
}

/// Law 7: a value that was seen before a clearing is not got after it.
///
/// # Panics
///
/// If the cache breaks the law.
pub async fn what_was_seen_before_a_clearing_is_not_put_after_it(cache: &dyn Cache) {
    for scope in [CacheScope::Device(device("a")), CacheScope::All] {
        let key = CacheKey::of_device(CacheKind::DeviceStats, device("a"), "x");
        let other = CacheKey::of_device(CacheKind::DeviceStats, device("b"), "x");
        let before = cache.get(&key).await.expect("the cache answers").stamp;
        let others = cache.get(&other).await.expect("the cache answers").stamp;
        cache.clear(&scope).await.expect("the cache answers");
        cache.put(&key, before, bytes("old"), LONG).await.expect("the cache answers");
        assert_eq!(got(cache, &key).await, None, "a value from before a clearing");
        cache.put(&other, others, bytes("x"), LONG).await.expect("the cache answers");
        assert_eq!(got(cache, &other).await.is_some(), scope != CacheScope::All, "only the scope is concerned");
    }
}

/// One named test per law for a cache: give an async expression that makes an empty cache.
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
            what_was_seen_before_a_clearing_is_not_put_after_it
        }
    };
    (@each $make:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::run(async {
                    let cache = $make.await;
                    $crate::conformance::cache::$law(&cache).await;
                });
            }
        )*
    };
}

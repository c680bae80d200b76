//! `histogram_quantile` of classic histograms.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::Element;
use crate::query::series::number;
use crate::query::{Labels, names};

/// The label with the upper bound of a bucket.
const UPPER_BOUND: &str = "le";

/// The observations that are not above a bound.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// The quantile of each histogram: elements that differ only in `le` are one. An element whose
/// `le` is no number is left out.
pub(super) fn quantiles(q: f64, elements: Vec<Element>) -> Vec<Element> {
    let mut histograms = BTreeMap::<Labels, Vec<Bucket>>::new();
    for Element { mut labels, value } in elements {
        let Some(bound) = labels.remove(UPPER_BOUND).and_then(|bound| number(&bound)) else { continue };
        histograms.entry(labels).or_default().push(Bucket { bound, count: value });
    }
    let quantiles = histograms.into_iter().map(|(mut labels, buckets)| {
        labels.remove(names::NAME);
        Element { labels, value: quantile(q, buckets) }
    });
    quantiles.collect()
}

/// The value below which a share `q` of the observations is, interpolated in its bucket. In the
/// bucket without an upper bound it is the bound below, and the first bucket begins at zero
/// unless its bound is not above zero.
fn quantile(q: f64, mut buckets: Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    let buckets = cumulative(&buckets);
    let [.., below, all] = &*buckets else { return f64::NAN };
    if all.bound < f64::INFINITY || all.bound.is_nan() || all.count == 0.0 {
        return f64::NAN;
    }
    let rank = q * all.count;
    let at = first_that(buckets.len() - 1, |at| buckets.get(at).is_some_and(|bucket| bucket.count >= rank));
    let Some(bucket) = buckets.get(at).filter(|_| at < buckets.len() - 1) else { return below.bound };
    let Some(before) = at.checked_sub(1).and_then(|before| buckets.get(before)) else {
        let share = rank / bucket.count;
        // The first bucket begins at zero.
        return if bucket.bound <= 0.0 { bucket.bound } else { bucket.bound * share };
    };
    let share = (rank - before.count) / (bucket.count - before.count);
    // Two roundings, as in Prometheus, and not the one of `mul_add`.
    let part = (bucket.bound - before.bound) * share;
    before.bound + part
}

/// Buckets in the order of their bounds, with one for each bound and counts that never fall:
/// samples of one scrape can have been counted at different times.
fn cumulative(buckets: &[Bucket]) -> Vec<Bucket> {
    let mut joined = Vec::<Bucket>::with_capacity(buckets.len());
    for bucket in buckets {
        match joined.last_mut() {
            Some(last) if last.bound.partial_cmp(&bucket.bound) == Some(Ordering::Equal) => last.count += bucket.count,
            _ => joined.push(*bucket),
        }
    }
    let mut most = joined.first().map_or(0.0, |first| first.count);
    for bucket in &mut joined {
        if bucket.count > most {
            most = bucket.count;
        } else if bucket.count < most {
            bucket.count = most;
        }
    }
    joined
}

/// The first of `count` places for which a condition holds, by the binary search of Go's
/// `sort.Search`: for NaN counts, which are in no order, it finds the place that Prometheus finds.
fn first_that(count: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut from, mut to) = (0, count);
    while from < to {
        let middle = usize::midpoint(from, to);
        if holds(middle) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(q: f64, buckets: &[(f64, f64)]) -> f64 {
        quantile(q, buckets.iter().map(|&(bound, count)| Bucket { bound, count }).collect())
    }

    const INFINITY: f64 = f64::INFINITY;

    #[test]
    fn a_quantile_is_interpolated_in_its_bucket() {
        let buckets = [(INFINITY, 10.0), (1.0, 4.0), (2.0, 8.0), (4.0, 10.0)];
        for (q, expected) in [(0.0, 0.0), (0.2, 0.5), (0.4, 1.0), (0.6, 1.5), (0.9, 3.0), (1.0, 4.0)] {
            assert!((of(q, &buckets) - expected).abs() < 1e-12, "{q}");
        }
    }

    #[test]
    fn the_borders_of_a_histogram_are_those_of_prometheus() {
        let above_all = [(1.0, 1.0), (INFINITY, 10.0)];
        assert!((of(0.9, &above_all) - 1.0).abs() < 1e-12, "the highest finite bound");
        let below_zero = [(-2.0, 5.0), (-1.0, 10.0), (INFINITY, 10.0)];
        assert!((of(0.25, &below_zero) + 2.0).abs() < 1e-12);
        assert!((of(0.75, &below_zero) + 1.5).abs() < 1e-12);
        let falling = [(1.0, 4.0), (2.0, 2.0), (INFINITY, 8.0)];
        assert!((of(0.25, &falling) - 0.5).abs() < 1e-12, "a count that falls is that before it");
        let twice = [(1.0, 2.0), (1.0, 2.0), (INFINITY, 4.0)];
        assert!((of(0.5, &twice) - 0.5).abs() < 1e-12, "the counts of one bound are added");
    }

    #[test]
    fn what_has_no_quantile_gives_nan_or_an_infinity() {
        let buckets = [(1.0, 4.0), (INFINITY, 8.0)];
        assert!(of(f64::NAN, &buckets).is_nan());
        assert!(of(-0.1, &buckets) < 0.0 && of(-0.1, &buckets).is_infinite());
        assert!(of(1.1, &buckets) > 0.0 && of(1.1, &buckets).is_infinite());
        for empty in
            [&[][..], &[(INFINITY, 8.0)][..], &[(1.0, 4.0), (2.0, 8.0)][..], &[(1.0, 0.0), (INFINITY, 0.0)][..]]
        {
            assert!(of(0.5, empty).is_nan(), "{empty:?}");
        }
    }

    proptest! {
        #[test]
        fn a_quantile_grows_with_its_share(
            counts in proptest::collection::vec(0_u32..100, 2..8),
            // The quantile 0 of an empty first bucket is NaN in Prometheus too.
            a in 1e-6_f64..=1.0,
            b in 1e-6_f64..=1.0,
        ) {
            let bounds = (1..counts.len()).map(|at| f64::from(u32::try_from(at).unwrap())).chain([INFINITY]);
            let mut sum = 0.0;
            let buckets: Vec<_> = bounds.zip(&counts).map(|(bound, &count)| {
                sum += f64::from(count);
                (bound, sum)
            }).collect();
            let (low, high) = (of(a.min(b), &buckets), of(a.max(b), &buckets));
            prop_assert!(low <= high || (low.is_nan() && sum <= 0.0));
        }

        #[test]
        fn no_buckets_make_it_panic(
            q in any::<f64>(),
            buckets in proptest::collection::vec((any::<f64>(), any::<f64>()), 0..6),
        ) {
            let special = [f64::NAN, INFINITY, -INFINITY];
            of(q, &buckets);
            for value in special {
                let added = [(value, 1.0), (1.0, value), (INFINITY, value)];
                let mixed: Vec<_> = buckets.iter().copied().chain(added).collect();
                of(q, &mixed);
                of(0.5, &mixed);
            }
        }
    }
}

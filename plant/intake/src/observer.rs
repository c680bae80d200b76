//! [`SampleObserver`]: what is told of every sample that was stored.

use std::time::Instant;

use sqal_core::{Purpose, Sample};

use crate::recent::Recent;

/// Is told of every sample that this process has stored, once the sample is durable.
pub trait SampleObserver: Send + Sync {
    /// A sample was stored at this time.
    fn stored(&self, sample: &Sample, now: Instant);
}

/// Counts products.
impl SampleObserver for Recent {
    fn stored(&self, sample: &Sample, now: Instant) {
        if sample.purpose == Purpose::Product {
            self.add(&sample.inspection.verdict, now);
        }
    }
}

/// Tells nothing.
impl SampleObserver for () {
    fn stored(&self, _: &Sample, _: Instant) {}
}

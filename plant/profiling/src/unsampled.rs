//! The sampler of a program that was built without the feature `sample`: it refuses.

use std::convert::Infallible;

use sqal_core::Timestamp;

use crate::cpu_profile_error::CpuProfileError;
use crate::plan::ProfilePlan;
use crate::profile::CpuProfile;

/// Whether this program can be sampled: without the feature, it cannot.
pub(crate) const fn is_supported() -> bool {
    false
}

/// A sampling that never begins.
pub(crate) struct Sampling(Infallible);

impl Sampling {
    /// Refuses.
    pub(crate) fn prepare() -> Result<(), CpuProfileError> {
        Err(CpuProfileError::Unsupported)
    }

    /// Refuses.
    pub(crate) fn begin(_: ProfilePlan) -> Result<Self, CpuProfileError> {
        Err(CpuProfileError::Unsupported)
    }

    /// Never reached, because no sampling has begun.
    pub(crate) fn end(self, _: Timestamp) -> Result<CpuProfile, CpuProfileError> {
        match self.0 {}
    }
}

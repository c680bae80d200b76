//! [`FrameQuota`]: how many frames a device may send.

use std::time::Instant;

use sqal_core::DeviceId;
use sqal_resilience::KeyedBuckets;
use sqal_resilience::bucket::Answer;

/// Limits how many frames a device may send.
pub trait FrameQuota: Send + Sync {
    /// Counts this number of frames of a device. `None` if frames are not limited.
    fn take_frames(&self, device: DeviceId, frames: u32, now: Instant) -> Option<Answer>;
}

/// A bucket for each device.
impl FrameQuota for KeyedBuckets<DeviceId> {
    fn take_frames(&self, device: DeviceId, frames: u32, now: Instant) -> Option<Answer> {
        Some(self.take(device, frames, now).answer())
    }
}

/// No limit.
impl FrameQuota for () {
    fn take_frames(&self, _: DeviceId, _: u32, _: Instant) -> Option<Answer> {
        None
    }
}

//! [`OtlpSink`]: takes kept traces for their export, and never blocks.

use std::fmt;
use std::sync::Arc;

use super::queue::Queue;
use crate::held::{FinishedTrace, TraceSink};

/// Takes kept traces for their export. If too many spans wait already, it drops the trace and
/// counts it in `traces_dropped_total`.
pub struct OtlpSink(Arc<Queue>);

impl OtlpSink {
    pub(super) const fn new(queue: Arc<Queue>) -> Self {
        Self(queue)
    }
}

impl TraceSink for OtlpSink {
    fn take(&self, trace: FinishedTrace) {
        self.0.push(trace);
    }
}

impl fmt::Debug for OtlpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtlpSink")
    }
}

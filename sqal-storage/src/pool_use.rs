//! [`PoolUse`]: the size of a pool of connections, and how many are in use.

/// The size of a pool of connections, and how many are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// The name of the pool: `readers` or `writers`.
    pub name: &'static str,
    /// The largest number of connections.
    pub most: u32,
    /// The number of connections in use.
    pub in_use: u32,
}

impl PoolUse {
    /// The number of connections that are available without waiting.
    #[must_use]
    pub const fn available(&self) -> u32 {
        self.most.saturating_sub(self.in_use)
    }
}

//! [`PoolUse`]: how full a pool of connections is.

/// How full a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// What its connections do: `readers` or `writers`.
    pub name: &'static str,
    /// How many there may be.
    pub most: u32,
    /// How many somebody has.
    pub in_use: u32,
}

impl PoolUse {
    /// How many are to be had without waiting for somebody to give one back.
    #[must_use]
    pub const fn available(&self) -> u32 {
        self.most.saturating_sub(self.in_use)
    }
}

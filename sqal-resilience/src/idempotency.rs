//! [`Idempotency`]: whether a request may be made twice.

/// What making a request twice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Idempotency {
    /// The same as making it once: a GET, PUT or DELETE (RFC 9110, 9.2.2).
    Idempotent,
    /// The same as making it once, for the target knows it again by its key (`Idempotency-Key`): every try has the same key and the same body.
    Keyed,
    /// It may do harm: a POST.
    No,
}

/// Whether the target can have seen a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// It cannot: the connection was refused, or nothing was written.
    No,
    /// It can: the connection broke after something was written, or there was no answer in time.
    Perhaps,
}

impl Idempotency {
    /// What the HTTP method alone says; a `key` says more.
    #[must_use]
    pub fn of_method(method: &str, key: Option<&str>) -> Self {
        match method {
            "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE" => Self::Idempotent,
            _ if key.is_some() => Self::Keyed,
            _ => Self::No,
        }
    }

    /// Whether another try does no harm.
    ///
    /// ```
    /// use sqal_resilience::{Idempotency, Sent};
    ///
    /// let post = Idempotency::of_method("POST", None);
    /// assert!(post.may_repeat(Sent::No) && !post.may_repeat(Sent::Perhaps));
    /// assert!(Idempotency::of_method("POST", Some("4f2a")).may_repeat(Sent::Perhaps));
    /// ```
    #[must_use]
    pub const fn may_repeat(self, sent: Sent) -> bool {
        matches!((self, sent), (Self::Idempotent | Self::Keyed, _) | (_, Sent::No))
    }
}

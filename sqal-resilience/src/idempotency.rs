//! [`Idempotency`]: whether a request may be made twice.

/// The effect of making a request twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Idempotency {
    /// Making the request twice has the effect of making it once: a GET, PUT or DELETE (RFC 9110,
    /// 9.2.2).
    Idempotent,
    /// Making the request twice has the effect of making it once, because the target recognises it
    /// by its key (`Idempotency-Key`). Every try has the same key and the same body.
    Keyed,
    /// Making the request twice may do harm: a POST.
    No,
}

/// Whether the target can have received a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// The target cannot have received it: the connection was refused, or nothing was written.
    No,
    /// The target can have received it: the connection broke after something was written, or there
    /// was no answer in time.
    Perhaps,
}

impl Idempotency {
    /// The idempotency that the HTTP method alone gives. With a `key`, any other method is keyed.
    #[must_use]
    pub fn of_method(method: &str, key: Option<&str>) -> Self {
        match method {
            "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE" => Self::Idempotent,
            _ if key.is_some() => Self::Keyed,
            _ => Self::No,
        }
    }

    /// Whether the request can be tried again without harm.
    ///
    /// ```
    /// use sqal_resilience::{Idempotency, idempotency::Sent};
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

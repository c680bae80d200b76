//! [`HandOver`]: what happens to a permit when there is a response whose body goes on.

/// Decides what happens to the guard of a call (a place, the count of a request under way) when
/// there is a response.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot put the guard of a call into a response of the type `{T}`",
    label = "not a function of a response and a guard",
    note = "`handing_over` takes a function of the response and its guard, such as `HeldBody::of_response` (feature `http-body`)"
)]
pub trait HandOver<T, G> {
    /// The response, together with what holds the guard.
    type Response;

    /// Drops the guard, or puts it into the response.
    fn hand_over(&self, response: T, guard: G) -> Self::Response;
}

/// The call ends when there is a response, although its body may go on.
#[derive(Clone, Copy, Debug, Default)]
pub struct AtResponse;

impl<T, G> HandOver<T, G> for AtResponse {
    type Response = T;

    #[inline]
    fn hand_over(&self, response: T, guard: G) -> T {
        drop(guard);
        response
    }
}

/// A function that puts the guard into the body: the call ends when the body ends or is dropped.
#[diagnostic::do_not_recommend]
impl<T, G, R, F: Fn(T, G) -> R> HandOver<T, G> for F {
    type Response = R;

    #[inline]
    fn hand_over(&self, response: T, guard: G) -> R {
        self(response, guard)
    }
}

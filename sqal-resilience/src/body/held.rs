//! [`HeldBody`]: a body that holds a permit until it ends.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body that holds a guard (a place of a bulkhead, the count of a request under way) until
    /// the body has ended, has failed, or is dropped.
    ///
    /// [`HeldBody::of_response`] fits `handing_over` of the layers: the call then ends with the
    /// body of its response, not with the head.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use bytes::Bytes;
    /// use http::Response;
    /// use http_body_util::{BodyExt, Full};
    /// use sqal_resilience::body::HeldBody;
    /// use sqal_resilience::layer::{BulkheadLayer, CallErrors};
    /// use sqal_resilience::{Bulkhead, BulkheadConfig, TokioClock};
    /// use tower::{ServiceBuilder, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bulkhead = Arc::new(Bulkhead::new(BulkheadConfig::default(), TokioClock)?);
    /// let service = ServiceBuilder::new()
    ///     .layer(BulkheadLayer::new(Arc::clone(&bulkhead)).handing_over(HeldBody::of_response))
    ///     .layer(CallErrors)
    ///     .service(service_fn(|()| async { Ok::<_, &str>(Response::new(Full::new(Bytes::from("a tray")))) }));
    ///
    /// let response = service.oneshot(()).await.unwrap();
    /// assert_eq!(bulkhead.occupancy().running, 1); // there is a response, and its body goes on
    /// response.into_body().collect().await?;
    /// assert_eq!(bulkhead.occupancy().running, 0);
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct HeldBody<B, G> {
        #[pin]
        body: B,
        guard: Option<G>,
    }
}

impl<B, G> HeldBody<B, G> {
    /// A body that holds this guard.
    pub const fn new(body: B, guard: G) -> Self {
        Self { body, guard: Some(guard) }
    }

    /// A response whose body holds this guard.
    pub fn of_response(response: http::Response<B>, guard: G) -> http::Response<Self> {
        response.map(|body| Self::new(body, guard))
    }
}

impl<B: Body, G> Body for HeldBody<B, G> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(context));
        // If `is_end_stream` reports the end, a reader does not poll for it again.
        if !matches!(frame, Some(Ok(_))) || this.body.is_end_stream() {
            *this.guard = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

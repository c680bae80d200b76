//! [`ReplayBody`]: a body that every try reads from its beginning, up to a size.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::BodyError;

/// A body that keeps what has streamed by, up to a cap, so that it can be sent again. The first try
/// streams as if nothing was kept.
///
/// If the body outgrows the cap, it goes on streaming and is no longer kept. From then on it is
/// [not whole](ReplayBody::is_whole), and a request with it must not be made again.
///
/// A server that answers before it has read everything leaves the first copy half read. The next
/// copy reads what was kept and goes on from there, whether or not the first copy still exists.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::{BodyExt, Full};
/// use sqal_resilience::body::ReplayBody;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let first = ReplayBody::new(Full::new(Bytes::from("a tray")), 64 * 1024);
/// let second = first.again();
/// assert_eq!(first.collect().await.unwrap().to_bytes(), "a tray");
/// assert!(second.is_whole());
/// assert_eq!(second.collect().await.unwrap().to_bytes(), "a tray");
/// # }
/// ```
pub struct ReplayBody<B> {
    shared: Arc<Mutex<Shared<B>>>,
    /// How many frames this copy has read.
    read: usize,
}

struct Shared<B> {
    /// `None` once the source has ended or failed.
    source: Option<Pin<Box<B>>>,
    kept: Vec<Kept>,
    /// How many frames came before those in `kept`. If the body has outgrown the cap: all that
    /// passed.
    passed: usize,
    bytes: usize,
    cap: usize,
    outgrown: bool,
    /// The source failed, so its end cannot be read.
    broken: bool,
    /// The copies that wait for a frame of the source.
    waiting: Vec<Waker>,
}

#[derive(Clone)]
enum Kept {
    Data(Bytes),
    Trailers(http::HeaderMap),
}

impl Kept {
    fn frame(self) -> Frame<Bytes> {
        match self {
            Self::Data(data) => Frame::data(data),
            Self::Trailers(trailers) => Frame::trailers(trailers),
        }
    }
}

impl<B> ReplayBody<B> {
    /// A body of which at most `cap` bytes are kept.
    pub fn new(body: B, cap: usize) -> Self {
        let shared = Shared {
            source: Some(Box::pin(body)),
            kept: Vec::new(),
            passed: 0,
            bytes: 0,
            cap,
            outgrown: false,
            broken: false,
            waiting: Vec::new(),
        };
        Self { shared: Arc::new(Mutex::new(shared)), read: 0 }
    }

    /// Another copy of the body, read from its beginning, for another try.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), read: 0 }
    }

    /// Whether the body can be read from its beginning to its end. Check this before another try.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let shared = self.lock();
        !shared.outgrown && !shared.broken
    }

    fn lock(&self) -> MutexGuard<'_, Shared<B>> {
        // The source is polled under the lock. If it panics, the frames that were kept are still
        // whole.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Body<Data = Bytes>> Body for ReplayBody<B> {
    type Data = Bytes;
    type Error = BodyError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let mut shared = this.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if this.read < shared.passed {
            return Poll::Ready(Some(Err(BodyError::Outgrown)));
        }
        if let Some(kept) = shared.kept.get(this.read) {
            this.read += 1;
            return Poll::Ready(Some(Ok(kept.clone().frame())));
        }
        let Some(source) = shared.source.as_mut() else {
            // A body that failed must not look as if it had ended.
            return Poll::Ready(shared.broken.then_some(Err(BodyError::Outgrown)));
        };
        let polled = source.as_mut().poll_frame(context);
        let frame = match polled {
            Poll::Pending => {
                // Another copy may read the frame that this copy waits for.
                if !shared.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                    shared.waiting.push(context.waker().clone());
                }
                return Poll::Pending;
            }
            Poll::Ready(None) => {
                shared.source = None;
                None
            }
            Poll::Ready(Some(Err(error))) => {
                (shared.source, shared.broken) = (None, true);
                Some(Err(BodyError::Inner(error)))
            }
            // An empty frame is not kept: it has no size, so empty frames would never reach the
            // cap.
            Poll::Ready(Some(Ok(frame))) if frame.data_ref().is_some_and(Bytes::is_empty) => Some(Ok(frame)),
            Poll::Ready(Some(Ok(frame))) => {
                shared.keep(&frame);
                this.read += 1;
                Some(Ok(frame))
            }
        };
        let waiting = std::mem::take(&mut shared.waiting);
        drop(shared);
        waiting.into_iter().for_each(Waker::wake);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.lock();
        self.read == shared.passed + shared.kept.len() && shared.source.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let shared = self.lock();
        let rest = shared.source.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        let kept = shared.kept.iter().skip(self.read);
        let kept: usize = kept.map(|kept| if let Kept::Data(data) = kept { data.len() } else { 0 }).sum();
        let kept = u64::try_from(kept).unwrap_or(u64::MAX);
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(kept).max(rest.lower().saturating_add(kept)));
        }
        hint.set_lower(rest.lower().saturating_add(kept));
        hint
    }
}

impl<B> Drop for ReplayBody<B> {
    fn drop(&mut self) {
        // The source knows the waker of the last reader only. If that reader is this copy, the
        // others must poll the source themselves.
        let waiting = std::mem::take(&mut self.lock().waiting);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<B> Shared<B> {
    /// Keeps a frame. If the cap is exceeded, drops all frames and keeps none any more.
    fn keep(&mut self, frame: &Frame<Bytes>) {
        let trailers = || frame.trailers_ref().into_iter().flatten().map(|(_, value)| value.len() + 32).sum();
        let bytes = frame.data_ref().map_or_else(trailers, Bytes::len);
        // Each frame costs memory besides its bytes, so the number of frames is limited too.
        let crumbs = self.kept.len() >= 16 + self.cap / 64;
        if self.outgrown || crumbs || self.bytes.saturating_add(bytes) > self.cap {
            self.outgrown = true;
            self.passed += self.kept.len() + 1;
            self.kept = Vec::new();
            return;
        }
        self.bytes += bytes;
        if let Some(data) = frame.data_ref() {
            self.kept.push(Kept::Data(data.clone()));
        } else if let Some(trailers) = frame.trailers_ref() {
            self.kept.push(Kept::Trailers(trailers.clone()));
        }
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.lock();
        f.debug_struct("ReplayBody").field("read", &self.read).field("kept", &shared.bytes).finish_non_exhaustive()
    }
}

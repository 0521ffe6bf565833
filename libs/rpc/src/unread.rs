//! What nobody reads of a request: read here, for a while, and dropped.
//!
//! A call may be refused before its message has come. Were its body let go at once, the message would
//! arrive at a stream that is no more, which HTTP/2 counts as an error of the client; after some of
//! these it ends the connection, and all calls on it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::FutureExt as _;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio_util::task::TaskTracker;

/// So much is read of a body that nobody wants; the rest is the client's to keep.
const MOST: usize = 64 * 1_024;
/// For so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// A request's body that is read to its end, by whoever serves it or else here.
pub(crate) struct Read {
    inner: Option<Incoming>,
    tasks: TaskTracker,
}

impl Read {
    /// `inner`, whose rest is read on `tasks`.
    pub(crate) fn new(inner: Incoming, tasks: TaskTracker) -> Self {
        Self { inner: Some(inner), tasks }
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        let Some(rest) = self.inner.take().filter(|rest| !rest.is_end_stream()) else { return };
        let mut drain = Box::pin(drain(rest));
        // Most of it is there already.
        if (&mut drain).now_or_never().is_none() {
            self.tasks.spawn(tokio::time::timeout(PATIENCE, drain));
        }
    }
}

async fn drain(mut rest: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = rest.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MOST {
            return;
        }
    }
}

impl http_body::Body for Read {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(inner).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.inner = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

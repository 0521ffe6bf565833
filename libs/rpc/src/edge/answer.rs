//! An answer on its way out: when it has ended, and how; and, of a stream, whether it may go on.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use tonic::{Code, Status, body::Body};

use super::{Admission, Known, Permit};
use crate::access::Method;

/// A call of a known caller. However it ends, its end is told once.
pub(super) struct Ending {
    admission: Arc<dyn Admission>,
    known: Arc<Known>,
    method: Arc<Method>,
    code: Code,
    /// Held until the end.
    pub(super) permit: Option<Box<dyn Permit>>,
}

impl Ending {
    /// Until it says otherwise, a call that ends was given up by its client.
    pub(super) fn new(
        admission: Arc<dyn Admission>,
        known: Arc<Known>,
        method: Arc<Method>,
    ) -> Self {
        Self { admission, known, method, code: Code::Cancelled, permit: None }
    }

    /// Ends it with this status.
    pub(super) fn with(mut self, status: Status) -> Status {
        self.code = status.code();
        status
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.admission.ended(&self.known, &self.method, self.code);
    }
}

/// The answer with its end watched: `stop` ends a stream before its time.
pub(super) fn watched(
    answer: Response<Body>,
    mut call: Ending,
    stop: Option<BoxFuture<'static, Status>>,
) -> Response<Body> {
    let code = Status::from_header_map(answer.headers()).map(|status| status.code());
    if let Some(permit) = &mut call.permit {
        permit.answered(code);
    }
    if let Some(code) = code {
        call.code = code;
        return answer;
    }
    answer.map(|inner| Body::new(Answer { inner, stop, call: Some(call) }))
}

struct Answer {
    inner: Body,
    stop: Option<BoxFuture<'static, Status>>,
    /// Gone when the answer has ended.
    call: Option<Ending>,
}

impl Answer {
    fn end(&mut self, code: Code) {
        self.stop = None;
        if let Some(mut call) = self.call.take() {
            call.code = code;
        }
    }

    /// The trailers of a stream that must not go on. What is behind it is let go at once.
    fn stopped(&mut self, status: &Status) -> Result<Frame<Bytes>, Status> {
        self.inner = Body::empty();
        self.end(status.code());
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // Before the stream itself, which may always have something to say.
        if let Some(Poll::Ready(status)) = self.stop.as_mut().map(|stop| stop.as_mut().poll(cx)) {
            return Poll::Ready(Some(self.stopped(&status)));
        }
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    let status = Status::from_header_map(trailers);
                    self.end(status.map_or(Code::Unknown, |status| status.code()));
                }
            }
            Some(Err(status)) => self.end(status.code()),
            // An answer without a status is no answer; the client makes the same of it.
            None => self.end(Code::Unknown),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

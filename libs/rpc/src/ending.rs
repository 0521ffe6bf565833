//! Streams end in order when their connection is told to go away: at once, with trailers that say
//! UNAVAILABLE and when to try again. Else every open stream would hold a drain up for the whole
//! grace and then be cut off in the middle.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Status, body::Body};

use crate::status;

/// Marks, among the extensions of a response, one whose body is a stream. Only these end early: the
/// one message of another call is let through, however late it comes.
#[derive(Clone, Copy, Debug)]
pub struct Streams;

/// A stream that ends when its connection is told to go away.
struct Ending {
    inner: Body,
    told: Pin<Box<WaitForCancellationFutureOwned>>,
    done: bool,
}

/// The response, with a body that ends when `told` to, if it is a stream.
pub(crate) fn response(response: Response<Body>, told: &CancellationToken) -> Response<Body> {
    if response.extensions().get::<Streams>().is_none() {
        return response;
    }
    let told = Box::pin(told.clone().cancelled_owned());
    response.map(|inner| Body::new(Ending { inner, told, done: false }))
}

impl http_body::Body for Ending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.done {
            return Poll::Ready(None);
        }
        // A frame is whole messages, so that the end comes between two of them.
        if self.told.as_mut().poll(cx).is_pending() {
            return Pin::new(&mut self.inner).poll_frame(cx);
        }
        self.done = true;
        Poll::Ready(Some(status::trailers(&status::going_away())))
    }

    fn is_end_stream(&self) -> bool {
        self.done || self.inner.is_end_stream()
    }
}

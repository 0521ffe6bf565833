//! Streams end in order when their connection is told to go away: at once, with trailers that say
//! UNAVAILABLE and when to try again. Else every open stream would hold a drain up for the whole
//! grace and then be cut off in the middle.
//!
//! A request carries its [`Connection`] inwards to whoever knows that its answer is a stream: only
//! there, behind gRPC-Web and JSON, are trailers what all of them say in their own way.

use std::{
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Status, body::Body};

use crate::status;

/// The connection that a request came by, among the request's extensions. It may be told to go away.
#[derive(Clone, Debug)]
pub struct Connection {
    told: CancellationToken,
    peer: IpAddr,
}

impl Connection {
    /// One from `peer` that is told to go away by `told`.
    pub(crate) const fn new(told: CancellationToken, peer: IpAddr) -> Self {
        Self { told, peer }
    }

    /// The address at its other end: the client's, or that of the last proxy on the way.
    pub const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// That of a request; `None` where it was made in this process.
    pub fn of<B>(request: &Request<B>) -> Option<Self> {
        request.extensions().get().cloned()
    }
}

/// A stream that ends when its connection is told to go away.
struct Ending {
    inner: Body,
    told: Pin<Box<WaitForCancellationFutureOwned>>,
    done: bool,
}

/// The answer to a call that streams, ended when its connection is told to go away. The one message
/// of any other call is let through, however late it comes.
pub fn stream(answer: Response<Body>, connection: Option<Connection>) -> Response<Body> {
    let Some(Connection { told, .. }) = connection else { return answer };
    let told = Box::pin(told.cancelled_owned());
    answer.map(|inner| Body::new(Ending { inner, told, done: false }))
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
        // What is behind it is let go at once.
        self.inner = Body::empty();
        Poll::Ready(Some(status::trailers(&status::going_away())))
    }

    fn is_end_stream(&self) -> bool {
        self.done || self.inner.is_end_stream()
    }
}

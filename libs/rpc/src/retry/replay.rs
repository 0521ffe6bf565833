//! A request body that can be sent again: what has been read is kept while it streams through.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body};

/// A larger body is sent once: keeping it would cost more than the call.
const KEPT: usize = 64 * 1_024;

/// A body, and what has been read of it.
pub(super) struct Replay {
    tape: Arc<Mutex<Tape>>,
    attempt: u32,
}

struct Tape {
    /// What has not been read yet.
    rest: Body,
    read: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    bytes: usize,
    /// Whether more was read than is kept, or reading failed.
    torn: bool,
    /// The attempt that may read on; those before it have been given up.
    attempt: u32,
}

impl Replay {
    pub(super) fn new(rest: Body) -> Self {
        let tape =
            Tape { rest, read: Vec::new(), trailers: None, bytes: 0, torn: false, attempt: 0 };
        Self { tape: Arc::new(Mutex::new(tape)), attempt: 0 }
    }

    /// The body for the present attempt.
    pub(super) fn body(&self) -> Body {
        Body::new(Played { tape: self.tape.clone(), attempt: self.attempt, at: 0, done: false })
    }

    /// Back to the beginning, for another attempt; false where it cannot be sent again.
    pub(super) fn rewind(&mut self) -> bool {
        let mut tape = lock(&self.tape);
        self.attempt += 1;
        tape.attempt = self.attempt;
        !tape.torn
    }
}

fn lock(tape: &Mutex<Tape>) -> MutexGuard<'_, Tape> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tape {
    fn keep(&mut self, data: &Bytes) {
        self.bytes += data.len();
        self.torn |= self.bytes > KEPT;
        if self.torn {
            self.read = Vec::new();
        } else {
            self.read.push(data.clone());
        }
    }
}

/// The body of one attempt: what is on the tape, then what is still to be read.
struct Played {
    tape: Arc<Mutex<Tape>>,
    attempt: u32,
    at: usize,
    done: bool,
}

impl http_body::Body for Played {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let mut tape = lock(&this.tape);
        if this.done {
            return Poll::Ready(None);
        }
        if tape.attempt != this.attempt {
            // Another attempt reads now: this one has been given up.
            return Poll::Ready(Some(Err(crate::status::unsent())));
        }
        if let Some(data) = tape.read.get(this.at) {
            this.at += 1;
            return Poll::Ready(Some(Ok(Frame::data(data.clone()))));
        }
        if let Some(trailers) = tape.trailers.clone() {
            this.done = true;
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        let frame = std::task::ready!(Pin::new(&mut tape.rest).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    tape.keep(data);
                    this.at = tape.read.len();
                } else {
                    tape.trailers = frame.trailers_ref().cloned();
                    this.done = true;
                }
            }
            Some(Err(_)) => tape.torn = true,
            None => this.done = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let tape = lock(&self.tape);
        let all_read = self.at >= tape.read.len() && tape.trailers.is_none();
        self.done || all_read && tape.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let tape = lock(&self.tape);
        if self.at == 0 && tape.read.is_empty() { tape.rest.size_hint() } else { SizeHint::new() }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    async fn read(body: Body) -> Result<Bytes, Status> {
        Ok(body.collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn a_small_body_is_the_same_each_time() {
        let mut replay = Replay::new(Body::new(Full::from("hello")));
        assert_eq!(read(replay.body()).await.unwrap(), "hello");
        assert!(replay.rewind());
        assert_eq!(read(replay.body()).await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn an_attempt_goes_on_where_the_last_one_stopped_and_the_last_one_reads_no_more() {
        let chunks = ["a", "b", "c"].map(|text| Ok::<_, Status>(Frame::data(Bytes::from(text))));
        let body = http_body_util::StreamBody::new(futures::stream::iter(chunks));
        let mut replay = Replay::new(Body::new(body));
        let mut first = replay.body();
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
        assert!(replay.rewind());
        assert_eq!(read(replay.body()).await.unwrap(), "abc");
        assert!(first.frame().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_large_body_passes_once() {
        let large = Bytes::from(vec![7; KEPT + 1]);
        let mut replay = Replay::new(Body::new(Full::from(large.clone())));
        assert_eq!(read(replay.body()).await.unwrap(), large);
        assert!(!replay.rewind());
        // Where nothing was read there is nothing to keep.
        let mut replay = Replay::new(Body::new(Full::from(large.clone())));
        drop(replay.body());
        assert!(replay.rewind());
        assert_eq!(read(replay.body()).await.unwrap(), large);
    }
}

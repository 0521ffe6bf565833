//! Deadlines: ours, since the transport's is ignored in process, does not cover streams and answers
//! CANCELLED. A head that comes too late is `DEADLINE_EXCEEDED`; a stream that goes on too long ends
//! with trailers that say so. A panic in a stream ends it as INTERNAL.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use kernel::Code;
use tokio::time::{Instant, Sleep};
use tonic::{Status, body::Body};

use crate::status;

/// What the calling side adds to the remaining time, so that this layer and not the transport's
/// timer ends the call; the called side takes it off again.
pub const MARGIN: Duration = Duration::from_millis(20);
/// How long a call may take that does not say.
pub const UNARY: Duration = Duration::from_secs(10);
/// How long a call may take at most.
pub const UNARY_MOST: Duration = Duration::from_mins(1);
/// How long a stream lives that does not say, and at most.
pub const STREAM: Duration = Duration::from_mins(15);

/// A `grpc-timeout` header is at most eight digits and one of `H M S m u n`.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// How long the caller of these headers waits; `None` where it does not say.
pub fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Malformed> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let text = value.to_str().map_err(|_| Malformed)?;
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(Malformed)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Malformed);
    }
    let number: u64 = digits.parse().map_err(|_| Malformed)?;
    Ok(Some(match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return Err(Malformed),
    }))
}

/// The `grpc-timeout` that stands for `left`.
pub fn header(left: Duration) -> String {
    let micros = left.as_micros();
    if micros < 100_000_000 {
        format!("{}u", micros.max(1))
    } else {
        format!("{}m", left.as_millis().min(99_999_999))
    }
}

/// When a call ends that asked for this.
pub fn clamp(asked: Option<Duration>, streams: bool) -> Duration {
    let (default, most) = if streams { (STREAM, STREAM) } else { (UNARY, UNARY_MOST) };
    asked.unwrap_or(default).min(most)
}

/// The status of a call that took too long.
pub fn exceeded() -> Status {
    status::plain(
        Code::DeadlineExceeded,
        "DEADLINE_EXCEEDED",
        "the time allowed for the call has passed",
    )
}

/// A response body that ends in time, and in order.
pub struct Timed {
    inner: Body,
    end: Pin<Box<Sleep>>,
    done: bool,
}

impl Timed {
    /// `inner`, ended at `at`.
    pub fn body(inner: Body, at: Instant) -> Body {
        Body::new(Self { inner, end: Box::pin(tokio::time::sleep_until(at)), done: false })
    }

    fn finish(&mut self, status: &Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.done = true;
        Poll::Ready(Some(status::trailers(status)))
    }
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let inner = &mut self.inner;
        match catch_unwind(AssertUnwindSafe(|| Pin::new(inner).poll_frame(cx))) {
            Ok(Poll::Ready(frame)) => Poll::Ready(frame),
            Ok(Poll::Pending) => match self.end.as_mut().poll(cx) {
                Poll::Ready(()) => self.finish(&exceeded()),
                Poll::Pending => Poll::Pending,
            },
            Err(_) => self.finish(&panicked()),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.done || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

/// The status of a call whose handler panicked; the panic itself is in the log.
pub fn panicked() -> Status {
    status::plain(Code::Internal, "INTERNAL", "something went wrong on our side")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_and_written() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            asked(&headers)
        };
        assert_eq!(of("100m"), Ok(Some(Duration::from_millis(100))));
        assert_eq!(of("2S"), Ok(Some(Duration::from_secs(2))));
        assert_eq!(
            of(&header(Duration::from_millis(1_500))),
            Ok(Some(Duration::from_millis(1_500)))
        );
        assert_eq!(of(&header(Duration::from_mins(15))), Ok(Some(Duration::from_mins(15))));
        for bad in ["", "S", "1", "-1S", "123456789S", "1s", "1 S"] {
            assert_eq!(of(bad), Err(Malformed), "{bad}");
        }
        assert_eq!(asked(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn times_are_clamped() {
        assert_eq!(clamp(None, false), UNARY);
        assert_eq!(clamp(Some(Duration::from_hours(1)), false), UNARY_MOST);
        assert_eq!(clamp(None, true), STREAM);
    }
}

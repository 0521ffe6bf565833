//! Limits on bodies, measured as they stream by.

use std::{
    future::Future as _,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::request::Parts;
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::Sleep;
use tonic::Status;

use super::{Body, Refusal, status};

/// One message, as it comes; what it inflates to is limited by the service's codec, to the same.
const MAX_MESSAGE: usize = 4 * 1_024 * 1_024;
/// A JSON body.
const MAX_JSON: usize = 1_024 * 1_024;
/// How long a JSON body may take; a call's own deadline covers those of gRPC.
const PATIENCE: Duration = Duration::from_secs(20);
/// The one service that takes more than one message a call.
const REFLECTION: &str = "/grpc.reflection.";
/// A flag, and the length of the message in four bytes.
const PREFIX: usize = 5;

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is too large, or says that it will be.
    TooLarge,
    /// It is not made of messages, or breaks off.
    Malformed,
    /// It did not come in time.
    TooSlow,
}

/// What was found about a body while it was read, for whoever answers.
#[derive(Clone, Debug)]
pub(super) struct Verdict(Arc<OnceLock<Wrong>>);

impl Verdict {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// The status to answer with, where something was wrong with the messages.
    pub(super) fn status(&self) -> Option<Status> {
        self.0.get().map(|wrong| wrong.status())
    }

    /// The refusal of a JSON body.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self.0.get()? {
            Wrong::TooLarge => Some(Refusal::BODY_TOO_LARGE),
            Wrong::TooSlow => Some(Refusal::BODY_TOO_SLOW),
            // Who broke it off does not hear the answer.
            Wrong::Malformed => None,
        }
    }
}

impl Wrong {
    fn status(self) -> Status {
        match self {
            Self::TooLarge => status::too_large(),
            Self::Malformed => status::malformed(),
            Self::TooSlow => Refusal::BODY_TOO_SLOW.status(),
        }
    }
}

/// A body that ends with an error where it is not what it may be.
pub(super) struct Bounded {
    inner: Body,
    meter: Meter,
    verdict: Verdict,
}

enum Meter {
    /// So many bytes are left, until then.
    Total {
        left: usize,
        until: Pin<Box<Sleep>>,
    },
    Messages(Messages),
}

/// Where in the messages of a body we are.
#[derive(Debug)]
struct Messages {
    prefix: [u8; PREFIX],
    /// How much of the prefix is there.
    filled: usize,
    /// How much of the message is still to come.
    left: usize,
    compressed: bool,
    /// How many more messages may begin.
    more: usize,
}

impl Bounded {
    /// A JSON body.
    pub(super) fn total(inner: Body, verdict: &Verdict) -> Body {
        if inner.is_end_stream() {
            return inner;
        }
        let until = Box::pin(tokio::time::sleep(PATIENCE));
        let meter = Meter::Total { left: MAX_JSON, until };
        Body::new(Self { inner, meter, verdict: verdict.clone() })
    }

    /// The messages of a call with this head.
    pub(super) fn messages(inner: Body, head: &Parts, verdict: &Verdict) -> Body {
        let compressed =
            head.headers.get("grpc-encoding").is_some_and(|encoding| encoding != "identity");
        let more = if head.uri.path().starts_with(REFLECTION) { usize::MAX } else { 1 };
        let meter =
            Meter::Messages(Messages { prefix: [0; PREFIX], filled: 0, left: 0, compressed, more });
        Body::new(Self { inner, meter, verdict: verdict.clone() })
    }

    fn refuse(&mut self, wrong: Wrong) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let _ = self.verdict.0.set(wrong);
        self.inner = Body::empty();
        Poll::Ready(Some(Err(wrong.status())))
    }
}

impl Meter {
    fn count(&mut self, data: &[u8]) -> Result<(), Wrong> {
        match self {
            Self::Total { left, .. } => {
                *left = left.checked_sub(data.len()).ok_or(Wrong::TooLarge)?;
                Ok(())
            }
            Self::Messages(messages) => messages.count(data),
        }
    }

    /// Whether a body may end here.
    fn whole(&self) -> bool {
        match self {
            Self::Total { .. } => true,
            Self::Messages(messages) => messages.filled == 0 && messages.left == 0,
        }
    }
}

impl Messages {
    fn count(&mut self, mut data: &[u8]) -> Result<(), Wrong> {
        loop {
            let passed = data.len().min(self.left);
            self.left -= passed;
            data = data.get(passed..).unwrap_or_default();
            if data.is_empty() {
                return Ok(());
            }
            let missing = data.len().min(PREFIX - self.filled);
            let (head, rest) = data.split_at(missing);
            self.prefix[self.filled..self.filled + missing].copy_from_slice(head);
            self.filled += missing;
            data = rest;
            if self.filled == PREFIX {
                self.begin()?;
            }
        }
    }

    /// Begins the message that the prefix announces.
    fn begin(&mut self) -> Result<(), Wrong> {
        let [flag, length @ ..] = self.prefix;
        self.more = self.more.checked_sub(1).ok_or(Wrong::Malformed)?;
        if flag > 1 || flag == 1 && !self.compressed {
            return Err(Wrong::Malformed);
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_MESSAGE {
            return Err(Wrong::TooLarge);
        }
        (self.left, self.filled) = (length, 0);
        Ok(())
    }
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let Meter::Total { until, .. } = &mut this.meter
            && until.as_mut().poll(cx).is_ready()
        {
            return this.refuse(Wrong::TooSlow);
        }
        let frame = match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            None if this.meter.whole() => return Poll::Ready(None),
            // It broke off, or is gRPC-Web that is no base64.
            Some(Err(_)) | None => return this.refuse(Wrong::Malformed),
        };
        let counted = match frame.data_ref() {
            Some(data) => this.meter.count(data),
            None if this.meter.whole() => Ok(()),
            None => Err(Wrong::Malformed),
        };
        match counted {
            Ok(()) => Poll::Ready(Some(Ok(frame))),
            Err(wrong) => this.refuse(wrong),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.meter.whole() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full, StreamBody};
    use proptest::prelude::*;

    use super::*;

    fn messages(compressed: bool, more: usize) -> Messages {
        Messages { prefix: [0; PREFIX], filled: 0, left: 0, compressed, more }
    }

    fn framed(flag: u8, length: u32, sent: usize) -> Vec<u8> {
        let mut bytes = vec![flag];
        bytes.extend(length.to_be_bytes());
        bytes.resize(PREFIX + sent, 7);
        bytes
    }

    #[test]
    fn a_message_is_refused_by_what_it_claims() {
        let count = |bytes: &[u8]| messages(false, 1).count(bytes);
        assert_eq!(count(&framed(0, 4 * 1_024 * 1_024, 10)), Ok(()));
        assert_eq!(count(&framed(0, 4 * 1_024 * 1_024 + 1, 0)), Err(Wrong::TooLarge));
        assert_eq!(count(&framed(0, u32::MAX, 0)), Err(Wrong::TooLarge));
        assert_eq!(count(&framed(2, 1, 1)), Err(Wrong::Malformed));
        assert_eq!(count(&framed(1, 1, 1)), Err(Wrong::Malformed));
        assert_eq!(messages(true, 1).count(&framed(1, 1, 1)), Ok(()));
        assert_eq!(count(&[framed(0, 1, 1), framed(0, 1, 1)].concat()), Err(Wrong::Malformed));
    }

    async fn read(body: Vec<u8>) -> (Result<usize, tonic::Code>, Option<tonic::Code>) {
        let verdict = Verdict::new();
        let (head, ()) = http::Request::new(()).into_parts();
        let body = Bounded::messages(Body::new(Full::from(body)), &head, &verdict);
        let read = body.collect().await.map(|body| body.to_bytes().len());
        (read.map_err(|status| status.code()), verdict.status().map(|status| status.code()))
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_malformed() {
        let malformed = tonic::Code::InvalidArgument;
        assert_eq!(read(framed(0, 3, 3)).await, (Ok(8), None));
        assert_eq!(read(Vec::new()).await, (Ok(0), None));
        assert_eq!(read(framed(0, 3, 2)).await, (Err(malformed), Some(malformed)));
        assert_eq!(read(vec![0, 0]).await, (Err(malformed), Some(malformed)));
    }

    #[tokio::test]
    async fn a_json_body_is_counted_as_it_comes() {
        let body = |count: usize| {
            let chunk = Bytes::from(vec![b' '; 64 * 1_024]);
            let chunks =
                std::iter::repeat_n(chunk, count).map(|data| Ok::<_, Status>(Frame::data(data)));
            Body::new(StreamBody::new(futures::stream::iter(chunks)))
        };
        let verdict = Verdict::new();
        assert!(Bounded::total(body(16), &verdict).collect().await.is_ok());
        assert_eq!(verdict.refusal(), None);
        assert!(Bounded::total(body(17), &verdict).collect().await.is_err());
        assert_eq!(verdict.refusal(), Some(Refusal::BODY_TOO_LARGE));
    }

    proptest! {
        #[test]
        fn messages_are_the_same_however_they_are_cut(
            lengths in prop::collection::vec(0_u32..50, 1..6),
            cuts in prop::collection::vec(1_usize..20, 1..40),
        ) {
            let sent = |length: u32| usize::try_from(length).unwrap();
            let bytes: Vec<u8> =
                lengths.iter().flat_map(|length| framed(0, *length, sent(*length))).collect();
            let mut meter = Meter::Messages(messages(false, lengths.len()));
            let (mut rest, mut cuts) = (bytes.as_slice(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                prop_assert_eq!(meter.count(chunk), Ok(()));
                rest = after;
            }
            prop_assert!(meter.whole());
            prop_assert_eq!(meter.count(&[0, 0, 0, 0, 0]), Err(Wrong::Malformed));
        }
    }
}

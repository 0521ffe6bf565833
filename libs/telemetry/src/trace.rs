//! The W3C trace context: which trace a call belongs to, and the span that comes before it.

use std::fmt;

use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// A place in a trace, as the header `traceparent` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trace {
    id: u128,
    span: u64,
    sampled: bool,
}

impl Trace {
    /// Reads a `traceparent`; `None` where it is not one by the rules of W3C.
    pub fn parse(header: &str) -> Option<Self> {
        let (fields, more) = header.as_bytes().split_at_checked(LENGTH)?;
        let version = hex(&fields[..2])?;
        // A later version may say more, but says this first.
        let whole = if version == 0 { more.is_empty() } else { version != 0xff };
        if !whole || !matches!(more.first(), None | Some(b'-')) {
            return None;
        }
        if [fields[2], fields[35], fields[52]] != [b'-'; 3] {
            return None;
        }
        let id = hex(&fields[3..35]).filter(|id| *id != 0)?;
        let span = hex(&fields[36..52]).filter(|span| *span != 0)?;
        let flags = hex(&fields[53..])?;
        Some(Self { id, span: u64::try_from(span).ok()?, sampled: flags & 1 == 1 })
    }

    /// A trace that nobody has begun before. It is not sampled: nothing of it is recorded here.
    pub fn fresh() -> Self {
        let ids = RandomIdGenerator::default();
        let (id, span) = (ids.new_trace_id().to_bytes(), ids.new_span_id().to_bytes());
        Self { id: u128::from_be_bytes(id), span: u64::from_be_bytes(span), sampled: false }
    }

    /// The place of the span that is current; `None` where a collector gets none.
    pub fn current() -> Option<Self> {
        Self::of(Span::current().context().span().span_context())
    }

    /// The id of the whole trace: 32 hexadecimal digits.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.id)
    }

    /// The id of the span: 16 hexadecimal digits.
    pub fn span_id(self) -> String {
        format!("{:016x}", self.span)
    }

    /// Whether the spans of the trace are kept.
    pub fn sampled(self) -> bool {
        self.sampled
    }

    pub(crate) fn unsampled(self) -> Self {
        Self { sampled: false, ..self }
    }

    pub(crate) fn of(context: &SpanContext) -> Option<Self> {
        context.is_valid().then(|| Self {
            id: u128::from_be_bytes(context.trace_id().to_bytes()),
            span: u64::from_be_bytes(context.span_id().to_bytes()),
            sampled: context.is_sampled(),
        })
    }

    /// The same for OpenTelemetry, as something that came from elsewhere.
    pub(crate) fn remote(self) -> SpanContext {
        let flags = if self.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        SpanContext::new(self.id.into(), self.span.into(), flags, true, TraceState::NONE)
    }
}

/// The value of the header `traceparent`. Written by hand, since every call writes some.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        put(&mut text[3..35], &self.id.to_be_bytes());
        put(&mut text[36..52], &self.span.to_be_bytes());
        text[LENGTH - 1] = DIGITS[usize::from(self.sampled)];
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// How long a `traceparent` is, of today's version.
const LENGTH: usize = 55;
const DIGITS: [u8; 16] = *b"0123456789abcdef";

/// The number that lower-case hexadecimal digits stand for; at most 32 of them.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

fn put(text: &mut [u8], bytes: &[u8]) {
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_read_is_written_again() {
        let trace = Trace::parse(SAMPLE).unwrap();
        assert_eq!(trace.to_string(), SAMPLE);
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.span_id(), "b7ad6b7169203331");
        assert!(trace.sampled());
        assert_eq!(trace.unsampled().to_string(), SAMPLE.replace("-01", "-00"));
    }

    #[test]
    fn a_later_version_may_say_more() {
        let later = format!("cc{}-what-the-future", &SAMPLE[2..]);
        assert_eq!(Trace::parse(&later), Trace::parse(SAMPLE));
        assert_eq!(Trace::parse(&format!("cc{}", &SAMPLE[2..])), Trace::parse(SAMPLE));
    }

    #[test]
    fn anything_else_is_none() {
        let zero_trace = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let zero_span = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01";
        let shifted = "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01";
        let (more, upper) = (format!("{SAMPLE}-x"), SAMPLE.to_uppercase());
        let (long, later) = (format!("{SAMPLE}0"), format!("cc{}.x", &SAMPLE[2..]));
        let forbidden = format!("ff{}", &SAMPLE[2..]);
        let cut = &SAMPLE[..54];
        let odd = [zero_trace, zero_span, shifted, &more, &upper, &long, &later, &forbidden, cut];
        for bad in odd.into_iter().chain(["", "00", "ä", "00-ä-ä-ä", "000-"]) {
            assert_eq!(Trace::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn fresh_traces_differ_and_are_not_kept() {
        let (one, other) = (Trace::fresh(), Trace::fresh());
        assert_ne!(one.trace_id(), other.trace_id());
        assert!(!one.sampled());
        assert_eq!(Trace::parse(&one.to_string()), Some(one));
    }
}

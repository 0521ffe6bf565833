//! Which traces are kept: decided once, where a trace begins; everybody behind goes by that.

use std::hash::{BuildHasher as _, RandomState};

use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanKind, TraceContextExt as _, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

/// Marks a context that came from outside the suite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stranger;

/// A trace begins with a call or with events that are consumed, never with a transaction or a poll:
/// what nobody asked for and what links to nothing is not kept.
#[derive(Clone, Debug)]
pub(crate) struct Sampling {
    ratio: f64,
    trust_clients: bool,
    /// Keyed, so that no client can choose an id that is always kept.
    hasher: RandomState,
}

impl Sampling {
    pub(crate) fn new(ratio: f64, trust_clients: bool) -> Self {
        Self { ratio, trust_clients, hasher: RandomState::new() }
    }

    fn draw(&self, id: TraceId) -> bool {
        let drawn = u32::try_from(self.hasher.hash_one(id) >> 32).unwrap_or(0);
        (f64::from(drawn) + 0.5) / 2_f64.powi(32) < self.ratio
    }

    fn keeps(
        &self,
        before: Option<&Context>,
        id: TraceId,
        kind: &SpanKind,
        links: &[Link],
    ) -> bool {
        if let Some(before) = before.filter(|cx| cx.span().span_context().is_valid()) {
            let span = before.span();
            let stranger = span.span_context().is_remote() && before.get::<Stranger>().is_some();
            return if stranger && !self.trust_clients {
                self.draw(id)
            } else {
                span.span_context().is_sampled()
            };
        }
        if links.is_empty() {
            *kind == SpanKind::Server && self.draw(id)
        } else {
            links.iter().any(|link| link.span_context.is_sampled())
        }
    }
}

impl ShouldSample for Sampling {
    fn should_sample(
        &self,
        before: Option<&Context>,
        id: TraceId,
        _name: &str,
        kind: &SpanKind,
        _attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let decision = if self.keeps(before, id, kind, links) {
            SamplingDecision::RecordAndSample
        } else {
            SamplingDecision::Drop
        };
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::NONE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Trace;

    const KEPT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const DROPPED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    fn before(header: &str, stranger: bool) -> Context {
        let cx = Context::new().with_remote_span_context(Trace::parse(header).unwrap().remote());
        if stranger { cx.with_value(Stranger) } else { cx }
    }

    fn keeps(
        sampling: &Sampling,
        before: Option<&Context>,
        kind: &SpanKind,
        links: &[&str],
    ) -> bool {
        let links: Vec<Link> = links
            .iter()
            .map(|link| Link::with_context(Trace::parse(link).unwrap().remote()))
            .collect();
        sampling.keeps(before, TraceId::from(7_u128), kind, &links)
    }

    #[test]
    fn the_suite_goes_by_what_was_decided_before() {
        for ratio in [0.0, 1.0] {
            let sampling = Sampling::new(ratio, false);
            for (header, kept) in [(KEPT, true), (DROPPED, false)] {
                let before = before(header, false);
                assert_eq!(keeps(&sampling, Some(&before), &SpanKind::Server, &[]), kept);
            }
        }
    }

    #[test]
    fn a_client_decides_only_where_it_is_trusted() {
        for header in [KEPT, DROPPED] {
            let before = before(header, true);
            let kept = |ratio, trust| {
                keeps(&Sampling::new(ratio, trust), Some(&before), &SpanKind::Server, &[])
            };
            assert!(kept(1.0, false) && !kept(0.0, false));
            assert_eq!((kept(1.0, true), kept(0.0, true)), (header == KEPT, header == KEPT));
        }
    }

    #[test]
    fn a_trace_begins_with_a_call_or_with_what_it_links_to() {
        let sampling = Sampling::new(1.0, false);
        assert!(keeps(&sampling, None, &SpanKind::Server, &[]));
        for kind in [SpanKind::Internal, SpanKind::Client, SpanKind::Consumer] {
            assert!(!keeps(&sampling, None, &kind, &[]), "{kind:?}");
        }
        assert!(keeps(&sampling, None, &SpanKind::Consumer, &[DROPPED, KEPT]));
        assert!(!keeps(&sampling, None, &SpanKind::Consumer, &[DROPPED]));
    }

    #[test]
    fn the_share_that_is_kept_is_the_ratio() {
        let sampling = Sampling::new(0.25, false);
        let kept = (1..=20_000_u128).filter(|id| sampling.draw(TraceId::from(*id))).count();
        assert!((4_600..5_400).contains(&kept), "{kept}");
    }
}

//! An event as its readers see it.

use std::sync::Arc;

use contracts::r#type::v1::{Actor, ActorKind, Event as Wire};
use kernel::{CallerKind, TenantId, Time, id::canonical};
use uuid::Uuid;

use crate::HandleError;

/// One thing that happened to one aggregate, with its place in the feed.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The service that it happened in.
    pub source: Arc<str>,
    /// The partition of the source's feed.
    pub partition: u32,
    /// Its place in the partition.
    pub position: i64,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it happened to.
    pub aggregate: Uuid,
    /// Its place in the aggregate's history, without gaps from 1.
    pub sequence: i64,
    /// What happened, for instance `ticket.resolved`.
    pub kind: String,
    /// The service's event message, serialised.
    pub payload: Vec<u8>,
    /// What kind of principal did it.
    pub actor_kind: CallerKind,
    /// Who did it.
    pub actor: String,
    /// When it happened; never falls within an aggregate, may fall between aggregates.
    pub at: Time,
    /// The W3C trace context of the call that caused it; empty where there was none.
    pub trace: String,
}

/// An envelope that no service of the suite would make.
#[derive(Debug, thiserror::Error)]
#[error("the event at position {position} has no usable {field}")]
pub struct Malformed {
    position: i64,
    field: &'static str,
}

impl Event {
    /// Decodes the payload. One that does not decode is poison: it will not next time either.
    pub fn decode<M: prost::Message + Default>(&self) -> Result<M, HandleError> {
        M::decode(self.payload.as_slice()).map_err(HandleError::poison)
    }

    pub(crate) fn from_wire(wire: Wire) -> Result<Self, Malformed> {
        let position = wire.position;
        let malformed = |field| Malformed { position, field };
        let actor = wire.actor.clone().unwrap_or_default();
        let time = wire.time.ok_or_else(|| malformed("time"))?;
        Ok(Self {
            source: wire.source.into(),
            partition: u32::try_from(wire.partition).map_err(|_| malformed("partition"))?,
            position,
            tenant: canonical(&wire.tenant).ok_or_else(|| malformed("tenant"))?.into(),
            aggregate: canonical(&wire.aggregate).ok_or_else(|| malformed("aggregate"))?,
            sequence: wire.sequence,
            kind: wire.r#type,
            payload: wire.payload,
            actor_kind: from_actor_kind(actor.kind()).ok_or_else(|| malformed("actor"))?,
            actor: actor.subject,
            at: Time::from_parts(time.seconds, time.nanos).ok_or_else(|| malformed("time"))?,
            trace: wire.traceparent,
        })
    }

    /// How long the event is on the wire, at most: its texts and its payload, and what numbers, ids
    /// and the lengths of fields come to.
    pub(crate) fn wire_len(&self) -> usize {
        const THE_REST: usize = 192;
        let texts = [&*self.source, &self.kind, &self.actor, &self.trace];
        THE_REST + self.payload.len() + texts.map(str::len).iter().sum::<usize>()
    }

    pub(crate) fn to_wire(&self) -> Wire {
        Wire {
            source: self.source.to_string(),
            partition: i32::try_from(self.partition).unwrap_or(i32::MAX),
            position: self.position,
            tenant: self.tenant.to_string(),
            aggregate: self.aggregate.to_string(),
            sequence: self.sequence,
            r#type: self.kind.clone(),
            payload: self.payload.clone(),
            actor: Some(Actor {
                kind: to_actor_kind(self.actor_kind).into(),
                subject: self.actor.clone(),
            }),
            time: Some(timestamp(self.at)),
            traceparent: self.trace.clone(),
        }
    }
}

pub(crate) fn timestamp(at: Time) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.seconds(), nanos: at.subsec_nanos() }
}

fn to_actor_kind(kind: CallerKind) -> ActorKind {
    match kind {
        CallerKind::Anonymous => ActorKind::Anonymous,
        CallerKind::Customer => ActorKind::Customer,
        CallerKind::Member => ActorKind::Member,
        CallerKind::Integration => ActorKind::Integration,
        CallerKind::Service => ActorKind::Service,
        CallerKind::Operator => ActorKind::Operator,
    }
}

fn from_actor_kind(kind: ActorKind) -> Option<CallerKind> {
    Some(match kind {
        ActorKind::Unspecified => return None,
        ActorKind::Anonymous => CallerKind::Anonymous,
        ActorKind::Customer => CallerKind::Customer,
        ActorKind::Member => CallerKind::Member,
        ActorKind::Integration => CallerKind::Integration,
        ActorKind::Service => CallerKind::Service,
        ActorKind::Operator => CallerKind::Operator,
    })
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    fn sample(actor_kind: CallerKind) -> Event {
        Event {
            source: "tickets".into(),
            partition: 3,
            position: 41,
            tenant: TenantId::from(Uuid::from_u128(1)),
            aggregate: Uuid::from_u128(2),
            sequence: 7,
            kind: "ticket.resolved".to_owned(),
            payload: vec![1, 2],
            actor_kind,
            actor: "lin".to_owned(),
            at: Time::from_micros(1_763_770_000_123_456),
            trace: "00-0-0-00".to_owned(),
        }
    }

    #[test]
    fn an_envelope_round_trips() {
        for kind in [
            CallerKind::Anonymous,
            CallerKind::Customer,
            CallerKind::Member,
            CallerKind::Integration,
            CallerKind::Service,
            CallerKind::Operator,
        ] {
            let event = sample(kind);
            assert_eq!(Event::from_wire(event.to_wire()).unwrap(), event);
        }
    }

    #[test]
    fn an_events_length_on_the_wire_is_never_more_than_is_counted() {
        let mut event = sample(CallerKind::Integration);
        assert!(event.to_wire().encoded_len() <= event.wire_len());
        event.partition = i32::MAX.cast_unsigned();
        (event.position, event.sequence) = (i64::MAX, i64::MAX);
        event.at = Time::from_micros(-1);
        for length in [0, 100, 70_000, 3_000_000] {
            event.payload = vec![1; length];
            event.trace = "x".repeat(length);
            event.actor = "x".repeat(length);
            event.kind = "x".repeat(length);
            let (long, counted) = (event.to_wire().encoded_len(), event.wire_len());
            assert!(long <= counted && counted <= long + 192, "{long} {counted}");
        }
    }

    #[test]
    fn a_malformed_envelope_says_what_is_wrong() {
        let mut wire = sample(CallerKind::Member).to_wire();
        wire.tenant = "nobody".to_owned();
        let error = Event::from_wire(wire).unwrap_err();
        assert_eq!(error.to_string(), "the event at position 41 has no usable tenant");
    }
}

//! What this service tells the others, in the transaction in which it happens.

use contracts::knowledge::v1::{KnowledgeEvent, knowledge_event::Change};
use kernel::Time;
use prost::Message;
use rpc::{Call, wire};
use store::{
    Tx,
    events::{self, NewEvent},
};
use uuid::Uuid;

use crate::{App, Error, domain::article::Article};

/// Where an event stands in the history of its aggregate, whose row the transaction holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) aggregate: Uuid,
    pub(crate) sequence: i64,
    pub(crate) at: Time,
}

impl Place {
    /// The last event of an article.
    pub(crate) fn of(article: &Article) -> Self {
        let Article { id, sequence, last_at, .. } = article;
        Self { aggregate: id.uuid(), sequence: *sequence, at: *last_at }
    }
}

/// Appends one event.
pub(crate) async fn append(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    place: Place,
    change: Change,
) -> Result<(), Error> {
    let (_, actor) = wire::actor_parts(&call.caller);
    let event = NewEvent {
        tenant: call.tenant(),
        aggregate: place.aggregate,
        sequence: place.sequence,
        at: place.at,
        kind: kind(&change),
        payload: KnowledgeEvent { change: Some(change) }.encode_to_vec(),
        actor_kind: call.caller.kind,
        actor,
        trace: call.traceparent.to_string(),
    };
    events::append(tx, app.partitions, &[event]).await?;
    Ok(())
}

fn kind(change: &Change) -> &'static str {
    match change {
        Change::Created(_) => "article.created",
        Change::Updated(_) => "article.updated",
        Change::Revised(_) => "article.revised",
        Change::Published(_) => "article.published",
        Change::Archived(_) => "article.archived",
        Change::Restored(_) => "article.restored",
        Change::FeedbackGiven(_) => "feedback.given",
    }
}

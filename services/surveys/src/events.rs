//! What this service tells the others, in the transaction in which it happens.

use contracts::surveys::v1::{SurveyEvent, survey_event::Change};
use prost::Message;
use rpc::{Call, wire};
use store::{
    Tx,
    events::{self, NewEvent},
};

use crate::{App, Error, domain::survey::Survey};

/// Appends the last event of a survey, whose row the transaction holds.
pub(crate) async fn append(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    survey: &Survey,
    change: Change,
) -> Result<(), Error> {
    let (_, actor) = wire::actor_parts(&call.caller);
    let event = NewEvent {
        tenant: call.tenant(),
        aggregate: survey.id.uuid(),
        sequence: survey.sequence,
        at: survey.last_at,
        kind: kind(&change),
        payload: SurveyEvent { change: Some(change) }.encode_to_vec(),
        actor_kind: call.caller.kind,
        actor,
        trace: call.traceparent.to_string(),
    };
    events::append(tx, app.partitions, &[event]).await?;
    Ok(())
}

fn kind(change: &Change) -> &'static str {
    match change {
        Change::Created(_) => "survey.created",
        Change::Updated(_) => "survey.updated",
        Change::Published(_) => "survey.published",
        Change::Archived(_) => "survey.archived",
    }
}

//! What this service tells the others, in the transaction in which it happens.

use contracts::customers::v1::{CustomerEvent, customer_event::Change};
use kernel::Time;
use prost::Message;
use rpc::{Call, wire};
use store::{
    Tx,
    events::{self, NewEvent},
};
use uuid::Uuid;

use crate::{App, Error};

/// Where an event stands in the history of its aggregate, whose row the transaction holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) aggregate: Uuid,
    pub(crate) sequence: i64,
    pub(crate) at: Time,
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
        payload: CustomerEvent { change: Some(change) }.encode_to_vec(),
        actor_kind: call.caller.kind,
        actor,
        trace: call.traceparent.to_string(),
    };
    events::append(tx, app.partitions, &[event]).await?;
    Ok(())
}

fn kind(change: &Change) -> &'static str {
    match change {
        Change::Created(_) => "customer.created",
        Change::Updated(_) => "customer.updated",
        Change::ProductCreated(_) => "product.created",
        Change::PurchaseRecorded(_) => "purchase.recorded",
        Change::ConsentChanged(_) => "consent.changed",
    }
}

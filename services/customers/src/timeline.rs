//! The consumer `customers.timeline`: what happens to tickets, on the timelines of their customers.

use contracts::tickets::v1::TicketEvent;
use feed::{Event, HandleError, Handler};
use kernel::{CustomerId, TenantId};
use store::Tx;

use crate::{domain::timeline::Item, store::timeline};

/// The consumer's name.
pub const CONSUMER: &str = "customers.timeline";
/// The service whose feed it reads.
pub const SOURCE: &str = "tickets";

/// The collection that tickets' names start with.
const COLLECTION: &str = "tickets";

/// Writes one row for each event of a ticket, types that are not known here included. An event
/// without customer waits on no timeline until a later one of its ticket names the customer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timeline;

impl Handler for Timeline {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), HandleError> {
        self.apply_all(tx, &[event]).await
    }

    async fn apply_all(&self, tx: &mut Tx, events: &[&Event]) -> Result<(), HandleError> {
        let items = events.iter().map(|event| read(event)).collect::<Result<Vec<_>, _>>()?;
        timeline::put(tx, &items).await?;
        // The first event has none before it that could lack the customer.
        let named = items.iter().filter(|(_, item)| item.customer.is_some() && item.sequence > 1);
        let unowned = timeline::unowned(tx, named.clone()).await?;
        for (tenant, item) in named {
            if unowned.contains(&(*tenant, item.aggregate)) {
                timeline::adopt(tx, *tenant, item).await?;
            }
        }
        Ok(())
    }
}

fn read(event: &Event) -> Result<(TenantId, Item), HandleError> {
    let payload: TicketEvent = event.decode()?;
    let item = Item {
        collection: COLLECTION.to_owned(),
        aggregate: event.aggregate,
        sequence: event.sequence,
        customer: read_customer(&payload.customer)?,
        kind: event.kind.clone(),
        at: event.at,
    };
    Ok((event.tenant, item))
}

fn read_customer(name: &str) -> Result<Option<CustomerId>, HandleError> {
    if name.is_empty() {
        return Ok(None);
    }
    let id = CustomerId::parse_name(name);
    id.map(Some).ok_or_else(|| HandleError::poison("the customer's name has another form"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_unknown_or_well_formed() {
        assert_eq!(read_customer("").unwrap(), None);
        let name = "customers/0198b2a0-0000-7000-8000-000000000001";
        assert_eq!(read_customer(name).unwrap().unwrap().name(), name);
        assert!(matches!(read_customer("customers/x"), Err(HandleError::Poison(_))));
    }
}

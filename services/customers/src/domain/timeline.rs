//! What happened between a customer and the company.

use kernel::{CustomerId, Time};
use uuid::Uuid;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The collection of what it happened to, for instance `tickets`.
    pub collection: String,
    /// The id of what it happened to.
    pub aggregate: Uuid,
    /// Its place in that resource's history.
    pub sequence: i64,
    /// Whose it is, where that is known.
    pub customer: Option<CustomerId>,
    /// What happened, for instance `ticket.resolved`.
    pub kind: String,
    /// When.
    pub at: Time,
}

impl Item {
    /// The resource name of what it happened to.
    pub fn resource(&self) -> String {
        format!("{}/{}", self.collection, self.aggregate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_named_by_collection_and_id() {
        let item = Item {
            collection: "tickets".to_owned(),
            aggregate: Uuid::from_u128(1),
            sequence: 1,
            customer: None,
            kind: "ticket.created".to_owned(),
            at: Time::EPOCH,
        };
        assert_eq!(item.resource(), "tickets/00000000-0000-0000-0000-000000000001");
    }
}

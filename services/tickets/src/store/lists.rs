//! Pages of tickets, by the declared access paths. Each path is one index; a page costs the same
//! wherever it starts.

use ::store::{Db, Error, List};
use contracts::tickets::v1::Category;
use kernel::{CustomerId, RowScope, TenantId, TicketId, Time};

use super::tickets::{Stored, columns, listed};

/// An access path: what a page is narrowed to, and its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Only this queue.
    pub queue: Option<String>,
    /// Only this category.
    pub category: Option<Category>,
    /// Only this agent.
    pub assignee: Option<String>,
    /// Only this customer.
    pub customer: Option<CustomerId>,
    /// Only this number.
    pub number: Option<i64>,
    /// Earliest due first instead of newest first.
    pub by_due: bool,
}

/// Where a page ended: the value of the order's column and the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// `created_at` or `due_at`.
    pub at: Time,
    /// The ticket.
    pub id: TicketId,
}

impl Path {
    /// Whether this combination of filters and order has an index.
    pub fn is_declared(&self) -> bool {
        let filters = (
            self.queue.is_some(),
            self.category.is_some(),
            self.assignee.is_some(),
            self.customer.is_some(),
            self.number.is_some(),
        );
        match filters {
            (false, false, false, false, false)
            | (false, true, false, false, false)
            | (false, false, true, false, false)
            | (false, false, false, true, false)
            | (false, false, false, false, true)
            | (true, false, false, false, false) => !self.by_due,
            (true, true, false, false, false) => true,
            (false, true, true, false, false) => self.by_due,
            _ => false,
        }
    }
}

/// A page of `limit` tickets after `after`, of what `scope` reaches.
pub async fn page(
    db: &Db,
    tenant: TenantId,
    scope: &RowScope,
    path: &Path,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<Stored>, Error> {
    listed(db, statement(tenant, scope, path, after, limit)).await
}

fn statement(
    tenant: TenantId,
    scope: &RowScope,
    path: &Path,
    after: Option<Position>,
    limit: i64,
) -> List {
    let mut list = List::new(concat!(
        "SELECT ",
        columns!(),
        " FROM tickets t JOIN ticket_texts x ON x.tenant = t.tenant AND x.ticket = t.id \
         WHERE t.tenant = "
    ));
    list.bind(tenant);
    if let Some(queue) = &path.queue {
        list.push(" AND t.queue = ").bind(queue);
    }
    if let Some(category) = path.category {
        list.push(" AND t.category = ").bind(category.as_str_name());
    }
    if let Some(assignee) = &path.assignee {
        list.push(" AND t.assignee <> '' AND t.assignee = ").bind(assignee);
    }
    if let Some(customer) = path.customer {
        list.push(" AND t.customer = ").bind(customer);
    }
    if let Some(number) = path.number {
        list.push(" AND t.number = ").bind(number);
    }
    match scope {
        RowScope::Tenant => {}
        RowScope::Teams(teams) => {
            list.push(" AND t.team IN (").binds(teams.iter()).push(")");
        }
        RowScope::Own(customer) => {
            list.push(" AND t.customer = ").bind(*customer);
        }
        RowScope::None => {
            list.push(" AND 1 = 0");
        }
    }
    if let Some(Position { at, id }) = after {
        list.push(if path.by_due {
            " AND (t.due_at, t.id) > ("
        } else {
            " AND (t.created_at, t.id) < ("
        });
        list.bind(at).push(", ").bind(id).push(")");
    }
    list.push(if path.by_due {
        " ORDER BY t.due_at, t.id LIMIT "
    } else {
        " ORDER BY t.created_at DESC, t.id DESC LIMIT "
    });
    list.bind(limit);
    list
}

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
    /// Whether it narrows to nothing that is small by itself.
    fn is_open(&self) -> bool {
        self.queue.is_none()
            && self.assignee.is_none()
            && self.customer.is_none()
            && self.number.is_none()
    }

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
            (false | true, false, false, false, false)
            | (false, true, false, false, false)
            | (false, false, true, false, false)
            | (false, false, false, true, false)
            | (false, false, false, false, true) => !self.by_due,
            (true, true, false, false, false) => true,
            (false, true, true, false, false) => self.by_due,
            _ => false,
        }
    }
}

/// What a caller reaches of a tenant, as lists go by it.
#[derive(Clone, Debug)]
pub struct Reach<'a> {
    /// The tenant.
    pub tenant: TenantId,
    /// The rows of it.
    pub scope: &'a RowScope,
    /// The queues of the scope's teams, where it is teams: each is an access path.
    pub queues: Vec<&'a str>,
}

/// A page of `limit` tickets after `after`, of what `reach` takes in.
pub async fn page(
    db: &Db,
    reach: &Reach<'_>,
    path: &Path,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<Stored>, Error> {
    let beyond = match reach.scope {
        RowScope::Tenant | RowScope::Own(_) => false,
        RowScope::Teams(teams) => {
            let queue = |queue: &String| !reach.queues.contains(&queue.as_str());
            teams.is_empty() || reach.queues.is_empty() || path.queue.as_ref().is_some_and(queue)
        }
        RowScope::None => true,
    };
    if beyond {
        return Ok(Vec::new());
    }
    let mut list = List::default();
    write(&mut list, reach, path, after, limit);
    listed(db, list).await
}

/// Writes the statement of a page; behind `EXPLAIN` it shows how it is planned.
pub fn write(list: &mut List, reach: &Reach<'_>, path: &Path, after: Option<Position>, limit: i64) {
    let merged = matches!(reach.scope, RowScope::Teams(_)) && path.is_open();
    if !merged {
        list.push(FROM);
        conditions(list, reach, path, path.queue.as_deref(), after, limit);
        return;
    }
    // Each queue has its index; of each come as many as the page takes, and then the page.
    list.push(concat!("SELECT ", columns!(), " FROM ("));
    for (n, queue) in reach.queues.iter().enumerate() {
        list.push(if n > 0 { " UNION ALL " } else { "" });
        list.push("SELECT * FROM (SELECT t.id FROM tickets t WHERE t.tenant = ");
        conditions(list, reach, path, Some(queue), after, limit);
        list.push(") AS one");
    }
    list.push(
        ") AS page JOIN tickets t ON t.id = page.id \
         JOIN ticket_texts x ON x.tenant = t.tenant AND x.ticket = t.id WHERE t.tenant = ",
    );
    list.bind(reach.tenant);
    order(list, path, limit);
}

const FROM: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tickets t JOIN ticket_texts x ON x.tenant = t.tenant AND x.ticket = t.id \
     WHERE t.tenant = "
);

fn order(list: &mut List, path: &Path, limit: i64) {
    list.push(if path.by_due {
        " ORDER BY t.due_at, t.id"
    } else {
        " ORDER BY t.created_at DESC, t.id DESC"
    });
    list.limit(limit);
}

fn conditions(
    list: &mut List,
    reach: &Reach<'_>,
    path: &Path,
    queue: Option<&str>,
    after: Option<Position>,
    limit: i64,
) {
    list.bind(reach.tenant);
    if let Some(queue) = queue {
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
    match reach.scope {
        RowScope::Tenant => {}
        RowScope::Teams(teams) => {
            // A queue without a team is everybody's.
            let teams = teams.iter().map(String::as_str).chain([""]);
            list.push(" AND t.team IN (").binds(teams).push(")");
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
    order(list, path, limit);
}

//! What services say of each other's rows: whoever is named is there.

use std::collections::HashSet;

use anyhow::Result;
use store::{Db, List, Sql, args};
use uuid::Uuid;

use super::Finding;
use crate::serve::Databases;

const PAGE: u32 = 1_000;

/// Rows of one service that name rows of another, by tenant.
pub(super) struct Reference {
    what: &'static str,
    from: &'static str,
    /// Tenant, id and the id that is named, behind a tenant and an id, by both.
    rows: Sql,
    to: &'static str,
    /// The beginning of the statement that finds those that are there.
    find: &'static str,
}

/// A ticket whose customer is still to be asked for may name nobody.
const CUSTOMERS_OF_TICKETS: Sql = Sql::split(
    "SELECT tenant, id, customer FROM tickets WHERE customer IS NOT NULL \
     AND json_extract(body, '$.link') IS NULL AND (tenant, id) > ($1, $2) \
     ORDER BY tenant, id LIMIT $3",
    "SELECT tenant, id, customer FROM tickets WHERE customer IS NOT NULL \
     AND COALESCE(body -> 'link', 'null') = 'null' AND (tenant, id) > ($1, $2) \
     ORDER BY tenant, id LIMIT $3",
);
const TICKETS_OF_INVITATIONS: Sql = Sql::both(
    "SELECT tenant, id, ticket FROM invitations WHERE (tenant, id) > ($1, $2) \
     ORDER BY tenant, id LIMIT $3",
);
const FOLLOW_UPS_OF_LOOPS: Sql = Sql::both(
    "SELECT tenant, id, follow_up FROM loops WHERE follow_up IS NOT NULL AND (tenant, id) > ($1, $2) \
     ORDER BY tenant, id LIMIT $3",
);
const TENANTS: Sql = Sql::both(
    "SELECT tenant, tenant, tenant FROM tenants WHERE (tenant, tenant) > ($1, $2) \
     ORDER BY tenant LIMIT $3",
);

const FIND_CUSTOMERS: &str = "SELECT tenant, id FROM customers WHERE (tenant, id) IN (VALUES ";
const FIND_TICKETS: &str = "SELECT tenant, id FROM tickets WHERE (tenant, id) IN (VALUES ";
const FIND_TENANTS: &str = "SELECT tenant, tenant FROM tenants WHERE (tenant, tenant) IN (VALUES ";

/// All of them. Who is named was there first, so that it is looked for last.
pub(super) const ALL: [Reference; 6] = [
    Reference {
        what: "the customers of tickets",
        from: "tickets",
        rows: CUSTOMERS_OF_TICKETS,
        to: "customers",
        find: FIND_CUSTOMERS,
    },
    Reference {
        what: "the tickets of invitations",
        from: "surveys",
        rows: TICKETS_OF_INVITATIONS,
        to: "tickets",
        find: FIND_TICKETS,
    },
    Reference {
        what: "the follow-ups of loops",
        from: "surveys",
        rows: FOLLOW_UPS_OF_LOOPS,
        to: "tickets",
        find: FIND_TICKETS,
    },
    tenants_of("the tenants of tickets", "tickets"),
    tenants_of("the tenants of customers", "customers"),
    tenants_of("the tenants of surveys", "surveys"),
];

const fn tenants_of(what: &'static str, from: &'static str) -> Reference {
    Reference { what, from, rows: TENANTS, to: "gateway", find: FIND_TENANTS }
}

impl Reference {
    /// Looks up everybody who is named.
    pub(super) async fn check(&self, databases: &Databases) -> Result<Finding> {
        let (from, to) = (databases.of(self.from)?, databases.of(self.to)?);
        let mut finding = Finding::of(self.what);
        let mut last = (Uuid::nil(), Uuid::nil());
        loop {
            let page: Vec<(Uuid, Uuid, Uuid)> =
                from.all(self.rows, args![last.0, last.1, PAGE]).await?;
            let Some((tenant, id, _)) = page.last() else { return Ok(finding) };
            last = (*tenant, *id);
            let named: HashSet<_> =
                page.iter().map(|(tenant, _, named)| (*tenant, *named)).collect();
            let there = find(to, self.find, &named).await?;
            for (tenant, id, named) in page {
                let missing = !there.contains(&(tenant, named));
                finding.look(missing, || format!("{id} names {named}, which is not there"));
            }
        }
    }
}

/// Which of these are there.
pub(super) async fn find(
    db: &Db,
    start: &'static str,
    keys: &HashSet<(Uuid, Uuid)>,
) -> Result<HashSet<(Uuid, Uuid)>> {
    let mut list = List::new(start);
    list.rows(keys.iter().map(|(tenant, id)| args![*tenant, *id])).push(")");
    let (text, values) = list.finish();
    let there: Vec<(Uuid, Uuid)> = db.all(text, values).await?;
    Ok(there.into_iter().collect())
}

//! Pages: each access path is the sorted whole, whatever the caller reaches.

use ::tickets::{
    domain::Ticket,
    migrations,
    store::{
        lists,
        lists::{Path, Position, Reach},
        tickets::NEVER,
    },
};
use kernel::{CustomerId, RowScope, TicketId};
use testing::each_db;
use uuid::Uuid;

use crate::data::*;

fn scopes() -> Vec<(RowScope, Vec<&'static str>)> {
    let teams =
        |teams: &[&str]| RowScope::Teams(teams.iter().map(|team| (*team).to_owned()).collect());
    vec![
        (RowScope::Tenant, Vec::new()),
        (teams(&["resolution"]), vec!["complaints", "returns"]),
        (teams(&["front-line"]), vec!["general"]),
        (teams(&["resolution", "front-line"]), QUEUES.to_vec()),
        (teams(&[]), Vec::new()),
        (teams(&["nobody"]), Vec::new()),
        (RowScope::Own(CustomerId::from(Uuid::from_u128(3))), Vec::new()),
        (RowScope::None, Vec::new()),
    ]
}

fn in_reach(ticket: &Ticket, scope: &RowScope) -> bool {
    match scope {
        RowScope::Tenant => true,
        RowScope::Teams(teams) => teams.contains(&ticket.team),
        RowScope::Own(customer) => ticket.customer == Some(*customer),
        RowScope::None => false,
    }
}

/// What a list must be, by sorting everything.
fn sorted(all: &[Ticket], scope: &RowScope, path: &Path) -> Vec<TicketId> {
    let mut kept: Vec<&Ticket> = all
        .iter()
        .filter(|ticket| in_reach(ticket, scope))
        .filter(|ticket| path.queue.as_ref().is_none_or(|queue| ticket.queue == *queue))
        .filter(|ticket| path.category.is_none_or(|category| ticket.category == category))
        .filter(|ticket| path.assignee.is_none() || ticket.assignee == path.assignee)
        .filter(|ticket| path.customer.is_none() || ticket.customer == path.customer)
        .filter(|ticket| path.number.is_none_or(|number| ticket.number == number))
        .collect();
    kept.sort_by_key(|ticket| {
        if path.by_due {
            (ticket.next_due().unwrap_or(NEVER), ticket.id)
        } else {
            (ticket.created_at, ticket.id)
        }
    });
    if !path.by_due {
        kept.reverse();
    }
    kept.into_iter().map(|ticket| ticket.id).collect()
}

#[tokio::test]
async fn pages_put_together_are_the_sorted_whole() {
    each_db(&migrations(), async |db| {
        let all: Vec<_> = (0..240).map(|n| ticket(tenant(1), n)).collect();
        let theirs: Vec<_> = (0..50).map(|n| ticket(tenant(2), n)).collect();
        put(db, &all, &texts()).await;
        put(db, &theirs, &texts()).await;
        for (scope, queues) in scopes() {
            for (path, _) in paths() {
                assert!(path.is_declared());
                let reach = Reach { tenant: tenant(1), scope: &scope, queues: queues.clone() };
                let mut paged = Vec::new();
                let mut after = None;
                loop {
                    let page = lists::page(db, &reach, &path, after, 7).await.unwrap();
                    let Some(last) = page.last() else { break };
                    after = Some(Position {
                        at: if path.by_due {
                            last.ticket.next_due().unwrap_or(NEVER)
                        } else {
                            last.ticket.created_at
                        },
                        id: last.ticket.id,
                    });
                    paged.extend(page.into_iter().map(|stored| stored.ticket.id));
                }
                assert_eq!(paged, sorted(&all, &scope, &path), "{scope:?} {path:?}");
            }
        }
    })
    .await;
}

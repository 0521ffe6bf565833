//! `ListTimeline`: what happened between a customer and the company, newest first.

use contracts::customers::v1::{ListTimelineRequest, ListTimelineResponse};
use kernel::{CallerKind, RowScope, Violations, page};
use rpc::{Call, wire};

use crate::{
    App, Error, convert,
    position::Position,
    rpc::get_customer,
    store::timeline::{self, Part},
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListTimelineRequest,
) -> Result<ListTimelineResponse, Error> {
    let tenant = call.tenant();
    let query = page::Query::new(&app.tokens, tenant, "ListTimeline", &request.parent);
    let mut violations = Violations::new();
    let parent = convert::customer_id(&request.parent, "parent", &mut violations);
    let size = page::size(request.page_size, &mut violations);
    let start = query.start(&request.page_token, &mut violations);
    let Some(customer) = parent.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    get_customer::check(&app, &call, customer).await?;

    let rows = timeline::list(&app.db, tenant, customer, part(&call), start, size + 1).await?;
    let (shown, last) = wire::page_of(&rows, size, convert::timeline_item);
    let next =
        last.map(|last| Position { at: last.at, id: last.aggregate, sequence: last.sequence });
    Ok(ListTimelineResponse { items: shown, next_page_token: query.token(next) })
}

/// Customers see of their timeline what they were told, staff see all.
fn part(call: &Call) -> Part {
    if call.caller.kind == CallerKind::Customer || matches!(call.scope, RowScope::Own(_)) {
        Part::Public
    } else {
        Part::Whole
    }
}

#[cfg(test)]
mod tests {
    use contracts::tickets::v1::TicketEvent;
    use feed::{Event, Handler};
    use prost::Message;
    use store::transact;
    use uuid::Uuid;

    use super::*;
    use crate::{
        rpc::{
            fixture::{Fixture, START, agent, fields, id_of, own, stranger, system, tenant},
            upsert_purchase::{self, tests::request as order},
        },
        timeline::Timeline,
    };

    fn event(ticket: u128, sequence: i64, kind: &str, customer: &str) -> Event {
        let payload = TicketEvent { customer: customer.to_owned(), ..TicketEvent::default() };
        Event {
            source: "tickets".into(),
            partition: 0,
            position: sequence,
            tenant: tenant(1),
            aggregate: Uuid::from_u128(ticket),
            sequence,
            kind: kind.to_owned(),
            payload: payload.encode_to_vec(),
            actor_kind: CallerKind::Service,
            actor: "tickets".to_owned(),
            at: START.plus_micros(sequence),
            trace: String::new(),
        }
    }

    async fn apply(fixture: &Fixture, event: &Event) -> Result<(), feed::HandleError> {
        transact!(fixture.app.db, "test", |tx| Timeline.apply(tx, event).await)
    }

    async fn list(fixture: &Fixture, call: Call, parent: &str) -> Vec<(String, i64)> {
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request =
                ListTimelineRequest { parent: parent.to_owned(), page_size: 2, page_token };
            let page = handle(fixture.app.clone(), call.clone(), request).await.unwrap();
            seen.extend(page.items.into_iter().map(|item| (item.r#type, item.sequence)));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return seen;
            }
        }
    }

    fn kinds(items: &[(String, i64)]) -> Vec<&str> {
        items.iter().map(|(kind, _)| kind.as_str()).collect()
    }

    #[tokio::test]
    async fn a_ticket_that_is_linked_late_appears_whole() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("王芳", &[]).await;
        for (sequence, kind) in [(1, "ticket.created"), (2, "clock.started")] {
            apply(&fixture, &event(7, sequence, kind, "")).await.unwrap();
        }
        assert!(list(&fixture, system(), &customer.name).await.is_empty());
        let linked = event(7, 3, "ticket.updated", &customer.name);
        // A consumer that was restored sees events again.
        for _ in 0..2 {
            apply(&fixture, &linked).await.unwrap();
        }
        apply(&fixture, &event(7, 4, "ticket.invented_later", &customer.name)).await.unwrap();
        apply(&fixture, &event(8, 1, "ticket.created", "")).await.unwrap();
        let seen = list(&fixture, agent(), &customer.name).await;
        assert_eq!(
            kinds(&seen),
            ["ticket.invented_later", "ticket.updated", "clock.started", "ticket.created"]
        );
        assert_eq!(seen[0].1, 4);
    }

    #[tokio::test]
    async fn a_customer_sees_what_was_said_to_them() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("王芳", &[]).await;
        fixture.product("X").await;
        let types = ["ticket.created", "assignment.changed", "entry.added", "ticket.resolved"];
        for (index, kind) in types.iter().enumerate() {
            let sequence = i64::try_from(index).unwrap() + 1;
            apply(&fixture, &event(7, sequence, kind, &customer.name)).await.unwrap();
        }
        fixture.later();
        let asked = order(&customer.name, "1", START);
        let bought = upsert_purchase::handle(fixture.app.clone(), system(), asked).await.unwrap();
        let staff = list(&fixture, agent(), &customer.name).await;
        assert_eq!(kinds(&staff)[0], "purchase.recorded");
        assert_eq!(staff.len(), 5);
        let theirs = list(&fixture, own(id_of(&customer.name)), &customer.name).await;
        assert_eq!(kinds(&theirs), ["ticket.resolved", "ticket.created"]);

        let request = ListTimelineRequest { parent: customer.name.clone(), ..Default::default() };
        let page = handle(fixture.app.clone(), system(), request).await.unwrap();
        assert_eq!(page.items[0].resource, bought.name);
        assert_eq!(page.items[1].resource, format!("tickets/{}", Uuid::from_u128(7)));
    }

    #[tokio::test]
    async fn an_event_that_cannot_be_read_is_poison() {
        let fixture = Fixture::new().await;
        let mut torn = event(7, 1, "ticket.created", "");
        torn.payload = vec![0xff; 9];
        let wrong = event(7, 1, "ticket.created", "customers/nobody");
        for event in [torn, wrong] {
            let error = apply(&fixture, &event).await.unwrap_err();
            assert!(matches!(error, feed::HandleError::Poison(_)), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_timeline_is_its_customers_and_its_tenants() {
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        for call in [stranger(), own(id_of(&other.name))] {
            let request = ListTimelineRequest { parent: one.name.clone(), ..Default::default() };
            let error = handle(fixture.app.clone(), call, request).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no customer `{}`", one.name));
        }
        let request =
            ListTimelineRequest { parent: "x".to_owned(), page_size: -1, ..Default::default() };
        let error = handle(fixture.app.clone(), system(), request).await.unwrap_err();
        assert_eq!(fields(&error), ["parent", "page_size"]);
    }
}

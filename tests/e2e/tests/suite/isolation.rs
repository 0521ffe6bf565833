//! Two tenants never see each other; and the test that says so finds a leak.

use aftercare_e2e::{
    Backend, Desk, Suite, Tenant, client::json_of, desk::name, each_backend, isolation, scenario,
};
use serde_json::{Value, json};
use store::{Sql, args, transact};
use tonic::Code;

#[track_caller]
fn none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[tokio::test]
async fn a_stranger_sees_nothing_of_any_scenario() {
    each_backend(async |suite| {
        let (north, south) = (Desk::new(suite, Tenant::North), Desk::new(suite, Tenant::South));
        // Both have something of their own, so that an empty answer means something.
        for desk in [&north, &south] {
            desk.claimed().await;
            desk.product().await;
        }
        let mut found = Vec::new();
        for scenario in scenario::all() {
            found.extend(isolation::check(&scenario, &north, &south).await);
        }
        none(&found);
    })
    .await;
}

#[tokio::test]
async fn lists_hold_what_is_the_callers_own_and_nothing_else() {
    each_backend(async |suite| {
        let (north, south) = (Desk::new(suite, Tenant::North), Desk::new(suite, Tenant::South));
        let (theirs, mine) = (north.ticket().await, south.ticket().await);
        let (their_product, my_product) = (north.product().await, south.product().await);
        for (list, request, mine, theirs) in [
            ("ListTickets", json!({}), &mine["name"], &theirs["name"]),
            ("ListTickets", json!({ "category": "CATEGORY_NEW" }), &mine["name"], &theirs["name"]),
            (
                "ListTickets",
                json!({ "queue": "queues/complaints" }),
                &mine["name"],
                &theirs["name"],
            ),
            ("ListCustomers", json!({}), &mine["customer"], &theirs["customer"]),
            ("ListProducts", json!({}), &my_product["name"], &their_product["name"]),
        ] {
            let found = all_pages(&south, list, request).await;
            assert!(found.contains(mine.as_str().unwrap()), "{list} lacks the caller's own");
            assert!(!found.contains(theirs.as_str().unwrap()), "{list} shows a stranger's");
        }
        // Numbers are the tenant's own; whose ticket has it is not for others.
        let request = json!({ "number": theirs["number"] });
        let found = south.agent().call("ListTickets", request).await;
        assert!(!found.to_string().contains(theirs["name"].as_str().unwrap()));
    })
    .await;
}

/// Every page of a list, as text.
async fn all_pages(desk: &Desk<'_>, list: &str, mut request: Value) -> String {
    let mut text = String::new();
    request["pageSize"] = json!(200);
    loop {
        let page = desk.agent().call(list, request.clone()).await;
        text.push_str(&page.to_string());
        let Some(token) = page["nextPageToken"].as_str() else { return text };
        request["pageToken"] = json!(token);
    }
}

#[tokio::test]
async fn a_page_token_opens_nothing_in_another_tenant() {
    each_backend(async |suite| {
        let (north, south) = (Desk::new(suite, Tenant::North), Desk::new(suite, Tenant::South));
        for desk in [&north, &south] {
            for _ in 0..2 {
                desk.ticket().await;
                desk.product().await;
            }
        }
        for list in ["ListTickets", "ListCustomers", "ListProducts"] {
            let page = north.agent().call(list, json!({ "pageSize": 1 })).await;
            let next = json!({ "pageSize": 1, "pageToken": page["nextPageToken"] });
            north.agent().call(list, next.clone()).await;
            let status = south.agent().refused(list, next).await;
            assert_eq!(status.code(), Code::InvalidArgument, "{list}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_watch_shows_the_callers_own_tenant() {
    each_backend(async |suite| {
        let (north, south) = (Desk::new(suite, Tenant::North), Desk::new(suite, Tenant::South));
        let mut stream = south.agent().open("WatchTickets", &json!({})).await.unwrap();
        stream.message().await.unwrap().expect("a sign of life");
        let theirs = name(&north.ticket().await);
        let mine = name(&south.ticket().await);
        loop {
            let seen = json_of(&stream.message().await.unwrap().expect("it goes on")).to_string();
            assert!(!seen.contains(&theirs), "{seen}");
            if seen.contains(&mine) {
                break;
            }
        }
    })
    .await;
}

const MOVE_TICKET: Sql = Sql::both(
    "UPDATE tickets SET tenant = $1, number = number + 500000000 WHERE tenant = $2 AND id = $3",
);
const MOVE_TEXTS: Sql =
    Sql::both("UPDATE ticket_texts SET tenant = $1 WHERE tenant = $2 AND ticket = $3");
const MOVE_ENTRIES: Sql =
    Sql::both("UPDATE entries SET tenant = $1 WHERE tenant = $2 AND ticket = $3");
const MOVE_PRODUCT: Sql =
    Sql::both("UPDATE products SET tenant = $1 WHERE tenant = $2 AND id = $3");

/// A row of the south stored under the north.
#[tokio::test]
async fn planted_leaks_are_found() {
    for backend in Backend::BOTH {
        // Not the shared suites: what is planted here would be found by the other tests.
        let suite = Suite::new(backend).await;
        let _process = suite.serve(&[]).await;
        let (north, south) = (Desk::new(&suite, Tenant::North), Desk::new(&suite, Tenant::South));
        for method in [
            "aftercare.tickets.v1.TicketService.GetTicket",
            "aftercare.tickets.v1.ConversationService.ListEntries",
            "aftercare.tickets.v1.TicketService.ListTickets",
            "aftercare.customers.v1.ProductService.GetProduct",
            "aftercare.customers.v1.ProductService.ListProducts",
        ] {
            let scenario = scenario::of(method);
            let prepared = scenario.prepare(&south).await;
            none(&isolation::look(&scenario, &prepared, &north).await);
            plant(&suite, &prepared.canaries).await;
            let found = isolation::look(&scenario, &prepared, &north).await;
            let leaks = found.iter().any(|one| one.contains("canary-") || one.contains("answered"));
            assert!(leaks, "{method} on {backend:?}: the leak was not found: {found:?}");
        }
    }
}

/// Moves every ticket and product among these words from the south to the north.
async fn plant(suite: &Suite, canaries: &[String]) {
    let (to, from) = (Tenant::North.id(), Tenant::South.id());
    let (tickets, customers) = (suite.db("tickets").await, suite.db("customers").await);
    for canary in canaries {
        if let Ok(id) = uuid::Uuid::try_parse(canary) {
            transact!(tickets, "test.plant", |tx| {
                for statement in [MOVE_TICKET, MOVE_TEXTS, MOVE_ENTRIES] {
                    tx.execute(statement, args![to, from, id]).await?;
                }
                Ok::<_, store::Error>(())
            })
            .unwrap();
        }
        let id = canary.trim_start_matches("products/");
        transact!(customers, "test.plant", |tx| {
            tx.execute(MOVE_PRODUCT, args![to, from, id]).await
        })
        .unwrap();
    }
    tickets.close().await;
    customers.close().await;
}

#[tokio::test]
async fn what_the_stranger_tried_left_no_trace_in_the_owners_history() {
    each_backend(async |suite| {
        let (north, south) = (Desk::new(suite, Tenant::North), Desk::new(suite, Tenant::South));
        let ticket = north.claimed().await;
        let before = north.agent().call("GetTicket", json!({ "name": ticket["name"] })).await;
        for command in ["ReleaseTicket", "ResolveTicket", "CloseTicket", "ClaimTicket"] {
            let mut request = json!({ "name": ticket["name"] });
            match command {
                "ResolveTicket" => request["answer"] = json!("done"),
                "CloseTicket" => request["reason"] = json!("CLOSE_REASON_SPAM"),
                _ => {}
            }
            let status = south.agent().refused(command, request).await;
            assert_eq!(status.code(), Code::NotFound, "{command}");
        }
        let after = north.agent().call("GetTicket", json!({ "name": ticket["name"] })).await;
        assert_eq!(before, after);
    })
    .await;
}

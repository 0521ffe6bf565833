//! Every reason for which a call fails, as it goes over the wire: the same on both databases.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_e2e::{
    Backend, Client, Desk, Suite, Tenant,
    client::{json_of, reason},
    desk::{name, new_id},
    golden::Names,
    isolation::nobodys,
    suite::BUSY_AGENT,
};
use contracts::POOL;
use serde_json::{Value, json};
use store::{Sql, args, meta, transact};
use tonic::Status;
use tonic_types::StatusExt as _;

/// Reasons that no test can bring about from outside: races are tried again inside, many times.
const NOT_FROM_OUTSIDE: [(&str, &str); 2] =
    [("customers.aftercare", "LOST_RACE"), ("tickets.aftercare", "LOST_RACE")];

/// What an integrator's program goes by, by domain and reason.
type Table = BTreeMap<(String, String), Value>;

/// Sends a request that fails, in both languages, and notes how.
async fn note(table: &mut Table, names: &mut Names, client: &Client, method: &str, request: Value) {
    let en = client.refused(method, request.clone()).await;
    let zh = client.clone().with("accept-language", "zh-CN").refused(method, request).await;
    assert_eq!(reason(&en), reason(&zh), "{method}");
    let metadata: BTreeSet<_> = en
        .get_error_details()
        .error_info()
        .map(|info| info.metadata.keys().cloned().collect())
        .unwrap_or_default();
    let (domain, why) = reason(&en);
    let row = json!({
        "code": format!("{:?}", en.code()),
        "metadata": metadata,
        "en": names.text(en.message()),
        "zh": names.text(&local(&zh)),
    });
    table.insert((domain, why), row);
}

fn local(status: &Status) -> String {
    let details = status.get_error_details();
    let message = details.localized_message().expect("every error has a message for people");
    assert_eq!(message.locale, "zh");
    message.message.clone()
}

#[tokio::test]
async fn every_reason_is_golden() {
    for backend in Backend::BOTH {
        let suite = Suite::new(backend).await;
        let process = suite.serve(&[]).await;
        let desk = Desk::new(&suite, Tenant::North);
        let (mut table, mut names) = (Table::new(), Names::new());
        of_tickets(&desk, &mut table, &mut names).await;
        of_customers(&desk, &mut table, &mut names).await;
        of_contacts(&desk, &mut table, &mut names).await;
        of_a_restored_feed(&suite, &desk, &mut table, &mut names).await;
        of_a_broken_database(&suite, &desk, &mut table, &mut names).await;
        of_a_database_away(&suite, &desk, &mut table, &mut names).await;
        drop(process);

        let seen: BTreeSet<_> = table.keys().cloned().collect();
        assert_eq!(seen, declared(), "on {backend:?}");
        let table: BTreeMap<_, _> = table
            .into_iter()
            .map(|((domain, why), row)| (format!("{domain} {why}"), row))
            .collect();
        insta::assert_json_snapshot!("errors", table);
    }
}

/// The reasons that the contracts declare, without those that cannot be brought about.
fn declared() -> BTreeSet<(String, String)> {
    let mut declared = BTreeSet::new();
    for service in ["customers", "tickets"] {
        let name = format!("aftercare.{service}.v1.ErrorReason");
        let reasons = POOL.get_enum_by_name(&name).expect("each service declares its reasons");
        let known = reasons.values().filter(|value| value.number() != 0);
        declared
            .extend(known.map(|value| (format!("{service}.aftercare"), value.name().to_owned())));
    }
    for (domain, why) in NOT_FROM_OUTSIDE {
        assert!(declared.remove(&(domain.to_owned(), why.to_owned())), "{domain} {why}");
    }
    declared
}

async fn of_tickets(desk: &Desk<'_>, table: &mut Table, names: &mut Names) {
    let ticket = desk.claimed().await;
    let ticket_name = name(&ticket);
    let fresh = name(&desk.ticket().await);
    let nobody = nobodys(ticket["customer"].as_str().unwrap());
    let request_id = new_id();
    let inquiry = |title: &str| {
        let ticket = json!({ "kind": "KIND_INQUIRY", "channel": "CHANNEL_EMAIL", "title": title });
        json!({ "ticket": ticket, "requestId": request_id })
    };
    desk.agent().call("CreateTicket", inquiry("first")).await;
    let triage = json!({ "nature": "NATURE_BILLING", "severity": 1 });
    desk.agent().call("TriageTicket", json!({ "name": ticket_name, "triage": triage })).await;
    let busy = format!("members/{BUSY_AGENT}");
    let supervisor = desk.member("frank");
    for (client, method, request) in [
        (desk.agent(), "CreateTicket", json!({ "ticket": {} })),
        (desk.agent(), "GetTicket", json!({ "name": nobodys(&ticket_name) })),
        (desk.agent(), "CreateTicket", json!({ "ticket": Desk::complaint(&nobody) })),
        (desk.agent(), "ConfirmResolution", json!({ "name": fresh })),
        (&supervisor, "ClaimTicket", json!({ "name": ticket_name })),
        (
            desk.agent(),
            "TriageTicket",
            json!({ "name": ticket_name, "triage": triage, "etag": ticket["etag"] }),
        ),
        (desk.agent(), "CreateTicket", inquiry("second")),
        (&supervisor, "AssignTicket", json!({ "name": fresh, "assignee": busy })),
        (&desk.member("grace"), "ClaimTicket", json!({ "name": fresh })),
        (
            &desk.member("erin"),
            "AssignTicket",
            json!({ "name": fresh, "assignee": busy, "overCapacity": true }),
        ),
    ] {
        note(table, names, client, method, request).await;
    }
}

async fn of_customers(desk: &Desk<'_>, table: &mut Table, names: &mut Names) {
    let (customer, product) = (desk.customer().await, desk.product().await);
    let (customer_name, product_name) = (name(&customer), name(&product));
    let other = name(&desk.customer().await);
    let request_id = new_id();
    let create =
        |title: &str| json!({ "customer": { "displayName": title }, "requestId": request_id });
    desk.system().call("CreateCustomer", create("first")).await;
    let rename = json!({
        "customer": { "name": customer_name, "displayName": "Renamed", "etag": customer["etag"] },
        "updateMask": "displayName",
    });
    desk.system().call("UpdateCustomer", rename.clone()).await;
    let order = |customer: &str| {
        let items = json!([{ "product": product_name, "quantity": 1 }]);
        json!({ "purchase": {
            "customer": customer, "orderNumber": "A-1", "items": items,
            "purchaseTime": "2025-02-01T08:00:00Z",
        }})
    };
    desk.system().call("UpsertPurchase", order(&customer_name)).await;
    let identifier = json!({ "identifiers": [{
        "kind": "IDENTIFIER_KIND_PHONE", "value": customer["identifiers"][0]["value"],
    }]});
    let made = json!({ "title": "One", "name": "products/P-1" });
    let product = json!({ "product": made, "productId": "P-1" });
    desk.system().call("CreateProduct", product.clone()).await;
    for (method, request) in [
        ("CreateCustomer", json!({ "customer": {} })),
        ("GetCustomer", json!({ "name": nobodys(&customer_name) })),
        ("GetProduct", json!({ "name": "products/none" })),
        ("CreateCustomer", json!({ "customer": identifier })),
        ("CreateProduct", product),
        ("UpdateCustomer", rename),
        ("CreateCustomer", create("second")),
        ("UpsertPurchase", order(&other)),
    ] {
        note(table, names, desk.system(), method, request).await;
    }
}

/// A resume token of the database as it was before it was restored.
async fn of_contacts(desk: &Desk<'_>, table: &mut Table, names: &mut Names) {
    let (customer, other) = (name(&desk.customer().await), name(&desk.customer().await));
    let reserve = |customer: &str| {
        json!({
            "customer": customer, "key": "invitations/1",
            "purpose": "CONTACT_PURPOSE_SERVICE", "channel": "CONTACT_CHANNEL_EMAIL",
        })
    };
    let contact = name(&desk.system().call("ReserveContact", reserve(&customer)).await);
    let told = |contact: &str, outcome: &str| json!({ "name": contact, "outcome": outcome });
    desk.system().call("CompleteContact", told(&contact, "CONTACT_OUTCOME_SENT")).await;
    for (method, request) in [
        ("ReserveContact", reserve(&other)),
        ("CompleteContact", told(&nobodys(&contact), "CONTACT_OUTCOME_SENT")),
        ("CompleteContact", told(&contact, "CONTACT_OUTCOME_FAILED")),
    ] {
        note(table, names, desk.system(), method, request).await;
    }
}

async fn of_a_restored_feed(suite: &Suite, desk: &Desk<'_>, table: &mut Table, names: &mut Names) {
    let mut stream = desk.agent().open("WatchTickets", &json!({})).await.expect("a watch opens");
    let first = stream.message().await.expect("it goes on").expect("it says that it lives");
    let token = json_of(&first)["resumeToken"].clone();
    let db = suite.db("tickets").await;
    let renewed = new_id();
    transact!(db, "test.restore", |tx| meta::renew_incarnation(tx, renewed).await).unwrap();
    db.close().await;
    note(table, names, desk.agent(), "WatchTickets", json!({ "resumeToken": token })).await;
}

/// A table is gone: a fault of ours, whatever the reason.
async fn of_a_broken_database(
    suite: &Suite,
    desk: &Desk<'_>,
    table: &mut Table,
    names: &mut Names,
) {
    const HIDE_TEXTS: Sql = Sql::both("ALTER TABLE ticket_texts RENAME TO hidden");
    const SHOW_TEXTS: Sql = Sql::both("ALTER TABLE hidden RENAME TO ticket_texts");
    const HIDE_PRODUCTS: Sql = Sql::both("ALTER TABLE products RENAME TO hidden");
    const SHOW_PRODUCTS: Sql = Sql::both("ALTER TABLE hidden RENAME TO products");
    let (ticket, product) = (desk.ticket().await, desk.product().await);
    for (service, hide, show, method, resource) in [
        ("tickets", HIDE_TEXTS, SHOW_TEXTS, "GetTicket", ticket),
        ("customers", HIDE_PRODUCTS, SHOW_PRODUCTS, "GetProduct", product),
    ] {
        let db = suite.db(service).await;
        transact!(db, "test.break", |tx| tx.execute(hide, args![]).await).unwrap();
        let request = json!({ "name": resource["name"] });
        note(table, names, desk.agent(), method, request.clone()).await;
        transact!(db, "test.mend", |tx| tx.execute(show, args![]).await).unwrap();
        db.close().await;
        desk.agent().call(method, request).await;
    }
}

async fn of_a_database_away(suite: &Suite, desk: &Desk<'_>, table: &mut Table, names: &mut Names) {
    let _held = suite.cut_off().await;
    let ticket = json!({ "kind": "KIND_INQUIRY", "channel": "CHANNEL_EMAIL", "title": "Away" });
    note(table, names, desk.agent(), "CreateTicket", json!({ "ticket": ticket })).await;
    let customer = json!({ "displayName": "Away" });
    note(table, names, desk.agent(), "CreateCustomer", json!({ "customer": customer })).await;
}

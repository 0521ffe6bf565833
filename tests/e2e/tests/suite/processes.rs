//! Two processes on one PostgreSQL that share one configuration file.

use std::net::TcpStream;

use aftercare_e2e::{Desk, Suite, Tenant, desk::name, python, suite::FRONT, until};
use serde_json::json;

#[tokio::test]
async fn two_processes_do_what_one_does_and_one_goes_on_without_the_other() {
    let suite = Suite::of_two_processes().await;
    let tickets = suite.serve(&FRONT).await;
    let mut customers = suite.serve(&["customers"]).await;
    let door = TcpStream::connect(suite.at("customers").public);
    assert!(door.is_err(), "clients come by way of the gateway alone");
    python::walk(&suite).await;
    let listed = suite.run(&["feed", "list"]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    assert_eq!(listed.out.matches("customers.timeline").count(), 16, "{}", listed.out);

    customers.kill();
    let desk = Desk::new(&suite, Tenant::North);
    let request = json!({ "ticket": {
        "kind": "KIND_COMPLAINT",
        "channel": "CHANNEL_PHONE",
        "title": "Nobody answers",
        "contact": { "displayName": "李娜", "phone": "139 0000 0077" },
    }});
    let ticket = desk.agent().call("CreateTicket", request).await;
    assert_eq!(ticket.get("customer"), None, "it is taken without its customer");
    let ticket = name(&ticket);
    desk.agent().call("ClaimTicket", json!({ "name": ticket })).await;

    let customers = suite.serve(&["customers"]).await;
    let customer = until("the ticket is linked to its customer", async || {
        let found = desk.agent().call("GetTicket", json!({ "name": ticket })).await;
        found["customer"].as_str().map(str::to_owned)
    })
    .await;
    let history = desk.agent().call("ListTicketHistory", json!({ "parent": ticket })).await;
    let history = history["items"].as_array().unwrap();
    let timeline = desk.timeline(&customer, history.len()).await;
    let told: Vec<_> = timeline.iter().rev().map(|item| item["sequence"].clone()).collect();
    let happened: Vec<_> = history.iter().map(|item| item["sequence"].clone()).collect();
    assert_eq!(told, happened, "the timeline has the whole ticket, once each");

    for mut process in [tickets, customers] {
        assert_eq!(process.terminate(), 0, "{}", process.log());
    }
}

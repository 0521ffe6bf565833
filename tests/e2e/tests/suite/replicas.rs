//! Two replicas of tickets behind one gateway: they share the load, and each may die and be replaced
//! without a call failing that may be made again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aftercare_e2e::{
    Client, Desk, Process, Suite, Tenant,
    desk::{name, new_id},
    metrics::answered,
    suite::{At, Setting},
    until,
};
use futures::future::join_all;
use serde_json::{Value, json};
use tonic::Code;

/// What runs in the first process.
const DOOR: [&str; 4] = ["gateway", "customers", "knowledge", "surveys"];
/// How many clients call at once.
const CLIENTS: usize = 8;
/// How many calls are shared.
const CALLS: u64 = 2_000;
/// How much more the busier of two replicas may have done than the other, in hundredths.
const MOST: u64 = 130;

/// One gateway, with customers, and two replicas of tickets, on PostgreSQL.
struct House {
    suite: Suite,
    own: Vec<Setting>,
    replicas: [At; 2],
    _door: Process,
}

impl House {
    async fn open() -> (Self, [Process; 2]) {
        let suite = Suite::of_two_processes().await;
        let (door, replicas) = (suite.at("gateway"), [At::free(), At::free()]);
        let links = replicas.map(|at| format!("http://{}", at.peer)).join(",");
        let own = vec![
            ("services.tickets.link", links),
            ("services.customers.link", format!("http://{}", door.peer)),
            ("services.knowledge.link", format!("http://{}", door.peer)),
            ("services.gateway.link", format!("http://{}", door.peer)),
        ];
        let door = suite.serve_with(&DOOR, &own).await;
        let processes = [
            suite.serve_tickets_at(replicas[0], &own).await,
            suite.serve_tickets_at(replicas[1], &own).await,
        ];
        (Self { suite, own, replicas, _door: door }, processes)
    }

    /// How many reads of a ticket each replica has answered.
    async fn shares(&self) -> [u64; 2] {
        let [one, other] = self.replicas;
        [answered(one, "GetTicket").await, answered(other, "GetTicket").await]
    }
}

#[tokio::test]
async fn replicas_share_the_load() {
    let (house, mut processes) = House::open().await;
    let desk = Desk::new(&house.suite, Tenant::North);
    let request = json!({ "name": name(&desk.ticket().await) });
    let before = until("both replicas are called", async || {
        desk.agent().call("GetTicket", request.clone()).await;
        Some(house.shares().await).filter(|shares| !shares.contains(&0))
    })
    .await;
    let left = AtomicU64::new(CALLS);
    let calls = (0..CLIENTS).map(async |_| {
        let take = |left: u64| left.checked_sub(1);
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            desk.agent().call("GetTicket", request.clone()).await;
        }
    });
    join_all(calls).await;
    let after = house.shares().await;
    let [one, other] = [after[0] - before[0], after[1] - before[1]];
    assert_eq!(one + other, CALLS);
    assert!(one.max(other) * 100 <= one.min(other) * MOST, "{one} and {other}");
    for process in &mut processes {
        assert_eq!(process.terminate(), 0, "{}", process.log());
    }
}

/// Calls under way, until they are told to stop.
struct Load<'a> {
    desk: &'a Desk<'a>,
    ticket: String,
    customer: String,
    calls: AtomicU64,
    stop: AtomicBool,
}

impl Load<'_> {
    /// Reads again and again; returns the refusals.
    async fn read(&self, number: usize) -> Vec<String> {
        let reads = [
            ("GetTicket", json!({ "name": self.ticket })),
            ("ListTickets", json!({ "customer": self.customer })),
            ("ListTicketHistory", json!({ "parent": self.ticket })),
        ];
        let mut refused = Vec::new();
        for (method, request) in reads.iter().cycle().skip(number) {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let outcome = self.desk.agent().send(method, request).await;
            refused.extend(outcome.refusal().map(|status| format!("{method}: {status:?}")));
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
        refused
    }

    /// Records tickets, each with its request id until it is answered, as the contract says; returns
    /// their names.
    async fn write(&self) -> Vec<String> {
        let mut names = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let ticket = Desk::complaint(&self.customer);
            let request = json!({ "ticket": ticket, "requestId": new_id() });
            let ticket =
                until("the ticket is recorded", async || answer(self.desk.agent(), &request).await);
            names.push(name(&ticket.await));
        }
        names
    }

    /// Waits until so many calls more have been answered.
    async fn go_on(&self, calls: u64) {
        let wanted = self.calls.load(Ordering::Relaxed) + calls;
        until("the calls go on", async || {
            (self.calls.load(Ordering::Relaxed) >= wanted).then_some(())
        })
        .await;
    }
}

/// What `CreateTicket` is answered with; `None` where it is to be tried again.
async fn answer(client: &Client, request: &Value) -> Option<Value> {
    let outcome = client.send("CreateTicket", request).await;
    if let Some(status) = outcome.refusal() {
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    }
    outcome.json().ok()
}

#[tokio::test]
async fn replicas_are_killed_and_replaced_and_no_call_fails_that_may_be_made_again() {
    let (house, mut processes) = House::open().await;
    let desk = Desk::new(&house.suite, Tenant::North);
    let ticket = desk.ticket().await;
    let customer = ticket["customer"].as_str().unwrap().to_owned();
    let (calls, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let load = Load { desk: &desk, ticket: name(&ticket), customer, calls, stop };
    let replacing = async {
        for (process, at) in processes.iter_mut().zip(house.replicas) {
            load.go_on(200).await;
            process.kill();
            load.go_on(200).await;
            *process = house.suite.serve_tickets_at(at, &house.own).await;
            until("the new one has its share", async || {
                (answered(at, "GetTicket").await > 50).then_some(())
            })
            .await;
        }
        load.stop.store(true, Ordering::Relaxed);
    };
    let reads = join_all((0..CLIENTS).map(|number| load.read(number)));
    let (refused, mut written, ()) = futures::join!(reads, load.write(), replacing);
    assert_eq!(refused.concat(), Vec::<String>::new());

    // Each was recorded once, however often it was sent.
    written.push(load.ticket.clone());
    let mut recorded = tickets_of(&desk, &load.customer).await;
    written.sort();
    recorded.sort();
    assert_eq!(recorded, written);
    for process in &mut processes {
        assert_eq!(process.terminate(), 0, "{}", process.log());
    }
}

/// The names of a customer's tickets.
async fn tickets_of(desk: &Desk<'_>, customer: &str) -> Vec<String> {
    let mut request = json!({ "customer": customer, "pageSize": 1_000 });
    let mut names = Vec::new();
    loop {
        let page = desk.agent().call("ListTickets", request.clone()).await;
        names.extend(page["tickets"].as_array().into_iter().flatten().map(name));
        let Some(token) = page["nextPageToken"].as_str() else { return names };
        request["pageToken"] = json!(token);
    }
}

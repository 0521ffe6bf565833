//! More calls at once than the process takes on: those that are in are answered, the others are told
//! at once to come again, and when they do all is served.
//!
//! How much of the work is still done then is a question of time, and measured by the bench
//! `overload`.

use std::collections::HashSet;

use aftercare_e2e::{
    Backend, Client, Desk, Outcome, Suite, Tenant,
    client::reason,
    desk::{name, new_id},
    json::JsonClient,
    suite::member_of,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The smallest that the process can be told to take on at once.
const SEATS: usize = 32;
/// Three times as many.
const CALLERS: usize = 3 * SEATS;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_one_too_many_is_told_to_come_again_and_served_then() {
    let suite = Suite::new(Backend::Sqlite).await;
    suite.limit("calls_at_once = 32\n");
    let mut process = suite.serve(&[]).await;
    let desk = Desk::new(&suite, Tenant::North);
    let known = desk.ticket().await;
    let requests: Vec<_> = (0..CALLERS).map(|_| request(&known)).collect();

    // Whoever is in waits for the lock, so that the process is full.
    let lock = suite.db("tickets").await.begin().await.unwrap();
    let mut calls = JoinSet::new();
    for request in &requests {
        calls.spawn(call(desk.agent().clone(), request.clone()));
    }
    let mut again = Vec::new();
    while again.len() < CALLERS - SEATS {
        let (request, outcome) = calls.join_next().await.unwrap().unwrap();
        must_be_pushed_back(outcome.refusal().expect("nobody can be answered yet"));
        again.push(request);
    }
    let json = JsonClient::new(format!("http://{}", suite.at("gateway").public));
    let token = suite.token(&member_of(Tenant::North, "amy"));
    let json = json.with("authorization", format!("Bearer {token}"));
    let reply = json.send("ListTickets", &json!({})).await;
    assert_eq!(reply.status, 503, "{:#}", reply.body);
    assert!(reply.headers.contains_key("retry-after"), "{:?}", reply.headers);
    // Streams are counted apart.
    let mut stream = desk.agent().open("WatchTickets", &json!({})).await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    drop((lock, stream));

    let mut made = HashSet::new();
    while let Some(done) = calls.join_next().await {
        made.insert(must_be_made(&done.unwrap().1));
    }
    assert_eq!(made.len(), SEATS);
    for some in again.chunks(SEATS / 4) {
        let some = some.iter().map(|request| call(desk.agent().clone(), request.clone()));
        let outcomes = futures::future::join_all(some).await;
        made.extend(outcomes.iter().map(|(_, outcome)| must_be_made(outcome)));
    }
    assert_eq!(made.len(), CALLERS, "each request made a ticket of its own");
    let customer = json!({ "customer": known["customer"], "pageSize": 1000 });
    let found = desk.agent().call("ListTickets", customer).await;
    assert_eq!(found["tickets"].as_array().unwrap().len(), CALLERS + 1);
    assert_eq!(process.terminate(), 0, "{}", process.log());
}

/// A request to record one more ticket of the customer of this one.
fn request(known: &Value) -> Value {
    let customer = known["customer"].as_str().unwrap();
    json!({ "ticket": Desk::complaint(customer), "requestId": new_id() })
}

async fn call(client: Client, request: Value) -> (Value, Outcome) {
    let outcome = client.send("CreateTicket", &request).await;
    (request, outcome)
}

fn must_be_pushed_back(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(reason(status), ("aftercare".to_owned(), "OVERLOADED".to_owned()));
    let wait = status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap();
    assert!(!wait.is_zero(), "{status:?}");
    let pushback = status.metadata().get(rpc::status::PUSHBACK).unwrap();
    assert_eq!(pushback.to_str().unwrap(), wait.as_millis().to_string());
}

fn must_be_made(outcome: &Outcome) -> String {
    name(&outcome.json().unwrap_or_else(|error| panic!("it was refused: {error:#}")))
}

//! The scenarios of internal methods: on the port where they are served, with what lets a caller in
//! there.

use kernel::{Caller, Clock};
use rpc::token::Minter;
use serde_json::{Value, json};

use crate::{Client, Suite, Tenant, suite::channel};

/// The internal methods that have a scenario, by full name.
pub const METHODS: [&str; 9] = [
    "aftercare.type.v1.FeedService.Read",
    "aftercare.type.v1.FeedService.Heads",
    "aftercare.type.v1.FeedAdminService.ListConsumers",
    "aftercare.type.v1.FeedAdminService.ListDeadLetters",
    "aftercare.type.v1.FeedAdminService.Redrive",
    "aftercare.type.v1.FeedAdminService.Rewind",
    "aftercare.type.v1.ClockService.GetClock",
    "aftercare.type.v1.ClockService.AdvanceClock",
    "aftercare.type.v1.IndexAdminService.RebuildIndex",
];

/// A client that may call an internal method, and a request that succeeds.
///
/// # Panics
/// Where the method has no scenario.
pub async fn prepare(suite: &Suite, method: &str) -> (Client, Value) {
    let admin = Client::to(&channel(suite.at("customers").admin));
    let consumer = json!({ "consumer": "customers.timeline" });
    match method.rsplit('.').next().unwrap_or_default() {
        "Read" => (peer(suite), json!({ "source": "tickets", "limit": 1 })),
        "Heads" => (peer(suite), json!({ "source": "tickets" })),
        "ListConsumers" | "GetClock" => (admin, json!({})),
        "ListDeadLetters" | "Redrive" | "Rewind" => (admin, consumer),
        // To where it is already: other tests go on by the same clock.
        "AdvanceClock" => {
            let reading = admin.call("GetClock", json!({})).await;
            (admin, json!({ "toTime": reading["time"] }))
        }
        "RebuildIndex" => {
            let tenant = Tenant::North.id().name();
            let admin = Client::to(&channel(suite.at("knowledge").admin));
            (admin, json!({ "tenant": tenant }))
        }
        _ => panic!("there is no scenario of {method}"),
    }
}

/// A client on the port of the other processes, with a call token of one of them.
pub fn peer(suite: &Suite) -> Client {
    Client::to(&channel(suite.at("tickets").peer)).with("authorization", call_token(suite))
}

/// What customers puts into `authorization` when it calls tickets for itself.
pub fn call_token(suite: &Suite) -> String {
    let minter = Minter::new("customers", &suite.keys(), Clock::system());
    let caller = Caller::service("customers", Tenant::North.id());
    format!("Call {}", minter.mint(&caller, "tickets"))
}

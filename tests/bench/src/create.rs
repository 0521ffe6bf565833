//! `CreateTicket` for a known customer, with a request id, against the bare transaction that writes
//! the same rows into the same tables.
//!
//! What follows from a create (its events' place in the feed, the customer's timeline) counts as the
//! suite's cost: a round ends when the feed is idle.

use std::sync::Arc;

use anyhow::Result;

use crate::{
    CONCURRENCIES, Plan, bare,
    cpu::Measured,
    database,
    load::{Call, Calls, Until},
    orders,
    rounds::{self, Comparison, Counted, Figures},
    suite::Suite,
    tickets,
};

const CUSTOMERS: usize = 100;
/// Tickets whose rows the bare transaction copies.
const TEMPLATES: u64 = 90;
/// As many connections as a process of the suite has.
const CONNECTIONS: usize = 8;

/// Measures `CreateTicket` at 1, 8 and 32 calls at once.
pub(crate) async fn run(plan: &Plan) -> Result<Vec<Comparison>> {
    let suite = Suite::start(&plan.site, "bench_create").await?;
    let customers = tickets::customers(&suite, CUSTOMERS).await?;
    let calls = calls(&suite, &customers)?;
    suite.target.load(calls.clone(), 8, Until::Count(TEMPLATES)).await?;
    let mut connection = database::open(&suite.database).await?;
    database::idle(&mut connection).await?;
    let mut bare = bare::start(&suite.database).await?;
    let postgres = plan.postgres;
    let ours = Measured { server: Some(suite.pid()?), behind: None, postgres };
    let theirs = Measured { server: Some(bare.pid()?), behind: None, postgres };

    let mut compared = Vec::new();
    for concurrency in CONCURRENCIES {
        for time in [plan.warm_up()] {
            suite.target.load(calls.clone(), concurrency, Until::Time(time)).await?;
            orders::tell(&mut bare, concurrency.min(CONNECTIONS), time).await?;
        }
        database::idle(&mut connection).await?;
        let rounds = rounds::interleave(
            plan.rounds,
            async || {
                let (calls, until) = (calls.clone(), Until::Time(plan.time));
                let settled = database::idle(&mut connection);
                rounds::measure(ours, &suite.target, calls, concurrency, until, settled).await
            },
            async || {
                let before = theirs.times()?;
                let done = orders::tell(&mut bare, concurrency.min(CONNECTIONS), plan.time).await?;
                Ok(Figures::of(&done, done.elapsed, &theirs.times()?.since(&before)))
            },
        )
        .await?;
        let name = "CreateTicket / bare transaction";
        let one = Comparison::of(name, concurrency, Counted::ServerAndPostgres, rounds);
        crate::tell(&one);
        compared.push(one);
    }
    Ok(compared)
}

fn calls(suite: &Suite, customers: &[String]) -> Result<Calls> {
    // Everything but the request id is made beforehand, so that the load stays light.
    let method = tickets::method("CreateTicket");
    let ids = tickets::ids();
    let mut requests = Vec::new();
    for n in 0..900 {
        let request = tickets::create(n, &customers[n % customers.len()], String::new());
        requests.push(Call::new(&method, &suite.admin, &request)?);
    }
    Ok(Arc::new(move |n| {
        let mut call = requests[usize::try_from(n).unwrap_or(0) % requests.len()].clone();
        call.message = tickets::with_request_id(&call.message, &ids.next().to_string());
        call
    }))
}

//! `GetTicket` through the public port, with a bearer token, against a raw echo of the same bytes.

use std::time::Duration;

use anyhow::Result;
use contracts::tickets::v1::GetTicketRequest;

use crate::{
    CONCURRENCIES, Plan,
    cpu::Measured,
    echo,
    load::{Call, Target, Until, in_turn},
    rounds::{self, Comparison, Counted},
    suite::Suite,
    tickets,
};

const TICKETS: usize = 1_000;
const CUSTOMERS: usize = 100;

/// Measures `GetTicket` at 1, 8 and 32 calls at once.
pub(crate) async fn run(plan: &Plan) -> Result<Vec<Comparison>> {
    let suite = Suite::start(&plan.site, "bench_get").await?;
    let customers = tickets::customers(&suite, CUSTOMERS).await?;
    let names = tickets::worked_on(&suite, &customers, TICKETS).await?;
    let mut calls = Vec::new();
    let mut answers = echo::Answers::new();
    for name in names {
        let request = GetTicketRequest { name };
        let call = Call::new(&tickets::method("GetTicket"), &suite.admin, &request)?;
        answers.insert(call.message.clone(), suite.target.call(call.clone()).await?);
        calls.push(call);
    }
    let calls = in_turn(calls);
    let (echo, address) = echo::start(&answers, suite.folder()).await?;
    let echoed = Target::connect(&address).await?;
    let postgres = plan.postgres;
    let ours = Measured { server: Some(suite.pid()?), behind: None, postgres };
    let bare = Measured { server: Some(echo.pid()?), behind: None, postgres };

    let mut compared = Vec::new();
    for concurrency in CONCURRENCIES {
        let side = async |measured: Measured, target: &Target, time: Duration| {
            let until = Until::Time(time);
            rounds::measure(measured, target, calls.clone(), concurrency, until, async { Ok(()) })
                .await
        };
        side(ours, &suite.target, plan.warm_up()).await?;
        side(bare, &echoed, plan.warm_up()).await?;
        let rounds = rounds::interleave(
            plan.rounds,
            async || side(ours, &suite.target, plan.time).await,
            async || side(bare, &echoed, plan.time).await,
        )
        .await?;
        let one = Comparison::of("GetTicket / raw echo", concurrency, Counted::Server, rounds);
        crate::tell(&one);
        compared.push(one);
    }
    Ok(compared)
}

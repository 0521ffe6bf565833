//! `GetTicket` through the gateway in a process of its own: against a bare proxy in front of the same
//! service, JSON against gRPC, and what both add to the latency of one caller.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use contracts::tickets::v1::GetTicketRequest;

use crate::{
    CONCURRENCIES, Plan,
    cpu::Measured,
    load::{Call, Calls, Target, Until, in_turn},
    program::Program,
    proxy,
    report::{Aim, Section},
    rounds::{self, Comparison, Counted, Figures},
    suite::Suite,
    tickets,
    token::CallTokens,
};

const TICKETS: usize = 1_000;
const CUSTOMERS: usize = 100;

/// One way to the tickets, and the process that is measured on it.
struct Way {
    target: Target,
    calls: Calls,
    measured: Measured,
}

/// All ways to the same tickets.
struct Ways {
    gateway: Way,
    json: Way,
    proxy: Way,
    /// To the service's own port.
    direct: Way,
    /// What serves them.
    _programs: (Suite, Program),
}

/// Measures `GetTicket` at 1, 8 and 32 calls at once.
pub(crate) async fn run(plan: &Plan) -> Result<Vec<Section>> {
    let ways = Ways::prepare(plan).await?;
    let gateway = "GetTicket through the gateway's process, with a bearer token";
    Ok(vec![
        Section {
            bench: "gateway",
            a: gateway,
            b: "through a bare proxy with a ready call token",
            aims: &[Aim::CpuAtMost(1.5)],
            note: "better 1.25; cpu is the gateway's or the proxy's process alone",
            compared: pairs(plan, "GetTicket gateway / bare proxy", &ways.gateway, &ways.proxy)
                .await?,
        },
        Section {
            bench: "gateway, one caller's latency",
            a: "what the gateway adds to the latency of the tickets' own port",
            b: "what the bare proxy adds",
            aims: &[Aim::P50AtMost(2.0)],
            note: "both beyond the latency of the tickets' own port",
            compared: vec![added(plan, &ways).await?],
        },
        Section {
            bench: "gateway, JSON",
            a: "GET /v1/tickets/{id} through the gateway's process: HTTP/1.1, kept alive, a connection \
                for each call at once",
            b: gateway,
            aims: &[Aim::CpuAtMost(3.0)],
            note: "cpu is the gateway's process alone",
            compared: pairs(plan, "GetTicket JSON / gRPC", &ways.json, &ways.gateway).await?,
        },
    ])
}

async fn pairs(plan: &Plan, name: &str, a: &Way, b: &Way) -> Result<Vec<Comparison>> {
    let mut compared = Vec::new();
    for concurrency in CONCURRENCIES {
        for way in [a, b] {
            way.measure(concurrency, plan.warm_up()).await?;
        }
        let rounds = rounds::interleave(
            plan.rounds,
            async || a.measure(concurrency, plan.time).await,
            async || b.measure(concurrency, plan.time).await,
        );
        let one = Comparison::of(name, concurrency, Counted::Server, rounds.await?);
        crate::tell(&one);
        compared.push(one);
    }
    Ok(compared)
}

/// What the gateway and the bare proxy add to the latency of one caller.
async fn added(plan: &Plan, ways: &Ways) -> Result<Comparison> {
    let sides = [&ways.direct, &ways.proxy, &ways.gateway];
    for way in sides {
        way.measure(1, plan.warm_up()).await?;
    }
    let mut rounds = Vec::new();
    for round in 0..plan.rounds {
        let mut figures = [Figures::default(); 3];
        let order = if round % 2 == 0 { [0, 1, 2] } else { [2, 1, 0] };
        for side in order {
            figures[side] = sides[side].measure(1, plan.time).await?;
        }
        let [direct, proxy, gateway] = figures;
        rounds.push((gateway.above(&direct), proxy.above(&direct)));
    }
    let one = Comparison::of("GetTicket added: gateway / bare proxy", 1, Counted::Server, rounds);
    crate::tell(&one);
    Ok(one)
}

impl Way {
    async fn measure(&self, concurrency: usize, time: Duration) -> Result<Figures> {
        let (calls, until) = (self.calls.clone(), Until::Time(time));
        let settled = async { Ok(()) };
        rounds::measure(self.measured, &self.target, calls, concurrency, until, settled).await
    }
}

impl Ways {
    async fn prepare(plan: &Plan) -> Result<Self> {
        let suite = Suite::apart(&plan.site, "bench_gateway").await?;
        let customers = tickets::customers(&suite, CUSTOMERS).await?;
        let names = tickets::worked_on(&suite, &customers, TICKETS).await?;
        let tokens = CallTokens::new(&suite.key())?;
        let (mut by_grpc, mut by_json) = (Vec::new(), Vec::new());
        for name in names {
            by_json.push(Call::get(&format!("/v1/{name}"), &suite.admin)?);
            let request = GetTicketRequest { name };
            by_grpc.push(Call::new(&tickets::method("GetTicket"), &suite.admin, &request)?);
        }

        let behind = suite.behind()?;
        let (program, address) = proxy::start(&behind.peer, &suite.key()).await?;
        let services = Some(behind.pid()?);
        let measured = |server| Measured { server, behind: services, postgres: plan.postgres };
        let through = measured(Some(suite.pid()?));
        let ways = Self {
            direct: Way {
                target: Target::connect(&behind.peer).await?,
                calls: with_call_token(by_grpc.clone(), tokens),
                measured: Measured { behind: None, ..measured(services) },
            },
            proxy: Way {
                target: Target::connect(&address).await?,
                calls: in_turn(by_grpc.clone()),
                measured: measured(Some(program.pid()?)),
            },
            gateway: Way {
                target: suite.target.clone(),
                calls: in_turn(by_grpc),
                measured: through,
            },
            json: Way {
                target: Target::Http1(suite.address.clone()),
                calls: in_turn(by_json),
                measured: through,
            },
            _programs: (suite, program),
        };
        ways.must_agree().await?;
        Ok(ways)
    }

    /// All ways of gRPC give the same answer.
    async fn must_agree(&self) -> Result<()> {
        let answer = async |way: &Way| way.target.call((way.calls)(0)).await;
        let direct = answer(&self.direct).await?;
        ensure!(answer(&self.proxy).await? == direct, "the proxy gives another answer");
        ensure!(answer(&self.gateway).await? == direct, "the gateway gives another answer");
        ensure!(!answer(&self.json).await?.is_empty(), "there is no answer as JSON");
        Ok(())
    }
}

/// These calls in turn, each with a call token that holds when it is sent.
fn with_call_token(calls: Vec<Call>, tokens: CallTokens) -> Calls {
    let calls = in_turn(calls);
    Arc::new(move |n| {
        let mut call = calls(n);
        if let Ok(voice) = tokens.voice() {
            call.voice = voice;
        }
        call
    })
}

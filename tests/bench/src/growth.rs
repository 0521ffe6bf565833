//! `GetTicket`, `ClaimNextTicket` and a page of `ListTickets` by each access path, on many tickets
//! against few: what a call costs must not grow with what is stored.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use contracts::tickets::v1::{
    Category, ClaimNextTicketRequest, GetTicketRequest, ListTicketsRequest, ListTicketsResponse,
    ReleaseTicketRequest, Ticket, TicketOrder,
};
use kernel::{Clock, TicketId};
use prost::Message;
use sqlx::PgConnection;

use crate::{
    Plan,
    cpu::Measured,
    database, fill,
    load::{Call, Calls, Until, in_turn},
    rounds::{self, Comparison, Counted, Figures},
    suite::{AGENTS, Suite},
    tickets,
};

const CUSTOMERS: usize = 200;
/// Tickets that are made through the API; the others are their copies.
const TEMPLATES: usize = 2_000;
const PAGE: i32 = 25;
/// So many pages are turned from each start.
const PAGES: usize = 4;
const CONCURRENCY: usize = 8;
/// Tickets that one round claims, before they are given back.
const CLAIMS: u64 = 600;

/// A suite with so many tickets, and the calls to measure on it.
struct Site {
    suite: Suite,
    connection: PgConnection,
    measured: Measured,
    reads: Vec<(&'static str, Vec<Call>)>,
    claims: Calls,
}

/// Measures on `plan.few` and on `plan.many` tickets.
pub(crate) async fn run(plan: &Plan) -> Result<Vec<Comparison>> {
    let mut few = Site::prepare(plan, plan.few).await?;
    let mut many = Site::prepare(plan, plan.many).await?;
    let mut compared = Vec::new();
    for index in 0..few.reads.len() {
        let name = few.reads[index].0;
        // As many different calls on both sides: the processor's caches hold what is read again and
        // again, and would tell the sides apart by that instead of by their tables.
        let most = few.reads[index].1.len().min(many.reads[index].1.len());
        let few_calls = in_turn(few.reads[index].1[..most].to_vec());
        let many_calls = in_turn(many.reads[index].1[..most].to_vec());
        for (site, calls) in [(&few, &few_calls), (&many, &many_calls)] {
            site.read(calls, Until::Time(plan.warm_up())).await?;
        }
        let until = Until::Time(plan.time);
        let rounds = rounds::interleave(
            plan.rounds,
            async || many.read(&many_calls, until).await,
            async || few.read(&few_calls, until).await,
        );
        let counted = Counted::ServerAndPostgres;
        let one = Comparison::of(name, CONCURRENCY, counted, rounds.await?);
        crate::tell(&one);
        compared.push(one);
    }
    few.claim().await?;
    many.claim().await?;
    let rounds =
        rounds::interleave(plan.rounds, async || many.claim().await, async || few.claim().await);
    let one =
        Comparison::of("ClaimNextTicket", CONCURRENCY, Counted::ServerAndPostgres, rounds.await?);
    crate::tell(&one);
    compared.push(one);
    Ok(compared)
}

impl Site {
    async fn prepare(plan: &Plan, count: i64) -> Result<Self> {
        eprintln!("filling a database with {count} tickets");
        let suite = Suite::start(&plan.site, &format!("bench_{count}")).await?;
        let customers = tickets::customers(&suite, CUSTOMERS).await?;
        let templates = tickets::worked_on(&suite, &customers, TEMPLATES).await?;
        let mut connection = database::open(&suite.database).await?;
        database::idle(&mut connection).await?;
        let copies = count - i64::try_from(templates.len())?;
        fill::copy(&mut connection, copies).await?;
        let sample = database::sample(&mut connection, 4_000).await?;

        let mut gets = Vec::new();
        let mut by_number = Vec::new();
        for (id, number) in sample {
            let request = GetTicketRequest { name: TicketId::from(id).name() };
            gets.push(Call::new(&tickets::method("GetTicket"), &suite.admin, &request)?);
            by_number.push(ListTicketsRequest { number: number.to_string(), ..of_page() });
        }
        let mut reads = vec![("GetTicket", gets)];
        for (name, starts) in paths(&customers) {
            reads.push((name, pages(&suite, starts).await.context(name)?));
        }
        let mut calls = Vec::new();
        for request in by_number {
            calls.push(list(&suite, &request)?);
        }
        reads.push(("ListTickets number", calls));

        let claims = claims(&suite)?;
        let measured =
            Measured { server: Some(suite.pid()?), behind: None, postgres: plan.postgres };
        Ok(Self { suite, connection, measured, reads, claims })
    }

    async fn read(&self, calls: &Calls, until: Until) -> Result<Figures> {
        let (target, calls) = (&self.suite.target, calls.clone());
        let settled = async { Ok(()) };
        rounds::measure(self.measured, target, calls, CONCURRENCY, until, settled).await
    }

    /// Claims, and then gives back what was claimed, which is not measured.
    async fn claim(&mut self) -> Result<Figures> {
        let began = Clock::system().now();
        let (target, calls) = (&self.suite.target, self.claims.clone());
        let settled = database::idle(&mut self.connection);
        let until = Until::Count(CLAIMS);
        let figures =
            rounds::measure(self.measured, target, calls, CONCURRENCY, until, settled).await?;
        let mut back = Vec::new();
        for id in database::claimed_since(&mut self.connection, began).await? {
            let name = TicketId::from(id).name();
            let request = ReleaseTicketRequest { name, ..ReleaseTicketRequest::default() };
            back.push(Call::new(&tickets::method("ReleaseTicket"), &self.suite.admin, &request)?);
        }
        ensure!(back.len() as u64 == CLAIMS, "{} tickets were claimed, not {CLAIMS}", back.len());
        self.suite.target.all::<Ticket>(back, CONCURRENCY).await?;
        database::idle(&mut self.connection).await?;
        Ok(figures)
    }
}

/// Each agent in turn takes what is next.
fn claims(suite: &Suite) -> Result<Calls> {
    let method = tickets::method("ClaimNextTicket");
    let request = ClaimNextTicketRequest::default();
    let calls = suite.agents.iter().map(|agent| Call::new(&method, agent, &request));
    let calls: Vec<Call> = calls.collect::<Result<_>>()?;
    let ids = tickets::ids();
    Ok(Arc::new(move |n| {
        let mut call = calls[usize::try_from(n).unwrap_or(0) % calls.len()].clone();
        let request_id = ids.next().to_string();
        call.message =
            ClaimNextTicketRequest { request_id, ..Default::default() }.encode_to_vec().into();
        call
    }))
}

fn of_page() -> ListTicketsRequest {
    ListTicketsRequest { page_size: PAGE, ..ListTicketsRequest::default() }
}

fn list(suite: &Suite, request: &ListTicketsRequest) -> Result<Call> {
    Call::new(&tickets::method("ListTickets"), &suite.admin, request)
}

/// The access paths but that by number, each with first pages from all over it.
fn paths(customers: &[String]) -> Vec<(&'static str, Vec<ListTicketsRequest>)> {
    let categories = [Category::New, Category::Open, Category::Resolved, Category::Closed];
    let queues = ["complaints", "inquiries", "general"].map(|queue| format!("queues/{queue}"));
    let agents: Vec<String> = (1..=AGENTS).map(|n| format!("members/agent-{n}")).collect();
    let category =
        |category: Category, page| ListTicketsRequest { category: category.into(), ..page };
    let due = |page| ListTicketsRequest { order: TicketOrder::EarliestDue.into(), ..page };
    let of_queue = |queue: &String| ListTicketsRequest { queue: queue.clone(), ..of_page() };
    let of_agent = |agent: &String| ListTicketsRequest { assignee: agent.clone(), ..of_page() };
    let of_customer =
        |customer: &String| ListTicketsRequest { customer: customer.clone(), ..of_page() };
    let each = |pages: Vec<ListTicketsRequest>| -> Vec<ListTicketsRequest> {
        pages
            .into_iter()
            .flat_map(|page| categories.map(|one| category(one, page.clone())))
            .collect()
    };
    let by_queue: Vec<_> = queues.iter().map(of_queue).collect();
    let by_agent: Vec<_> = agents.iter().map(of_agent).collect();
    vec![
        ("ListTickets newest", vec![of_page()]),
        ("ListTickets category", each(vec![of_page()])),
        ("ListTickets assignee", by_agent.clone()),
        ("ListTickets customer", customers.iter().map(of_customer).collect()),
        ("ListTickets queue", by_queue.clone()),
        ("ListTickets queue, category", each(by_queue.clone())),
        ("ListTickets queue, category by due", each(by_queue).into_iter().map(due).collect()),
        ("ListTickets assignee, category by due", each(by_agent).into_iter().map(due).collect()),
    ]
}

/// The calls of some pages from each start, as far as the pages are full: pages of one length are
/// what can be compared.
async fn pages(suite: &Suite, starts: Vec<ListTicketsRequest>) -> Result<Vec<Call>> {
    let full = usize::try_from(PAGE)?;
    let mut calls = Vec::new();
    for mut request in starts {
        for _ in 0..PAGES {
            let call = list(suite, &request)?;
            let page: ListTicketsResponse = suite.target.ask(call.clone()).await?;
            if page.tickets.len() == full {
                calls.push(call);
            }
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
    }
    ensure!(!calls.is_empty(), "no page is full");
    Ok(calls)
}

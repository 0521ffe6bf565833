//! Answers that need several services at once: what an agent has in front of them.
//!
//! The parts are read side by side, each on behalf of the caller and each for a bounded time, so that
//! a service that is away costs its own part and no other. Nothing is written, and no workspace takes
//! more than nine calls.

use std::{future::Future, time::Duration};

use contracts::{
    customers::v1::{
        self as customers, customer_service_client::CustomerServiceClient,
        purchase_service_client::PurchaseServiceClient,
        timeline_service_client::TimelineServiceClient,
    },
    gateway::v1 as pb,
    knowledge::v1::{self as knowledge, search_service_client::SearchServiceClient},
    tickets::v1::{
        self as tickets, conversation_service_client::ConversationServiceClient,
        ticket_service_client::TicketServiceClient,
    },
};
use futures::join;
use rpc::{Call, Outbound};
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status, async_trait, service::RoutesBuilder};
use tonic_types::StatusExt as _;

/// How long a part may take at most; half of what the caller waits, where that is less.
const PATIENCE: Duration = Duration::from_secs(3);
const ENTRIES: i32 = 50;
const ROWS: i32 = 20;
const ITEMS: i32 = 50;
const SUGGESTIONS: i32 = 5;
/// The longest text that articles are suggested for, in characters.
const TEXT: usize = 4_000;

/// Composes workspaces of what tickets, customers and knowledge know.
#[derive(Clone, Debug)]
pub struct Workspaces {
    tickets: Outbound,
    customers: Outbound,
    knowledge: Outbound,
}

/// Why a part is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Missing {
    state: pb::WorkspacePartState,
    reason: String,
}

fn missing(status: &Status) -> Missing {
    let state = match status.code() {
        Code::NotFound => pb::WorkspacePartState::Absent,
        Code::PermissionDenied => pb::WorkspacePartState::Denied,
        _ => pb::WorkspacePartState::Unavailable,
    };
    let info = status.get_details_error_info();
    Missing { state, reason: info.map(|info| info.reason).unwrap_or_default() }
}

/// Of a ticket that nobody is known to have.
fn absent() -> Missing {
    Missing { state: pb::WorkspacePartState::Absent, reason: String::new() }
}

type Fared<T> = Result<T, Missing>;

/// Takes what is there of a part, and notes how it fared.
fn take<T: Default>(parts: &mut Vec<pb::WorkspacePart>, field: &str, fared: Fared<T>) -> T {
    let (state, reason, value) = match fared {
        Ok(value) => (pb::WorkspacePartState::Present, String::new(), value),
        Err(missing) => (missing.state, missing.reason, T::default()),
    };
    parts.push(pb::WorkspacePart { field: field.to_owned(), state: state.into(), reason });
    value
}

/// What a workspace shows of a customer.
struct OfCustomer {
    customer: Result<customers::Customer, Status>,
    tickets: Fared<Vec<tickets::Ticket>>,
    purchases: Fared<Vec<customers::Purchase>>,
    timeline: Fared<Vec<customers::TimelineItem>>,
}

impl Workspaces {
    /// Workspaces over these ways to the services.
    pub fn new(tickets: Outbound, customers: Outbound, knowledge: Outbound) -> Self {
        Self { tickets, customers, knowledge }
    }

    /// Adds the service to others of the gateway.
    pub fn add_to(self, routes: &mut RoutesBuilder) {
        routes.add_service(pb::workspace_service_server::WorkspaceServiceServer::new(self));
    }

    async fn of_ticket(&self, call: &Call, name: String) -> Result<pb::TicketWorkspace, Status> {
        let request = tickets::GetTicketRequest { name: name.clone() };
        let mut client = TicketServiceClient::new(self.tickets.on_behalf(call));
        let (ticket, entries) =
            join!(within(call, client.get_ticket(request)), self.entries(call, name));
        let ticket = ticket?;
        let said = entries.as_ref().map(Vec::as_slice).unwrap_or_default();
        let of_customer = async {
            if ticket.customer.is_empty() {
                return (Err(absent()), Err(absent()), Err(absent()), Err(absent()));
            }
            let of = Box::pin(self.of_customer(call, &ticket.customer)).await;
            (of.customer.map_err(|status| missing(&status)), of.tickets, of.purchases, of.timeline)
        };
        let (suggested, (customer, customer_tickets, purchases, timeline)) =
            join!(self.suggested(call, &ticket, said), of_customer);
        let mut parts = Vec::new();
        Ok(pb::TicketWorkspace {
            ticket: Some(take(&mut parts, "ticket", Ok(ticket))),
            entries: take(&mut parts, "entries", entries),
            customer: take(&mut parts, "customer", customer.map(Some)),
            customer_tickets: take(&mut parts, "customer_tickets", customer_tickets),
            purchases: take(&mut parts, "purchases", purchases),
            timeline: take(&mut parts, "timeline", timeline),
            suggested_articles: take(&mut parts, "suggested_articles", suggested),
            parts,
        })
    }

    /// Articles that may answer a ticket in which this was said.
    async fn suggested(
        &self,
        call: &Call,
        ticket: &tickets::Ticket,
        said: &[tickets::Entry],
    ) -> Fared<Vec<knowledge::SearchResult>> {
        let product = ticket.subject.as_ref().map(|subject| subject.product.clone());
        let request = knowledge::SuggestForTextRequest {
            text: text(ticket, said),
            locale: ticket.language.clone(),
            products: product.into_iter().filter(|product| !product.is_empty()).collect(),
            page_size: SUGGESTIONS,
            ..knowledge::SuggestForTextRequest::default()
        };
        let mut client = SearchServiceClient::new(self.knowledge.on_behalf(call));
        Ok(part(call, client.suggest_for_text(request)).await?.results)
    }

    async fn of_somebody(&self, call: &Call, name: &str) -> Result<pb::CustomerWorkspace, Status> {
        let OfCustomer { customer, tickets, purchases, timeline } =
            Box::pin(self.of_customer(call, name)).await;
        let customer = match customer {
            // A customer that there is not has no workspace, and neither has what is no name.
            Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => {
                return Err(status);
            }
            other => other.map_err(|status| missing(&status)),
        };
        let mut parts = Vec::new();
        Ok(pb::CustomerWorkspace {
            customer: take(&mut parts, "customer", customer.map(Some)),
            tickets: take(&mut parts, "tickets", tickets),
            purchases: take(&mut parts, "purchases", purchases),
            timeline: take(&mut parts, "timeline", timeline),
            parts,
        })
    }

    async fn of_customer(&self, call: &Call, name: &str) -> OfCustomer {
        let (customer, tickets, purchases, timeline) = join!(
            self.customer(call, name),
            self.tickets_of(call, name),
            self.purchases(call, name),
            self.timeline(call, name),
        );
        OfCustomer { customer, tickets, purchases, timeline }
    }

    async fn entries(&self, call: &Call, parent: String) -> Fared<Vec<tickets::Entry>> {
        let request = tickets::ListEntriesRequest {
            parent,
            page_size: ENTRIES,
            order: tickets::EntryOrder::Newest.into(),
            ..tickets::ListEntriesRequest::default()
        };
        let mut client = ConversationServiceClient::new(self.tickets.on_behalf(call));
        let mut entries = part(call, client.list_entries(request)).await?.entries;
        entries.reverse();
        Ok(entries)
    }

    async fn tickets_of(&self, call: &Call, customer: &str) -> Fared<Vec<tickets::Ticket>> {
        let request = tickets::ListTicketsRequest {
            customer: customer.to_owned(),
            page_size: ROWS,
            ..tickets::ListTicketsRequest::default()
        };
        let mut client = TicketServiceClient::new(self.tickets.on_behalf(call));
        Ok(part(call, client.list_tickets(request)).await?.tickets)
    }

    async fn customer(&self, call: &Call, name: &str) -> Result<customers::Customer, Status> {
        let request = customers::GetCustomerRequest { name: name.to_owned() };
        let mut client = CustomerServiceClient::new(self.customers.on_behalf(call));
        within(call, client.get_customer(request)).await
    }

    async fn purchases(&self, call: &Call, parent: &str) -> Fared<Vec<customers::Purchase>> {
        let request = customers::ListPurchasesRequest {
            parent: parent.to_owned(),
            page_size: ROWS,
            ..customers::ListPurchasesRequest::default()
        };
        let mut client = PurchaseServiceClient::new(self.customers.on_behalf(call));
        Ok(part(call, client.list_purchases(request)).await?.purchases)
    }

    async fn timeline(&self, call: &Call, parent: &str) -> Fared<Vec<customers::TimelineItem>> {
        let request = customers::ListTimelineRequest {
            parent: parent.to_owned(),
            page_size: ITEMS,
            ..customers::ListTimelineRequest::default()
        };
        let mut client = TimelineServiceClient::new(self.customers.on_behalf(call));
        Ok(part(call, client.list_timeline(request)).await?.items)
    }
}

/// What a ticket is about, in its own words: its title, what happened, and the last that its customer
/// said.
fn text(ticket: &tickets::Ticket, said: &[tickets::Entry]) -> String {
    let what = ticket.facts.as_ref().map(|facts| facts.what.as_str()).unwrap_or_default();
    let by_customer =
        |entry: &&tickets::Entry| entry.author_role() == tickets::AuthorRole::Customer;
    let last = said.iter().rev().find(by_customer).map(|entry| entry.body.as_str());
    let all = [ticket.title.as_str(), what, last.unwrap_or_default()];
    all.join("\n").chars().take(TEXT).collect()
}

/// What a part answers in its time.
async fn part<T>(
    call: &Call,
    answer: impl Future<Output = Result<Response<T>, Status>>,
) -> Fared<T> {
    within(call, answer).await.map_err(|status| missing(&status))
}

/// An answer, if it comes in the time of a part: a service that hangs must leave the caller's own
/// deadline time to tell of it.
async fn within<T>(
    call: &Call,
    answer: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Status> {
    let left = call.deadline.saturating_duration_since(Instant::now());
    let patience = PATIENCE.min(left / 2);
    match tokio::time::timeout(patience, answer).await {
        Ok(answer) => answer.map(Response::into_inner),
        Err(_) => Err(rpc::status::away()),
    }
}

#[async_trait]
impl pb::workspace_service_server::WorkspaceService for Workspaces {
    async fn get_ticket_workspace(
        &self,
        request: Request<pb::GetTicketWorkspaceRequest>,
    ) -> Result<Response<pb::TicketWorkspace>, Status> {
        let (call, request) = rpc::task::take(request)?;
        Box::pin(self.of_ticket(&call, request.name)).await.map(Response::new)
    }

    async fn get_customer_workspace(
        &self,
        request: Request<pb::GetCustomerWorkspaceRequest>,
    ) -> Result<Response<pb::CustomerWorkspace>, Status> {
        let (call, request) = rpc::task::take(request)?;
        Box::pin(self.of_somebody(&call, &request.name)).await.map(Response::new)
    }
}

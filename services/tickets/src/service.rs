//! The generated services, each method one line.

use contracts::tickets::v1::{
    self as pb, conversation_service_server::ConversationService,
    conversation_service_server::ConversationServiceServer, result_service_server::ResultService,
    result_service_server::ResultServiceServer, stats_service_server::StatsService,
    stats_service_server::StatsServiceServer, ticket_service_server::TicketService,
    ticket_service_server::TicketServiceServer,
};
use tonic::{
    Request, Response, Status,
    service::{Routes, RoutesBuilder},
};

use crate::{app::App, rpc as operations};

/// The services of tickets, to be served behind a wall.
pub fn routes(app: &App) -> Routes {
    let mut routes = RoutesBuilder::default();
    routes
        .add_service(TicketServiceServer::new(Service(app.clone())))
        .add_service(ConversationServiceServer::new(Service(app.clone())))
        .add_service(ResultServiceServer::new(Service(app.clone())))
        .add_service(StatsServiceServer::new(Service(app.clone())));
    routes.routes()
}

struct Service(App);

macro_rules! run {
    ($self:ident, $kind:ident, $request:ident, $operation:ident) => {{
        let app = $self.0.clone();
        run!(@$kind app, $request, |call, request| operations::$operation::handle(app, call, request))
    }};
    (@write $app:ident, $request:ident, $handle:expr) => {{
        let tasks = $app.tasks().clone();
        ::rpc::write(&tasks, $request, $handle).await
    }};
    (@read $app:ident, $request:ident, $handle:expr) => {
        ::rpc::read($request, $handle).await
    };
}

#[tonic::async_trait]
impl TicketService for Service {
    async fn create_ticket(
        &self,
        request: Request<pb::CreateTicketRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, write, request, create_ticket)
    }

    async fn get_ticket(
        &self,
        request: Request<pb::GetTicketRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, read, request, get_ticket)
    }

    async fn list_tickets(
        &self,
        request: Request<pb::ListTicketsRequest>,
    ) -> Result<Response<pb::ListTicketsResponse>, Status> {
        run!(self, read, request, list_tickets)
    }

    async fn update_ticket(
        &self,
        request: Request<pb::UpdateTicketRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, write, request, update_ticket)
    }

    async fn triage_ticket(
        &self,
        request: Request<pb::TriageTicketRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, write, request, triage_ticket)
    }

    async fn assign_ticket(
        &self,
        request: Request<pb::AssignTicketRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, write, request, assign_ticket)
    }

    async fn claim_ticket(
        &self,
        request: Request<pb::ClaimTicketRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, write, request, claim_ticket)
    }

    async fn claim_next_ticket(
        &self,
        request: Request<pb::ClaimNextTicketRequest>,
    ) -> Result<Response<pb::ClaimNextTicketResponse>, Status> {
        run!(self, write, request, claim_next_ticket)
    }

    async fn release_ticket(
        &self,
        request: Request<pb::ReleaseTicketRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, write, request, release_ticket)
    }

    async fn resolve_ticket(
        &self,
        request: Request<pb::ResolveTicketRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, write, request, resolve_ticket)
    }

    async fn confirm_resolution(
        &self,
        request: Request<pb::ConfirmResolutionRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, write, request, confirm_resolution)
    }

    async fn reject_resolution(
        &self,
        request: Request<pb::RejectResolutionRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, write, request, reject_resolution)
    }

    async fn reopen_ticket(
        &self,
        request: Request<pb::ReopenTicketRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, write, request, reopen_ticket)
    }

    async fn close_ticket(
        &self,
        request: Request<pb::CloseTicketRequest>,
    ) -> Result<Response<pb::Ticket>, Status> {
        run!(self, write, request, close_ticket)
    }

    async fn list_ticket_history(
        &self,
        request: Request<pb::ListTicketHistoryRequest>,
    ) -> Result<Response<pb::ListTicketHistoryResponse>, Status> {
        run!(self, read, request, list_ticket_history)
    }

    type WatchTicketsStream = operations::watch_tickets::Answers;

    async fn watch_tickets(
        &self,
        request: Request<pb::WatchTicketsRequest>,
    ) -> Result<Response<Self::WatchTicketsStream>, Status> {
        run!(self, read, request, watch_tickets)
    }
}

#[tonic::async_trait]
impl ConversationService for Service {
    async fn add_entry(
        &self,
        request: Request<pb::AddEntryRequest>,
    ) -> Result<Response<pb::Entry>, Status> {
        run!(self, write, request, add_entry)
    }

    async fn list_entries(
        &self,
        request: Request<pb::ListEntriesRequest>,
    ) -> Result<Response<pb::ListEntriesResponse>, Status> {
        run!(self, read, request, list_entries)
    }
}

#[tonic::async_trait]
impl ResultService for Service {
    async fn create_ticket_link(
        &self,
        request: Request<pb::CreateTicketLinkRequest>,
    ) -> Result<Response<pb::TicketLink>, Status> {
        run!(self, read, request, create_ticket_link)
    }

    async fn get_result(
        &self,
        request: Request<pb::GetResultRequest>,
    ) -> Result<Response<pb::TicketResult>, Status> {
        run!(self, read, request, get_result)
    }

    async fn confirm_result(
        &self,
        request: Request<pb::ConfirmResultRequest>,
    ) -> Result<Response<pb::TicketResult>, Status> {
        run!(self, write, request, confirm_result)
    }

    async fn object_to_result(
        &self,
        request: Request<pb::ObjectToResultRequest>,
    ) -> Result<Response<pb::TicketResult>, Status> {
        run!(self, write, request, object_to_result)
    }
}

#[tonic::async_trait]
impl StatsService for Service {
    async fn get_backlog(
        &self,
        request: Request<pb::GetBacklogRequest>,
    ) -> Result<Response<pb::GetBacklogResponse>, Status> {
        run!(self, read, request, get_backlog)
    }

    async fn get_figures(
        &self,
        request: Request<pb::GetFiguresRequest>,
    ) -> Result<Response<pb::GetFiguresResponse>, Status> {
        run!(self, read, request, get_figures)
    }
}

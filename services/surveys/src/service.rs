//! The contract's services, one line an RPC.

use contracts::surveys::v1::{
    self as pb, analytics_service_server::AnalyticsServiceServer,
    dispatch_service_server::DispatchServiceServer, loop_service_server::LoopServiceServer,
    response_service_server::ResponseServiceServer, survey_service_server::SurveyServiceServer,
};
use tonic::{
    Request, Response, Status, async_trait,
    service::{Routes, RoutesBuilder},
};

use crate::{App, rpc as operations};

/// The servers of this service alone.
pub fn routes(app: &App) -> Routes {
    let mut routes = Routes::builder();
    add_to(app, &mut routes);
    routes.routes()
}

/// Adds the servers of this service to those of others in the same process.
pub fn add_to(app: &App, routes: &mut RoutesBuilder) {
    routes
        .add_service(SurveyServiceServer::new(Service(app.clone())))
        .add_service(DispatchServiceServer::new(Service(app.clone())))
        .add_service(ResponseServiceServer::new(Service(app.clone())))
        .add_service(LoopServiceServer::new(Service(app.clone())))
        .add_service(AnalyticsServiceServer::new(Service(app.clone())));
}

#[derive(Clone, Debug)]
struct Service(App);

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl pb::survey_service_server::SurveyService for Service {
    async fn create_survey(&self, r: Request<pb::CreateSurveyRequest>) -> Answer<pb::Survey> {
        rpc::serve!(self, r, write create_survey)
    }

    async fn get_survey(&self, r: Request<pb::GetSurveyRequest>) -> Answer<pb::Survey> {
        rpc::serve!(self, r, read get_survey)
    }

    async fn list_surveys(
        &self,
        r: Request<pb::ListSurveysRequest>,
    ) -> Answer<pb::ListSurveysResponse> {
        rpc::serve!(self, r, read list_surveys)
    }

    async fn update_survey(&self, r: Request<pb::UpdateSurveyRequest>) -> Answer<pb::Survey> {
        rpc::serve!(self, r, write update_survey)
    }

    async fn validate_survey(
        &self,
        r: Request<pb::ValidateSurveyRequest>,
    ) -> Answer<pb::ValidateSurveyResponse> {
        rpc::serve!(self, r, read validate_survey)
    }

    async fn publish_survey(&self, r: Request<pb::PublishSurveyRequest>) -> Answer<pb::Survey> {
        rpc::serve!(self, r, write publish_survey)
    }

    async fn archive_survey(&self, r: Request<pb::ArchiveSurveyRequest>) -> Answer<pb::Survey> {
        rpc::serve!(self, r, write archive_survey)
    }

    async fn get_survey_version(
        &self,
        r: Request<pb::GetSurveyVersionRequest>,
    ) -> Answer<pb::SurveyVersion> {
        rpc::serve!(self, r, read get_survey_version)
    }

    async fn list_survey_versions(
        &self,
        r: Request<pb::ListSurveyVersionsRequest>,
    ) -> Answer<pb::ListSurveyVersionsResponse> {
        rpc::serve!(self, r, read list_survey_versions)
    }

    async fn simulate_survey(
        &self,
        r: Request<pb::SimulateSurveyRequest>,
    ) -> Answer<pb::SimulateSurveyResponse> {
        rpc::serve!(self, r, read simulate_survey)
    }
}

#[async_trait]
impl pb::dispatch_service_server::DispatchService for Service {
    async fn get_invitation(&self, r: Request<pb::GetInvitationRequest>) -> Answer<pb::Invitation> {
        rpc::serve!(self, r, read get_invitation)
    }

    async fn list_invitations(
        &self,
        r: Request<pb::ListInvitationsRequest>,
    ) -> Answer<pb::ListInvitationsResponse> {
        rpc::serve!(self, r, read list_invitations)
    }

    async fn create_invitation_link(
        &self,
        r: Request<pb::CreateInvitationLinkRequest>,
    ) -> Answer<pb::InvitationLink> {
        rpc::serve!(self, r, read create_invitation_link)
    }

    async fn report_delivery(
        &self,
        r: Request<pb::ReportDeliveryRequest>,
    ) -> Answer<pb::Invitation> {
        rpc::serve!(self, r, write report_delivery)
    }

    async fn revoke_invitation(
        &self,
        r: Request<pb::RevokeInvitationRequest>,
    ) -> Answer<pb::Invitation> {
        rpc::serve!(self, r, write revoke_invitation)
    }

    async fn record_interview(
        &self,
        r: Request<pb::RecordInterviewRequest>,
    ) -> Answer<pb::RecordInterviewResponse> {
        rpc::serve!(self, r, write record_interview)
    }
}

#[async_trait]
impl pb::response_service_server::ResponseService for Service {
    async fn get_invited_survey(
        &self,
        r: Request<pb::GetInvitedSurveyRequest>,
    ) -> Answer<pb::InvitedSurvey> {
        rpc::serve!(self, r, read get_invited_survey)
    }

    async fn save_progress(
        &self,
        r: Request<pb::SaveProgressRequest>,
    ) -> Answer<pb::InvitedSurvey> {
        rpc::serve!(self, r, write save_progress)
    }

    async fn submit_response(
        &self,
        r: Request<pb::SubmitResponseRequest>,
    ) -> Answer<pb::InvitedSurvey> {
        rpc::serve!(self, r, write submit_response)
    }

    async fn record_response(&self, r: Request<pb::RecordResponseRequest>) -> Answer<pb::Response> {
        rpc::serve!(self, r, write record_response)
    }

    async fn get_response(&self, r: Request<pb::GetResponseRequest>) -> Answer<pb::Response> {
        rpc::serve!(self, r, read get_response)
    }

    async fn list_responses(
        &self,
        r: Request<pb::ListResponsesRequest>,
    ) -> Answer<pb::ListResponsesResponse> {
        rpc::serve!(self, r, read list_responses)
    }

    async fn exclude_response(
        &self,
        r: Request<pb::ExcludeResponseRequest>,
    ) -> Answer<pb::Response> {
        rpc::serve!(self, r, write exclude_response)
    }

    async fn include_response(
        &self,
        r: Request<pb::IncludeResponseRequest>,
    ) -> Answer<pb::Response> {
        rpc::serve!(self, r, write include_response)
    }
}

#[async_trait]
impl pb::loop_service_server::LoopService for Service {
    async fn get_loop(&self, r: Request<pb::GetLoopRequest>) -> Answer<pb::Loop> {
        rpc::serve!(self, r, read get_loop)
    }

    async fn list_loops(&self, r: Request<pb::ListLoopsRequest>) -> Answer<pb::ListLoopsResponse> {
        rpc::serve!(self, r, read list_loops)
    }
}

#[async_trait]
impl pb::analytics_service_server::AnalyticsService for Service {
    async fn get_scores(&self, r: Request<pb::GetScoresRequest>) -> Answer<pb::GetScoresResponse> {
        rpc::serve!(self, r, read get_scores)
    }
}

//! The contract's services, one line an RPC.

use contracts::surveys::v1::{
    self as pb, analytics_service_server::AnalyticsServiceServer,
    survey_service_server::SurveyServiceServer,
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
    routes.add_service(SurveyServiceServer::new(Service(app.clone())));
    routes.add_service(AnalyticsServiceServer::new(Service(app.clone())));
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
impl pb::analytics_service_server::AnalyticsService for Service {
    async fn get_scores(&self, r: Request<pb::GetScoresRequest>) -> Answer<pb::GetScoresResponse> {
        rpc::serve!(self, r, read get_scores)
    }
}

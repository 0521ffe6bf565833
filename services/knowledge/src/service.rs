//! The contract's services, one line an RPC.

use std::future::ready;

use contracts::knowledge::v1::{
    self as pb, article_service_server::ArticleServiceServer,
    feedback_service_server::FeedbackServiceServer, search_service_server::SearchServiceServer,
    transfer_service_server::TransferServiceServer,
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
    let service = Service(app.clone());
    routes
        .add_service(ArticleServiceServer::new(service.clone()))
        .add_service(SearchServiceServer::new(service.clone()))
        .add_service(FeedbackServiceServer::new(service.clone()))
        .add_service(TransferServiceServer::new(service));
}

#[derive(Clone, Debug)]
struct Service(App);

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl pb::article_service_server::ArticleService for Service {
    async fn create_article(&self, r: Request<pb::CreateArticleRequest>) -> Answer<pb::Article> {
        rpc::serve!(self, r, write create_article)
    }

    async fn get_article(&self, r: Request<pb::GetArticleRequest>) -> Answer<pb::Article> {
        rpc::serve!(self, r, read get_article)
    }

    async fn batch_get_articles(
        &self,
        r: Request<pb::BatchGetArticlesRequest>,
    ) -> Answer<pb::BatchGetArticlesResponse> {
        rpc::serve!(self, r, read batch_get_articles)
    }

    async fn list_articles(
        &self,
        r: Request<pb::ListArticlesRequest>,
    ) -> Answer<pb::ListArticlesResponse> {
        rpc::serve!(self, r, read list_articles)
    }

    async fn update_article(&self, r: Request<pb::UpdateArticleRequest>) -> Answer<pb::Article> {
        rpc::serve!(self, r, write update_article)
    }

    async fn create_revision(&self, r: Request<pb::CreateRevisionRequest>) -> Answer<pb::Revision> {
        rpc::serve!(self, r, write create_revision)
    }

    async fn get_revision(&self, r: Request<pb::GetRevisionRequest>) -> Answer<pb::Revision> {
        rpc::serve!(self, r, read get_revision)
    }

    async fn list_revisions(
        &self,
        r: Request<pb::ListRevisionsRequest>,
    ) -> Answer<pb::ListRevisionsResponse> {
        rpc::serve!(self, r, read list_revisions)
    }

    async fn publish_revision(
        &self,
        r: Request<pb::PublishRevisionRequest>,
    ) -> Answer<pb::Article> {
        rpc::serve!(self, r, write publish_revision)
    }

    async fn archive_article(&self, r: Request<pb::ArchiveArticleRequest>) -> Answer<pb::Article> {
        rpc::serve!(self, r, write archive_article)
    }

    async fn restore_article(&self, r: Request<pb::RestoreArticleRequest>) -> Answer<pb::Article> {
        rpc::serve!(self, r, write restore_article)
    }
}

#[async_trait]
impl pb::search_service_server::SearchService for Service {
    async fn search(&self, r: Request<pb::SearchRequest>) -> Answer<pb::SearchResponse> {
        rpc::serve!(self, r, read search)
    }

    async fn suggest(&self, r: Request<pb::SuggestRequest>) -> Answer<pb::SuggestResponse> {
        rpc::serve!(self, r, read suggest)
    }

    async fn suggest_for_text(
        &self,
        r: Request<pb::SuggestForTextRequest>,
    ) -> Answer<pb::SuggestForTextResponse> {
        rpc::serve!(self, r, read suggest_for_text)
    }

    async fn explain(&self, r: Request<pb::ExplainRequest>) -> Answer<pb::ExplainResponse> {
        rpc::serve!(self, r, read explain)
    }

    async fn choose_result(
        &self,
        r: Request<pb::ChooseResultRequest>,
    ) -> Answer<pb::ChooseResultResponse> {
        rpc::serve!(self, r, write choose_result)
    }

    async fn list_searches(
        &self,
        r: Request<pb::ListSearchesRequest>,
    ) -> Answer<pb::ListSearchesResponse> {
        rpc::serve!(self, r, read list_searches)
    }
}

#[async_trait]
impl pb::feedback_service_server::FeedbackService for Service {
    async fn vote(&self, r: Request<pb::VoteRequest>) -> Answer<pb::VoteResponse> {
        rpc::serve!(self, r, write vote)
    }

    async fn list_votes(&self, r: Request<pb::ListVotesRequest>) -> Answer<pb::ListVotesResponse> {
        rpc::serve!(self, r, read list_votes)
    }

    async fn get_helpfulness(
        &self,
        r: Request<pb::GetHelpfulnessRequest>,
    ) -> Answer<pb::Helpfulness> {
        rpc::serve!(self, r, read get_helpfulness)
    }
}

#[async_trait]
impl pb::transfer_service_server::TransferService for Service {
    type ImportArticlesStream = operations::import_articles::Verdicts;

    async fn import_articles(
        &self,
        r: Request<pb::ImportArticlesRequest>,
    ) -> Answer<Self::ImportArticlesStream> {
        let app = self.0.clone();
        rpc::read(r, |call, request| {
            ready(operations::import_articles::handle(&app, &call, &request))
        })
        .await
    }

    type ExportArticlesStream = operations::export_articles::Pieces;

    async fn export_articles(
        &self,
        r: Request<pb::ExportArticlesRequest>,
    ) -> Answer<Self::ExportArticlesStream> {
        let app = self.0.clone();
        rpc::read(r, |call, request| {
            ready(operations::export_articles::handle(&app, &call, &request))
        })
        .await
    }
}

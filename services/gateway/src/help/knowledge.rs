//! What the knowledge service answers to a visitor.

use std::sync::Arc;

use contracts::knowledge::v1::{
    Article, ChooseResultRequest, GetArticleRequest, GetRevisionRequest, ListArticlesRequest,
    ListArticlesResponse, Revision, SearchRequest, SearchResponse, SuggestRequest, VoteRequest,
    article_service_client::ArticleServiceClient, feedback_service_client::FeedbackServiceClient,
    search_service_client::SearchServiceClient,
};
use kernel::{ArticleId, Locale, SearchId};
use rpc::{Edge, Link, edge::Known};

use crate::pages::{Problem, asked};

/// Questions on a page.
const QUESTIONS: i32 = 20;

/// The knowledge of a tenant, as far as a visitor sees it.
pub(super) struct Knowledge {
    link: Link,
    locale: Locale,
    visitor: String,
}

impl Knowledge {
    /// What this visitor sees.
    pub(super) fn new(edge: &Edge, visitor: Known) -> Self {
        let (locale, name) = (visitor.caller.locale, visitor.caller.subject.clone());
        Self { link: edge.let_in(Arc::new(visitor)), locale, visitor: name }
    }

    /// What the visitor is called.
    pub(super) fn visitor(&self) -> &str {
        &self.visitor
    }

    /// The language of the page.
    pub(super) const fn locale(&self) -> Locale {
        self.locale
    }

    /// The questions that there are in the language of the page, or in `all`, the newest first, from a
    /// page token on.
    pub(super) async fn questions(
        &self,
        all: bool,
        page: &str,
    ) -> Result<ListArticlesResponse, Problem> {
        let locale = if all { String::new() } else { self.locale.tag().to_owned() };
        let request = ListArticlesRequest {
            locale,
            page_size: QUESTIONS,
            page_token: page.to_owned(),
            ..ListArticlesRequest::default()
        };
        let mut client = ArticleServiceClient::new(self.link.clone());
        Ok(client.list_articles(asked(request)).await?.into_inner())
    }

    /// What a search finds, from a page token on.
    pub(super) async fn search(&self, query: &str, page: &str) -> Result<SearchResponse, Problem> {
        let request = SearchRequest {
            query: query.to_owned(),
            page_token: page.to_owned(),
            ..SearchRequest::default()
        };
        let mut client = SearchServiceClient::new(self.link.clone());
        Ok(client.search(asked(request)).await?.into_inner())
    }

    /// Questions that go on from what was typed.
    pub(super) async fn suggest(&self, prefix: &str) -> Result<Vec<String>, Problem> {
        let request = SuggestRequest { prefix: prefix.to_owned(), ..SuggestRequest::default() };
        let mut client = SearchServiceClient::new(self.link.clone());
        let found = client.suggest(asked(request)).await?.into_inner().suggestions;
        Ok(found.into_iter().map(|one| one.text).collect())
    }

    /// An article with its words in the language nearest to `locale`.
    pub(super) async fn article(
        &self,
        id: ArticleId,
        locale: &str,
    ) -> Result<(Article, Revision), Problem> {
        let request = GetArticleRequest { name: id.name(), locale: locale.to_owned() };
        let mut client = ArticleServiceClient::new(self.link.clone());
        let mut article = client.get_article(asked(request)).await?.into_inner();
        let words = article.revision.take().ok_or(Problem::NotFound)?;
        Ok((article, words))
    }

    /// A revision; `None` where the visitor sees it no longer.
    pub(super) async fn revision(&self, name: &str) -> Option<Revision> {
        let request = GetRevisionRequest { name: name.to_owned() };
        let mut client = ArticleServiceClient::new(self.link.clone());
        client.get_revision(asked(request)).await.ok().map(tonic::Response::into_inner)
    }

    /// Notes what was chosen of a search. That it cannot be noted is no reason to show nothing.
    pub(super) async fn choose(self, search: SearchId, revision: String) {
        let request = ChooseResultRequest { name: search.name(), revision };
        let mut client = SearchServiceClient::new(self.link.clone());
        if let Err(status) = client.choose_result(asked(request)).await {
            tracing::debug!(code = ?status.code(), "what a visitor chose is not noted");
        }
    }

    /// Says whether a revision helped.
    pub(super) async fn vote(&self, vote: VoteRequest) -> Result<(), Problem> {
        let mut client = FeedbackServiceClient::new(self.link.clone());
        client.vote(asked(vote)).await?;
        Ok(())
    }
}

//! `ListVotes`: what readers think of an article, the latest first.

use contracts::knowledge::v1::{ListVotesRequest, ListVotesResponse, VoteRecord};
use kernel::{ArticleId, SearchId, Violations, page};
use rpc::{Call, wire};

use crate::{
    App, Error, convert,
    domain::revision,
    position::Latest,
    reading,
    store::feedback::{self, Listed},
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListVotesRequest,
) -> Result<ListVotesResponse, Error> {
    let tenant = call.tenant();
    let mut violations = Violations::new();
    let article = convert::article_id(&request.parent, "parent", &mut violations);
    let query = page::Query::new(&app.tokens, tenant, "ListVotes", &request.parent);
    let size = page::size(request.page_size, &mut violations);
    let start: Latest = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    reading::must_see(&app, &call, article).await?;
    let rows = feedback::list(&app.db, tenant, article, &start, size + 1).await?;
    let (shown, last) = wire::page_of(&rows, size, |vote| record(article, vote));
    let next = last.map(|last| {
        let Listed { at, revision, voter, .. } = last.clone();
        Latest { at, revision, voter }
    });
    Ok(ListVotesResponse { votes: shown, next_page_token: query.token(next) })
}

fn record(article: ArticleId, vote: &Listed) -> VoteRecord {
    VoteRecord {
        revision: revision::name(article, vote.revision),
        locale: vote.locale.clone(),
        helpful: vote.helpful,
        comment: vote.comment.clone(),
        search: vote.search.map(|id| SearchId::from(id).name()).unwrap_or_default(),
        query: vote.query.clone().unwrap_or_default(),
        author: Some(wire::actor(&vote.actor_kind, &vote.actor)),
        create_time: Some(wire::timestamp(vote.at)),
    }
}

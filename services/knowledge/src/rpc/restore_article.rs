//! `RestoreArticle`: brings an archived article back.

use contracts::knowledge::v1::{
    Article as Answer, ArticleRestored, RestoreArticleRequest, knowledge_event::Change,
};
use kernel::{Violations, etag::Demand};
use rpc::{Call, wire};

use crate::{
    App, Error,
    command::{self, Command},
    convert,
    domain::publication::NEVER,
};

const METHOD: &str = "aftercare.knowledge.v1.ArticleService/RestoreArticle";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: RestoreArticleRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::article_id(&request.name, "name", &mut violations);
    violations.finish(())?;

    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    command::on_article(&app, &call, &command, |before, at| {
        if before.archived_at == NEVER {
            return None;
        }
        let mut after = before.next(at);
        after.archived_at = NEVER;
        Some((after, Change::Restored(ArticleRestored {})))
    })
    .await
}

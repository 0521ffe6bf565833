//! `ArchiveArticle`: takes an article out of use.

use contracts::knowledge::v1::{
    ArchiveArticleRequest, Article as Answer, ArticleArchived, knowledge_event::Change,
};
use kernel::{Violations, etag::Demand};
use rpc::{Call, wire};

use crate::{
    App, Error,
    command::{self, Command},
    convert,
    domain::publication::ALWAYS,
};

const METHOD: &str = "aftercare.knowledge.v1.ArticleService/ArchiveArticle";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: ArchiveArticleRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::article_id(&request.name, "name", &mut violations);
    let asked = request.archive_time.as_ref();
    let asked = convert::time(asked, ALWAYS, "archive_time", &mut violations);
    violations.finish(())?;

    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    command::on_article(&app, &call, &command, |before, at| {
        let now = app.clock.now();
        let from = asked.max(now);
        // What was archived before stays so.
        if before.is_archived(now) || before.archived_at == from {
            return None;
        }
        let mut after = before.next(at);
        after.archived_at = from;
        let archived = ArticleArchived { archive_time: Some(wire::timestamp(from)) };
        Some((after, Change::Archived(archived)))
    })
    .await
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{ArticleState, AudienceLevel, RestoreArticleRequest};

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, anonymous, editor, stranger},
        restore_article,
    };

    #[tokio::test]
    async fn what_is_archived_is_seen_no_more_until_it_is_restored() {
        let fixture = Fixture::new().await;
        let made = fixture.published("旧政策", AudienceLevel::Public).await;
        let asked = ArchiveArticleRequest { name: made.name.clone(), ..Default::default() };
        let error = handle(fixture.app.clone(), stranger(), asked.clone()).await.unwrap_err();
        assert!(matches!(error, Error::ArticleNotFound { .. }), "{error:?}");
        let archived = handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap();
        assert_eq!(archived.state(), ArticleState::Archived);
        assert!(fixture.read(anonymous(), &made.name).await.is_none());
        assert!(fixture.read(editor(), &made.name).await.is_some());
        // Once more is nothing new.
        fixture.later();
        let again = handle(fixture.app.clone(), editor(), asked).await.unwrap();
        assert_eq!(again.etag, archived.etag);
        let back = RestoreArticleRequest { name: made.name.clone(), ..Default::default() };
        let back = restore_article::handle(fixture.app.clone(), editor(), back).await.unwrap();
        assert_eq!(back.state(), ArticleState::Published);
        assert!(fixture.read(anonymous(), &made.name).await.is_some());
        let kinds: Vec<_> =
            fixture.events(&made.name).await.into_iter().map(|(kind, _)| kind).collect();
        let told = ["article.created", "article.published", "article.archived", "article.restored"];
        assert_eq!(kinds, told);
    }

    #[tokio::test]
    async fn it_may_be_planned_and_called_off() {
        let fixture = Fixture::new().await;
        let made = fixture.published("旧政策", AudienceLevel::Public).await;
        let asked = ArchiveArticleRequest {
            name: made.name.clone(),
            archive_time: Some(wire::timestamp(fixture.app.clock.now().plus_micros(1_000_000))),
            ..Default::default()
        };
        let planned = handle(fixture.app.clone(), editor(), asked).await.unwrap();
        assert_eq!(planned.state(), ArticleState::Published);
        let back = RestoreArticleRequest { name: made.name.clone(), ..Default::default() };
        restore_article::handle(fixture.app.clone(), editor(), back).await.unwrap();
        fixture.later();
        assert!(fixture.read(anonymous(), &made.name).await.is_some());
    }
}

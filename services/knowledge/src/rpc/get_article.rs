//! `GetArticle`: an article with its words in one language.

use contracts::knowledge::v1::{Article as Answer, GetArticleRequest};
use kernel::{ArticleId, Violations};
use rpc::Call;

use crate::{
    App, Error, convert,
    reading::{self, reaches},
    store::articles,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetArticleRequest,
) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    let id = convert::article_id(&request.name, "name", &mut violations);
    let locale = convert::locale(&request.locale, &call, &mut violations);
    violations.finish(())?;
    in_language(&app, &call, id, &locale).await
}

/// An article in the caller's language.
pub(crate) async fn by_id(app: &App, call: &Call, id: ArticleId) -> Result<Answer, Error> {
    in_language(app, call, id, call.locale().tag()).await
}

async fn in_language(app: &App, call: &Call, id: ArticleId, locale: &str) -> Result<Answer, Error> {
    let missing = || Error::no_article(&id.name());
    if !reaches(call) {
        return Err(missing());
    }
    let found = articles::get(&app.db, call.tenant(), id).await?.into_iter().collect();
    reading::read(app, call, found, Some(locale)).await?.pop().ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{
        ArchiveArticleRequest, Article, AudienceLevel, CreateRevisionRequest, UpdateArticleRequest,
    };
    use rpc::wire;

    use super::*;
    use crate::rpc::{
        archive_article, create_revision,
        fixture::{Fixture, agent, anonymous, audience, customer, editor, supervisor, words},
        update_article,
    };

    #[tokio::test]
    async fn what_readers_do_not_see_shows_nowhere() {
        let fixture = Fixture::new().await;
        let draft = fixture.draft("如何退货", AudienceLevel::Public).await;
        fixture.later();
        let live = Some(wire::timestamp(fixture.app.clock.now()));
        let made = fixture.publish(&draft.revision.unwrap().name).await;
        let name = made.name.as_str();
        let mut readers = Vec::new();
        for call in [anonymous(), customer(), agent(&[]), supervisor()] {
            let read = fixture.read(call.clone(), name).await.unwrap();
            assert_eq!((read.etag.as_str(), read.update_time), ("", live));
            readers.push((call, read));
        }

        fixture.later();
        let mut next = words("zh", "怎样退货");
        next.base_revision = made.revision.unwrap().name;
        let asked = CreateRevisionRequest {
            parent: name.to_owned(),
            revision: Some(next),
            ..Default::default()
        };
        create_revision::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        let planned = Some(wire::timestamp(fixture.app.clock.now().plus_micros(60_000_000)));
        let asked = ArchiveArticleRequest {
            name: name.to_owned(),
            archive_time: planned,
            ..Default::default()
        };
        let after = archive_article::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        assert_ne!((&after.etag, after.update_time), (&made.etag, made.update_time));
        assert_eq!(after.archive_time, planned);
        for (call, before) in readers {
            let staff = convert::is_staff(&call);
            let archive_time = planned.filter(|_| staff);
            let expected = Article { archive_time, ..before };
            assert_eq!(fixture.read(call, name).await, Some(expected));
        }
    }

    #[tokio::test]
    async fn what_is_published_before_it_is_valid_goes_live_when_it_is() {
        let fixture = Fixture::new().await;
        let made = fixture.published("双十一活动", AudienceLevel::Public).await;
        let start = wire::timestamp(fixture.app.clock.now().plus_micros(1_000_000));
        let article = Article {
            name: made.name.clone(),
            audience: Some(audience(AudienceLevel::Public, &[])),
            valid_from_time: Some(start),
            ..Article::default()
        };
        let asked = UpdateArticleRequest { article: Some(article), ..Default::default() };
        update_article::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        fixture.later();
        let read = fixture.read(anonymous(), &made.name).await.unwrap();
        assert_eq!(read.update_time, Some(start));
    }
}

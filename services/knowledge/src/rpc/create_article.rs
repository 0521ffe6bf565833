//! `CreateArticle`: records an article with its first revision.

use contracts::knowledge::v1::{
    Article as Answer, ArticleCreated, CreateArticleRequest, knowledge_event::Change,
};
use kernel::{ArticleId, Violations};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error, convert,
    domain::{article::Article, publication::NEVER, revision::Revision},
    events::{self, Place},
    reading::reaches,
    rpc::get_article,
    store::{articles, labels, revisions},
};

const METHOD: &str = "aftercare.knowledge.v1.ArticleService/CreateArticle";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: CreateArticleRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let (article, revision) = parse(&app, &call, &request, &request_id)?;
    if !reaches(&call) {
        return Err(Error::no_article(&article.id.name()));
    }
    let once = app.once(&call, METHOD, &request_id, &request);
    let earlier = transact!(app.db, "article.create", |tx| {
        let earlier = once.claim(tx, &article.id.name(), 1).await?;
        if earlier.is_none() {
            insert(&app, &call, tx, &article, &revision).await?;
        }
        Ok::<_, Error>(earlier)
    })?;
    let id = match earlier {
        None => article.id,
        Some(earlier) => {
            ArticleId::parse_name(&earlier.resource).ok_or(Error::Corrupt("request id"))?
        }
    };
    get_article::by_id(&app, &call, id).await
}

/// Writes a new article with its first revision and its first event.
pub(crate) async fn insert(
    app: &App,
    call: &Call,
    tx: &mut store::Tx,
    article: &Article,
    revision: &Revision,
) -> Result<(), Error> {
    let tenant = call.tenant();
    if !articles::insert(tx, tenant, article).await? {
        let external_id = article.external_id.clone().unwrap_or_default();
        let taken = articles::by_external_id(tx, tenant, &external_id).await?;
        return Err(match taken {
            Some(article) => Error::ExternalIdTaken { external_id, article },
            None => Error::LostRace,
        });
    }
    labels::put(tx, tenant, article.id, &article.profile).await?;
    revisions::insert(tx, tenant, revision).await?;
    let created = ArticleCreated {
        kind: article.profile.kind.into(),
        audience: article.profile.audience.level.into(),
    };
    events::append(app, call, tx, Place::of(article), Change::Created(created)).await
}

fn parse(
    app: &App,
    call: &Call,
    request: &CreateArticleRequest,
    request_id: &str,
) -> Result<(Article, Revision), Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    violations.check(request.article.is_some(), "article", "must be given");
    let given = request.article.clone().unwrap_or_default();
    violations.check(given.name.is_empty(), "article.name", "must be left out");
    let profile = convert::profile(&given, &mut violations);
    profile.check(|field| format!("article.{field}"), &mut violations);
    let external_id = convert::external_id(&given.external_id, &mut violations);
    violations.check(given.revision.is_some(), "article.revision", "must be given");
    let first = given.revision.unwrap_or_default();
    let words = convert::words(&first, "article.revision", &mut violations);
    let locale = convert::tag(&first.locale, "article.revision.locale", &mut violations);
    let base = &first.base_revision;
    let why = "must be left out: there is none before the first";
    violations.check(base.is_empty(), "article.revision.base_revision", why);
    let (id, at) = (ArticleId::from(app.ids.next()), app.clock.now());
    let (actor_kind, actor) = wire::actor_parts(&call.caller);
    let article = Article {
        id,
        version: 1,
        sequence: 1,
        last_at: at,
        profile,
        external_id,
        archived_at: NEVER,
        revisions: 1,
        created_at: at,
        updated_at: at,
    };
    let revision = Revision {
        article: id,
        number: 1,
        locale,
        words,
        base: 0,
        note: first.note,
        actor_kind: actor_kind.to_owned(),
        actor,
        created_at: at,
    };
    violations.finish((article, revision))
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{ArticleKind, ArticleState, AudienceLevel};

    use super::*;
    use crate::rpc::fixture::{
        Fixture, agent, audience, create, editor, fields, request_id, stranger,
    };

    #[tokio::test]
    async fn a_draft_is_seen_by_who_writes() {
        let fixture = Fixture::new().await;
        let made = handle(fixture.app.clone(), editor(), create("如何退货")).await.unwrap();
        assert_eq!(made.state(), ArticleState::Draft);
        assert_eq!((made.etag.as_str(), made.kind()), ("v1", ArticleKind::Faq));
        assert_eq!(made.audience.as_ref().unwrap().level(), AudienceLevel::Agent);
        let revision = made.revision.clone().unwrap();
        assert_eq!(revision.name, format!("{}/revisions/1", made.name));
        assert_eq!(made.translations[0].latest_revision, revision.name);
        assert_eq!(made.translations[0].live_revision, "");
        assert_eq!(fixture.read(editor(), &made.name).await, Some(made.clone()));
        assert_eq!(fixture.read(agent(&[]), &made.name).await, None);
        assert_eq!(fixture.read(stranger(), &made.name).await, None);
        let events = fixture.events(&made.name).await;
        assert_eq!(
            events.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(),
            ["article.created"]
        );
    }

    #[tokio::test]
    async fn a_request_id_makes_one_article() {
        let fixture = Fixture::new().await;
        let mut asked = create("如何退货");
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap();
        assert_eq!(handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap(), first);
        asked.article.as_mut().unwrap().tags.push("退货".to_owned());
        let error = handle(fixture.app.clone(), editor(), asked).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn an_external_id_is_given_once_in_each_tenant() {
        let fixture = Fixture::new().await;
        let mut asked = create("如何退货");
        asked.article.as_mut().unwrap().external_id = "kb-7".to_owned();
        let first = handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap();
        let error = handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap_err();
        let Error::ExternalIdTaken { article, .. } = error else { panic!("{error:?}") };
        assert_eq!(article.name(), first.name);
        handle(fixture.app.clone(), stranger(), asked).await.unwrap();
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let mut wrong = create("");
        let article = wrong.article.as_mut().unwrap();
        article.name = "articles/x".to_owned();
        article.audience = Some(audience(AudienceLevel::Public, &["sales"]));
        article.products = vec!["X".to_owned()];
        article.tags = vec![String::new()];
        article.revision.as_mut().unwrap().locale = "x".to_owned();
        let error = handle(fixture.app.clone(), editor(), wrong).await.unwrap_err();
        let mut told = fields(&error);
        told.dedup();
        assert_eq!(
            told,
            [
                "article.name",
                "article.products[0]",
                "article.audience.teams",
                "article.products[0]",
                "article.tags[0]",
                "article.revision.title",
                "article.revision.locale",
            ]
        );
        let nothing = CreateArticleRequest::default();
        let error = handle(fixture.app.clone(), editor(), nothing).await.unwrap_err();
        assert_eq!(fields(&error)[..2], ["article", "article.revision"]);
    }
}

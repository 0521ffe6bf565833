//! `CreateRevision`: the next revision in a language, on the base of the one that its author saw.

use contracts::knowledge::v1::{
    ArticleRevised, CreateRevisionRequest, Revision as Answer, knowledge_event::Change,
};
use kernel::{ArticleId, Violations, etag::Demand};
use rpc::{Call, wire};
use store::{Tx, transact};

use crate::{
    App, Error,
    command::{self, Command, Held},
    convert,
    domain::{
        article::Article,
        revision::{self, Revision, Words},
    },
    rpc::get_revision,
    store::revisions,
};

const METHOD: &str = "aftercare.knowledge.v1.ArticleService/CreateRevision";

/// A revision as it is given.
#[derive(Clone, Debug)]
struct Draft {
    article: ArticleId,
    locale: String,
    words: Words,
    base: i64,
    note: String,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: CreateRevisionRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let draft = parse(&request, &request_id)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id: draft.article, etag: Demand::Any, once };
    let written = transact!(app.db, "revision.create", |tx| {
        write(&app, &call, tx, &command, &draft).await
    })?;
    match written {
        Ok(revision) => Ok(convert::revision(&revision, &call)),
        Err((article, number)) => get_revision::by_key(&app, &call, article, number).await,
    }
}

/// The revision, or the key of the one that the same request made before.
async fn write(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    command: &Command,
    draft: &Draft,
) -> Result<Result<Revision, (ArticleId, i64)>, Error> {
    let tenant = call.tenant();
    let name = |article: &Article| revision::name(article.id, article.revisions + 1);
    let (before, at) = match command::hold(app, call, tx, command, name).await? {
        Held::New(before, at) => (before, at),
        Held::Done(made) => {
            return revision::parse_name(&made).map(Err).ok_or(Error::Corrupt("request id"));
        }
    };
    let latest = revisions::latest(tx, tenant, draft.article, &draft.locale).await?;
    if latest != draft.base {
        return Err(conflict(call, tx, draft, latest).await?);
    }
    let mut after = before.next(at);
    after.revisions += 1;
    let (actor_kind, actor) = wire::actor_parts(&call.caller);
    let Draft { article, locale, words, base, note } = draft.clone();
    let revision = Revision {
        article,
        number: after.revisions,
        locale,
        words,
        base,
        note,
        actor_kind: actor_kind.to_owned(),
        actor,
        created_at: at,
    };
    revisions::insert(tx, tenant, &revision).await?;
    let (name, locale) = (revision.name(), revision.locale.clone());
    let change = Change::Revised(ArticleRevised { revision: name, locale });
    command::save(app, call, tx, &after, change).await?;
    Ok(Ok(revision))
}

/// Why a revision cannot follow `latest`, which its author has not seen.
async fn conflict(call: &Call, tx: &mut Tx, draft: &Draft, latest: i64) -> Result<Error, Error> {
    let (tenant, article) = (call.tenant(), draft.article);
    let theirs = revisions::get_in(tx, tenant, article, latest).await?;
    let base = revisions::get_in(tx, tenant, article, draft.base).await?;
    let base = base.filter(|base| base.locale == draft.locale);
    if draft.base > 0 && base.is_none() {
        let mut violations = Violations::new();
        violations.add("revision.base_revision", "is none of this article in this language");
        return Ok(violations.into());
    }
    let (base, theirs) = (base.map(|one| one.words), theirs.map(|one| one.words));
    let fields = draft.words.conflicts(&theirs.unwrap_or_default(), &base.unwrap_or_default());
    Ok(Error::RevisionConflict {
        latest: revision::name(article, latest),
        fields: fields.join(", "),
    })
}

fn parse(request: &CreateRevisionRequest, request_id: &str) -> Result<Draft, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let article = convert::article_id(&request.parent, "parent", &mut violations);
    violations.check(request.revision.is_some(), "revision", "must be given");
    let given = request.revision.clone().unwrap_or_default();
    violations.check(given.name.is_empty(), "revision.name", "must be left out");
    let words = convert::words(&given, "revision", &mut violations);
    let locale = convert::tag(&given.locale, "revision.locale", &mut violations);
    let mut base = 0;
    if !given.base_revision.is_empty() {
        let field = "revision.base_revision";
        let (of, number) = convert::revision_key(&given.base_revision, field, &mut violations);
        violations.check(of == article || number == 0, field, "is of another article");
        base = number;
    }
    violations.finish(Draft { article, locale, words, base, note: given.note })
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::AudienceLevel;

    use super::*;
    use crate::rpc::fixture::{Fixture, editor, fields, request_id, stranger, words};

    fn request(parent: &str, locale: &str, title: &str, base: i64) -> CreateRevisionRequest {
        let mut revision = words(locale, title);
        if base > 0 {
            revision.base_revision = format!("{parent}/revisions/{base}");
        }
        CreateRevisionRequest {
            parent: parent.to_owned(),
            revision: Some(revision),
            request_id: String::new(),
        }
    }

    #[tokio::test]
    async fn revisions_are_counted_over_all_languages() {
        let fixture = Fixture::new().await;
        let name = fixture.draft("一", AudienceLevel::Public).await.name;
        let write = async |locale: &str, title: &str, base| {
            let asked = request(&name, locale, title, base);
            handle(fixture.app.clone(), editor(), asked).await
        };
        assert_eq!(write("en", "one", 0).await.unwrap().name, format!("{name}/revisions/2"));
        assert_eq!(write("zh", "二", 1).await.unwrap().name, format!("{name}/revisions/3"));
        assert_eq!(write("EN", "two", 2).await.unwrap().locale, "en");
    }

    #[tokio::test]
    async fn nobody_writes_over_what_they_have_not_seen() {
        let fixture = Fixture::new().await;
        let name = fixture.draft("一", AudienceLevel::Public).await.name;
        let first = request(&name, "zh", "二", 1);
        handle(fixture.app.clone(), editor(), first).await.unwrap();
        let second = request(&name, "zh", "三", 1);
        let error = handle(fixture.app.clone(), editor(), second).await.unwrap_err();
        let Error::RevisionConflict { latest, fields } = error else { panic!("{error:?}") };
        assert_eq!((latest, fields.as_str()), (format!("{name}/revisions/2"), "title, body"));
        // A language that is there already has a base.
        let error = handle(fixture.app.clone(), editor(), request(&name, "zh", "三", 0)).await;
        assert!(matches!(error.unwrap_err(), Error::RevisionConflict { .. }));
        assert_eq!(fixture.events(&name).await.len(), 2);
    }

    #[tokio::test]
    async fn a_request_id_writes_once() {
        let fixture = Fixture::new().await;
        let name = fixture.draft("一", AudienceLevel::Public).await.name;
        let mut asked = request(&name, "zh", "二", 1);
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap();
        assert_eq!(handle(fixture.app.clone(), editor(), asked).await.unwrap(), first);
    }

    #[tokio::test]
    async fn a_wrong_base_and_a_foreign_article_are_refused() {
        let fixture = Fixture::new().await;
        let name = fixture.draft("一", AudienceLevel::Public).await.name;
        let other = fixture.draft("别的", AudienceLevel::Public).await.name;
        let mut wrong = request(&name, "zh", "二", 0);
        wrong.revision.as_mut().unwrap().base_revision = format!("{other}/revisions/1");
        let error = handle(fixture.app.clone(), editor(), wrong).await.unwrap_err();
        assert_eq!(fields(&error), ["revision.base_revision"]);
        let error = handle(fixture.app.clone(), editor(), request(&name, "en", "two", 1)).await;
        assert_eq!(fields(&error.unwrap_err()), ["revision.base_revision"]);
        let error = handle(fixture.app.clone(), stranger(), request(&name, "zh", "二", 1)).await;
        assert!(matches!(error.unwrap_err(), Error::ArticleNotFound { .. }));
    }
}

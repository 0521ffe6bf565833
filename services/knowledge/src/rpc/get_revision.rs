//! `GetRevision`: what an article says, or said, in one language.

use contracts::knowledge::v1::{GetRevisionRequest, Revision as Answer};
use kernel::{ArticleId, Violations};
use rpc::Call;

use crate::{
    App, Error,
    convert::{self, WRITES},
    domain::revision,
    reading::reaches,
    store::{articles, publications, revisions},
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetRevisionRequest,
) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    let (article, number) = convert::revision_key(&request.name, "name", &mut violations);
    violations.finish(())?;
    by_key(&app, &call, article, number).await
}

/// A revision that the caller may read.
pub(crate) async fn by_key(
    app: &App,
    call: &Call,
    article: ArticleId,
    number: i64,
) -> Result<Answer, Error> {
    let missing = || Error::no_revision(&revision::name(article, number));
    let readable =
        reaches(call) && (call.may(WRITES) || is_live(app, call, article, number).await?);
    if !readable {
        return Err(missing());
    }
    let found =
        revisions::get(&app.db, call.tenant(), article, number).await?.ok_or_else(missing)?;
    Ok(convert::revision(&found, call))
}

/// Whether a revision is live for the caller now.
pub(crate) async fn is_live(
    app: &App,
    call: &Call,
    article: ArticleId,
    number: i64,
) -> Result<bool, Error> {
    let (tenant, at) = (call.tenant(), app.clock.now());
    let Some(found) = articles::get(&app.db, tenant, article).await?.filter(|_| reaches(call))
    else {
        return Ok(false);
    };
    let readable = convert::reader(call).may_read(&found.profile.audience);
    Ok(readable
        && found.is_open(at)
        && publications::was_live(&app.db, tenant, article, number, at, at).await?)
}

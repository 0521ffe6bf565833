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
    let (tenant, missing) =
        (call.tenant(), || Error::no_revision(&revision::name(article, number)));
    if !reaches(call) {
        return Err(missing());
    }
    if !call.may(WRITES) {
        let at = app.clock.now();
        let found = articles::get(&app.db, tenant, article).await?.ok_or_else(missing)?;
        let readable = convert::reader(call).may_read(&found.profile.audience);
        let open = readable && found.is_open(at);
        if !open || !publications::was_live(&app.db, tenant, article, number, at, at).await? {
            return Err(missing());
        }
    }
    let found = revisions::get(&app.db, tenant, article, number).await?.ok_or_else(missing)?;
    Ok(convert::revision(&found, call))
}

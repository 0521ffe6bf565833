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

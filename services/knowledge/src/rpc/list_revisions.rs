//! `ListRevisions`: all that was written of an article, the latest first.

use contracts::knowledge::v1::{ListRevisionsRequest, ListRevisionsResponse};
use kernel::{
    Violations,
    page::{self, Greatest},
};
use rpc::{Call, wire};

use crate::{
    App, Error, convert,
    reading::reaches,
    store::{articles, revisions},
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListRevisionsRequest,
) -> Result<ListRevisionsResponse, Error> {
    let tenant = call.tenant();
    let mut violations = Violations::new();
    let article = convert::article_id(&request.parent, "parent", &mut violations);
    let query = page::Query::new(&app.tokens, tenant, "ListRevisions", &request.parent);
    let size = page::size(request.page_size, &mut violations);
    let Greatest(start) = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    let exists = reaches(&call) && articles::get(&app.db, tenant, article).await?.is_some();
    if !exists {
        return Err(Error::no_article(&request.parent));
    }
    let rows = revisions::list(&app.db, tenant, article, start, size + 1).await?;
    let (shown, last) = wire::page_of(&rows, size, |one| convert::revision(one, &call));
    let next_page_token = query.token(last.map(|last| Greatest(last.number)));
    Ok(ListRevisionsResponse { revisions: shown, next_page_token })
}

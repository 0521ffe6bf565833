//! `BatchGetArticles`: several articles at once, all or none.

use std::collections::HashMap;

use contracts::knowledge::v1::{BatchGetArticlesRequest, BatchGetArticlesResponse};
use kernel::Violations;
use rpc::Call;

use crate::{
    App, Error, convert,
    reading::{self, reaches},
    store::articles,
};

const MAX: usize = 100;

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: BatchGetArticlesRequest,
) -> Result<BatchGetArticlesResponse, Error> {
    let mut violations = Violations::new();
    let fits = (1..=MAX).contains(&request.names.len());
    violations.check(fits, "names", "must be 1 to 100");
    let ids = request.names.iter().take(MAX).enumerate().map(|(index, name)| {
        convert::article_id(name, &format!("names[{index}]"), &mut violations)
    });
    let ids: Vec<_> = ids.collect();
    let locale = convert::locale(&request.locale, &call, &mut violations);
    violations.finish(())?;

    let found = if reaches(&call) {
        articles::get_many(&app.db, call.tenant(), &ids).await?
    } else {
        Vec::new()
    };
    let found = reading::read(&app, &call, found, Some(&locale)).await?;
    let found: HashMap<_, _> = found.into_iter().map(|one| (one.name.clone(), one)).collect();
    let in_order = request
        .names
        .iter()
        .map(|name| found.get(name).cloned().ok_or_else(|| Error::no_article(name)));
    Ok(BatchGetArticlesResponse { articles: in_order.collect::<Result<_, _>>()? })
}

//! `ListSearches`: what was searched for, the latest first.

use contracts::knowledge::v1::{ListSearchesRequest, ListSearchesResponse, SearchRecord};
use kernel::{Violations, page};
use rpc::{Call, wire};

use crate::{
    App, Error,
    position::Newest,
    reading::reaches,
    store::searches::{self, Search},
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListSearchesRequest,
) -> Result<ListSearchesResponse, Error> {
    let (tenant, only_empty) = (call.tenant(), request.only_empty);
    let of = only_empty.to_string();
    let query = page::Query::new(&app.tokens, tenant, "ListSearches", &of);
    let mut violations = Violations::new();
    let size = page::size(request.page_size, &mut violations);
    let Newest(start) = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    let rows = if reaches(&call) {
        searches::list(&app.db, tenant, only_empty, start, size + 1).await?
    } else {
        Vec::new()
    };
    let (shown, last) = wire::page_of(&rows, size, record);
    let next_page_token = query.token(last.map(|last| Newest(last.id.uuid())));
    Ok(ListSearchesResponse { searches: shown, next_page_token })
}

fn record(search: &Search) -> SearchRecord {
    SearchRecord {
        name: search.id.name(),
        query: search.query.clone(),
        locale: search.locale.clone(),
        audience: search.level.into(),
        stage: search.stage.into(),
        total_size: i32::try_from(search.total).unwrap_or(i32::MAX),
        shown: search.shown.clone(),
        chosen: search.chosen.clone(),
        create_time: Some(wire::timestamp(search.at)),
    }
}

//! `ListSearches`: what was searched for, the latest first.

use std::collections::HashSet;

use contracts::knowledge::v1::{ListSearchesRequest, ListSearchesResponse, SearchRecord};
use kernel::{
    Violations,
    page::{self, Newest},
};
use rpc::{Call, wire};

use crate::{
    App, Error,
    convert::WRITES,
    domain::revision,
    reading::{self, reaches},
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
    let (rows, hidden) = readable(&app, &call, rows).await?;
    let (mut shown, last) = wire::page_of(&rows, size, record);
    shown.retain(|record| !hidden.contains(&record.name));
    let next_page_token = query.token(last.map(|last| Newest(last.id.uuid())));
    Ok(ListSearchesResponse { searches: shown, next_page_token })
}

/// The same searches without what their readers found and the caller may not read: not even counted.
/// Those of them of which nothing would be left are named, too.
async fn readable(
    app: &App,
    call: &Call,
    mut rows: Vec<Search>,
) -> Result<(Vec<Search>, HashSet<String>), Error> {
    let mut hidden = HashSet::new();
    if call.may(WRITES) {
        return Ok((rows, hidden));
    }
    let article = |name: &String| revision::parse_name(name).map(|(article, _)| article);
    let named = rows.iter().flat_map(|search| search.shown.iter().chain(&search.chosen));
    let meant = reading::meant_for(app, call, named.filter_map(article).collect()).await?;
    let may_read = |name: &String| article(name).is_some_and(|id| meant.contains(&id));
    for search in &mut rows {
        search.shown.retain(may_read);
        search.chosen.retain(may_read);
        if search.total > 0 && search.shown.is_empty() {
            hidden.insert(search.id.name());
        }
        // What was found beyond them is not known any more, and may be for others.
        search.total = i64::try_from(search.shown.len()).unwrap_or(i64::MAX);
    }
    Ok((rows, hidden))
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

//! `ListResponses`: what was answered to a survey, the latest first.

use contracts::surveys::v1::{ListResponsesRequest, ListResponsesResponse, Standing};
use kernel::{Violations, page};
use rpc::{Call, wire};

use crate::{App, Error, command, convert, position::Latest, store::responses};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListResponsesRequest,
) -> Result<ListResponsesResponse, Error> {
    let mut violations = Violations::new();
    let survey = convert::survey_id(&request.parent, "parent", &mut violations);
    let standing = Standing::try_from(request.standing);
    violations.check(standing.is_ok(), "standing", "is none that there is");
    let standing = standing.unwrap_or_default();
    let of = format!("{survey} {}", standing.as_str_name());
    let query = page::Query::new(&app.tokens, call.tenant(), "ListResponses", &of);
    let size = page::size(request.page_size, &mut violations);
    let start: Latest = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    command::find(&app, &call, survey).await?;
    let tenant = call.tenant();
    let rows = responses::list(&app.db, tenant, survey, standing, start, size + 1).await?;
    let (responses, last) = wire::page_of(&rows, size, convert::response);
    let last = last.map(|last| Latest(last.submitted_at, last.id.uuid()));
    Ok(ListResponsesResponse { responses, next_page_token: query.token(last) })
}

//! `ListLoops`: loops, newest first.

use contracts::surveys::v1::{ListLoopsRequest, ListLoopsResponse, LoopState};
use kernel::{
    Violations,
    page::{self, Newest},
};
use rpc::{Call, wire};

use crate::{App, Error, command::reaches, convert, store::loops};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListLoopsRequest,
) -> Result<ListLoopsResponse, Error> {
    let mut violations = Violations::new();
    let state = LoopState::try_from(request.state);
    violations.check(state.is_ok(), "state", "is none that there is");
    let state = state.unwrap_or_default();
    let of = state.as_str_name();
    let query = page::Query::new(&app.tokens, call.tenant(), "ListLoops", of);
    let size = page::size(request.page_size, &mut violations);
    let Newest(start) = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    let rows = if reaches(&call) {
        loops::list(&app.db, call.tenant(), state, start, size + 1).await?
    } else {
        Vec::new()
    };
    let (loops, last) = wire::page_of(&rows, size, convert::a_loop);
    let next_page_token = query.token(last.map(|last| Newest(last.id.uuid())));
    Ok(ListLoopsResponse { loops, next_page_token })
}

//! GetTicket.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{app::App, command::ticket_id, convert, error::Error, store::tickets};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::GetTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut violations = Violations::new();
    let id = ticket_id("name", &request.name, &mut violations);
    violations.finish(())?;
    let stored = tickets::get(app.db(), call.tenant(), id)
        .await?
        .filter(|stored| convert::visible(&stored.ticket, &call.scope))
        .ok_or(Error::TicketNotFound(request.name))?;
    convert::ticket(&app, &call, &stored)
}

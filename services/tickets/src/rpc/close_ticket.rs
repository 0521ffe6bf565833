//! CloseTicket: a ticket that needs no resolution is closed.

use ::rpc::Call;
use contracts::tickets::v1::{self as pb, CloseReason};
use kernel::Violations;

use crate::{
    app::App,
    command::{Command, Decision, run},
    error::Error,
    fields,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::CloseTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &mut request, &mut v);
    let reason: CloseReason = fields::required("reason", request.reason, &mut v);
    v.check(
        matches!(reason, CloseReason::Unspecified | CloseReason::Cancelled | CloseReason::Spam),
        "reason",
        "must be CLOSE_REASON_CANCELLED or CLOSE_REASON_SPAM",
    );
    v.finish(())?;
    run(&app, &call, &command, |stored, cx| {
        stored.ticket.clone().close(reason, cx).map(Decision::from)
    })
    .await
}

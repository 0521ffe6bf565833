//! ReleaseTicket: an agent gives a ticket back to its queue.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{
    app::{self, App},
    command::{Command, Decision, run},
    domain::Refusal,
    error::Error,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ReleaseTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &mut request, &mut v);
    v.finish(())?;
    let member = app::actor(&call).member;
    let any = call.may("tickets.assign");
    run(&app, &call, &command, |stored, cx| {
        let owner = stored.ticket.assignee.as_deref();
        // Who may assign may also take away.
        if let Some(owner) = owner
            && !any
            && member.as_deref() != Some(owner)
        {
            return Err(Refusal::Claimed(owner.to_owned()));
        }
        stored.ticket.clone().release(cx).map(Decision::from)
    })
    .await
}

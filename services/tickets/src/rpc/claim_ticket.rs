//! ClaimTicket: an agent takes a ticket that nobody has. Of several who try, one wins.

use ::rpc::Call;
use contracts::tickets::v1::{self as pb, AssignmentReason};
use kernel::Violations;

use crate::{
    app::{self, App},
    command::{Command, Decision, run},
    domain::ticket::Assignment,
    error::Error,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ClaimTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &mut request, &mut v);
    v.finish(())?;
    let member = claimant(&app, &call)?;
    let how = Assignment::plain(AssignmentReason::Claimed);
    run(&app, &call, &command, |stored, cx| {
        stored.ticket.clone().assign(&member, how, cx).map(Decision::from)
    })
    .await
}

/// Who claims: a member with a routing profile.
pub(crate) fn claimant(app: &App, call: &Call) -> Result<String, Error> {
    let member = app::actor(call).member.filter(|member| {
        app.settings(call.tenant())
            .is_some_and(|settings| settings.routing.agents.contains_key(member))
    });
    member.ok_or(Error::PermissionDenied("a routing profile"))
}

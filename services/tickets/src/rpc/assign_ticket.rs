//! AssignTicket: somebody gives a ticket to an agent.

use ::rpc::Call;
use contracts::tickets::v1::{self as pb, AssignmentReason};
use kernel::{Violations, id};

use crate::{
    app::App,
    command::{Command, Decision, run, settings},
    domain::ticket::Assignment,
    error::Error,
};

const OVER: &str = "tickets.over_assign";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::AssignTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &mut request, &mut v);
    let routing = &settings(&app, &call)?.routing;
    let member = id::slug_in(&request.assignee, "members");
    let known = member.is_some_and(|slug| routing.agents.contains_key(slug));
    v.check(known, "assignee", "must be an agent of this tenant, `members/{id}`");
    v.finish(())?;
    if request.over_capacity && !call.may(OVER) {
        return Err(Error::PermissionDenied(OVER));
    }
    let how = Assignment {
        over_capacity: request.over_capacity,
        ..Assignment::plain(AssignmentReason::Assigned)
    };
    let member = member.unwrap_or_default();
    run(&app, &call, &command, |stored, cx| {
        stored.ticket.clone().assign(member, how, cx).map(Decision::from)
    })
    .await
}

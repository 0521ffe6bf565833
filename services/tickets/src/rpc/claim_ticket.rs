//! `ClaimTicket`: an agent takes a ticket that nobody has. Of several who try, one wins.

use ::rpc::Call;
use contracts::tickets::v1::{self as pb, AssignmentReason};
use kernel::Violations;

use crate::{
    app::{self, App},
    command::{Command, run, settings},
    domain::assign::Assignment,
    error::Error,
    rpc::assign_ticket::give,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ClaimTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &call, &mut request, &mut v);
    v.finish(())?;
    let member = claimant(&app, &call)?;
    let how = Assignment::plain(AssignmentReason::Claimed);
    let settings = settings(&app, &call)?;
    let routing = &settings.routing;
    run(&app, &call, &command, |stored, cx| give(routing, stored, &member, how, cx)).await
}

/// Who claims: a member with a routing profile.
pub(crate) fn claimant(app: &App, call: &Call) -> Result<String, Error> {
    let member = app::actor(call).member.filter(|member| {
        app.settings(call.tenant())
            .is_some_and(|settings| settings.routing.agents.contains_key(member))
    });
    member.ok_or_else(|| Error::not_an_agent(&call.principal()))
}

#[cfg(test)]
mod tests {
    use kernel::Role;
    use tonic::Code;

    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn who_comes_second_is_told_who_won() {
        let house = House::new().await;
        let (lin, mei) = (house.agent("lin"), house.agent("mei"));
        let ticket = lin.create(inquiry()).await;
        let request = pb::ClaimTicketRequest {
            name: ticket.name.clone(),
            etag: ticket.etag.clone(),
            request_id: request_id(1),
        };
        let claimed = lin.claim_ticket(request.clone()).await.unwrap();
        assert_eq!(
            (claimed.assignee.as_str(), claimed.category()),
            ("members/lin", pb::Category::Open)
        );
        assert_eq!(lin.claim_ticket(request.clone()).await.unwrap(), claimed);
        assert_eq!(lin.claim(&ticket.name).await.unwrap(), claimed, "who has it keeps it");
        assert_eq!(house.used("lin").await, 1);

        assert_eq!(told(mei.claim(&ticket.name).await)["winner"], "members/lin");
        assert_eq!(
            refused(mei.claim(&ticket.name).await),
            (Code::Aborted, "ALREADY_CLAIMED".to_owned())
        );
        assert_eq!(refused(mei.claim_ticket(request).await).1, "STALE_ETAG");
        assert_eq!(house.used("mei").await, 0);
    }

    #[tokio::test]
    async fn only_agents_with_room_claim() {
        let house = House::new().await;
        let boss = house.client(member("boss", Role::Supervisor, &[]));
        let (one, two) = (boss.create(inquiry()).await, boss.create(inquiry()).await);
        let refusal = boss.claim(&one.name).await;
        assert_eq!(blockers(refusal), blocker("ROUTING_PROFILE", "member/boss"));
        assert_eq!(refused(house.client(system(1)).claim(&one.name).await).1, "NOT_AN_AGENT");

        let tiny = house.agent("tiny");
        tiny.claim(&one.name).await.unwrap();
        assert_eq!(blockers(tiny.claim(&two.name).await), blocker("CAPACITY", "members/tiny"));
        tiny.resolve(&one.name).await.unwrap();
        tiny.claim(&two.name).await.unwrap();
        assert_eq!(blockers(tiny.claim(&one.name).await), blocker("STATE", "RESOLVED"));
    }
}

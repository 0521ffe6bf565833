//! `AssignTicket`: somebody gives a ticket to an agent.

use ::rpc::Call;
use contracts::tickets::v1::{self as pb, AssignmentReason};
use kernel::{Blocker, Violations, id};

use crate::{
    app::App,
    command::{Command, Decision, run, settings},
    domain::{Refusal, assign::Assignment, routing::Routing, ticket::Context},
    error::Error,
    store::tickets::Stored,
};

const OVER: &str = "tickets.over_assign";

/// Gives a ticket to an agent who has the skills that it requires.
pub(crate) fn give(
    routing: &Routing,
    stored: &Stored,
    member: &str,
    how: Assignment,
    cx: &Context<'_>,
) -> Result<Decision, Refusal> {
    let changed = stored.ticket.clone().assign(member, how, cx)?;
    let lacking = routing.lacks(member, &stored.ticket.body.skills);
    if changed.happened.is_empty() || lacking.is_empty() {
        return Ok(Decision::from(changed));
    }
    let blocker = |skill: &str| Blocker {
        kind: "SKILL",
        subject: skill.to_owned(),
        description: format!("`members/{member}` lacks this skill"),
    };
    Err(Refusal::Blocked(lacking.into_iter().map(blocker).collect()))
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::AssignTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &call, &mut request, &mut v);
    let settings = settings(&app, &call)?;
    let routing = &settings.routing;
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
    run(&app, &call, &command, |stored, cx| give(routing, stored, member, how, cx)).await
}

#[cfg(test)]
mod tests {
    use kernel::Role;
    use tonic::Code;

    use super::*;
    use crate::fixture::*;

    fn over(name: &str, member: &str) -> pb::AssignTicketRequest {
        pb::AssignTicketRequest {
            name: name.to_owned(),
            assignee: format!("members/{member}"),
            over_capacity: true,
            ..<_>::default()
        }
    }

    async fn last_assignment(house: &House, name: &str) -> pb::AssignmentChanged {
        let request = pb::ListTicketHistoryRequest { parent: name.to_owned(), ..<_>::default() };
        let items = house.agent("lin").list_ticket_history(request).await.unwrap().items;
        let mut changes = items.into_iter().filter_map(|item| match item.event?.change? {
            pb::ticket_event::Change::AssignmentChanged(changed) => Some(changed),
            _ => None,
        });
        changes.next_back().unwrap()
    }

    #[tokio::test]
    async fn capacity_goes_with_the_ticket_and_is_exceeded_by_permission_only() {
        let house = House::new().await;
        let boss = house.client(member("boss", Role::Supervisor, &[]));
        let senior = house.client(member("ann", Role::SeniorAgent, &[]));
        let (one, two) = (boss.create(inquiry()).await, boss.create(inquiry()).await);
        assert_eq!(boss.assign(&one.name, "tiny").await.unwrap().assignee, "members/tiny");
        assert_eq!(
            blockers(senior.assign(&two.name, "tiny").await),
            blocker("CAPACITY", "members/tiny")
        );
        assert_eq!(house.used("tiny").await, 1);

        let (code, reason) = refused(senior.assign_ticket(over(&two.name, "tiny")).await);
        assert_eq!((code, reason.as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
        boss.assign_ticket(over(&two.name, "tiny")).await.unwrap();
        assert!(last_assignment(&house, &two.name).await.over_capacity);
        assert_eq!(house.used("tiny").await, 2);

        boss.assign_ticket(over(&two.name, "mei")).await.unwrap();
        let moved = last_assignment(&house, &two.name).await;
        assert_eq!(moved.previous, "members/tiny");
        assert!(!moved.over_capacity, "there was room after all");
        assert_eq!((house.used("tiny").await, house.used("mei").await), (1, 1));
    }

    #[tokio::test]
    async fn whom_it_is_given_to_must_be_an_agent_with_the_skills() {
        let house = House::new().await;
        let senior = house.client(member("ann", Role::SeniorAgent, &[]));
        let ticket = pb::Ticket { required_skills: vec!["refunds".to_owned()], ..inquiry() };
        let ticket = senior.create(ticket).await;
        assert_eq!(wrong(senior.assign(&ticket.name, "boss").await), ["assignee"]);
        assert_eq!(blockers(senior.assign(&ticket.name, "mei").await), blocker("SKILL", "refunds"));
        assert_eq!(
            blockers(house.agent("mei").claim(&ticket.name).await),
            blocker("SKILL", "refunds")
        );
        senior.assign(&ticket.name, "lin").await.unwrap();
        let denied = house.agent("lin").assign(&ticket.name, "mei").await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);

        senior.close(&ticket.name, pb::CloseReason::Spam).await.unwrap();
        assert_eq!(blockers(senior.assign(&ticket.name, "lin").await), blocker("STATE", "CLOSED"));
        assert_eq!((house.used("lin").await, house.used("mei").await), (0, 0));
    }
}

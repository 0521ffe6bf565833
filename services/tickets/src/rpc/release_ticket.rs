//! `ReleaseTicket`: an agent gives a ticket back to its queue.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{
    app::{self, App},
    command::{Command, Decision, run},
    domain::Refusal,
    error::Error,
};

const ASSIGN: &str = "tickets.assign";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ReleaseTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &call, &mut request, &mut v);
    v.finish(())?;
    let member = app::actor(&call).member;
    let any = call.may(ASSIGN);
    run(&app, &call, &command, |stored, cx| {
        let changed = stored.ticket.clone().release(cx)?;
        // Who may assign may also take away.
        if !any && member != stored.ticket.assignee {
            return Err(Refusal::one("PERMISSION", ASSIGN, "somebody else has it"));
        }
        Ok(Decision::from(changed))
    })
    .await
}

#[cfg(test)]
mod tests {
    use kernel::Role;

    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn it_goes_back_to_its_queue_with_its_age() {
        let house = House::new().await;
        let (lin, mei) = (house.agent("lin"), house.agent("mei"));
        let old = lin.create(complaint()).await;
        house.later(std::time::Duration::from_secs(5)).await;
        lin.create(complaint()).await;
        assert_eq!(blockers(lin.release(&old.name).await), blocker("ASSIGNEE", ""));
        lin.claim(&old.name).await.unwrap();
        assert_eq!(blockers(mei.release(&old.name).await), blocker("PERMISSION", "tickets.assign"));
        let released = lin.release(&old.name).await.unwrap();
        assert_eq!((released.assignee.as_str(), released.category()), ("", pb::Category::Open));
        assert_eq!(house.used("lin").await, 0);
        assert_eq!(
            house.history(&old.name).await[3..],
            ["assignment.changed", "work_session.ended", "assignment.changed"]
        );
        assert_eq!(mei.claim_next().await.unwrap().unwrap().name, old.name);

        let senior = house.client(member("ann", Role::SeniorAgent, &[]));
        senior.release(&old.name).await.unwrap();
        assert_eq!(house.used("mei").await, 0);
        lin.close(&old.name, pb::CloseReason::Spam).await.unwrap();
        assert_eq!(blockers(lin.release(&old.name).await), blocker("STATE", "CLOSED"));
    }
}

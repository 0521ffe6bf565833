//! `ConfirmResult`: the customer agrees, by a link.

use ::rpc::{Call, wire};
use contracts::tickets::v1 as pb;
use kernel::{Violations, etag::Demand};

use super::get_result::{opened, result};
use crate::{
    app::App,
    command::{Command, Decision, Nothing, carry_out},
    error::Error,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ConfirmResultRequest,
) -> Result<pb::TicketResult, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    violations.check(request.instance > 0, "instance", "must be the one of the resolution");
    violations.finish(())?;
    let once = app.once(&call, &request_id, &request);
    let command = Command { id: opened(&call)?, etag: Demand::parse(""), once };
    let instance = request.instance;
    let stored = carry_out(
        &app,
        &call,
        &command,
        false,
        |stored, _, cx| {
            stored.ticket.check_instance(instance)?;
            stored.ticket.clone().confirm(cx).map(Decision::from)
        },
        Nothing,
    )
    .await?;
    result(&app, &stored).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn the_customer_agrees_to_what_they_saw_and_to_nothing_else() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        let holder = house.holder(&ticket.name);
        let confirm =
            |instance, n| pb::ConfirmResultRequest { instance, request_id: request_id(n) };
        let early = blockers(holder.confirm_result(confirm(1, 1)).await);
        assert_eq!(early, blocker("STATE", "NEW"));
        lin.claim(&ticket.name).await.unwrap();
        lin.resolve(&ticket.name).await.unwrap();
        let other = blockers(holder.confirm_result(confirm(2, 2)).await);
        assert_eq!(other, blocker("INSTANCE", "1"));
        assert_eq!(wrong(holder.confirm_result(confirm(0, 3)).await), ["instance"]);
        let done = holder.confirm_result(confirm(1, 4)).await.unwrap();
        assert_eq!(done.status(), pb::CustomerStatus::Settled);
        assert_eq!(done.close_reason(), pb::CloseReason::Confirmed);
        assert_eq!(holder.confirm_result(confirm(1, 4)).await.unwrap(), done, "sent again");
        let again = blockers(holder.confirm_result(confirm(1, 5)).await);
        assert_eq!(again, blocker("STATE", "CLOSED"));
        let list = pb::ListTicketHistoryRequest { parent: ticket.name, ..<_>::default() };
        let items = lin.list_ticket_history(list).await.unwrap().items;
        let confirmed =
            items.iter().find_map(|item| match item.event.as_ref()?.change.as_ref()? {
                pb::ticket_event::Change::Confirmed(one) => Some(one.on_behalf),
                _ => None,
            });
        assert_eq!(confirmed, Some(false), "the customer said so, not the staff for them");
    }
}

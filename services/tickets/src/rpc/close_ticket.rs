//! `CloseTicket`: a ticket that needs no resolution is closed.

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
    let command = Command::parse(&app, &call, &mut request, &mut v);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn only_what_needs_no_resolution() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        for reason in [CloseReason::Unspecified, CloseReason::Silent, CloseReason::Confirmed] {
            assert_eq!(wrong(lin.close(&ticket.name, reason).await), ["reason"]);
        }
        lin.claim(&ticket.name).await.unwrap();
        lin.resolve(&ticket.name).await.unwrap();
        let refusal = lin.close(&ticket.name, CloseReason::Spam).await;
        assert_eq!(blockers(refusal), blocker("STATE", "RESOLVED"));
        lin.reject(&ticket.name).await.unwrap();
        let request = pb::CloseTicketRequest {
            name: ticket.name.clone(),
            reason: CloseReason::Spam.into(),
            request_id: request_id(1),
            ..<_>::default()
        };
        let closed = lin.close_ticket(request.clone()).await.unwrap();
        assert_eq!(
            (closed.category(), closed.close_reason()),
            (pb::Category::Closed, CloseReason::Spam)
        );
        assert!(closed.clocks.iter().all(|clock| clock.end_time.is_some()));
        assert_eq!(house.used("lin").await, 0);
        assert_eq!(lin.close_ticket(request).await.unwrap(), closed);
        let refusal = lin.close(&ticket.name, CloseReason::Spam).await;
        assert_eq!(blockers(refusal), blocker("STATE", "CLOSED"));
    }
}

//! `ReopenTicket`: a closed ticket is opened again, within the policy's time.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{
    app::App,
    command::{Command, Decision, Nothing, run_with},
    error::Error,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ReopenTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &call, &mut request, &mut v);
    v.finish(())?;
    run_with(
        &app,
        &call,
        &command,
        true,
        |stored, keep, cx| stored.ticket.clone().reopen(keep, cx).map(Decision::from),
        Nothing,
    )
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixture::*;

    const DAY: Duration = Duration::from_hours(24);

    #[tokio::test]
    async fn within_seven_days_and_not_later() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        assert_eq!(blockers(lin.reopen(&ticket.name).await), blocker("STATE", "NEW"));
        lin.close(&ticket.name, pb::CloseReason::Cancelled).await.unwrap();
        house.later(7 * DAY).await;
        let request = pb::ReopenTicketRequest {
            name: ticket.name.clone(),
            request_id: request_id(1),
            ..<_>::default()
        };
        let open = lin.reopen_ticket(request.clone()).await.unwrap();
        assert_eq!((open.category(), open.reopen_count), (pb::Category::Open, 1));
        assert_eq!((open.close_reason(), open.close_time), (pb::CloseReason::Unspecified, None));
        assert_eq!(lin.reopen_ticket(request).await.unwrap(), open);
        lin.close(&ticket.name, pb::CloseReason::Cancelled).await.unwrap();
        house.later(7 * DAY + Duration::from_secs(1)).await;
        assert_eq!(blockers(lin.reopen(&ticket.name).await), blocker("FOLLOW_UP_WINDOW", "7 days"));
    }
}

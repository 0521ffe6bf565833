//! `ConfirmResolution`: the customer agrees.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{
    app::App,
    command::{Command, Decision, run},
    error::Error,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ConfirmResolutionRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &call, &mut request, &mut v);
    v.finish(())?;
    run(&app, &call, &command, |stored, cx| stored.ticket.clone().confirm(cx).map(Decision::from))
        .await
}

#[cfg(test)]
mod tests {
    use kernel::CustomerId;

    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn the_customer_agrees_once() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = house
            .client(system(1))
            .create(pb::Ticket {
                customer: house.known().await.name(),
                contact: Some(contact()),
                ..inquiry()
            })
            .await;
        let customer = house.customer(CustomerId::parse_name(&ticket.customer).unwrap());
        assert_eq!(blockers(customer.confirm(&ticket.name).await), blocker("STATE", "NEW"));
        lin.claim(&ticket.name).await.unwrap();
        let resolved = lin.resolve(&ticket.name).await.unwrap();
        let request = pb::ConfirmResolutionRequest {
            name: ticket.name.clone(),
            etag: resolved.etag,
            request_id: request_id(1),
        };
        let confirmed = customer.confirm_resolution(request.clone()).await.unwrap();
        assert_eq!(confirmed.customer_status(), pb::CustomerStatus::Settled);
        assert_eq!(confirmed.close_reason(), pb::CloseReason::Confirmed);
        assert_eq!(confirmed.resolution.as_ref().unwrap().silent_close_time, None);
        assert_eq!(customer.confirm_resolution(request.clone()).await.unwrap(), confirmed);
        assert_eq!(refused(lin.confirm_resolution(request).await).1, "STALE_ETAG");
        assert_eq!(blockers(customer.confirm(&ticket.name).await), blocker("STATE", "CLOSED"));
        assert!(
            house
                .history(&ticket.name)
                .await
                .ends_with(&["ticket.confirmed".to_owned(), "ticket.closed".to_owned()])
        );
        let stranger = house.customer(CustomerId::from(uuid::Uuid::from_u128(5)));
        assert_eq!(refused(stranger.confirm(&ticket.name).await).1, "TICKET_NOT_FOUND");
    }
}

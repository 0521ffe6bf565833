//! `ObjectToResult`: the customer objects by a link, and the ticket is open again.

use ::rpc::{Call, wire};
use contracts::tickets::v1 as pb;
use kernel::{Violations, etag::Demand};

use super::{
    get_result::{opened, result},
    reject_resolution::{OBJECTION, Objection},
};
use crate::{
    app::App,
    command::{Command, carry_out},
    error::Error,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ObjectToResultRequest,
) -> Result<pb::TicketResult, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    violations.check(request.instance > 0, "instance", "must be the one of the resolution");
    violations.text("objection", &request.objection, 0, OBJECTION);
    violations.finish(())?;
    let once = app.once(&call, &request_id, &request);
    let command = Command { id: opened(&call)?, etag: Demand::parse(""), once };
    let (instance, objection) = (request.instance, Objection::new(&app, &call, &request.objection));
    let stored = carry_out(
        &app,
        &call,
        &command,
        true,
        |stored, keep, cx| {
            stored.ticket.check_instance(instance)?;
            objection.decide(stored, keep, cx)
        },
        objection.spoken.clone(),
    )
    .await?;
    result(&app, &stored).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn an_objection_opens_the_ticket_again_with_its_words() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        lin.claim(&ticket.name).await.unwrap();
        lin.resolve(&ticket.name).await.unwrap();
        let holder = house.holder(&ticket.name);
        let object = |instance| pb::ObjectToResultRequest {
            instance,
            objection: "It broke again.".to_owned(),
            request_id: request_id(1),
        };
        assert_eq!(blockers(holder.object_to_result(object(2)).await), blocker("INSTANCE", "1"));
        let open = holder.object_to_result(object(1)).await.unwrap();
        assert_eq!((open.status(), open.answerable), (pb::CustomerStatus::InProgress, false));
        assert_eq!(holder.object_to_result(object(1)).await.unwrap(), open);
        let asked = pb::ListEntriesRequest { parent: ticket.name.clone(), ..<_>::default() };
        let said = lin.list_entries(asked).await.unwrap().entries;
        assert_eq!((said.len(), said[0].author_role()), (1, pb::AuthorRole::Customer));
        assert_eq!(said[0].body, "It broke again.");
    }
}

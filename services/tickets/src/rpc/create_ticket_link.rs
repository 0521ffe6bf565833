//! `CreateTicketLink`: a link to the result page of a ticket.

use std::time::Duration;

use ::rpc::{Call, wire};
use contracts::tickets::v1 as pb;
use kernel::{
    Violations,
    link::{Link, Opens},
};

use crate::{app::App, command::ticket_id, convert, error::Error, store::tickets};

/// How long a link opens its page: longer than anybody may still object.
const VALID_FOR: Duration = Duration::from_hours(180 * 24);

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::CreateTicketLinkRequest,
) -> Result<pb::TicketLink, Error> {
    let mut violations = Violations::new();
    let id = ticket_id("name", &request.name, &mut violations);
    violations.finish(())?;
    tickets::get(app.db(), call.tenant(), id)
        .await?
        .filter(|stored| convert::visible(&stored.ticket, &call.scope))
        .ok_or(Error::TicketNotFound(request.name))?;

    let expires = app.clock().real_now() + VALID_FOR;
    let link = Link { tenant: call.tenant(), opens: Opens::Ticket(id), expires };
    let token = link.seal(app.keys());
    let path = Link::path(&token);
    Ok(pb::TicketLink { token, path, expire_time: Some(wire::timestamp(expires)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn a_link_opens_the_ticket_that_its_maker_sees() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        let asked = |name: &str| pb::CreateTicketLinkRequest { name: name.to_owned() };
        let made = lin.create_ticket_link(asked(&ticket.name)).await.unwrap();
        let link = Link::open(&made.token, house.app.keys()).unwrap();
        assert_eq!((link.tenant, link.opens.name()), (tenant(1), ticket.name.clone()));
        assert_eq!(made.path, format!("/l/{}", made.token));
        let stranger = house.client(system(2));
        let refusal = refused(stranger.create_ticket_link(asked(&ticket.name)).await);
        assert_eq!(refusal.1, "TICKET_NOT_FOUND");
        assert_eq!(wrong(lin.create_ticket_link(asked("tickets/1")).await), ["name"]);
    }
}

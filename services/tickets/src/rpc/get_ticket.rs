//! `GetTicket`.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{app::App, command::ticket_id, convert, error::Error, store::tickets};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::GetTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut violations = Violations::new();
    let id = ticket_id("name", &request.name, &mut violations);
    violations.finish(())?;
    let stored = tickets::get(app.db(), call.tenant(), id)
        .await?
        .filter(|stored| convert::visible(&stored.ticket, &call.scope))
        .ok_or(Error::TicketNotFound(request.name))?;
    convert::ticket(&app, &call, &stored)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn missing_foreign_and_out_of_scope_are_the_same_bytes() {
        let house = House::new().await;
        let mine = house.client(system(1)).create(inquiry()).await;
        let name = mine.name.clone();
        assert_eq!(house.agent("lin").get(&name).await.unwrap().name, name);

        let someone = kernel::CustomerId::from(uuid::Uuid::from_u128(77));
        let stranger = house.client(system(2));
        let front = house.client(member("tom", kernel::Role::Technician, &["resolution"]));
        let nowhere = house.client(member("tom", kernel::Role::Technician, &[]));
        let answers = [
            bytes(stranger.get(&name).await),
            bytes(house.customer(someone).get(&name).await),
            bytes(front.get(&name).await),
            bytes(nowhere.get(&name).await),
        ];
        let gone = kernel::TicketId::from(uuid::Uuid::from_u128(77)).name();
        let (text, details) = bytes(house.agent("lin").get(&gone).await);
        let missing = (text.replace(&gone, &name), replaced(&details, &gone, &name));
        for answer in answers {
            assert_eq!(answer, missing);
        }
        assert_eq!(wrong(house.agent("lin").get("tickets/1").await), ["name"]);
        let (code, reason) = refused(house.agent("lin").get(&gone).await);
        assert_eq!((code, reason.as_str()), (Code::NotFound, "TICKET_NOT_FOUND"));
    }

    fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        while let Some(at) = bytes.windows(from.len()).position(|part| part == from.as_bytes()) {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        }
        bytes
    }

    #[tokio::test]
    async fn customers_see_the_projection_and_only_who_may_sees_the_contact() {
        let house = House::new().await;
        let system = house.client(system(1));
        let ticket = system
            .create(pb::Ticket {
                customer: house.known().await.name(),
                contact: Some(contact()),
                ..complaint()
            })
            .await;
        assert_eq!(ticket.contact, Some(contact()));
        let lin = house.agent("lin");
        lin.claim(&ticket.name).await.unwrap();
        lin.triage(&ticket.name).await.unwrap();

        let seen = lin.get(&ticket.name).await.unwrap();
        let masked = seen.contact.unwrap();
        assert_eq!(
            (masked.display_name.as_str(), masked.phone.as_str(), masked.email.as_str()),
            ("王**", "****00", "w****@example.com")
        );
        let senior = house.client(member("ann", kernel::Role::SeniorAgent, &[]));
        assert_eq!(senior.get(&ticket.name).await.unwrap().contact, Some(contact()));

        let id = kernel::CustomerId::parse_name(&ticket.customer).unwrap();
        let seen = house.customer(id).get(&ticket.name).await.unwrap();
        assert_eq!(seen.customer_status(), pb::CustomerStatus::InProgress);
        assert_eq!(seen.contact, Some(contact()));
        let hidden = pb::Ticket {
            triage: None,
            queue: String::new(),
            team: String::new(),
            assignee: String::new(),
            required_skills: Vec::new(),
            clocks: Vec::new(),
            next_due_time: None,
            category: 0,
            entry_count: 0,
            ..seen.clone()
        };
        assert_eq!(seen, hidden);
    }

    #[tokio::test]
    async fn a_clock_past_its_due_time_is_shown_broken_before_its_notice() {
        let house = House::new().await;
        let ticket = house.client(system(1)).create(complaint()).await;
        assert_eq!(ticket.clocks.len(), 2);
        house.clock.advance(std::time::Duration::from_hours(72));
        let clocks = house.agent("lin").get(&ticket.name).await.unwrap().clocks;
        let broken: Vec<_> = clocks.iter().map(|clock| clock.breached).collect();
        assert_eq!(broken, [true, false], "due at 72 hours sharp is kept");
        house.clock.advance(std::time::Duration::from_micros(1));
        let clocks = house.agent("lin").get(&ticket.name).await.unwrap().clocks;
        assert!(clocks.iter().all(|clock| clock.breached));
    }
}

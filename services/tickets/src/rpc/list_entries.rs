//! `ListEntries`: a page of a conversation. Customers see what is public.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::{CallerKind, Violations, page};
use prost::Message;

use crate::{
    app::App,
    command::ticket_id,
    convert,
    error::Error,
    rpc::list_ticket_history::{after, next},
    store::{entries, tickets},
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::ListEntriesRequest,
) -> Result<pb::ListEntriesResponse, Error> {
    let mut v = Violations::new();
    let id = ticket_id("parent", &request.parent, &mut v);
    let size = page::size(request.page_size, &mut v);
    let newest_first = match pb::EntryOrder::try_from(request.order) {
        Ok(pb::EntryOrder::Unspecified | pb::EntryOrder::Oldest) => false,
        Ok(pb::EntryOrder::Newest) => true,
        Err(_) => {
            v.add("order", "is none that entries are listed in");
            false
        }
    };
    let query = format!("ListEntries {id} {newest_first}").into_bytes();
    let after = Some(after(&app, &call, &query, &request.page_token, &mut v))
        .filter(|_| !request.page_token.is_empty());
    v.finish(())?;
    tickets::get(app.db(), call.tenant(), id)
        .await?
        .filter(|stored| convert::visible(&stored.ticket, &call.scope))
        .ok_or(Error::TicketNotFound(request.parent))?;

    let public_only = call.caller.kind == CallerKind::Customer;
    let page = entries::Page { public_only, newest_first, after, limit: size + 1 };
    let rows = entries::page(app.db(), call.tenant(), id, page).await?;
    let mut entries: Vec<_> = rows.iter().map(|entry| convert::entry(&call, id, entry)).collect();
    let more = page::cut(&mut entries, size, Message::encoded_len);
    // Customers are not told the positions, so that the last one is read off the row.
    let last = rows[..entries.len()].last().filter(|_| more).map(|row| i64::from(row.position));
    let next_page_token = next(&app, &call, &query, last);
    Ok(pb::ListEntriesResponse { entries, next_page_token })
}

#[cfg(test)]
mod tests {
    use kernel::CustomerId;

    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn customers_see_what_is_public_and_not_who_wrote_it() {
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
        customer.say(&ticket.name, "Hello?").await.unwrap();
        let mut note = saying(&ticket.name, "A difficult one.");
        note.entry.as_mut().unwrap().visibility = pb::Visibility::Internal.into();
        lin.add_entry(note).await.unwrap();
        lin.say(&ticket.name, "Hello!").await.unwrap();

        let list = |size, token: &str| pb::ListEntriesRequest {
            parent: ticket.name.clone(),
            page_size: size,
            page_token: token.to_owned(),
            order: 0,
        };
        let bodies = |answer: &pb::ListEntriesResponse| {
            answer.entries.iter().map(|entry| entry.body.clone()).collect::<Vec<_>>()
        };
        let all = lin.list_entries(list(0, "")).await.unwrap();
        assert_eq!(bodies(&all), ["Hello?", "A difficult one.", "Hello!"]);
        assert_eq!(all.entries[2].author.as_ref().unwrap().subject, "members/lin");
        assert_eq!(all.entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), [1, 2, 3]);

        let newest = |token: &str| pb::ListEntriesRequest {
            order: pb::EntryOrder::Newest.into(),
            ..list(2, token)
        };
        let page = lin.list_entries(newest("")).await.unwrap();
        assert_eq!(bodies(&page), ["Hello!", "A difficult one."]);
        let rest = lin.list_entries(newest(&page.next_page_token)).await.unwrap();
        assert_eq!((bodies(&rest), rest.next_page_token.as_str()), (vec!["Hello?".to_owned()], ""));
        assert_eq!(wrong(lin.list_entries(list(2, &page.next_page_token)).await), ["page_token"]);

        let page = customer.list_entries(list(1, "")).await.unwrap();
        assert_eq!(bodies(&page), ["Hello?"]);
        assert_eq!(page.entries[0].author.as_ref().unwrap().subject, ticket.customer);
        let rest = customer.list_entries(list(1, &page.next_page_token)).await.unwrap();
        assert_eq!((bodies(&rest), rest.next_page_token.as_str()), (vec!["Hello!".to_owned()], ""));
        let (author, position) =
            (rest.entries[0].author.as_ref().unwrap(), rest.entries[0].position);
        assert_eq!((author.subject.as_str(), position), ("", 0));
        assert_eq!(author.kind(), contracts::r#type::v1::ActorKind::Member);

        // Tokens of another ticket, another method or another tenant, and sizes below nothing.
        let other = lin.create(inquiry()).await;
        let mut stray = list(-1, &page.next_page_token);
        stray.parent = other.name;
        assert_eq!(wrong(lin.list_entries(stray).await), ["page_size", "page_token"]);
        let stray = pb::ListTicketHistoryRequest {
            parent: ticket.name.clone(),
            page_size: 1,
            page_token: page.next_page_token.clone(),
        };
        assert_eq!(wrong(lin.list_ticket_history(stray).await), ["page_token"]);
        let theirs = house.client(system(2)).list_entries(list(1, &page.next_page_token)).await;
        assert_eq!(wrong(theirs), ["page_token"]);
        let theirs = house.client(system(2)).list_entries(list(1, "")).await;
        assert_eq!(refused(theirs).1, "TICKET_NOT_FOUND");
    }

    /// Fifty long entries are more than a client takes in one message.
    #[tokio::test]
    async fn a_page_of_long_entries_is_short_enough_for_every_client() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        for _ in 0..50 {
            lin.say(&ticket.name, &"长".repeat(32_000)).await.unwrap();
        }
        let mut list = pb::ListEntriesRequest { parent: ticket.name, ..<_>::default() };
        let mut positions = Vec::new();
        loop {
            let page = lin.list_entries(list.clone()).await.unwrap();
            assert!(page.encoded_len() <= page::MOST_BYTES + 1_024);
            positions.extend(page.entries.into_iter().map(|entry| entry.position));
            list.page_token = page.next_page_token;
            if list.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(positions, (1..=50).collect::<Vec<_>>());
    }
}

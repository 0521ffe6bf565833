//! `ListTickets`: a page of tickets by a declared access path.

use ::rpc::Call;
use contracts::tickets::v1::{self as pb, Category, TicketOrder};
use kernel::{CustomerId, RowScope, TicketId, Time, Violations, id, page};
use prost::Message;
use uuid::Uuid;

use crate::{
    app::App,
    command::settings,
    convert,
    error::Error,
    fields,
    store::{
        lists,
        lists::{Path, Position, Reach},
        tickets::{NEVER, Stored},
    },
};

const PATHS: &str = "is not an access path; there are: no filter, `category`, `assignee`, `customer`, \
     `queue` or `number`, newest first; `queue` and `category`, newest or earliest due first; \
     `assignee` and `category`, earliest due first";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ListTicketsRequest,
) -> Result<pb::ListTicketsResponse, Error> {
    let mut v = Violations::new();
    let size = page::size(request.page_size, &mut v);
    let token = std::mem::take(&mut request.page_token);
    request.page_size = 0;
    let query = [b"ListTickets".as_slice(), &request.encode_to_vec()].concat();
    let after =
        (!token.is_empty()).then(|| position(&app, &call, &query, &token, &mut v)).flatten();
    let path = parse(&call, &request, &mut v);
    v.finish(())?;

    let settings = settings(&app, &call)?;
    let queues = match &call.scope {
        RowScope::Teams(teams) => settings.routing.queues_of(teams),
        RowScope::Tenant | RowScope::Own(_) | RowScope::None => Vec::new(),
    };
    let reach = Reach { tenant: call.tenant(), scope: &call.scope, queues };
    let rows = lists::page(app.db(), &reach, &path, after, size + 1).await?;
    let tickets = rows.iter().map(|stored| convert::ticket(&app, &call, stored));
    let mut tickets = tickets.collect::<Result<Vec<_>, _>>()?;
    let more = page::cut(&mut tickets, size, Message::encoded_len);
    let next_page_token = match rows[..tickets.len()].last() {
        Some(last) if more => {
            app.tokens().seal(call.tenant(), &query, &encode(&ended(last, path.by_due)))
        }
        _ => String::new(),
    };
    Ok(pb::ListTicketsResponse { tickets, next_page_token })
}

fn parse(call: &Call, request: &pb::ListTicketsRequest, v: &mut Violations) -> Path {
    let slug = |field: &str, value: &str, collection: &str, v: &mut Violations| {
        if value.is_empty() {
            return None;
        }
        let slug = id::slug_in(value, collection).map(str::to_owned);
        v.check(slug.is_some(), field, "is not a name of that kind");
        slug
    };
    let mut customer = None;
    if !request.customer.is_empty() {
        customer = CustomerId::parse_name(&request.customer);
        v.check(customer.is_some(), "customer", "must be a customer's name, `customers/{id}`");
    }
    let number = request.number.parse().ok();
    v.check(request.number.is_empty() || number.is_some(), "number", "must be digits");
    let category: Category = fields::optional("category", request.category, v);
    let order: TicketOrder = fields::optional("order", request.order, v);
    let mut path = Path {
        queue: slug("queue", &request.queue, "queues", v),
        category: Some(category).filter(|category| *category != Category::Unspecified),
        assignee: slug("assignee", &request.assignee, "members", v),
        customer,
        number,
        by_due: order == TicketOrder::EarliestDue,
    };
    v.check(path.is_declared(), "filter", PATHS);
    // A customer's own tickets are an access path of their own, and what staff see is not asked by.
    if let RowScope::Own(own) = call.scope {
        let staff = path.queue.is_some() || path.category.is_some() || path.assignee.is_some();
        v.check(!staff, "filter", "customers list by `customer` or `number`, or without filter");
        if path.customer.is_none() && path.number.is_none() {
            path.customer = Some(own);
        }
    }
    path
}

fn ended(last: &Stored, by_due: bool) -> Position {
    let ticket = &last.ticket;
    let at = if by_due { ticket.next_due().unwrap_or(NEVER) } else { ticket.created_at };
    Position { at, id: ticket.id }
}

fn encode(position: &Position) -> Vec<u8> {
    [position.at.micros().to_be_bytes().as_slice(), position.id.uuid().as_bytes()].concat()
}

fn position(
    app: &App,
    call: &Call,
    query: &[u8],
    token: &str,
    v: &mut Violations,
) -> Option<Position> {
    let decoded = app.tokens().open(call.tenant(), query, token).and_then(|bytes| {
        let (at, id) = bytes.split_at_checked(8)?;
        Some(Position {
            at: Time::from_micros(i64::from_be_bytes(at.try_into().ok()?)),
            id: TicketId::from(Uuid::from_slice(id).ok()?),
        })
    });
    v.check(decoded.is_some(), "page_token", "is not a token of this query");
    decoded
}

#[cfg(test)]
mod tests {
    use kernel::Role;

    use super::*;
    use crate::fixture::*;

    async fn names(client: &Client, request: &pb::ListTicketsRequest) -> Vec<String> {
        let mut names = Vec::new();
        let mut request = pb::ListTicketsRequest { page_size: 2, ..request.clone() };
        loop {
            let page = client.list_tickets(request.clone()).await.unwrap();
            names.extend(page.tickets.into_iter().map(|ticket| ticket.name));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return names;
            }
        }
    }

    fn by(category: Category) -> pb::ListTicketsRequest {
        pb::ListTicketsRequest { category: category.into(), ..<_>::default() }
    }

    #[tokio::test]
    async fn pages_by_every_declared_path_and_no_other() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let mut made = Vec::new();
        for n in 0..5 {
            let ticket = if n % 2 == 0 { complaint() } else { inquiry() };
            made.push(lin.create(ticket).await.name);
            house.clock.advance(std::time::Duration::from_secs(1));
        }
        let newest =
            |picked: &[usize]| picked.iter().rev().map(|n| made[*n].clone()).collect::<Vec<_>>();
        lin.claim(&made[0]).await.unwrap();
        let all = pb::ListTicketsRequest::default();
        assert_eq!(names(&lin, &all).await, newest(&[0, 1, 2, 3, 4]));
        assert_eq!(names(&lin, &by(Category::New)).await, newest(&[1, 2, 3, 4]));
        let queue = pb::ListTicketsRequest { queue: "queues/complaints".to_owned(), ..all.clone() };
        assert_eq!(names(&lin, &queue).await, newest(&[0, 2, 4]));
        let both = pb::ListTicketsRequest { queue: queue.queue.clone(), ..by(Category::New) };
        assert_eq!(names(&lin, &both).await, newest(&[2, 4]));
        let due = pb::ListTicketsRequest { order: TicketOrder::EarliestDue.into(), ..both };
        assert_eq!(names(&lin, &due).await, [made[2].clone(), made[4].clone()]);
        let mine = pb::ListTicketsRequest { assignee: "members/lin".to_owned(), ..all.clone() };
        assert_eq!(names(&lin, &mine).await, newest(&[0]));
        let number = pb::ListTicketsRequest { number: "100003".to_owned(), ..all.clone() };
        assert_eq!(names(&lin, &number).await, newest(&[2]));

        let bad = pb::ListTicketsRequest { number: "7".to_owned(), ..queue.clone() };
        assert_eq!(wrong(lin.list_tickets(bad).await), ["filter"]);
        let bad = pb::ListTicketsRequest { order: TicketOrder::EarliestDue.into(), ..all.clone() };
        assert_eq!(wrong(lin.list_tickets(bad).await), ["filter"]);
        let bad = pb::ListTicketsRequest {
            page_size: -1,
            page_token: "x".to_owned(),
            queue: "x".to_owned(),
            category: 99,
            assignee: "x".to_owned(),
            customer: "x".to_owned(),
            number: "x".to_owned(),
            order: 99,
        };
        assert_eq!(
            wrong(lin.list_tickets(bad).await),
            [
                "page_size",
                "page_token",
                "customer",
                "number",
                "category",
                "order",
                "queue",
                "assignee"
            ]
        );

        let page = lin.list_tickets(pb::ListTicketsRequest { page_size: 1, ..all.clone() }).await;
        let page_token = page.unwrap().next_page_token;
        let stray = pb::ListTicketsRequest { page_token: page_token.clone(), ..by(Category::New) };
        assert_eq!(wrong(lin.list_tickets(stray).await), ["page_token"]);
        let theirs = house.client(system(2));
        let stray = pb::ListTicketsRequest { page_token, ..all.clone() };
        assert_eq!(wrong(theirs.list_tickets(stray).await), ["page_token"]);
        assert!(names(&theirs, &all).await.is_empty());
    }

    #[tokio::test]
    async fn customers_list_their_own() {
        let house = House::new().await;
        let system = house.client(system(1));
        let mine = system
            .create(pb::Ticket {
                customer: house.known().await.name(),
                contact: Some(contact()),
                ..inquiry()
            })
            .await;
        let other = system.create(inquiry()).await;
        let id = CustomerId::parse_name(&mine.customer).unwrap();
        let customer = house.customer(id);
        let all = pb::ListTicketsRequest::default();
        let ask = |customer: String, number: &str| pb::ListTicketsRequest {
            customer,
            number: number.to_owned(),
            ..<_>::default()
        };
        let own = vec![mine.name.clone()];
        assert_eq!(names(&customer, &all).await, own);
        assert_eq!(names(&customer, &ask(id.name(), "")).await, own);
        assert_eq!(names(&customer, &ask(String::new(), &mine.number)).await, own);
        assert!(names(&customer, &ask(String::new(), &other.number)).await.is_empty());
        let somebody = CustomerId::from(uuid::Uuid::from_u128(5)).name();
        assert!(names(&customer, &ask(somebody, "")).await.is_empty());
        // The category is none of what customers see.
        assert_eq!(wrong(customer.list_tickets(by(Category::New)).await), ["filter"]);
        assert_eq!(customer.list_tickets(all).await.unwrap().tickets[0].category, 0);
    }

    #[tokio::test]
    async fn staff_of_a_team_list_its_rows() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let mut made = Vec::new();
        for n in 0..6 {
            let ticket = if n % 2 == 0 { complaint() } else { inquiry() };
            made.push(lin.create(ticket).await.name);
            house.clock.advance(std::time::Duration::from_secs(1));
        }
        lin.claim(&made[0]).await.unwrap();
        let of = |teams: &[&str]| house.client(member("tom", Role::Technician, teams));
        let newest =
            |picked: &[usize]| picked.iter().rev().map(|n| made[*n].clone()).collect::<Vec<_>>();
        let all = pb::ListTicketsRequest::default();
        assert_eq!(names(&of(&["resolution"]), &all).await, newest(&[0, 2, 4]));
        assert_eq!(names(&of(&["front-line"]), &all).await, newest(&[1, 3, 5]));
        let both = of(&["resolution", "front-line"]);
        assert_eq!(names(&both, &all).await, newest(&[0, 1, 2, 3, 4, 5]));
        assert_eq!(names(&both, &by(Category::New)).await, newest(&[1, 2, 3, 4, 5]));
        assert!(names(&of(&[]), &all).await.is_empty());
        assert!(names(&of(&["nobody"]), &all).await.is_empty());
        let queue = pb::ListTicketsRequest { queue: "queues/complaints".to_owned(), ..all.clone() };
        assert!(names(&of(&["front-line"]), &queue).await.is_empty());
        assert_eq!(names(&of(&["resolution"]), &queue).await, newest(&[0, 2, 4]));
        let taken = pb::ListTicketsRequest { assignee: "members/lin".to_owned(), ..all };
        assert!(names(&of(&["front-line"]), &taken).await.is_empty());
        assert_eq!(names(&of(&["resolution"]), &taken).await, newest(&[0]));
    }
}

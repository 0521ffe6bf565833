//! ListTickets: a page of tickets by a declared access path.

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

    let queues = match &call.scope {
        RowScope::Teams(teams) => settings(&app, &call)?.routing.queues_of(teams),
        RowScope::Tenant | RowScope::Own(_) | RowScope::None => Vec::new(),
    };
    let reach = Reach { tenant: call.tenant(), scope: &call.scope, queues };
    let mut rows = lists::page(app.db(), &reach, &path, after, size + 1).await?;
    let more = rows.len() > usize::try_from(size).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    let next_page_token = match rows.last() {
        Some(last) if more => {
            app.tokens().seal(call.tenant(), &query, &encode(&ended(last, path.by_due)))
        }
        _ => String::new(),
    };
    let tickets = rows.iter().map(|stored| convert::ticket(&app, &call, stored));
    Ok(pb::ListTicketsResponse { tickets: tickets.collect::<Result<_, _>>()?, next_page_token })
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

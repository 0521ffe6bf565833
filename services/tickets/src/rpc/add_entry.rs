//! `AddEntry`: something is said on a ticket.

use ::rpc::{Call, wire};
use ::store::{Tx, events, idempotency::Once, transact};
use contracts::tickets::v1::{self as pb, AuthorRole, Channel, Turn, Visibility};
use kernel::{CallerKind, EntryId, TicketId, Time, Violations, keys};

use crate::{
    app::{self, App},
    command::{Also, Author, Decision, context, hold, keep_owner, save, settings, ticket_id},
    convert,
    domain::{Ticket, entry::Said, thanks},
    error::Error,
    fields,
    store::{
        entries,
        entries::{Answer, Entry},
    },
};

const BODY: usize = 32_000;
const EXTERNAL_ID: usize = 256;
const MOST_ANSWERS: usize = 10;

/// Something that was said, on its way into the conversation.
#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    entry: Entry,
    channel: Channel,
}

impl Spoken {
    /// A customer's public words.
    pub(crate) fn new(call: &Call, id: EntryId, words: &str) -> Self {
        let (actor_kind, actor) = wire::actor_parts(&call.caller);
        let entry = Entry {
            position: 0,
            id,
            author_role: AuthorRole::Customer,
            visibility: Visibility::Public,
            channel: Channel::Unspecified,
            external_id: String::new(),
            answers: Vec::new(),
            actor_kind: actor_kind.to_owned(),
            actor,
            created_at: Time::EPOCH,
            body: words.to_owned(),
        };
        Self { entry, channel: Channel::Unspecified }
    }

    /// Its id.
    pub(crate) fn id(&self) -> EntryId {
        self.entry.id
    }

    /// The entry as the ticket takes it: at its place, at its time, in the ticket's channel if in
    /// no other.
    fn placed(&self, ticket: &Ticket, at: Time) -> Entry {
        let mut entry = self.entry.clone();
        entry.position = ticket.body.entries;
        entry.created_at = at;
        entry.channel =
            if self.channel == Channel::Unspecified { ticket.body.channel } else { self.channel };
        entry
    }

    /// What tells one delivery of a message from another message; `None` without an external id.
    fn delivery(&self, ticket: &Ticket) -> Option<[u8; 32]> {
        let entry = &self.entry;
        if entry.external_id.is_empty() {
            return None;
        }
        let channel =
            if self.channel == Channel::Unspecified { ticket.body.channel } else { self.channel };
        let parts = [channel.as_str_name(), &entry.external_id, &entry.body].join("\u{0}");
        Some(keys::digest(parts.as_bytes()))
    }
}

impl Also for Option<Spoken> {
    async fn write(&self, tx: &mut Tx, ticket: &Ticket, at: Time) -> Result<(), Error> {
        if let Some(spoken) = self {
            let entry = spoken.placed(ticket, at);
            let delivery = spoken.delivery(ticket);
            entries::insert(tx, ticket.tenant, ticket.id, &entry, delivery).await?;
        }
        Ok(())
    }
}

/// A request to add an entry, parsed.
struct Parsed {
    ticket: TicketId,
    spoken: Spoken,
    said: Said,
    once: Once,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::AddEntryRequest,
) -> Result<pb::Entry, Error> {
    let Parsed { ticket: id, spoken, said, once } = parse(&app, &call, request)?;
    let settings = settings(&app, &call)?;
    let actor = app::actor(&call);
    let name = format!("{}/entries/{}", id.name(), spoken.id());
    let tenant = call.tenant();
    let entry = transact!(app.db(), "entry.add", |tx| {
        if let Some(first) = once.claim(tx, &name, 0).await? {
            hold(tx, &call, id).await?;
            return written(tx, &call, id, &first.resource).await;
        }
        let stored = hold(tx, &call, id).await?;
        if let Some(delivery) = spoken.delivery(&stored.ticket)
            && let Some(entry) = entries::delivered(tx, tenant, id, delivery).await?
        {
            once.name(tx, &format!("{}/entries/{}", id.name(), entry.id)).await?;
            return Ok(entry);
        }
        let at = events::monotone(app.clock().now(), stored.ticket.last_at);
        let cx = context(&settings, &actor, at);
        let keep = stored.ticket.would_reopen(&said)
            && keep_owner(tx, &settings, &stored.ticket, &cx).await?;
        let changed = stored
            .ticket
            .clone()
            .say(&said, keep, &cx)
            .map_err(|refusal| Error::refused(&id.name(), refusal))?;
        let entry = spoken.placed(&changed.ticket, at);
        entries::insert(tx, tenant, id, &entry, spoken.delivery(&stored.ticket)).await?;
        save(tx, &app, &Author::of(&call), at, stored, Decision::from(changed)).await?;
        Ok::<_, Error>(entry)
    })?;
    Ok(convert::entry(&call, id, &entry))
}

/// The entry that the first call with this request id made.
async fn written(tx: &mut Tx, call: &Call, ticket: TicketId, name: &str) -> Result<Entry, Error> {
    let id = name.rsplit('/').next().and_then(kernel::id::canonical).map(EntryId::from);
    let id = id.ok_or(Error::Stored("idempotency.resource"))?;
    let entry = entries::get(tx, call.tenant(), ticket, id).await?;
    entry.ok_or(Error::Stored("idempotency.resource"))
}

fn parse(app: &App, call: &Call, mut request: pb::AddEntryRequest) -> Result<Parsed, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let once = app.once(call, &request_id, &request);
    let mut v = Violations::new();
    wire::check_request_id(&request_id, &mut v);
    let ticket = ticket_id("parent", &request.parent, &mut v);
    let turn: Turn = fields::optional("turn", request.turn, &mut v);
    let Some(entry) = request.entry else {
        v.add("entry", "is required");
        return Err(v.into());
    };
    let role = role(call, &entry, &mut v);
    let visibility = match fields::optional("entry.visibility", entry.visibility, &mut v) {
        Visibility::Unspecified => Visibility::Public,
        visibility @ (Visibility::Public | Visibility::Internal) => visibility,
    };
    v.check(
        role != AuthorRole::Customer || visibility == Visibility::Public,
        "entry.visibility",
        "what a customer says is public",
    );
    v.check(
        turn == Turn::Unspecified || call.caller.kind != CallerKind::Customer,
        "turn",
        "is the company's to give",
    );
    v.text("entry.body", &entry.body, 1, BODY);
    v.text("entry.external_id", &entry.external_id, 0, EXTERNAL_ID);
    v.check(entry.answers.len() <= MOST_ANSWERS, "entry.answers", "must be at most 10");
    for answer in &entry.answers {
        v.text("entry.answers.revision", &answer.revision, 1, 200);
        let tag = kernel::id::is_language_tag(&answer.locale);
        v.check(tag, "entry.answers.locale", "must be a BCP 47 tag");
    }
    let channel = fields::optional("entry.channel", entry.channel, &mut v);
    v.finish(())?;

    let mut spoken = Spoken::new(call, EntryId::from(app.ids().next()), entry.body.trim());
    spoken.channel = channel;
    spoken.entry.author_role = role;
    spoken.entry.visibility = visibility;
    spoken.entry.external_id = entry.external_id;
    spoken.entry.answers = entry
        .answers
        .into_iter()
        .map(|answer| Answer { revision: answer.revision, locale: answer.locale })
        .collect();
    let said = Said {
        id: spoken.id(),
        role,
        visibility,
        turn,
        thanks: role == AuthorRole::Customer && thanks::is_plain(&spoken.entry.body),
    };
    Ok(Parsed { ticket, spoken, said, once })
}

/// In what role this caller speaks. Nobody speaks as human staff but a member of it.
fn role(call: &Call, entry: &pb::Entry, v: &mut Violations) -> AuthorRole {
    let asked: AuthorRole = fields::optional("entry.author_role", entry.author_role, v);
    let (default, allowed): (_, &[AuthorRole]) = match call.caller.kind {
        CallerKind::Customer => (AuthorRole::Customer, &[AuthorRole::Customer]),
        CallerKind::Member => (AuthorRole::Staff, &[AuthorRole::Staff, AuthorRole::Customer]),
        CallerKind::Integration
        | CallerKind::Service
        | CallerKind::Operator
        | CallerKind::Anonymous => {
            (AuthorRole::System, &[AuthorRole::System, AuthorRole::Customer])
        }
    };
    if asked == AuthorRole::Unspecified {
        return default;
    }
    v.check(allowed.contains(&asked), "entry.author_role", "is not a role of this caller");
    asked
}

#[cfg(test)]
mod tests {
    use kernel::CustomerId;
    use pb::Category;

    use super::*;
    use crate::fixture::*;

    /// A ticket of a customer, and the customer.
    async fn matter(house: &House) -> (String, Client) {
        let ticket = pb::Ticket {
            customer: house.known().await.name(),
            contact: Some(contact()),
            ..inquiry()
        };
        let ticket = house.client(system(1)).create(ticket).await;
        let customer = house.customer(CustomerId::parse_name(&ticket.customer).unwrap());
        (ticket.name, customer)
    }

    async fn category(house: &House, name: &str) -> Category {
        house.agent("lin").get(name).await.unwrap().category()
    }

    fn with(name: &str, edit: impl FnOnce(&mut pb::Entry)) -> pb::AddEntryRequest {
        let mut request = saying(name, "words");
        edit(request.entry.as_mut().unwrap());
        request
    }

    #[tokio::test]
    async fn only_a_public_word_of_human_staff_answers() {
        let house = House::new().await;
        let (name, customer) = matter(&house).await;
        let lin = house.agent("lin");
        let program = house.client(system(1));
        customer.say(&name, "Hello?").await.unwrap();
        program.say(&name, "We have received your message.").await.unwrap();
        lin.add_entry(with(&name, |entry| entry.visibility = Visibility::Internal.into()))
            .await
            .unwrap();
        lin.add_entry(with(&name, |entry| entry.author_role = AuthorRole::Customer.into()))
            .await
            .unwrap();
        assert_eq!(lin.get(&name).await.unwrap().clocks[0].state(), pb::ClockState::Running);
        let before = lin.get(&name).await.unwrap();
        lin.say(&name, "Hello!").await.unwrap();
        let after = lin.get(&name).await.unwrap();
        assert_eq!(after.clocks[0].state(), pb::ClockState::Fulfilled);
        assert_eq!(
            (after.entry_count, &after.etag),
            (5, &before.etag),
            "an entry is no new version"
        );
        let roles = pb::ListEntriesRequest { parent: name, ..<_>::default() };
        let roles = lin.list_entries(roles).await.unwrap().entries;
        let roles: Vec<_> = roles.iter().map(pb::Entry::author_role).collect();
        let names: Vec<_> = roles
            .iter()
            .map(|role| role.as_str_name().trim_start_matches("AUTHOR_ROLE_"))
            .collect();
        assert_eq!(names, ["CUSTOMER", "SYSTEM", "STAFF", "CUSTOMER", "STAFF"]);
    }

    #[tokio::test]
    async fn the_turn_goes_back_and_forth_and_the_clock_stands_still_with_the_customer() {
        let house = House::new().await;
        let (name, customer) = matter(&house).await;
        let lin = house.agent("lin");
        lin.claim(&name).await.unwrap();
        lin.say_to(&name, "Which model?", Turn::Customer).await.unwrap();
        let waiting = lin.get(&name).await.unwrap();
        assert_eq!(waiting.category(), Category::WaitingCustomer);
        let clock = &waiting.clocks[1];
        assert_eq!((clock.state(), clock.due_time), (pb::ClockState::Paused, None));
        let left = clock.remaining.unwrap().seconds;
        assert!((45 * 3_600 - 1..=45 * 3_600).contains(&left));
        house.later(std::time::Duration::from_hours(720)).await;
        customer.say(&name, "The blue one.").await.unwrap();
        let open = lin.get(&name).await.unwrap();
        assert_eq!(
            (open.category(), open.clocks[1].state()),
            (Category::Open, pb::ClockState::Running)
        );
        assert!(!open.clocks[1].breached);
        // Whatever answers a question opens the ticket, a thank-you too.
        lin.say_to(&name, "The blue one?", Turn::Customer).await.unwrap();
        customer.say(&name, "Thanks!").await.unwrap();
        assert_eq!(category(&house, &name).await, Category::Open);
        lin.say_to(&name, "We ask the maker.", Turn::Internal).await.unwrap();
        assert_eq!(category(&house, &name).await, Category::WaitingInternal);
        lin.say_to(&name, "They know.", Turn::Staff).await.unwrap();
        assert_eq!(category(&house, &name).await, Category::Open);
    }

    #[tokio::test]
    async fn after_a_resolution_thanks_open_nothing_and_words_do() {
        let house = House::new().await;
        let (name, customer) = matter(&house).await;
        let lin = house.agent("lin");
        lin.claim(&name).await.unwrap();
        lin.resolve(&name).await.unwrap();
        customer.say(&name, "谢谢您！").await.unwrap();
        assert_eq!(category(&house, &name).await, Category::Resolved);
        let refusal = lin.say_to(&name, "And?", Turn::Customer).await;
        assert_eq!(blockers(refusal), blocker("STATE", "RESOLVED"));
        customer.say(&name, "It broke again.").await.unwrap();
        let open = lin.get(&name).await.unwrap();
        assert_eq!((open.category(), open.reopen_count), (Category::Open, 1));
        assert_eq!(open.assignee, "members/lin");
        lin.resolve(&name).await.unwrap();
        customer.confirm(&name).await.unwrap();
        let refusal = lin.say(&name, "Bye.").await;
        assert_eq!(blockers(refusal), blocker("STATE", "CLOSED"));
        customer.say(&name, "Thank you so much").await.unwrap();
        assert_eq!(category(&house, &name).await, Category::Closed);
        customer.say(&name, "And again.").await.unwrap();
        assert_eq!(category(&house, &name).await, Category::Open);
        lin.close(&name, pb::CloseReason::Cancelled).await.unwrap();
        house.later(std::time::Duration::from_hours(192)).await;
        let refusal = customer.say(&name, "And again.").await;
        assert_eq!(blockers(refusal), blocker("FOLLOW_UP_WINDOW", "7 days"));
    }

    #[tokio::test]
    async fn one_delivery_is_one_entry_whatever_its_request_id() {
        let house = House::new().await;
        let (name, customer) = matter(&house).await;
        let mail = |n, body: &str| pb::AddEntryRequest {
            request_id: request_id(n),
            ..with(&name, |entry| {
                entry.external_id = "<1@example.com>".to_owned();
                entry.body = body.to_owned();
            })
        };
        let first = customer.add_entry(mail(1, "a")).await.unwrap();
        assert_eq!(customer.add_entry(mail(1, "a")).await.unwrap(), first);
        assert_eq!(customer.add_entry(mail(2, "a")).await.unwrap(), first);
        assert_eq!(
            customer.add_entry(mail(2, "a")).await.unwrap(),
            first,
            "also when it comes again"
        );
        assert_ne!(customer.add_entry(mail(3, "b")).await.unwrap().name, first.name);
        let refusal = customer.add_entry(mail(1, "b")).await;
        let details = tonic_types::StatusExt::get_error_details(refusal.as_ref().unwrap_err());
        assert_eq!(details.resource_info().unwrap().resource_type, "Entry");
        assert_eq!(told(refusal)["resource"], first.name);
        assert_eq!(house.agent("lin").get(&name).await.unwrap().entry_count, 2);
    }

    #[tokio::test]
    async fn all_that_is_wrong_is_said_at_once() {
        let house = House::new().await;
        let (name, customer) = matter(&house).await;
        let bad = pb::AddEntryRequest {
            turn: Turn::Staff.into(),
            request_id: "x".to_owned(),
            ..with("x", |entry| {
                entry.author_role = AuthorRole::Staff.into();
                entry.visibility = 9;
                entry.body = String::new();
                entry.external_id = "x".repeat(257);
                entry.channel = 99;
                entry.answers = vec![pb::Answer::default(); 11];
            })
        };
        let mut fields = wrong(customer.add_entry(bad).await);
        fields.dedup();
        assert_eq!(
            fields[..8],
            [
                "request_id",
                "parent",
                "entry.author_role",
                "entry.visibility",
                "turn",
                "entry.body",
                "entry.external_id",
                "entry.answers",
            ]
        );
        let note = with(&name, |entry| entry.visibility = Visibility::Internal.into());
        assert_eq!(wrong(customer.add_entry(note).await), ["entry.visibility"]);
        let tag = pb::Answer { revision: "articles/1@2".to_owned(), locale: "zh\0".to_owned() };
        let tag = with(&name, |entry| entry.answers = vec![tag]);
        assert_eq!(wrong(house.agent("lin").add_entry(tag).await), ["entry.answers.locale"]);
        let human = with(&name, |entry| entry.author_role = AuthorRole::Staff.into());
        assert_eq!(wrong(house.client(system(1)).add_entry(human).await), ["entry.author_role"]);
        let theirs = house.client(system(2)).say(&name, "x").await;
        assert_eq!(refused(theirs).1, "TICKET_NOT_FOUND");
    }
}

//! `CreateTicket`: a matter is recorded. Never refused because customers is away.

use ::rpc::{Call, wire};
use ::store::transact;
use contracts::tickets::v1 as pb;
use kernel::{CustomerId, RowScope, TicketId, Violations};

use crate::{
    app::{self, App, Settings},
    command::{Author, RequestKey, context, ensure_lane, hold, number, settings},
    convert,
    domain::{
        facts::Told,
        ticket::{Body, Draft, PendingLink},
    },
    error::Error,
    fields, link,
    store::{
        tickets,
        tickets::{Stored, Texts},
    },
};

/// A request to record a ticket, parsed.
struct Parsed {
    kind: pb::Kind,
    service_type: pb::ServiceType,
    stage: pb::Stage,
    channel: pb::Channel,
    customer: Option<CustomerId>,
    contact: Option<pb::Contact>,
    queue: Option<String>,
    title: String,
    facts: fields::Facts,
    subject: crate::domain::ticket::Subject,
    language: String,
    skills: Vec<String>,
    request: Option<RequestKey>,
    validate_only: bool,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::CreateTicketRequest,
) -> Result<pb::Ticket, Error> {
    let parsed = parse(&app, &call, request)?;
    let settings = settings(&app, &call)?;
    let (customer, pending) = known_customer(&app, &call, &parsed).await?;

    let id = TicketId::from(app.ids().next());
    let at = app.clock().now();
    let draft = draft(settings, &call, &parsed, id, customer, pending.then_some(at))?;
    let contact = parsed.contact.as_ref();
    let texts = Texts {
        contact: contact.map(|contact| convert::seal_contact(&app, call.tenant(), id, contact)),
        title: parsed.title,
        who: parsed.facts.who,
        what: parsed.facts.what,
        expectation: parsed.facts.expectation,
        ..Texts::default()
    };
    let actor = app::actor(&call);
    let mut changed = draft
        .record(&context(settings, &actor, at))
        .map_err(|refusal| Error::refused(&id.name(), refusal))?;
    let events = self::number(&mut changed, &Author::of(&call), at);
    let mut stored = Stored { ticket: changed.ticket, texts };
    if parsed.validate_only {
        return convert::ticket(&app, &call, &stored);
    }
    stored.ticket.number = app.numbers().next(app.db(), call.tenant()).await?;

    let (tenant, name) = (call.tenant(), id.name());
    let stored = transact!(app.db(), "ticket.create", |tx| {
        if let Some(request) = &parsed.request
            && let Some(first) = request.claim(tx, &app, &call, &name).await?
        {
            let first =
                TicketId::parse_name(&first).ok_or(Error::Stored("idempotency.resource"))?;
            return hold(tx, &call, first).await;
        }
        ensure_lane(tx, &app, &stored.ticket).await?;
        tickets::record(tx, app.partitions(), &stored, &events).await?;
        Ok::<_, Error>(stored.clone())
    })?;
    app.note_lane(tenant, &stored.ticket.lane);
    convert::ticket(&app, &call, &stored)
}

fn parse(app: &App, call: &Call, mut request: pb::CreateTicketRequest) -> Result<Parsed, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let key = RequestKey::of(app, &request_id, &request);
    let mut v = Violations::new();
    wire::check_request_id(&request_id, &mut v);
    let Some(ticket) = request.ticket else {
        v.add("ticket", "is required");
        return Err(v.into());
    };
    let now = app.clock().now();
    let kind = fields::required("ticket.kind", ticket.kind, &mut v);
    let service_type = fields::optional("ticket.service_type", ticket.service_type, &mut v);
    v.check(
        service_type == pb::ServiceType::Unspecified || kind == pb::Kind::ServiceRequest,
        "ticket.service_type",
        "belongs to service requests only",
    );
    let mut customer = fields::customer(&ticket.customer, &mut v);
    // A customer speaks for nobody else.
    if let RowScope::Own(own) = &call.scope {
        v.check(
            customer.is_none_or(|named| named == *own),
            "ticket.customer",
            "must be the caller, or left out",
        );
        customer = Some(*own);
    }
    let contact = fields::contact(ticket.contact.as_ref(), &mut v);
    let queue = fields::queue(&ticket.queue, &mut v);
    if let Some(queue) = &queue {
        let known = app
            .settings(call.tenant())
            .is_some_and(|settings| settings.routing.queue(queue).is_some());
        v.check(known, "ticket.queue", "is not a queue of this tenant");
    }
    if matches!(call.scope, RowScope::Own(_)) {
        let chosen = "is chosen by the company";
        v.check(queue.is_none(), "ticket.queue", chosen);
        v.check(ticket.required_skills.is_empty(), "ticket.required_skills", chosen);
    }
    let parsed = Parsed {
        kind,
        service_type,
        stage: fields::optional("ticket.stage", ticket.stage, &mut v),
        channel: fields::required("ticket.channel", ticket.channel, &mut v),
        customer,
        contact,
        queue,
        title: fields::title(&ticket.title, &mut v),
        facts: fields::facts(ticket.facts.as_ref(), now, &mut v),
        subject: fields::subject(ticket.subject.as_ref(), &mut v),
        language: fields::language(&ticket.language, &mut v),
        skills: fields::skills(&ticket.required_skills, &mut v),
        request: key,
        validate_only: request.validate_only,
    };
    v.finish(parsed).map_err(Error::from)
}

fn draft(
    settings: &Settings,
    call: &Call,
    parsed: &Parsed,
    id: TicketId,
    customer: Option<CustomerId>,
    link_at: Option<kernel::Time>,
) -> Result<Draft, Error> {
    let routing = &settings.routing;
    let queue = parsed
        .queue
        .as_deref()
        .and_then(|queue| routing.queue(queue))
        .or_else(|| routing.queue_for(parsed.kind, parsed.channel, &parsed.language))
        .ok_or(Error::Stored("the tenant has no queue"))?;
    let reachable = parsed
        .contact
        .as_ref()
        .is_some_and(|contact| !contact.phone.is_empty() || !contact.email.is_empty());
    let body = Body {
        kind: parsed.kind,
        service_type: parsed.service_type,
        stage: parsed.stage,
        channel: parsed.channel,
        subject: parsed.subject.clone(),
        language: parsed.language.clone(),
        skills: parsed.skills.clone(),
        told: Told {
            who: customer.is_some() || reachable,
            reachable,
            what: !parsed.facts.what.is_empty(),
            when: parsed.facts.occurred.is_some(),
            expectation: !parsed.facts.expectation.is_empty(),
        },
        occurred: parsed.facts.occurred,
        triage: None,
        close_reason: pb::CloseReason::Unspecified,
        closed: None,
        clocks: Vec::new(),
        sessions: Vec::new(),
        held: 0,
        reopened: 0,
        resolution: None,
        entries: 0,
        link: link_at.map(|next| PendingLink { attempts: 0, next }),
    };
    Ok(Draft {
        tenant: call.tenant(),
        id,
        queue: queue.id.clone(),
        team: queue.team.clone(),
        customer,
        body,
    })
}

/// The customer of a ticket, and whether the contact is still to be resolved to one.
async fn known_customer(
    app: &App,
    call: &Call,
    parsed: &Parsed,
) -> Result<(Option<CustomerId>, bool), Error> {
    if let Some(customer) = parsed.customer {
        if !matches!(call.scope, RowScope::Own(_)) {
            link::check(app, call, customer).await?;
        }
        return Ok((Some(customer), false));
    }
    // Resolving may make a customer, which a mere check must not.
    let Some(contact) = parsed.contact.as_ref().filter(|_| !parsed.validate_only) else {
        return Ok((None, false));
    };
    match link::resolve(app, call.tenant(), contact, Some(call)).await {
        link::Outcome::Customer(customer) => Ok((Some(customer), false)),
        link::Outcome::Nobody => Ok((None, false)),
        link::Outcome::Away => Ok((None, true)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::Code;

    use super::*;
    use crate::fixture::*;

    fn request(ticket: pb::Ticket) -> pb::CreateTicketRequest {
        pb::CreateTicketRequest { ticket: Some(ticket), ..<_>::default() }
    }

    #[tokio::test]
    async fn a_complaint_is_recorded_with_its_facts_and_the_missing_ones_named() {
        let house = House::new().await;
        let system = house.client(system(1));
        let ticket = system
            .create(pb::Ticket {
                customer: house.known().await.name(),
                contact: Some(contact()),
                ..complaint()
            })
            .await;
        assert_eq!(ticket.number, "100001");
        assert_eq!(
            (ticket.queue.as_str(), ticket.team.as_str()),
            ("queues/complaints", "teams/resolution")
        );
        assert_eq!(ticket.category(), pb::Category::New);
        assert!(ticket.customer.starts_with("customers/"));
        assert_eq!(ticket.facts, complaint().facts);
        assert!(ticket.missing_facts.is_empty());
        let policies: Vec<_> = ticket.clocks.iter().map(|clock| clock.policy.as_str()).collect();
        assert_eq!(policies, ["shipped@1/first-response", "shipped@1/complaint"]);
        assert_eq!(
            house.history(&ticket.name).await,
            ["ticket.created", "clock.started", "clock.started"]
        );

        let bare = system.create(pb::Ticket { facts: None, ..complaint() }).await;
        assert_eq!(bare.number, "100002");
        assert_eq!(bare.missing_facts.len(), 4);
    }

    #[tokio::test]
    async fn all_that_is_wrong_is_said_at_once() {
        let house = House::new().await;
        let bad = pb::Ticket {
            kind: 99,
            channel: 0,
            service_type: pb::ServiceType::Refund.into(),
            customer: "members/lin".to_owned(),
            queue: "queues/nowhere".to_owned(),
            title: " ".to_owned(),
            language: "fr".to_owned(),
            required_skills: vec!["No Skill".to_owned()],
            contact: Some(pb::Contact {
                phone: "1".to_owned(),
                email: "x".to_owned(),
                ..contact()
            }),
            subject: Some(pb::Subject {
                product: "p".to_owned(),
                lot: "#".to_owned(),
                ..<_>::default()
            }),
            facts: Some(pb::Facts {
                occur_time: Some(wire::timestamp(START + Duration::from_hours(1))),
                ..<_>::default()
            }),
            ..inquiry()
        };
        let bad = pb::CreateTicketRequest { request_id: "1".to_owned(), ..request(bad) };
        let mut fields = wrong(house.client(system(1)).create_ticket(bad).await);
        fields.sort();
        assert_eq!(
            fields,
            [
                "request_id",
                "ticket.channel",
                "ticket.contact.email",
                "ticket.contact.phone",
                "ticket.customer",
                "ticket.facts.occur_time",
                "ticket.kind",
                "ticket.language",
                "ticket.queue",
                "ticket.required_skills",
                "ticket.service_type",
                "ticket.subject.lot",
                "ticket.subject.product",
                "ticket.title",
            ]
        );
        let empty = pb::CreateTicketRequest::default();
        assert_eq!(wrong(house.client(system(1)).create_ticket(empty).await), ["ticket"]);
    }

    #[tokio::test]
    async fn the_same_request_makes_one_ticket_and_another_body_is_told_which() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let with = |n, title: &str| pb::CreateTicketRequest {
            request_id: request_id(n),
            ..request(pb::Ticket { title: title.to_owned(), ..inquiry() })
        };
        let first = lin.create_ticket(with(1, "a")).await.unwrap();
        lin.claim(&first.name).await.unwrap();
        let again = lin.create_ticket(with(1, "a")).await.unwrap();
        assert_eq!((&again.name, again.assignee.as_str()), (&first.name, "members/lin"));
        let shouted =
            pb::CreateTicketRequest { request_id: request_id(1).to_uppercase(), ..with(1, "a") };
        assert_eq!(lin.create_ticket(shouted).await.unwrap().name, first.name);

        assert_eq!(told(lin.create_ticket(with(1, "b")).await)["resource"], first.name);
        assert_eq!(refused(lin.create_ticket(with(1, "b")).await).0, Code::AlreadyExists);
        // Another principal's request ids are its own.
        let other = house.agent("mei").create_ticket(with(1, "b")).await.unwrap();
        assert_ne!(other.name, first.name);
    }

    #[tokio::test]
    async fn a_mere_check_records_nothing_and_makes_no_customer() {
        let house = House::new().await;
        let system = house.client(system(1));
        let ticket = pb::Ticket { contact: Some(contact()), ..complaint() };
        let check = pb::CreateTicketRequest { validate_only: true, ..request(ticket.clone()) };
        let shown = system.create_ticket(check).await.unwrap();
        assert_eq!((shown.customer.as_str(), shown.missing_facts.len()), ("", 0));
        assert!(system.list_tickets(<_>::default()).await.unwrap().tickets.is_empty());
        let made = system.create(ticket).await;
        assert_eq!(made.number, "100001", "no number was lost");
    }

    #[tokio::test]
    async fn a_customer_records_for_nobody_else_and_chooses_no_queue() {
        let house = House::new().await;
        let made = house
            .client(system(1))
            .create(pb::Ticket {
                customer: house.known().await.name(),
                contact: Some(contact()),
                ..inquiry()
            })
            .await;
        let me = CustomerId::parse_name(&made.customer).unwrap();
        let mine = house.customer(me).create(complaint()).await;
        assert_eq!(mine.customer, me.name());
        assert!(mine.missing_facts.is_empty());
        let bad = pb::Ticket {
            customer: CustomerId::from(uuid::Uuid::from_u128(5)).name(),
            queue: "queues/general".to_owned(),
            required_skills: vec!["refunds".to_owned()],
            ..inquiry()
        };
        assert_eq!(
            wrong(house.customer(me).create_ticket(request(bad)).await),
            ["ticket.customer", "ticket.queue", "ticket.required_skills"]
        );
    }

    #[tokio::test]
    async fn a_customer_that_does_not_exist_is_refused_unless_nobody_can_tell() {
        let house = House::new().await;
        let nobody = CustomerId::from(uuid::Uuid::from_u128(5)).name();
        let lin = house.agent("lin");
        let asked = request(of(&nobody, inquiry()));
        let (code, reason) = refused(lin.create_ticket(asked.clone()).await);
        assert_eq!((code, reason.as_str()), (Code::NotFound, "CUSTOMER_NOT_FOUND"));
        house.customers_away(true);
        assert_eq!(lin.create_ticket(asked).await.unwrap().customer, nobody);
    }

    #[tokio::test]
    async fn with_customers_away_it_is_taken_and_linked_when_customers_is_back() {
        let house = House::new().await;
        let system = house.client(system(1));
        house.customers_away(true);
        let ticket = system.create(pb::Ticket { contact: Some(contact()), ..complaint() }).await;
        assert_eq!(ticket.customer, "");
        assert!(ticket.missing_facts.is_empty(), "somebody who can be reached complains");
        house.later(Duration::from_secs(1)).await;
        house.later(Duration::from_secs(100)).await;
        assert_eq!(system.get(&ticket.name).await.unwrap().etag, ticket.etag, "a try is no change");

        house.customers_away(false);
        let linked = house.linked(&ticket.name).await;
        assert!(linked.customer.starts_with("customers/"));
        assert_eq!(house.history(&ticket.name).await.last().unwrap(), "ticket.updated");
        // The same person again is the same customer.
        let again = system.create(pb::Ticket { contact: Some(contact()), ..inquiry() }).await;
        assert_eq!(house.linked(&again.name).await.customer, linked.customer);
    }
}

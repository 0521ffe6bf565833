//! `CreateTicket`: a matter is recorded. Never refused because customers is away.

use ::rpc::{Call, wire};
use ::store::{idempotency::Once, transact};
use contracts::tickets::v1 as pb;
use kernel::{CustomerId, RowScope, TicketId, Time, Violations};

use crate::{
    app::{self, App, Settings},
    command::{Author, context, ensure_lane, hold, number, settings},
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
    once: Once,
    validate_only: bool,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::CreateTicketRequest,
) -> Result<pb::Ticket, Error> {
    let parsed = parse(&app, &call, request)?;
    let settings = settings(&app, &call)?;
    let whose = whose(&app, &call, &parsed).await?;

    let id = TicketId::from(app.ids().next());
    let at = app.clock().now();
    let draft = draft(&settings, &call, &parsed, id, &whose, at)?;
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
        .record(&context(&settings, &actor, at))
        .map_err(|refusal| Error::refused(&id.name(), refusal))?;
    let events = self::number(&mut changed, &Author::of(&call), at);
    let mut stored = Stored { ticket: changed.ticket, texts };
    if parsed.validate_only {
        return convert::ticket(&app, &call, &stored);
    }
    stored.ticket.number = app.numbers().next(app.db(), call.tenant()).await?;

    // Nearly all are the first of their request, and of a lane that is known: one statement will do.
    let (tenant, partitions) = (call.tenant(), app.partitions());
    if app.knows_lane(tenant, &stored.ticket.lane)
        && tickets::record_first(app.db(), partitions, &stored, &events, &parsed.once).await?
    {
        return convert::ticket(&app, &call, &stored);
    }
    let name = id.name();
    let stored = transact!(app.db(), "ticket.create", |tx| {
        if let Some(first) = parsed.once.claim(tx, &name, 0).await? {
            let first = TicketId::parse_name(&first.resource)
                .ok_or(Error::Stored("idempotency.resource"))?;
            return hold(tx, &call, first).await;
        }
        ensure_lane(tx, &app, &stored.ticket).await?;
        tickets::record(tx, partitions, &stored, &events).await?;
        Ok::<_, Error>(stored.clone())
    })?;
    app.note_lane(tenant, &stored.ticket.lane);
    convert::ticket(&app, &call, &stored)
}

fn parse(app: &App, call: &Call, mut request: pb::CreateTicketRequest) -> Result<Parsed, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let once = app.once(call, &request_id, &request);
    let mut v = Violations::new();
    wire::check_request_id(&request_id, &mut v);
    let Some(ticket) = request.ticket else {
        v.add("ticket", "is required");
        return Err(v.into());
    };
    let (now, settings) = (app.clock().now(), settings(app, call)?);
    let routing = &settings.routing;
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
        let known = routing.queue(queue).is_some();
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
        skills: fields::skills(&ticket.required_skills, routing, &mut v),
        once,
        validate_only: request.validate_only,
    };
    v.finish(parsed).map_err(Error::from)
}

fn draft(
    settings: &Settings,
    call: &Call,
    parsed: &Parsed,
    id: TicketId,
    whose: &Whose,
    at: Time,
) -> Result<Draft, Error> {
    let routing = &settings.routing;
    let queue = parsed
        .queue
        .as_deref()
        .and_then(|queue| routing.queue(queue))
        .or_else(|| routing.queue_for(parsed.kind, parsed.channel, &parsed.language))
        .ok_or(Error::Stored("the tenant has no queue"))?;
    let body = Body {
        kind: parsed.kind,
        service_type: parsed.service_type,
        stage: parsed.stage,
        channel: parsed.channel,
        subject: parsed.subject.clone(),
        language: parsed.language.clone(),
        skills: parsed.skills.clone(),
        told: Told {
            who: whose.customer.is_some() || whose.reachable,
            reachable: whose.reachable,
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
        link: whose.pending.then_some(PendingLink { attempts: 0, next: at }),
        queue_named: parsed.queue.is_some(),
        began: at,
        waits: Vec::new(),
        follows: None,
    };
    Ok(Draft {
        tenant: call.tenant(),
        id,
        queue: queue.id.clone(),
        team: queue.team.clone(),
        customer: whose.customer,
        body,
    })
}

/// Whose a ticket is, as far as can be told at intake.
struct Whose {
    customer: Option<CustomerId>,
    /// Whether customers is still to be asked.
    pending: bool,
    /// Whether the contact can be used to reach somebody, or may turn out so.
    reachable: bool,
}

async fn whose(app: &App, call: &Call, parsed: &Parsed) -> Result<Whose, Error> {
    let given = |contact: &pb::Contact| !contact.phone.is_empty() || !contact.email.is_empty();
    let reachable = parsed.contact.as_ref().is_some_and(given);
    let mut whose = Whose { customer: parsed.customer, pending: false, reachable };
    if let Some(customer) = parsed.customer {
        if matches!(call.scope, RowScope::Own(_)) {
            return Ok(whose);
        }
        match link::check(app, call.tenant(), customer, Some(call)).await {
            link::Outcome::Customer(_) => {}
            link::Outcome::Nobody => return Err(Error::CustomerNotFound(customer.name())),
            link::Outcome::Away => whose.pending = true,
        }
        return Ok(whose);
    }
    // Resolving may make a customer, which a mere check must not.
    let Some(contact) = parsed.contact.as_ref().filter(|_| !parsed.validate_only) else {
        return Ok(whose);
    };
    match link::resolve(app, call.tenant(), contact, Some(call)).await {
        link::Outcome::Customer(customer) => whose.customer = Some(customer),
        link::Outcome::Nobody => whose.reachable = false,
        link::Outcome::Away => whose.pending = true,
    }
    Ok(whose)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::Code;

    use super::*;
    use crate::fixture::*;

    const WHO: &[pb::MissingFact] = &[pb::MissingFact::Who];

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
                product: "products/a/b".to_owned(),
                lot: "#".to_owned(),
                component: "把手".to_owned(),
                fault_code: "汪小姐".to_owned(),
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
                "ticket.subject.component",
                "ticket.subject.fault_code",
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

    /// Who was believed while customers was away is asked for again when it is back.
    #[tokio::test]
    async fn a_customer_that_was_believed_is_checked_when_customers_is_back() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let (known, nobody) = (house.known().await.name(), CustomerId::from(uuid::Uuid::nil()));
        house.customers_away(true);
        let right = lin.create(of(&known, complaint())).await;
        let wrong = lin.create(of(&nobody.name(), complaint())).await;
        let reachable = pb::Ticket { contact: Some(contact()), ..of(&nobody.name(), complaint()) };
        let reachable = lin.create(reachable).await;
        house.later(Duration::from_secs(1)).await;
        assert_eq!(lin.get(&wrong.name).await.unwrap().customer, nobody.name());

        house.customers_away(false);
        for _ in 0..3 {
            house.later(Duration::from_mins(1)).await;
        }
        let right = lin.get(&right.name).await.unwrap();
        assert_eq!((right.customer.as_str(), right.missing_facts.len()), (known.as_str(), 0));
        assert!(!house.history(&right.name).await.contains(&"ticket.updated".to_owned()));
        let wrong = lin.get(&wrong.name).await.unwrap();
        assert_eq!(
            (wrong.customer.as_str(), wrong.missing_facts().collect::<Vec<_>>()),
            ("", WHO.to_vec())
        );
        assert_eq!(house.history(&wrong.name).await.last().unwrap(), "ticket.updated");
        let reachable = lin.get(&reachable.name).await.unwrap();
        assert_eq!((reachable.customer, reachable.missing_facts.len()), (known, 0));
    }

    /// A hotline beside a good address, a region that is none, a masked name: what is good links.
    #[tokio::test]
    async fn what_is_unusable_in_a_contact_does_not_keep_the_rest_from_linking() {
        let house = House::new().await;
        let system = house.client(system(1));
        let known = house.known().await.name();
        for edit in [
            |contact: &mut pb::Contact| contact.phone = "110".to_owned(),
            |contact: &mut pb::Contact| contact.phone_region = "UK".to_owned(),
            |contact: &mut pb::Contact| contact.display_name = "王**".to_owned(),
        ] {
            let mut contact = contact();
            edit(&mut contact);
            let ticket = pb::Ticket { contact: Some(contact), ..complaint() };
            assert_eq!(house.linked(&system.create(ticket).await.name).await.customer, known);
        }
    }

    #[tokio::test]
    async fn a_contact_that_reaches_nobody_is_a_missing_fact_at_once_or_later() {
        let house = House::new().await;
        let system = house.client(system(1));
        let hotline = pb::Contact { phone: "110".to_owned(), ..<_>::default() };
        let hotline = pb::Ticket { contact: Some(hotline), ..complaint() };
        assert!(system.create(hotline.clone()).await.missing_facts().eq(WHO.iter().copied()));
        house.customers_away(true);
        let later = system.create(hotline).await;
        assert!(later.missing_facts.is_empty());
        house.customers_away(false);
        house.later(Duration::from_mins(1)).await;
        house.later(Duration::from_mins(1)).await;
        let later = system.get(&later.name).await.unwrap();
        assert!(later.missing_facts().eq(WHO.iter().copied()));
        assert_eq!(house.history(&later.name).await.last().unwrap(), "ticket.updated");
    }

    #[tokio::test]
    async fn what_a_mask_left_is_no_contact() {
        let house = House::new().await;
        let masked = pb::Contact {
            phone: "****8000".to_owned(),
            email: "w****@example.com".to_owned(),
            ..contact()
        };
        let asked = request(pb::Ticket { contact: Some(masked), ..inquiry() });
        assert_eq!(
            wrong(house.client(system(1)).create_ticket(asked).await),
            ["ticket.contact.phone", "ticket.contact.email"]
        );
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

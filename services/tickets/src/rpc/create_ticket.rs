//! CreateTicket: a matter is recorded. Never refused because customers is away.

use ::rpc::{Call, wire};
use ::store::{events, transact};
use contracts::{customers::v1 as customers, tickets::v1 as pb};
use kernel::{CustomerId, RowScope, TicketId, Violations};
use tonic::Code;

use crate::{
    app::{self, App},
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
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::CreateTicketRequest,
) -> Result<pb::Ticket, Error> {
    let validate_only = request.validate_only;
    let parsed = parse(&app, &call, request)?;
    let (customer, pending) = known_customer(&app, &call, &parsed).await?;
    let settings = settings(&app, &call)?;
    let number =
        if validate_only { 0 } else { app.numbers().next(app.db(), call.tenant()).await? };

    let id = TicketId::from(app.ids().next());
    let at = app.clock().now();
    let draft = draft(&app, &call, &parsed, id, number, customer, pending.then_some(at))?;
    let texts = Texts {
        contact: parsed
            .contact
            .as_ref()
            .map(|contact| convert::seal_contact(&app, call.tenant(), id, contact)),
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
    let events = self::number(&mut changed, &Author::of(&call), at)?;
    let stored = Stored { ticket: changed.ticket, texts };
    if validate_only {
        return convert::ticket(&app, &call, &stored);
    }

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
        tickets::insert(tx, &stored.ticket).await?;
        tickets::insert_texts(tx, tenant, id, &stored.texts).await?;
        events::append(tx, app.partitions(), &events).await?;
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
        v.check(
            !matches!(call.scope, RowScope::Own(_)),
            "ticket.queue",
            "is chosen by the company",
        );
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
    };
    v.finish(parsed).map_err(Error::from)
}

fn draft(
    app: &App,
    call: &Call,
    parsed: &Parsed,
    id: TicketId,
    number: i64,
    customer: Option<CustomerId>,
    link_at: Option<kernel::Time>,
) -> Result<Draft, Error> {
    let routing = &settings(app, call)?.routing;
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
        number,
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
        if !app.knows_customer(call.tenant(), customer) && !matches!(call.scope, RowScope::Own(_)) {
            check_customer(app, call, customer).await?;
        }
        return Ok((Some(customer), false));
    }
    let Some(contact) = &parsed.contact else { return Ok((None, false)) };
    match link::resolve(app, call.tenant(), contact, Some(call)).await {
        link::Outcome::Customer(customer) => Ok((Some(customer), false)),
        link::Outcome::Nobody => Ok((None, false)),
        link::Outcome::Away => Ok((None, true)),
    }
}

/// Refuses a customer that does not exist; one that cannot be asked for is believed.
async fn check_customer(app: &App, call: &Call, customer: CustomerId) -> Result<(), Error> {
    let link = app.customers().as_service("tickets", call.tenant());
    let mut client = customers::customer_service_client::CustomerServiceClient::new(link);
    let mut request = tonic::Request::new(customers::GetCustomerRequest { name: customer.name() });
    request.set_timeout(link::PATIENCE);
    match client.get_customer(request).await {
        Ok(_) => app.note_customer(call.tenant(), customer),
        Err(status) if status.code() == Code::NotFound => {
            return Err(Error::CustomerNotFound(customer.name()));
        }
        Err(status) => {
            tracing::warn!(code = ?status.code(), "customer could not be checked, and is believed");
        }
    }
    Ok(())
}

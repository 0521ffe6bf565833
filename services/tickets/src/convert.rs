//! Between tickets as they are kept and tickets as they are shown.

use ::rpc::{Call, wire};
use contracts::tickets::v1::{self as pb, CustomerStatus};
use kernel::{CallerKind, RowScope, TenantId, TicketId, Time, etag, hide};
use prost::Message;

use crate::{
    app::App,
    domain::{Ticket, clock::Clock, ticket::Subject},
    error::Error,
    store::{
        entries::Entry,
        history::Recorded,
        tickets::{Stored, Texts},
    },
};

/// Whether a caller with this scope sees this ticket.
pub(crate) fn visible(ticket: &Ticket, scope: &RowScope) -> bool {
    match scope {
        RowScope::Tenant => true,
        RowScope::Teams(teams) => ticket.team.is_empty() || teams.contains(&ticket.team),
        RowScope::Own(customer) => ticket.customer == Some(*customer),
        RowScope::None => false,
    }
}

/// A ticket as this caller sees it.
pub(crate) fn ticket(app: &App, call: &Call, stored: &Stored) -> Result<pb::Ticket, Error> {
    let (ticket, texts) = (&stored.ticket, &stored.texts);
    let body = &ticket.body;
    let mut shown = pb::Ticket {
        name: ticket.id.name(),
        number: ticket.number.to_string(),
        etag: etag::of(ticket.version),
        kind: body.kind.into(),
        service_type: body.service_type.into(),
        stage: body.stage.into(),
        channel: body.channel.into(),
        customer: ticket.customer.map(kernel::CustomerId::name).unwrap_or_default(),
        contact: contact(app, call, ticket, texts)?,
        subject: subject(&body.subject),
        title: texts.title.clone(),
        facts: facts(ticket, texts),
        missing_facts: body.told.missing(body.kind).into_iter().map(Into::into).collect(),
        language: body.language.clone(),
        customer_status: customer_status(ticket.category).into(),
        close_reason: body.close_reason.into(),
        resolution: resolution(ticket, texts),
        reopen_count: body.reopened,
        entry_count: body.entries,
        create_time: Some(wire::timestamp(ticket.created_at)),
        update_time: Some(wire::timestamp(ticket.updated_at)),
        close_time: body.closed.map(wire::timestamp),
        ..pb::Ticket::default()
    };
    if call.caller.kind == CallerKind::Customer {
        // Customers see the projection; how many notes staff wrote is none of it.
        shown.entry_count = 0;
        return Ok(shown);
    }
    shown.triage = body.triage.map(|judgement| pb::Triage {
        nature: judgement.nature.into(),
        severity: judgement.severity,
        cause: texts.cause.clone(),
        evidence: texts.evidence.clone(),
        triage_time: Some(wire::timestamp(judgement.at)),
    });
    shown.category = ticket.category.into();
    shown.queue = format!("queues/{}", ticket.queue);
    if !ticket.team.is_empty() {
        shown.team = format!("teams/{}", ticket.team);
    }
    shown.assignee = member(ticket.assignee.as_deref());
    shown.required_skills.clone_from(&body.skills);
    let now = app.clock().now();
    shown.clocks = body.clocks.iter().map(|one| clock(one, now)).collect();
    shown.next_due_time = ticket.next_due().map(wire::timestamp);
    shown.r#loop = body.loop_name();
    Ok(shown)
}

/// What was proposed last.
pub(crate) fn resolution(ticket: &Ticket, texts: &Texts) -> Option<pb::Resolution> {
    ticket.body.resolution.map(|resolved| pb::Resolution {
        instance: resolved.instance,
        answer: texts.answer.clone(),
        resolve_time: Some(wire::timestamp(resolved.at)),
        silent_close_time: resolved.silent_close.map(wire::timestamp),
    })
}

fn member(slug: Option<&str>) -> String {
    slug.map(|slug| format!("members/{slug}")).unwrap_or_default()
}

/// Where a ticket stands in the customer's eyes.
pub(crate) fn customer_status(category: pb::Category) -> CustomerStatus {
    match category {
        pb::Category::Unspecified => CustomerStatus::Unspecified,
        pb::Category::New => CustomerStatus::Received,
        pb::Category::Open | pb::Category::WaitingInternal => CustomerStatus::InProgress,
        pb::Category::WaitingCustomer => CustomerStatus::AwaitingYou,
        pb::Category::Resolved => CustomerStatus::AwaitingConfirmation,
        pb::Category::Closed => CustomerStatus::Settled,
    }
}

fn subject(subject: &Subject) -> Option<pb::Subject> {
    (*subject != Subject::default()).then(|| pb::Subject {
        product: subject.product.clone(),
        purchase: subject.purchase.clone(),
        lot: subject.lot.clone(),
        component: subject.component.clone(),
        fault_code: subject.fault_code.clone(),
    })
}

fn facts(ticket: &Ticket, texts: &Texts) -> Option<pb::Facts> {
    let facts = pb::Facts {
        who: texts.who.clone(),
        what: texts.what.clone(),
        occur_time: ticket.body.occurred.map(wire::timestamp),
        expectation: texts.expectation.clone(),
    };
    (facts != pb::Facts::default()).then_some(facts)
}

/// A clock as it stands now. One that runs past its due time is shown as broken even before its
/// notice was given.
fn clock(clock: &Clock, now: Time) -> pb::Clock {
    let running = clock.state == pb::ClockState::Running;
    let target = clock.target.filter(|_| clock.state != pb::ClockState::Paused);
    pb::Clock {
        metric: clock.metric.into(),
        instance: clock.instance,
        state: clock.state.into(),
        start_time: Some(wire::timestamp(clock.started)),
        goal_time: target.map(|target| wire::timestamp(target.goal)),
        due_time: target.map(|target| wire::timestamp(target.due)),
        remaining: clock.left.map(|left| wire::duration(left.due)),
        end_time: clock.ended.map(wire::timestamp),
        breached: clock.breached || running && target.is_some_and(|target| now > target.due),
        policy: clock.policy.clone(),
    }
}

/// The place that a ticket's contact is sealed for.
fn contact_place(ticket: TicketId) -> Vec<u8> {
    [b"ticket_texts|contact|".as_slice(), ticket.uuid().as_bytes()].concat()
}

/// Seals a contact as given.
pub(crate) fn seal_contact(
    app: &App,
    tenant: TenantId,
    ticket: TicketId,
    contact: &pb::Contact,
) -> Vec<u8> {
    app.keys()
        .sealer(tenant, "ticket contact")
        .seal(&contact.encode_to_vec(), &contact_place(ticket))
}

/// Opens a contact that was sealed.
pub(crate) fn open_contact(
    app: &App,
    ticket: &Ticket,
    texts: &Texts,
) -> Result<Option<pb::Contact>, Error> {
    let Some(sealed) = &texts.contact else { return Ok(None) };
    let plain = app
        .keys()
        .sealer(ticket.tenant, "ticket contact")
        .open(sealed, &contact_place(ticket.id))
        .map_err(|_| Error::Stored("a contact cannot be opened"))?;
    let contact = pb::Contact::decode(plain.as_slice());
    contact.map(Some).map_err(|_| Error::Stored("a contact is not one"))
}

fn contact(
    app: &App,
    call: &Call,
    ticket: &Ticket,
    texts: &Texts,
) -> Result<Option<pb::Contact>, Error> {
    let Some(contact) = open_contact(app, ticket, texts)? else { return Ok(None) };
    if call.may("pii.read") || call.caller.kind == CallerKind::Customer {
        return Ok(Some(contact));
    }
    Ok(Some(pb::Contact {
        display_name: hide::name(&contact.display_name),
        phone: hide::number(&contact.phone),
        phone_region: contact.phone_region,
        email: if contact.email.is_empty() { String::new() } else { hide::address(&contact.email) },
    }))
}

/// An entry as this caller sees it. Customers do not see who of the staff wrote, nor how much was
/// written that they cannot read.
pub(crate) fn entry(call: &Call, ticket: TicketId, entry: &Entry) -> pb::Entry {
    let mut shown = whole_entry(ticket, entry);
    if call.caller.kind == CallerKind::Customer {
        shown.position = 0;
        if entry.actor_kind != CallerKind::Customer.as_str() {
            shown.author = Some(wire::actor(&entry.actor_kind, ""));
        }
    }
    shown
}

fn whole_entry(ticket: TicketId, entry: &Entry) -> pb::Entry {
    pb::Entry {
        name: format!("{}/entries/{}", ticket.name(), entry.id),
        position: entry.position,
        author_role: entry.author_role.into(),
        visibility: entry.visibility.into(),
        body: entry.body.clone(),
        channel: entry.channel.into(),
        external_id: entry.external_id.clone(),
        answers: entry
            .answers
            .iter()
            .map(|answer| pb::Answer {
                revision: answer.revision.clone(),
                locale: answer.locale.clone(),
            })
            .collect(),
        author: Some(wire::actor(&entry.actor_kind, &entry.actor)),
        create_time: Some(wire::timestamp(entry.created_at)),
    }
}

/// An event as history shows it.
pub(crate) fn history_item(
    ticket: TicketId,
    recorded: &Recorded,
) -> Result<pb::HistoryItem, Error> {
    let event = pb::TicketEvent::decode(recorded.payload.as_slice())
        .map_err(|_| Error::Stored("an event cannot be read"))?;
    Ok(pb::HistoryItem {
        ticket: ticket.name(),
        sequence: recorded.sequence,
        r#type: recorded.kind.clone(),
        actor: Some(wire::actor(&recorded.actor_kind, &recorded.actor)),
        time: Some(wire::timestamp(recorded.at)),
        event: Some(event),
    })
}

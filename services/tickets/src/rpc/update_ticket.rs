//! `UpdateTicket`: fields are written.

use ::rpc::{Call, wire};
use contracts::tickets::v1 as pb;
use kernel::{CustomerId, Time, Violations, etag::Demand, mask::Mask};

use crate::{
    app::App,
    command::{Command, Decision, run, settings, ticket_id},
    domain::{
        Refusal, Ticket,
        routing::Routing,
        ticket::{PendingLink, Subject},
    },
    error::Error,
    fields, link,
    store::tickets::{Stored, Texts},
};

const WRITABLE: &[&str] = &[
    "kind",
    "service_type",
    "stage",
    "customer",
    "title",
    "language",
    "required_skills",
    "queue",
    "subject.product",
    "subject.purchase",
    "subject.lot",
    "subject.component",
    "subject.fault_code",
    "facts.who",
    "facts.what",
    "facts.occur_time",
    "facts.expectation",
];

/// The new values of the fields that are to be written.
struct Patch {
    mask: Mask,
    kind: pb::Kind,
    service_type: pb::ServiceType,
    stage: pb::Stage,
    customer: Option<CustomerId>,
    /// Whether customers could not be asked for the customer, and is to be asked later.
    unchecked: bool,
    title: String,
    language: String,
    skills: Vec<String>,
    queue: Option<String>,
    subject: Subject,
    facts: fields::Facts,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::UpdateTicketRequest,
) -> Result<pb::Ticket, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let once = app.once(&call, &request_id, &request);
    let mut v = Violations::new();
    wire::check_request_id(&request_id, &mut v);
    let Some(ticket) = &request.ticket else {
        v.add("ticket", "is required");
        return Err(v.into());
    };
    let command = Command {
        id: ticket_id("ticket.name", &ticket.name, &mut v),
        etag: Demand::parse(&ticket.etag),
        once,
    };
    let paths = request.update_mask.as_ref().map(|mask| widened(&mask.paths));
    let settings = settings(&app, &call)?;
    let routing = &settings.routing;
    let mut patch = parse(&app, ticket, paths.as_deref(), routing, &mut v);
    v.finish(())?;
    if patch.mask.has("customer")
        && let Some(customer) = patch.customer
    {
        match link::check(&app, call.tenant(), customer, Some(&call)).await {
            link::Outcome::Customer(_) => {}
            link::Outcome::Nobody => return Err(Error::CustomerNotFound(customer.name())),
            link::Outcome::Away => patch.unchecked = true,
        }
    }
    run(&app, &call, &command, |stored, cx| {
        let (ticket, texts) = patch.apply(stored, routing, cx.at);
        if ticket == stored.ticket && texts == stored.texts {
            return Ok(Decision::from(crate::domain::ticket::Changed::start(ticket)));
        }
        if ticket.body.service_type != pb::ServiceType::Unspecified
            && ticket.body.kind != pb::Kind::ServiceRequest
        {
            let why = "belongs to service requests only";
            return Err(Refusal::one("FIELD", "ticket.service_type", why));
        }
        let paths = patch.mask.paths().iter().map(|path| (*path).to_owned()).collect();
        let changed = ticket.update(paths, &stored.ticket, routing, cx)?;
        Ok(Decision { changed, texts: Some(texts) })
    })
    .await
}

/// A path of a whole message stands for all its fields.
fn widened(paths: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for path in paths {
        let prefix = format!("{path}.");
        let parts: Vec<_> = WRITABLE.iter().filter(|known| known.starts_with(&prefix)).collect();
        if parts.is_empty() {
            all.push(path.clone());
        }
        all.extend(parts.into_iter().map(|part| (*part).to_owned()));
    }
    all
}

fn parse(
    app: &App,
    ticket: &pb::Ticket,
    paths: Option<&[String]>,
    routing: &Routing,
    v: &mut Violations,
) -> Patch {
    let mask = Mask::parse(paths, WRITABLE, |path| populated(ticket, path), v);
    let kind: pb::Kind = fields::optional("ticket.kind", ticket.kind, v);
    v.check(!mask.has("kind") || kind != pb::Kind::Unspecified, "ticket.kind", "cannot be cleared");
    let queue = fields::queue(&ticket.queue, v);
    if mask.has("queue") {
        let known = queue.as_ref().is_some_and(|queue| routing.queue(queue).is_some());
        v.check(known, "ticket.queue", "must be a queue of this tenant");
    }
    Patch {
        kind,
        service_type: fields::optional("ticket.service_type", ticket.service_type, v),
        stage: fields::optional("ticket.stage", ticket.stage, v),
        customer: fields::customer(&ticket.customer, v),
        unchecked: false,
        title: if mask.has("title") { fields::title(&ticket.title, v) } else { String::new() },
        language: fields::language(&ticket.language, v),
        skills: if mask.has("required_skills") {
            fields::skills(&ticket.required_skills, routing, v)
        } else {
            Vec::new()
        },
        queue,
        subject: fields::subject(ticket.subject.as_ref(), v),
        facts: fields::facts(ticket.facts.as_ref(), app.clock().now(), v),
        mask,
    }
}

fn populated(ticket: &pb::Ticket, path: &str) -> bool {
    let subject = ticket.subject.as_ref();
    let facts = ticket.facts.as_ref();
    match path {
        "kind" => ticket.kind != 0,
        "service_type" => ticket.service_type != 0,
        "stage" => ticket.stage != 0,
        "customer" => !ticket.customer.is_empty(),
        "title" => !ticket.title.is_empty(),
        "language" => !ticket.language.is_empty(),
        "required_skills" => !ticket.required_skills.is_empty(),
        "queue" => !ticket.queue.is_empty(),
        "subject.product" => subject.is_some_and(|subject| !subject.product.is_empty()),
        "subject.purchase" => subject.is_some_and(|subject| !subject.purchase.is_empty()),
        "subject.lot" => subject.is_some_and(|subject| !subject.lot.is_empty()),
        "subject.component" => subject.is_some_and(|subject| !subject.component.is_empty()),
        "subject.fault_code" => subject.is_some_and(|subject| !subject.fault_code.is_empty()),
        "facts.who" => facts.is_some_and(|facts| !facts.who.is_empty()),
        "facts.what" => facts.is_some_and(|facts| !facts.what.is_empty()),
        "facts.occur_time" => facts.is_some_and(|facts| facts.occur_time.is_some()),
        "facts.expectation" => facts.is_some_and(|facts| !facts.expectation.is_empty()),
        _ => false,
    }
}

impl Patch {
    fn apply(&self, stored: &Stored, routing: &Routing, at: Time) -> (Ticket, Texts) {
        let Stored { mut ticket, mut texts } = stored.clone();
        let has = |path| self.mask.has(path);
        let body = &mut ticket.body;
        write(has("kind"), &mut body.kind, &self.kind);
        write(has("service_type"), &mut body.service_type, &self.service_type);
        if has("kind") && !has("service_type") && body.kind != pb::Kind::ServiceRequest {
            body.service_type = pb::ServiceType::Unspecified;
        }
        write(has("stage"), &mut body.stage, &self.stage);
        write(has("language"), &mut body.language, &self.language);
        write(has("required_skills"), &mut body.skills, &self.skills);
        write(has("subject.product"), &mut body.subject.product, &self.subject.product);
        write(has("subject.purchase"), &mut body.subject.purchase, &self.subject.purchase);
        write(has("subject.lot"), &mut body.subject.lot, &self.subject.lot);
        write(has("subject.component"), &mut body.subject.component, &self.subject.component);
        write(has("subject.fault_code"), &mut body.subject.fault_code, &self.subject.fault_code);
        write(has("facts.occur_time"), &mut body.occurred, &self.facts.occurred);
        write(has("customer"), &mut ticket.customer, &self.customer);
        write(has("title"), &mut texts.title, &self.title);
        write(has("facts.who"), &mut texts.who, &self.facts.who);
        write(has("facts.what"), &mut texts.what, &self.facts.what);
        write(has("facts.expectation"), &mut texts.expectation, &self.facts.expectation);
        if has("queue")
            && let Some(queue) = self.queue.as_deref().and_then(|id| routing.queue(id))
        {
            ticket.queue.clone_from(&queue.id);
            ticket.team.clone_from(&queue.team);
            ticket.body.queue_named = true;
        }
        if has("customer") {
            ticket.body.told.who = ticket.customer.is_some() || ticket.body.told.reachable;
            ticket.body.link = self.unchecked.then_some(PendingLink { attempts: 0, next: at });
        }
        ticket.body.told.what = !texts.what.is_empty();
        ticket.body.told.when = ticket.body.occurred.is_some();
        ticket.body.told.expectation = !texts.expectation.is_empty();
        (ticket, texts)
    }
}

fn write<T: Clone>(wanted: bool, field: &mut T, value: &T) {
    if wanted {
        field.clone_from(value);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::Code;

    use super::*;
    use crate::fixture::*;

    fn update(ticket: pb::Ticket, paths: &[&str]) -> pb::UpdateTicketRequest {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        pb::UpdateTicketRequest {
            ticket: Some(ticket),
            update_mask: Some(prost_types::FieldMask { paths }),
            ..<_>::default()
        }
    }

    #[tokio::test]
    async fn what_the_mask_names_is_written_and_nothing_else() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(pb::Ticket { contact: Some(contact()), ..complaint() }).await;
        let written = pb::Ticket {
            name: ticket.name.clone(),
            title: "The lid".to_owned(),
            language: "zh".to_owned(),
            subject: Some(pb::Subject { lot: "L-7".to_owned(), ..<_>::default() }),
            ..<_>::default()
        };
        let request = update(written, &["title", "subject", "facts.expectation"]);
        let changed = lin.update_ticket(request).await.unwrap();
        assert_ne!(changed.etag, ticket.etag);
        assert_eq!((changed.title.as_str(), changed.language.as_str()), ("The lid", ""));
        assert_eq!(changed.subject.unwrap().lot, "L-7");
        assert_eq!(changed.facts.unwrap().what, "The handle broke off.");
        assert_eq!(changed.missing_facts, [i32::from(pb::MissingFact::Expectation)]);
        assert_eq!(lin.get(&ticket.name).await.unwrap().title, "The lid");

        // The same again changes nothing.
        let same = update(
            pb::Ticket { title: "The lid".to_owned(), name: ticket.name.clone(), ..<_>::default() },
            &["title"],
        );
        assert_eq!(lin.update_ticket(same).await.unwrap().etag, changed.etag);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_named() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        let named =
            |ticket: &pb::Ticket| pb::Ticket { name: ticket.name.clone(), ..<_>::default() };
        let request = update(named(&ticket), &["category", "queue", "kind", "title"]);
        assert_eq!(
            wrong(lin.update_ticket(request).await),
            ["update_mask", "ticket.kind", "ticket.queue", "ticket.title"]
        );
        let refund = pb::Ticket { service_type: pb::ServiceType::Refund.into(), ..named(&ticket) };
        let request = update(refund.clone(), &["service_type"]);
        assert_eq!(
            blockers(lin.update_ticket(request).await),
            blocker("FIELD", "ticket.service_type")
        );
        let request = pb::Ticket { kind: pb::Kind::ServiceRequest.into(), ..refund };
        lin.update_ticket(update(request, &["kind", "service_type"])).await.unwrap();
        let fault = pb::Ticket { kind: pb::Kind::Fault.into(), ..named(&ticket) };
        let changed = lin.update_ticket(update(fault, &["kind"])).await.unwrap();
        assert_eq!(changed.service_type(), pb::ServiceType::Unspecified);

        let nobody = CustomerId::from(uuid::Uuid::from_u128(5)).name();
        let request = update(of(&nobody, named(&ticket)), &["customer"]);
        assert_eq!(refused(lin.update_ticket(request).await).1, "CUSTOMER_NOT_FOUND");
        lin.close(&ticket.name, pb::CloseReason::Spam).await.unwrap();
        let request = update(pb::Ticket { title: "x".to_owned(), ..named(&ticket) }, &["title"]);
        assert_eq!(blockers(lin.update_ticket(request).await), blocker("STATE", "CLOSED"));
    }

    #[tokio::test]
    async fn a_stale_etag_is_refused_and_a_repeated_request_is_not() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        let mut request = update(
            pb::Ticket {
                name: ticket.name.clone(),
                etag: ticket.etag.clone(),
                title: "a".to_owned(),
                ..<_>::default()
            },
            &["title"],
        );
        request.request_id = request_id(1);
        let first = lin.update_ticket(request.clone()).await.unwrap();
        assert_eq!(lin.update_ticket(request.clone()).await.unwrap(), first);
        request.request_id = request_id(2);
        let (code, reason) = refused(lin.update_ticket(request).await);
        assert_eq!((code, reason.as_str()), (Code::Aborted, "STALE_ETAG"));
    }

    /// A queue that a ticket gets while somebody has it must be found once it waits again.
    #[tokio::test]
    async fn a_ticket_moved_while_it_was_taken_is_found_in_its_new_queue() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(complaint()).await;
        lin.claim(&ticket.name).await.unwrap();
        let moved = pb::Ticket {
            name: ticket.name.clone(),
            queue: "queues/general".to_owned(),
            language: "en".to_owned(),
            ..<_>::default()
        };
        let moved = lin.update_ticket(update(moved, &["queue", "language"])).await.unwrap();
        assert_eq!(moved.team, "teams/front-line");
        lin.release(&ticket.name).await.unwrap();
        assert_eq!(house.agent("gen").claim_next().await.unwrap().unwrap().name, ticket.name);
    }

    fn retyped(ticket: &pb::Ticket, kind: pb::Kind) -> pb::UpdateTicketRequest {
        let ticket = pb::Ticket { name: ticket.name.clone(), kind: kind.into(), ..<_>::default() };
        update(ticket, &["kind"])
    }

    fn clocks(ticket: &pb::Ticket) -> Vec<(&str, pb::ClockState)> {
        ticket.clocks.iter().map(|clock| (clock.policy.as_str(), clock.state())).collect()
    }

    #[tokio::test]
    async fn another_kind_has_its_clocks_from_the_start_and_its_queue() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let praise = pb::Ticket { kind: pb::Kind::Praise.into(), ..inquiry() };
        let ticket = lin.create(praise.clone()).await;
        assert_eq!(ticket.queue, "queues/general");
        house.later(Duration::from_hours(30)).await;
        let complaint = lin.update_ticket(retyped(&ticket, pb::Kind::Complaint)).await.unwrap();
        assert_eq!(
            (complaint.queue.as_str(), complaint.team.as_str()),
            ("queues/complaints", "teams/resolution")
        );
        let clock = &complaint.clocks[1];
        assert_eq!((clock.policy.as_str(), clock.instance), ("shipped@1/complaint", 1));
        assert_eq!(clock.due_time, Some(wire::timestamp(START + Duration::from_hours(72))));
        // The goal passed long ago; the notice is given now.
        house.later(Duration::from_secs(1)).await;
        assert_eq!(house.history(&ticket.name).await.last().unwrap(), "clock.warned");

        let inquiry = lin.update_ticket(retyped(&ticket, pb::Kind::Inquiry)).await.unwrap();
        assert_eq!(inquiry.queue, "queues/general");
        let states = [
            ("shipped@1/first-response", pb::ClockState::Running),
            ("shipped@1/complaint", pb::ClockState::Cancelled),
            ("shipped@1/resolution", pb::ClockState::Running),
        ];
        assert_eq!(clocks(&inquiry), states);
        // A kind with the same policy keeps its clock; one without any has none.
        let fault = lin.update_ticket(retyped(&ticket, pb::Kind::Fault)).await.unwrap();
        assert_eq!(clocks(&fault), states);
        let praise_again = lin.update_ticket(retyped(&ticket, pb::Kind::Praise)).await.unwrap();
        assert_eq!(praise_again.clocks[2].state(), pb::ClockState::Cancelled);

        // A queue that somebody named, and a ticket that somebody has, stay where they are.
        let named = pb::Ticket { queue: "queues/general".to_owned(), ..praise.clone() };
        let (named, taken) = (lin.create(named).await, lin.create(praise).await);
        lin.claim(&taken.name).await.unwrap();
        for ticket in [named, taken] {
            let changed = lin.update_ticket(retyped(&ticket, pb::Kind::Complaint)).await.unwrap();
            assert_eq!(changed.queue, "queues/general");
        }
    }

    /// What the customer was waited for is not counted, whatever the kind was meanwhile.
    #[tokio::test]
    async fn the_clock_of_another_kind_knows_of_the_waits_before_it() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let praise = pb::Ticket { kind: pb::Kind::Praise.into(), ..inquiry() };
        let ticket = lin.create(praise).await;
        lin.claim(&ticket.name).await.unwrap();
        house.clock.advance(Duration::from_hours(1));
        lin.say_to(&ticket.name, "Which one?", pb::Turn::Customer).await.unwrap();
        house.clock.advance(Duration::from_hours(100));
        let waiting = lin.update_ticket(retyped(&ticket, pb::Kind::Complaint)).await.unwrap();
        let clock = waiting.clocks.last().unwrap();
        assert_eq!((clock.state(), clock.breached), (pb::ClockState::Paused, false));
        assert_eq!(clock.remaining.unwrap().seconds, 71 * 3_600);
        house.clock.advance(Duration::from_hours(1));
        lin.say_to(&ticket.name, "Ah.", pb::Turn::Staff).await.unwrap();
        lin.update_ticket(retyped(&ticket, pb::Kind::Praise)).await.unwrap();
        let again = lin.update_ticket(retyped(&ticket, pb::Kind::NegativeReview)).await.unwrap();
        let due = START + Duration::from_hours(173);
        assert_eq!(again.clocks.last().unwrap().due_time, Some(wire::timestamp(due)));
    }

    #[tokio::test]
    async fn a_mask_without_paths_and_a_skill_that_nobody_has_are_refused() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        let named = pb::Ticket { name: ticket.name, ..<_>::default() };
        assert_eq!(wrong(lin.update_ticket(update(named.clone(), &[])).await), ["update_mask"]);
        let skills = vec!["refunds".to_owned(), "magic".to_owned()];
        let request = update(pb::Ticket { required_skills: skills, ..named }, &["required_skills"]);
        let status = lin.update_ticket(request).await.unwrap_err();
        let details = tonic_types::StatusExt::get_error_details(&status);
        let violation = &details.bad_request().unwrap().field_violations[0];
        assert_eq!(violation.field, "ticket.required_skills");
        assert!(violation.description.contains("`refunds`"), "{}", violation.description);
    }
}

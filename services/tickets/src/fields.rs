//! The fields of a ticket as callers write them, parsed once for recording and for writing: what is
//! wrong is noted, all of it, and what is right has its type.

use ::rpc::wire;
use contracts::tickets::v1 as pb;
use kernel::{CustomerId, Time, Violations, hide, id};

use crate::domain::{routing::Routing, ticket::Subject};

const TITLE: usize = 200;
const WHO: usize = 200;
const WHAT: usize = 32_000;
const EXPECTATION: usize = 2_000;
const MOST_SKILLS: usize = 8;
/// How far the clock of a caller may be ahead of ours.
const SKEW: std::time::Duration = std::time::Duration::from_mins(5);

/// An enum that must be one of the contract's, and said.
pub(crate) fn required<E: TryFrom<i32> + Default + PartialEq>(
    field: &str,
    value: i32,
    violations: &mut Violations,
) -> E {
    let parsed = optional::<E>(field, value, violations);
    violations.check(parsed != E::default() || value != 0, field, "is required");
    parsed
}

/// An enum that must be one of the contract's where it is said.
pub(crate) fn optional<E: TryFrom<i32> + Default>(
    field: &str,
    value: i32,
    violations: &mut Violations,
) -> E {
    E::try_from(value).unwrap_or_else(|_| {
        violations.add(field, format!("{value} is not one of the contract's values"));
        E::default()
    })
}

/// The title.
pub(crate) fn title(value: &str, violations: &mut Violations) -> String {
    violations.text("ticket.title", value, 1, TITLE);
    value.trim().to_owned()
}

/// The customer; `None` where none is named.
pub(crate) fn customer(value: &str, violations: &mut Violations) -> Option<CustomerId> {
    if value.is_empty() {
        return None;
    }
    let parsed = CustomerId::parse_name(value);
    violations.check(
        parsed.is_some(),
        "ticket.customer",
        "must be a customer's name, `customers/{id}`",
    );
    parsed
}

/// The language; empty for any.
pub(crate) fn language(value: &str, violations: &mut Violations) -> String {
    let right = matches!(value, "" | "zh" | "en");
    violations.check(right, "ticket.language", "must be `zh`, `en` or empty");
    value.to_owned()
}

/// The queue; `None` where none is named.
pub(crate) fn queue(value: &str, violations: &mut Violations) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    let slug = id::slug_in(value, "queues").map(str::to_owned);
    violations.check(slug.is_some(), "ticket.queue", "must be a queue's name, `queues/{id}`");
    slug
}

/// The skills, sorted and each once. One that no agent has is refused, since nobody would ever get the
/// ticket.
pub(crate) fn skills(
    values: &[String],
    routing: &Routing,
    violations: &mut Violations,
) -> Vec<String> {
    let field = "ticket.required_skills";
    violations.check(values.len() <= MOST_SKILLS, field, "must be at most 8");
    let known = routing.skills();
    if values.iter().any(|skill| !known.contains(skill.as_str())) {
        let known = known.into_iter().map(|skill| format!("`{skill}`")).collect::<Vec<_>>();
        violations.add(field, format!("must be skills of agents, which are: {}", known.join(", ")));
    }
    let mut skills = values.to_vec();
    skills.sort();
    skills.dedup();
    skills
}

/// What it is about.
pub(crate) fn subject(subject: Option<&pb::Subject>, violations: &mut Violations) -> Subject {
    let Some(subject) = subject else { return Subject::default() };
    let product = subject.product.strip_prefix("products/");
    violations.check(
        subject.product.is_empty() || product.is_some_and(id::is_product_id),
        "ticket.subject.product",
        "must be a product's name, `products/{id}`",
    );
    violations.check(
        subject.purchase.is_empty() || kernel::PurchaseId::parse_name(&subject.purchase).is_some(),
        "ticket.subject.purchase",
        "must be a purchase's name, `purchases/{id}`",
    );
    for (field, value) in [
        ("ticket.subject.lot", &subject.lot),
        ("ticket.subject.component", &subject.component),
        ("ticket.subject.fault_code", &subject.fault_code),
    ] {
        let right = value.is_empty() || is_code(value);
        let form = "must be ASCII letters, digits and `. _ - /`, at most 64 of them";
        violations.check(right, field, form);
    }
    Subject {
        product: subject.product.clone(),
        purchase: subject.purchase.clone(),
        lot: subject.lot.clone(),
        component: subject.component.clone(),
        fault_code: subject.fault_code.clone(),
    }
}

/// A code goes into events, which are for ever: it must have no room for a name or a sentence.
fn is_code(value: &str) -> bool {
    (1..=64).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
}

/// What happened, as the customer tells it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) who: String,
    pub(crate) what: String,
    pub(crate) occurred: Option<Time>,
    pub(crate) expectation: String,
}

/// The facts.
pub(crate) fn facts(facts: Option<&pb::Facts>, now: Time, violations: &mut Violations) -> Facts {
    let Some(facts) = facts else { return Facts::default() };
    violations.text("ticket.facts.who", &facts.who, 0, WHO);
    violations.text("ticket.facts.what", &facts.what, 0, WHAT);
    violations.text("ticket.facts.expectation", &facts.expectation, 0, EXPECTATION);
    let occurred = facts.occur_time.as_ref().and_then(|time| {
        let parsed = wire::time(time);
        let past = parsed.is_some_and(|at| at <= now + SKEW);
        violations.check(past, "ticket.facts.occur_time", "must be a time that has come");
        parsed
    });
    Facts {
        who: facts.who.trim().to_owned(),
        what: facts.what.trim().to_owned(),
        occurred,
        expectation: facts.expectation.trim().to_owned(),
    }
}

/// How the customer can be reached; `None` where nothing is said.
pub(crate) fn contact(
    contact: Option<&pb::Contact>,
    violations: &mut Violations,
) -> Option<pb::Contact> {
    let contact = contact.filter(|contact| **contact != pb::Contact::default())?;
    violations.text("ticket.contact.display_name", &contact.display_name, 0, 200);
    violations.text("ticket.contact.phone", &contact.phone, 0, 64);
    violations.text("ticket.contact.email", &contact.email, 0, 254);
    // Of many people one mask is left; a name is not recognised by, so a masked one does no harm.
    for (field, value) in
        [("ticket.contact.phone", &contact.phone), ("ticket.contact.email", &contact.email)]
    {
        let right = !hide::is_masked(value);
        violations.check(right, field, "is what a mask left: leave it out, or write the whole");
    }
    let digits = contact.phone.chars().filter(|c| c.is_numeric()).count();
    violations.check(
        contact.phone.is_empty() || digits >= 3,
        "ticket.contact.phone",
        "must be a telephone number",
    );
    violations.check(
        contact.email.is_empty() || contact.email.contains(['@', '＠']),
        "ticket.contact.email",
        "must be an e-mail address",
    );
    let region = &contact.phone_region;
    violations.check(
        region.is_empty() || region.len() == 2 && region.bytes().all(|b| b.is_ascii_uppercase()),
        "ticket.contact.phone_region",
        "must be two capital letters",
    );
    Some(contact.clone())
}

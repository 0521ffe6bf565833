//! Between the contract's messages and the domain: what comes in is parsed with all its faults at
//! once, what goes out is masked for who may not see it.

use std::collections::HashSet;

use contracts::{customers::v1 as pb, r#type::v1 as shared};
use kernel::{CustomerId, TenantId, Time, Violations, etag};
use rpc::{Call, wire};

use crate::{
    App,
    domain::{
        consent::{self, Consent, Subject},
        contact::{self, Block, Contact, Verdict},
        customer::{Customer, Profile},
        identifier::Identifier,
        mask, phone,
        purchase::{self, Item, Money, Product, Purchase},
        timeline,
    },
    store::identifiers::Keyed,
};

/// The permission without which names and identifiers are masked.
const UNMASKED: &str = "pii.read";

/// A customer as this caller may see it.
pub(crate) fn customer(customer: &Customer, call: &Call) -> pb::Customer {
    let open = call.may(UNMASKED);
    let shown = |text: &str| if open { text.to_owned() } else { mask::name(text) };
    let profile = &customer.profile;
    pb::Customer {
        name: customer.id.name(),
        etag: etag::of(customer.version),
        kind: customer.kind.into(),
        display_name: shown(&profile.display_name),
        family_name: shown(&profile.family_name),
        given_name: if open {
            profile.given_name.clone()
        } else {
            mask::given_name(&profile.given_name, &profile.family_name)
        },
        salutation: profile.salutation.into(),
        language: profile.language.clone(),
        time_zone: profile.time_zone.clone(),
        segment: profile.segment.clone(),
        identifiers: customer.identifiers.iter().map(|one| identifier(one, open)).collect(),
        create_time: Some(wire::timestamp(customer.created_at)),
        update_time: Some(wire::timestamp(customer.updated_at)),
    }
}

fn identifier(identifier: &Identifier, open: bool) -> pb::Identifier {
    let shown =
        |text: &str| if open { text.to_owned() } else { mask::identifier(identifier.kind, text) };
    pb::Identifier {
        kind: identifier.kind.into(),
        value: shown(&identifier.value),
        region: identifier.region.clone(),
        normalised: shown(&identifier.normalised),
        invalid: identifier.invalid,
    }
}

/// The id in a customer's name; another form is a violation of `field`.
pub(crate) fn customer_id(
    name: &str,
    field: &str,
    violations: &mut Violations,
) -> Option<CustomerId> {
    let id = CustomerId::parse_name(name);
    violations.check(id.is_some(), field, "must be of the form `customers/{id}`");
    id
}

/// The fields of a customer that may be written, as given.
pub(crate) fn profile(customer: &pb::Customer, violations: &mut Violations) -> Profile {
    let salutation = pb::Salutation::try_from(customer.salutation);
    violations.check(salutation.is_ok(), "customer.salutation", "is none that there is");
    Profile {
        display_name: customer.display_name.clone(),
        family_name: customer.family_name.clone(),
        given_name: customer.given_name.clone(),
        salutation: salutation.unwrap_or_default(),
        language: customer.language.clone(),
        time_zone: customer.time_zone.clone(),
        segment: customer.segment.clone(),
    }
}

/// Identifiers with their keys; `field` is the path of their list.
pub(crate) fn identifiers(
    app: &App,
    tenant: TenantId,
    given: &[pb::Identifier],
    field: &str,
    violations: &mut Violations,
) -> Vec<Keyed> {
    let region = app.region(tenant);
    let mut seen = HashSet::new();
    let mut keyed = Vec::new();
    for (index, one) in given.iter().enumerate() {
        let path = |part: &str| format!("{field}[{index}].{part}");
        let Some(identifier) = read_identifier(&region, one, &path, violations) else {
            continue;
        };
        let blind = app.blind_index(tenant, identifier.kind).of(&identifier.normalised);
        if seen.insert((identifier.kind, blind)) {
            keyed.push(Keyed { id: app.ids.next(), blind, identifier });
        } else {
            violations.add(path("value"), "is given twice");
        }
    }
    keyed
}

fn read_identifier(
    home: &str,
    given: &pb::Identifier,
    path: &dyn Fn(&str) -> String,
    violations: &mut Violations,
) -> Option<Identifier> {
    let kind = pb::IdentifierKind::try_from(given.kind).unwrap_or_default();
    if kind == pb::IdentifierKind::Unspecified {
        violations.add(path("kind"), "must be said");
        return None;
    }
    let region = if given.region.is_empty() { home } else { &given.region };
    let phone = kind == pb::IdentifierKind::Phone;
    if phone && !given.region.is_empty() && !phone::is_region(region) {
        violations.add(path("region"), "must be an ISO 3166 code such as `CN`");
        return None;
    }
    Identifier::read(kind, &given.value, region)
        .map_err(|wrong| violations.add(path("value"), wrong))
        .ok()
}

/// A product on the wire.
pub(crate) fn product(product: &Product) -> pb::Product {
    pb::Product {
        name: purchase::product_name(&product.id),
        etag: etag::of(product.version),
        title: product.title.clone(),
        model: product.model.clone(),
        brand: product.brand.clone(),
        create_time: Some(wire::timestamp(product.created_at)),
    }
}

/// A purchase on the wire.
pub(crate) fn purchase(purchase: &Purchase) -> pb::Purchase {
    let order = &purchase.order;
    pb::Purchase {
        name: purchase.id.name(),
        etag: etag::of(purchase.version),
        customer: purchase.customer.name(),
        order_number: order.number.clone(),
        items: order.items.iter().map(item).collect(),
        total: order.total.as_ref().map(money),
        purchase_time: Some(wire::timestamp(order.purchased_at)),
        state: order.state.into(),
        create_time: Some(wire::timestamp(purchase.created_at)),
    }
}

fn item(item: &Item) -> pb::PurchaseItem {
    pb::PurchaseItem {
        product: purchase::product_name(&item.product),
        quantity: item.quantity,
        unit_price: item.unit_price.as_ref().map(money),
    }
}

fn money(money: &Money) -> shared::Money {
    shared::Money { minor_units: money.minor_units, currency: money.currency.clone() }
}

/// An amount of money from the wire.
pub(crate) fn read_money(money: &shared::Money, field: &str, violations: &mut Violations) -> Money {
    let known = Money::is_currency(&money.currency);
    violations.check(
        known,
        &format!("{field}.currency"),
        "must be three capital letters (ISO 4217)",
    );
    Money { minor_units: money.minor_units, currency: money.currency.clone() }
}

/// One thing that happened, on the wire.
pub(crate) fn timeline_item(item: &timeline::Item) -> pb::TimelineItem {
    pb::TimelineItem {
        resource: item.resource(),
        r#type: item.kind.clone(),
        time: Some(wire::timestamp(item.at)),
        sequence: item.sequence,
    }
}

/// What a contact or a consent is for, both parts of which must be said; `field` is what they are in.
pub(crate) fn subject(
    purpose: i32,
    channel: i32,
    field: &str,
    violations: &mut Violations,
) -> Subject {
    let purpose = pb::ContactPurpose::try_from(purpose).unwrap_or_default();
    let said = purpose != pb::ContactPurpose::Unspecified;
    violations.check(said, &format!("{field}purpose"), "must be said");
    let channel = pb::ContactChannel::try_from(channel).unwrap_or_default();
    let said = channel != pb::ContactChannel::Unspecified;
    violations.check(said, &format!("{field}channel"), "must be said");
    Subject { purpose, channel }
}

/// An entry of the ledger of consents, on the wire.
pub(crate) fn consent(consent: &Consent) -> pb::Consent {
    pb::Consent {
        name: consent::name(consent.customer, consent.sequence),
        purpose: consent.subject.purpose.into(),
        channel: consent.subject.channel.into(),
        state: consent.state.into(),
        policy_version: consent.policy_version.clone(),
        evidence: consent.evidence.clone(),
        actor: Some(wire::actor(&consent.actor_kind, &consent.actor)),
        create_time: Some(wire::timestamp(consent.at)),
    }
}

/// A contact that was asked for, on the wire.
pub(crate) fn contact(contact: &Contact) -> pb::Contact {
    pb::Contact {
        name: contact::name(contact.customer, contact.id),
        key: contact.key.clone(),
        state: contact.state.into(),
        actor: Some(wire::actor(&contact.actor_kind, &contact.actor)),
        create_time: Some(wire::timestamp(contact.created_at)),
        complete_time: contact.completed_at.map(wire::timestamp),
        ..verdict(contact.subject, contact.at, &contact.verdict)
    }
}

/// What would be decided of a contact at `at`, on the wire.
pub(crate) fn verdict(subject: Subject, at: Time, verdict: &Verdict) -> pb::Contact {
    let (state, blocks, retry_at, until) = match verdict {
        Verdict::Granted { until } => (pb::ContactState::Reserved, &[][..], None, Some(*until)),
        Verdict::Denied { blocks, retry_at } => {
            (pb::ContactState::Denied, blocks.as_slice(), *retry_at, None)
        }
    };
    pb::Contact {
        purpose: subject.purpose.into(),
        channel: subject.channel.into(),
        state: state.into(),
        blocks: blocks.iter().map(block).collect(),
        retry_time: retry_at.map(wire::timestamp),
        contact_time: Some(wire::timestamp(at)),
        expire_time: until.map(wire::timestamp),
        ..pb::Contact::default()
    }
}

fn block(block: &Block) -> pb::ContactBlock {
    pb::ContactBlock { rule: block.rule.into(), end_time: block.ends.map(wire::timestamp) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_another_form_is_a_violation() {
        let mut violations = Violations::new();
        let name = "customers/0198b2a0-0000-7000-8000-000000000001";
        assert!(customer_id(name, "name", &mut violations).is_some());
        assert!(violations.is_empty());
        assert!(customer_id("customers/x", "customer.name", &mut violations).is_none());
        assert_eq!(violations.as_slice()[0].field, "customer.name");
    }

    #[test]
    fn money_needs_a_currency() {
        let mut violations = Violations::new();
        let yuan = shared::Money { minor_units: -1, currency: "CNY".to_owned() };
        assert_eq!(read_money(&yuan, "total", &mut violations).minor_units, -1);
        assert!(violations.is_empty());
        read_money(&shared::Money::default(), "total", &mut violations);
        assert_eq!(violations.as_slice()[0].field, "total.currency");
    }
}

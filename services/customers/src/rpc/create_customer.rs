//! `CreateCustomer`: records a customer with what it is recognised by.

use contracts::customers::v1::{
    CreateCustomerRequest, Customer as Answer, CustomerCreated, CustomerKind,
    customer_event::Change,
};
use kernel::{CustomerId, Violations};
use rpc::{Call, wire};
use store::{Tx, transact};

use crate::{
    App, Error, convert,
    domain::customer::{Customer, MAX_IDENTIFIERS, Profile},
    events::{self, Place},
    rpc::get_customer,
    store::{
        customers,
        identifiers::{self, Keyed},
    },
};

const METHOD: &str = "aftercare.customers.v1.CustomerService/CreateCustomer";

/// A customer that is about to be recorded.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) customer: Customer,
    pub(crate) keyed: Vec<Keyed>,
}

impl Draft {
    /// A new customer with these identifiers, now.
    pub(crate) fn new(app: &App, kind: CustomerKind, profile: Profile, keyed: Vec<Keyed>) -> Self {
        let now = app.clock.now();
        let customer = Customer {
            id: CustomerId::from(app.ids.next()),
            version: 1,
            sequence: 1,
            last_at: now,
            kind,
            profile: profile.completed(),
            identifiers: keyed.iter().map(|keyed| keyed.identifier.clone()).collect(),
            created_at: now,
            updated_at: now,
        };
        Self { customer, keyed }
    }
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: CreateCustomerRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let identifiers = request.customer.iter().flat_map(|customer| &customer.identifiers);
    app.must_know_home(call.tenant(), identifiers)?;
    let draft = parse(&app, &call, &request, &request_id)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let name = draft.customer.id.name();
    let earlier = transact!(app.db, "customer.create", |tx| {
        let earlier = once.claim(tx, &name, 1).await?;
        if earlier.is_none() {
            record(&app, &call, tx, &draft).await?;
        }
        Ok::<_, Error>(earlier)
    })?;
    match earlier {
        None => Ok(convert::customer(&draft.customer, &call)),
        Some(earlier) => get_customer::by_name(&app, &call, &earlier.resource).await,
    }
}

fn parse(
    app: &App,
    call: &Call,
    request: &CreateCustomerRequest,
    request_id: &str,
) -> Result<Draft, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    violations.check(request.customer.is_some(), "customer", "must be given");
    let given = request.customer.clone().unwrap_or_default();
    let kind = match CustomerKind::try_from(given.kind) {
        Ok(CustomerKind::Unspecified) => CustomerKind::Person,
        Ok(kind) => kind,
        Err(_) => {
            violations.add("customer.kind", "is none that there is");
            CustomerKind::Person
        }
    };
    let profile = convert::profile(&given, &mut violations);
    profile.check(|_| true, &mut violations);
    let few = given.identifiers.len() <= MAX_IDENTIFIERS;
    violations.check(few, "customer.identifiers", "must be at most 20");
    let listed = &given.identifiers[..given.identifiers.len().min(MAX_IDENTIFIERS)];
    let keyed =
        convert::identifiers(app, call.tenant(), listed, "customer.identifiers", &mut violations);
    let draft = Draft::new(app, kind, profile, keyed);
    let known = draft.customer.profile.has_name() || !given.identifiers.is_empty();
    violations.check(
        known || request.customer.is_none(),
        "customer",
        "must have a name or at least one identifier",
    );
    violations.finish(draft)
}

/// Writes a new customer, its identifiers and its first event; an identifier of another customer
/// is an error that names that customer.
pub(crate) async fn record(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    draft: &Draft,
) -> Result<(), Error> {
    let (tenant, customer) = (call.tenant(), &draft.customer);
    let sealer = app.sealer(tenant);
    if !customers::insert(tx, tenant, &sealer, customer, &draft.keyed).await? {
        let mut owners = identifiers::owners_in(tx, tenant, &draft.keyed).await?;
        owners.retain(|_, owner| *owner != customer.id);
        let taken = identifiers::first_owner(&owners, &draft.keyed);
        // Nobody has it any more: whoever had, gave it up between the two statements.
        let (kind, customer) = taken.ok_or(Error::LostRace)?;
        return Err(Error::IdentifierTaken { kind, customer });
    }
    let created = CustomerCreated {
        kind: customer.kind.into(),
        identifier_kinds: customer.identifiers.iter().map(|one| one.kind.into()).collect(),
    };
    let place =
        Place { aggregate: customer.id.uuid(), sequence: customer.sequence, at: customer.last_at };
    events::append(app, call, tx, place, Change::Created(created)).await
}

#[cfg(test)]
mod tests {
    use contracts::customers::v1::{Customer as Given, IdentifierKind, Salutation};

    use super::*;
    use crate::rpc::fixture::{
        Fixture, START, agent, create, fields, id_of, identifier, request_id, system,
    };

    #[tokio::test]
    async fn a_customer_is_recorded_with_its_identifiers_and_one_event() {
        let fixture = Fixture::new().await;
        let mut request = create("", &["138-0013-8001"]);
        let given = request.customer.as_mut().unwrap();
        given.family_name = "王".to_owned();
        given.given_name = "芳".to_owned();
        given.salutation = Salutation::Ms.into();
        given.time_zone = "Asia/Shanghai".to_owned();
        given.identifiers.push(identifier(IdentifierKind::Email, "Fang@Example.com"));
        let made = handle(fixture.app.clone(), system(), request).await.unwrap();
        assert_eq!(made.display_name, "王芳");
        assert_eq!(made.kind(), CustomerKind::Person);
        assert_eq!(made.etag, "v1");
        assert_eq!(made.create_time, Some(wire::timestamp(START)));
        assert_eq!(made.identifiers[0].normalised, "+8613800138001");
        assert_eq!(made.identifiers[0].value, "138-0013-8001");
        assert_eq!(made.identifiers[0].region, "CN");
        assert_eq!(made.identifiers[1].normalised, "fang@example.com");

        let read = get_customer::by_name(&fixture.app, &system(), &made.name).await.unwrap();
        assert_eq!(read, made);
        let events = fixture.events(id_of(&made.name).uuid()).await;
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].0.as_str(), events[0].1), ("customer.created", 1));
        let Some(Change::Created(created)) = &events[0].2.change else { panic!("{events:?}") };
        assert_eq!(created.identifier_kinds, [1, 2]);
    }

    #[tokio::test]
    async fn the_answer_is_masked_for_who_may_not_see_it() {
        let fixture = Fixture::new().await;
        let request = create("王小明", &["13800138001"]);
        let made = handle(fixture.app.clone(), agent(), request).await.unwrap();
        assert_eq!(made.display_name, "王**");
        assert_eq!(made.identifiers[0].value, "****01");
        assert_eq!(made.identifiers[0].normalised, "****01");
    }

    #[tokio::test]
    async fn an_identifier_of_another_customer_names_that_customer() {
        let fixture = Fixture::new().await;
        let first = fixture.customer("王芳", &["13800138001"]).await;
        let request = create("李娜", &["13800138002", "+86 138 0013 8001"]);
        let error = handle(fixture.app.clone(), system(), request).await.unwrap_err();
        let Error::IdentifierTaken { kind, customer } = error else { panic!("{error:?}") };
        assert_eq!((kind, customer.name()), (IdentifierKind::Phone, first.name));
        // Nothing of the refused one stayed: its other number is free.
        fixture.customer("李娜", &["13800138002"]).await;
    }

    #[tokio::test]
    async fn the_same_request_twice_makes_one_customer() {
        let fixture = Fixture::new().await;
        let mut request = create("王芳", &["13800138001"]);
        request.request_id = request_id(7);
        let first = handle(fixture.app.clone(), system(), request.clone()).await.unwrap();
        fixture.later();
        let again = handle(fixture.app.clone(), system(), request.clone()).await.unwrap();
        assert_eq!(again, first);
        // Whoever tries again does so in real time, however far the suite's clock was moved.
        fixture.app.clock.advance(store::idempotency::KEPT_FOR * 2);
        let again = handle(fixture.app.clone(), system(), request.clone()).await.unwrap();
        assert_eq!(again, first);

        request.customer.as_mut().unwrap().segment = "vip".to_owned();
        let error = handle(fixture.app.clone(), system(), request).await.unwrap_err();
        let Error::RequestIdReused { resource, .. } = error else { panic!("{error:?}") };
        assert_eq!(resource, first.name);
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let given = Given {
            kind: 9,
            display_name: "x".repeat(201),
            salutation: 9,
            language: "fr".to_owned(),
            identifiers: vec![
                identifier(IdentifierKind::Unspecified, "1"),
                identifier(IdentifierKind::Phone, "00000000000"),
                identifier(IdentifierKind::Email, "a@example.com"),
                identifier(IdentifierKind::Email, "A@EXAMPLE.com"),
                contracts::customers::v1::Identifier {
                    region: "XX".to_owned(),
                    ..identifier(IdentifierKind::Phone, "13800138001")
                },
            ],
            ..Given::default()
        };
        let request = CreateCustomerRequest { customer: Some(given), request_id: "x".to_owned() };
        let error = handle(fixture.app.clone(), system(), request).await.unwrap_err();
        assert_eq!(
            fields(&error),
            [
                "request_id",
                "customer.kind",
                "customer.salutation",
                "customer.display_name",
                "customer.language",
                "customer.identifiers[0].kind",
                "customer.identifiers[1].value",
                "customer.identifiers[3].value",
                "customer.identifiers[4].region",
            ]
        );
    }

    #[tokio::test]
    async fn a_customer_has_a_name_or_an_identifier() {
        let fixture = Fixture::new().await;
        let empty = create(" ", &[]);
        let error = handle(fixture.app.clone(), system(), empty).await.unwrap_err();
        assert_eq!(fields(&error), ["customer"]);
        let none = CreateCustomerRequest::default();
        let error = handle(fixture.app.clone(), system(), none).await.unwrap_err();
        assert_eq!(fields(&error), ["customer"]);
        fixture.customer("", &["13800138001"]).await;
    }
}

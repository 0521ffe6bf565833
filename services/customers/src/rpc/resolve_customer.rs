//! `ResolveCustomer`: from an identifier, in any of its usual forms, to its customer.
//!
//! The first identifier that is known decides; the others are not added to that customer, since who
//! gives an identifier has not shown that it is theirs. What makes no key is passed over: a hotline
//! typed in beside a good address must not keep its owner from being recognised.

use contracts::customers::v1::{
    CustomerKind, ResolveCustomerRequest, ResolveCustomerResponse as Answer,
};
use kernel::{CustomerId, Violations};
use rpc::{Call, wire};
use store::{
    idempotency::{Earlier, Once},
    transact,
};

use super::create_customer::{Draft, record};
use crate::{
    App, Error, convert,
    domain::customer::{Profile, reaches},
    rpc::get_customer,
    store::identifiers,
};

const METHOD: &str = "aftercare.customers.v1.CustomerService/ResolveCustomer";
const MOST: usize = 5;
/// How often a creation may be beaten to it by another before it gives up. Once is what happens; a
/// second time needs two others with different ones of the identifiers.
const ATTEMPTS: usize = 5;

/// What is noted with the request id as the version, to tell the two outcomes apart when it comes
/// again.
const FOUND: i64 = 0;
const MADE: i64 = 1;

/// What a transaction came to.
enum Outcome {
    Found(CustomerId),
    Made,
    Earlier(Earlier),
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: ResolveCustomerRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    app.must_know_home(call.tenant(), &request.identifiers)?;
    let draft = parse(&app, &call, &request, &request_id)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let create = request.create && call.scope == kernel::RowScope::Tenant;

    // Most are known: no transaction, and on SQLite no waiting for the writer.
    if once.is_absent() {
        let owners = identifiers::owners(&app.db, call.tenant(), &draft.keyed).await?;
        match identifiers::first_owner(&owners, &draft.keyed) {
            Some((_, id)) => return answer(&app, &call, &id.name(), false).await,
            None if !create => return Err(Error::NobodyHas),
            None => {}
        }
    }
    for _ in 0..ATTEMPTS {
        match settle(&app, &call, &once, &draft, create).await {
            Ok(Outcome::Found(id)) => return answer(&app, &call, &id.name(), false).await,
            Ok(Outcome::Earlier(earlier)) => {
                return answer(&app, &call, &earlier.resource, earlier.version == MADE).await;
            }
            Ok(Outcome::Made) => {
                let customer = Some(convert::customer(&draft.customer, &call));
                return Ok(Answer { customer, created: true });
            }
            // Somebody made it between our look and our write: look again.
            Err(Error::IdentifierTaken { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::LostRace)
}

async fn settle(
    app: &App,
    call: &Call,
    once: &Once,
    draft: &Draft,
    create: bool,
) -> Result<Outcome, Error> {
    transact!(app.db, "customer.resolve", |tx| {
        let owners = identifiers::owners_in(tx, call.tenant(), &draft.keyed).await?;
        if let Some((_, id)) = identifiers::first_owner(&owners, &draft.keyed) {
            let earlier = once.claim(tx, &id.name(), FOUND).await?;
            return Ok(earlier.map_or(Outcome::Found(id), Outcome::Earlier));
        }
        if !create {
            return Err(Error::NobodyHas);
        }
        if let Some(earlier) = once.claim(tx, &draft.customer.id.name(), MADE).await? {
            return Ok(Outcome::Earlier(earlier));
        }
        record(app, call, tx, draft).await?;
        Ok(Outcome::Made)
    })
}

/// The customer of this name; one that the caller does not reach is as unknown as none.
async fn answer(app: &App, call: &Call, name: &str, created: bool) -> Result<Answer, Error> {
    let reached = CustomerId::parse_name(name).is_some_and(|id| reaches(&call.scope, id));
    if !reached {
        return Err(Error::NobodyHas);
    }
    let customer = get_customer::by_name(app, call, name).await?;
    Ok(Answer { customer: Some(customer), created })
}

fn parse(
    app: &App,
    call: &Call,
    request: &ResolveCustomerRequest,
    request_id: &str,
) -> Result<Draft, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let given = &request.identifiers;
    violations.check((1..=MOST).contains(&given.len()), "identifiers", "must be 1 to 5");
    let listed = &given[..given.len().min(MOST)];
    let mut unusable = Violations::new();
    let keyed = convert::identifiers(app, call.tenant(), listed, "identifiers", &mut unusable);
    let mut profile = Profile { display_name: request.display_name.clone(), ..Profile::default() };
    let mut named = Violations::new();
    profile.check(|field| field == "display_name", &mut named);
    if !named.is_empty() {
        profile.display_name.clear();
    }
    // One that makes a key is enough; with none, all that is wrong is said.
    if keyed.is_empty() {
        violations.extend(unusable);
        for violation in named.as_slice() {
            violations.add("display_name", violation.description.clone());
        }
    }
    violations.finish(Draft::new(app, CustomerKind::Person, profile, keyed))
}

#[cfg(test)]
mod tests {
    use contracts::customers::v1::{Identifier, IdentifierKind};

    use super::*;
    use crate::rpc::fixture::{
        Fixture, agent, fields, id_of, identifier, own, request_id, stranger, system,
    };

    fn request(identifiers: &[Identifier], create: bool) -> ResolveCustomerRequest {
        ResolveCustomerRequest {
            identifiers: identifiers.to_vec(),
            create,
            display_name: "王芳".to_owned(),
            request_id: String::new(),
        }
    }

    fn phone(value: &str) -> Identifier {
        identifier(IdentifierKind::Phone, value)
    }

    #[tokio::test]
    async fn every_variant_of_a_number_finds_its_customer() {
        let fixture = Fixture::new().await;
        let known = fixture.customer("王芳", &["138 0013 8001"]).await;
        for written in [
            "+8613800138001",
            "0086-138-0013-8001",
            "8613800138001",
            "013800138001",
            "１３８００１３８００１",
        ] {
            let asked = request(&[phone(written)], true);
            let answer = handle(fixture.app.clone(), system(), asked).await.unwrap();
            assert!(!answer.created, "{written}");
            assert_eq!(answer.customer.as_ref(), Some(&known), "{written}");
        }
    }

    #[tokio::test]
    async fn an_unknown_one_is_made_if_asked_for() {
        let fixture = Fixture::new().await;
        let identifiers =
            [phone("13800138001"), identifier(IdentifierKind::Email, "f@example.com")];
        let asked = request(&identifiers, false);
        let error = handle(fixture.app.clone(), system(), asked).await.unwrap_err();
        assert!(matches!(error, Error::NobodyHas), "{error:?}");
        let made =
            handle(fixture.app.clone(), system(), request(&identifiers, true)).await.unwrap();
        assert!(made.created);
        let customer = made.customer.unwrap();
        assert_eq!((customer.display_name.as_str(), customer.identifiers.len()), ("王芳", 2));
        let found =
            handle(fixture.app.clone(), agent(), request(&identifiers[1..], true)).await.unwrap();
        assert!(!found.created);
        assert_eq!(found.customer.unwrap().name, customer.name);
    }

    #[tokio::test]
    async fn the_first_identifier_that_is_known_decides_and_none_is_added() {
        let fixture = Fixture::new().await;
        let first = fixture.customer("甲", &["13800138001"]).await;
        let second = fixture.customer("乙", &["13800138002"]).await;
        let asked =
            request(&[phone("13800138003"), phone("13800138002"), phone("13800138001")], true);
        let answer = handle(fixture.app.clone(), system(), asked).await.unwrap();
        assert_eq!(answer.customer.unwrap(), second);
        let unknown = request(&[phone("13800138003")], false);
        let error = handle(fixture.app.clone(), system(), unknown).await.unwrap_err();
        assert!(matches!(error, Error::NobodyHas));
        assert_ne!(first.name, second.name);
    }

    #[tokio::test]
    async fn the_same_request_has_the_same_answer() {
        let fixture = Fixture::new().await;
        let mut asked = request(&[phone("13800138001")], true);
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), system(), asked.clone()).await.unwrap();
        assert!(first.created);
        assert_eq!(handle(fixture.app.clone(), system(), asked.clone()).await.unwrap(), first);

        let mut other = asked.clone();
        other.display_name = "李娜".to_owned();
        let error = handle(fixture.app.clone(), system(), other).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");

        asked.request_id = request_id(2);
        for _ in 0..2 {
            let found = handle(fixture.app.clone(), system(), asked.clone()).await.unwrap();
            assert!(!found.created);
            assert_eq!(found.customer, first.customer);
        }
    }

    #[tokio::test]
    async fn tenants_do_not_meet_and_customers_see_only_themselves() {
        let fixture = Fixture::new().await;
        let known = fixture.customer("甲", &["13800138001"]).await;
        let other = fixture.customer("乙", &[]).await;
        let asked = || request(&[phone("13800138001")], false);
        for call in [stranger(), own(id_of(&other.name))] {
            let error = handle(fixture.app.clone(), call, asked()).await.unwrap_err();
            assert!(matches!(error, Error::NobodyHas), "{error:?}");
        }
        let call = own(id_of(&known.name));
        assert!(handle(fixture.app.clone(), call.clone(), asked()).await.is_ok());
        let new = request(&[phone("13800138009")], true);
        assert!(handle(fixture.app.clone(), call, new.clone()).await.is_err());
        let made = handle(fixture.app.clone(), stranger(), new).await.unwrap();
        assert!(made.created);
    }

    #[tokio::test]
    async fn what_makes_no_key_is_passed_over() {
        let fixture = Fixture::new().await;
        let mail = identifier(IdentifierKind::Email, "f@example.com");
        let british = Identifier { region: "UK".to_owned(), ..phone("020 7946 0018") };
        let mut asked = request(&[phone("110"), british, mail.clone(), mail.clone()], true);
        asked.display_name = "王**".to_owned();
        let made = handle(fixture.app.clone(), system(), asked).await.unwrap();
        let customer = made.customer.unwrap();
        assert_eq!((customer.display_name.as_str(), customer.identifiers.len()), ("", 1));
        let found = handle(fixture.app.clone(), system(), request(&[mail], false)).await.unwrap();
        assert_eq!(found.customer.unwrap(), customer);
    }

    #[tokio::test]
    async fn faults_are_told_at_once() {
        let fixture = Fixture::new().await;
        let mut asked = request(&[phone("无"), phone("110")], true);
        asked.display_name = "王**".to_owned();
        let error = handle(fixture.app.clone(), system(), asked).await.unwrap_err();
        assert_eq!(
            fields(&error),
            ["identifiers[0].value", "identifiers[1].value", "display_name"]
        );
        let error = handle(fixture.app.clone(), system(), request(&[], true)).await.unwrap_err();
        assert_eq!(fields(&error), ["identifiers"]);
    }
}

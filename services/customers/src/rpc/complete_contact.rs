//! `CompleteContact`: what became of a contact that was granted.

use contracts::customers::v1::{
    CompleteContactRequest, Contact as Answer, ContactOutcome, ContactState,
};
use kernel::{CustomerId, Time, Violations};
use rpc::{Call, wire};
use store::{Tx, idempotency::Once, transact};
use uuid::Uuid;

use crate::{
    App, Error, convert,
    domain::{
        contact::{self, Contact, is_held_back},
        customer::reaches,
    },
    store::{contacts, customers},
};

const METHOD: &str = "aftercare.customers.v1.ConsentService/CompleteContact";

/// What is told of which contact.
#[derive(Debug)]
struct Told {
    customer: CustomerId,
    id: Uuid,
    outcome: ContactOutcome,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: CompleteContactRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let told = parse(&request, &request_id)?;
    if !reaches(&call.scope, told.customer) {
        return Err(Error::ContactNotFound { name: request.name });
    }
    let once = app.once(&call, METHOD, &request_id, &request);
    let contact =
        transact!(app.db, "contact.complete", |tx| write(&app, &call, tx, &once, &told).await)?;
    Ok(convert::contact(&contact))
}

async fn write(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    once: &Once,
    told: &Told,
) -> Result<Contact, Error> {
    let (tenant, name) = (call.tenant(), contact::name(told.customer, told.id));
    let missing = || Error::ContactNotFound { name: name.clone() };
    customers::hold(tx, tenant, told.customer).await?.ok_or_else(missing)?;
    let found = contacts::get(tx, tenant, told.id).await?;
    let found = found.filter(|contact| contact.customer == told.customer);
    let mut contact = found.ok_or_else(missing)?;
    if once.claim(tx, &name, 1).await?.is_some() {
        return Ok(contact);
    }
    let before = contact.state;
    let settled = |_| Error::settled(name.clone(), before);
    let Some(state) = contact::complete(before, told.outcome).map_err(settled)? else {
        return Ok(contact);
    };
    (contact.state, contact.completed_at) = (state, Some(app.clock.now()));
    if !contacts::complete(tx, tenant, &contact, before).await? {
        return Err(Error::LostRace);
    }
    if state == ContactState::Failed && is_held_back(contact.subject.purpose) {
        give_back(call, tx, &contact).await?;
    }
    Ok(contact)
}

/// Whoever counts the places while this one is given back counts them again.
async fn give_back(call: &Call, tx: &mut Tx, contact: &Contact) -> Result<(), Error> {
    let (tenant, customer, purpose) = (call.tenant(), contact.customer, contact.subject.purpose);
    let nobody = Time::from_micros(i64::MAX);
    let places = contacts::places_held(tx, tenant, customer, purpose, nobody).await?;
    if contacts::take(tx, tenant, customer, purpose, &places).await? {
        Ok(())
    } else {
        Err(Error::LostRace)
    }
}

fn parse(request: &CompleteContactRequest, request_id: &str) -> Result<Told, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let key = contact::parse_name(&request.name);
    let form = "must be of the form `customers/{id}/contacts/{id}`";
    violations.check(key.is_some(), "name", form);
    let outcome = ContactOutcome::try_from(request.outcome).unwrap_or_default();
    violations.check(outcome != ContactOutcome::Unspecified, "outcome", "must be said");
    let (customer, id) = key.unwrap_or_else(|| (CustomerId::from(Uuid::nil()), Uuid::nil()));
    violations.finish(Told { customer, id, outcome })
}

#[cfg(test)]
mod tests {
    use contracts::customers::v1::ContactPurpose;

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, fields, id_of, own, request_id, stranger, system},
        reserve_contact::tests::survey,
    };

    fn request(contact: &Answer, outcome: ContactOutcome) -> CompleteContactRequest {
        let (name, outcome) = (contact.name.clone(), outcome.into());
        CompleteContactRequest { name, outcome, request_id: String::new() }
    }

    async fn told(
        fixture: &Fixture,
        contact: &Answer,
        outcome: ContactOutcome,
    ) -> Result<Answer, Error> {
        handle(fixture.app.clone(), system(), request(contact, outcome)).await
    }

    #[tokio::test]
    async fn one_that_failed_gives_its_place_back_once() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await.name;
        let first = survey(&fixture, &customer, "a").await;
        assert_eq!(survey(&fixture, &customer, "b").await.state(), ContactState::Denied);
        fixture.later();
        let failed = told(&fixture, &first, ContactOutcome::Failed).await.unwrap();
        assert_eq!(failed.state(), ContactState::Failed);
        let again = told(&fixture, &first, ContactOutcome::Failed).await.unwrap();
        assert_eq!(again, failed);
        // The place is free, and there is one.
        let second = survey(&fixture, &customer, "b").await;
        assert_eq!(second.state(), ContactState::Reserved);
        assert_eq!(survey(&fixture, &customer, "c").await.state(), ContactState::Denied);
        // The key of one that failed is decided anew, by a contact of its own.
        let anew = survey(&fixture, &customer, "a").await;
        assert_eq!(anew.state(), ContactState::Denied);
        assert_ne!(anew.name, first.name);
    }

    #[tokio::test]
    async fn sent_and_unknown_count() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await.name;
        let first = survey(&fixture, &customer, "a").await;
        for outcome in [ContactOutcome::Unknown, ContactOutcome::Sent] {
            told(&fixture, &first, outcome).await.unwrap();
            assert_eq!(survey(&fixture, &customer, "b").await.state(), ContactState::Denied);
        }
        // The same key is answered as it stands.
        assert_eq!(survey(&fixture, &customer, "a").await.state(), ContactState::Sent);
        let error = told(&fixture, &first, ContactOutcome::Failed).await.unwrap_err();
        let Error::ContactSettled { state: ContactState::Sent, .. } = error else {
            panic!("{error:?}")
        };
        let denied = survey(&fixture, &customer, "b").await;
        let error = told(&fixture, &denied, ContactOutcome::Sent).await.unwrap_err();
        assert!(matches!(error, Error::ContactSettled { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn the_same_request_twice_has_one_effect() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await.name;
        let first = survey(&fixture, &customer, "a").await;
        let asked = CompleteContactRequest {
            request_id: request_id(1),
            ..request(&first, ContactOutcome::Unknown)
        };
        let answer = handle(fixture.app.clone(), system(), asked.clone()).await.unwrap();
        assert_eq!(answer.state(), ContactState::Unknown);
        told(&fixture, &first, ContactOutcome::Sent).await.unwrap();
        // An old request that comes again does not undo the newer one.
        let answer = handle(fixture.app.clone(), system(), asked).await.unwrap();
        assert_eq!(answer.state(), ContactState::Sent);
    }

    #[tokio::test]
    async fn missing_foreign_and_out_of_reach_are_the_same() {
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        let contact = survey(&fixture, &one.name, "a").await;
        let id = contact.name.rsplit('/').next().unwrap();
        let elsewhere =
            Answer { name: format!("{}/contacts/{id}", other.name), ..Answer::default() };
        for (call, contact) in
            [(stranger(), &contact), (own(id_of(&other.name)), &contact), (system(), &elsewhere)]
        {
            let asked = request(contact, ContactOutcome::Sent);
            let error = handle(fixture.app.clone(), call, asked).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no contact `{}`", contact.name));
        }
        let wrong = CompleteContactRequest { name: one.name, outcome: 9, request_id: "x".into() };
        let error = handle(fixture.app.clone(), system(), wrong).await.unwrap_err();
        assert_eq!(fields(&error), ["request_id", "name", "outcome"]);
    }

    #[tokio::test]
    async fn what_is_about_an_open_matter_takes_no_place() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await.name;
        let ask = async |key| {
            let request = super::super::reserve_contact::tests::request(
                &customer,
                ContactPurpose::Service,
                key,
            );
            super::super::reserve_contact::handle(fixture.app.clone(), system(), request)
                .await
                .unwrap()
        };
        let first = ask("a").await;
        assert_eq!(ask("b").await.state(), ContactState::Reserved);
        let failed = told(&fixture, &first, ContactOutcome::Failed).await.unwrap();
        assert_eq!(failed.state(), ContactState::Failed);
    }
}

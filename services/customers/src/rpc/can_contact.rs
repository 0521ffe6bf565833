//! `CanContact`: what `ReserveContact` would decide.

use contracts::customers::v1::{CanContactRequest, Contact as Answer};
use kernel::Violations;
use rpc::Call;

use crate::{
    App, Error, convert,
    domain::{contact::is_held_back, customer::reaches},
    gate,
    store::{
        consents,
        contacts::{self, Places},
        customers,
    },
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: CanContactRequest,
) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    let subject = (request.purpose, request.channel);
    let earliest = request.earliest_time.as_ref();
    let ask = gate::parse(&app, &request.customer, subject, earliest, &mut violations);
    violations.finish(())?;
    let missing = || Error::CustomerNotFound { name: ask.customer.name() };
    if !reaches(&call.scope, ask.customer) {
        return Err(missing());
    }
    let (db, tenant, subject) = (&app.db, call.tenant(), ask.subject);
    let zone = customers::zone(db, tenant, ask.customer).await?.ok_or_else(missing)?;
    let consent = consents::latest(db, tenant, ask.customer, subject, ask.now).await?;
    let places = if is_held_back(subject.purpose) {
        let after = ask.horizon(&app);
        contacts::places(db, tenant, ask.customer, subject.purpose, after).await?
    } else {
        Places::default()
    };
    let verdict = ask.decide(&app, tenant, &zone, consent.as_ref(), &places)?;
    Ok(convert::verdict(subject, ask.at, &verdict))
}

#[cfg(test)]
mod tests {
    use contracts::customers::v1::{ContactPurpose, ContactState, ListContactsRequest};

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, agent, fields, id_of, own, stranger},
        list_contacts,
        reserve_contact::{self, tests::request as reserve},
    };

    fn request(customer: &str) -> CanContactRequest {
        let asked = reserve(customer, ContactPurpose::Survey, "k");
        let (purpose, channel) = (asked.purpose, asked.channel);
        CanContactRequest { customer: asked.customer, purpose, channel, earliest_time: None }
    }

    #[tokio::test]
    async fn it_tells_what_would_be_decided_and_writes_nothing() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await.name;
        let app = || fixture.app.clone();
        let can = async || handle(app(), agent(), request(&customer)).await.unwrap();
        let before = can().await;
        assert_eq!((before.state(), before.name.as_str()), (ContactState::Reserved, ""));
        assert_eq!(can().await, before);
        let listed = ListContactsRequest { parent: customer.clone(), ..Default::default() };
        let listed = list_contacts::handle(app(), agent(), listed).await.unwrap();
        assert!(listed.contacts.is_empty());

        let asked = reserve(&customer, ContactPurpose::Survey, "k");
        let granted = reserve_contact::handle(app(), agent(), asked).await.unwrap();
        assert_eq!(
            (granted.expire_time, granted.contact_time),
            (before.expire_time, before.contact_time)
        );
        let asked = reserve(&customer, ContactPurpose::Survey, "l");
        let denied = reserve_contact::handle(app(), agent(), asked).await.unwrap();
        let after = can().await;
        assert_eq!((after.state(), after.blocks), (ContactState::Denied, denied.blocks));
        assert_eq!(after.retry_time, denied.retry_time);
    }

    #[tokio::test]
    async fn missing_foreign_and_out_of_reach_are_the_same() {
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        for call in [stranger(), own(id_of(&other.name))] {
            let error = handle(fixture.app.clone(), call, request(&one.name)).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no customer `{}`", one.name));
        }
        let wrong = CanContactRequest::default();
        let error = handle(fixture.app.clone(), agent(), wrong).await.unwrap_err();
        assert_eq!(fields(&error), ["customer", "purpose", "channel"]);
    }
}

//! `GetConsent`: what a customer said of one purpose and channel, now or as of a past instant.

use contracts::customers::v1::{ConsentState, GetConsentRequest, GetConsentResponse};
use kernel::{CustomerId, Violations};
use rpc::{Call, wire};

use crate::{App, Error, convert, rpc::get_customer, store::consents};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetConsentRequest,
) -> Result<GetConsentResponse, Error> {
    let mut violations = Violations::new();
    let customer = convert::customer_id(&request.customer, "customer", &mut violations);
    let subject = convert::subject(request.purpose, request.channel, "", &mut violations);
    let now = app.clock.now();
    let as_of = request.as_of_time.as_ref().map_or(Some(now), wire::time);
    let past = as_of.filter(|as_of| *as_of <= now);
    violations.check(past.is_some(), "as_of_time", "must not be in the future");
    violations.finish(())?;

    let customer = customer.unwrap_or_else(|| CustomerId::from(uuid::Uuid::nil()));
    get_customer::check(&app, &call, customer).await?;
    let as_of = past.unwrap_or(now);
    let found = consents::latest(&app.db, call.tenant(), customer, subject, as_of).await?;
    let state = found.as_ref().map_or(ConsentState::Unknown, |consent| consent.state);
    let consent = found.as_ref().map(convert::consent);
    Ok(GetConsentResponse { state: state.into(), consent })
}

#[cfg(test)]
mod tests {
    use contracts::customers::v1::{ContactChannel, ContactPurpose};
    use kernel::Time;

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, agent, fields, id_of, own, stranger, system},
        record_consent::{self, tests::request as record},
    };

    fn request(customer: &str, as_of: Option<Time>) -> GetConsentRequest {
        GetConsentRequest {
            customer: customer.to_owned(),
            purpose: ContactPurpose::Survey.into(),
            channel: ContactChannel::Email.into(),
            as_of_time: as_of.map(wire::timestamp),
        }
    }

    #[tokio::test]
    async fn nothing_said_is_unknown_and_of_another_purpose_or_channel_too() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await.name;
        let mut sms = record(&customer, ConsentState::Granted);
        sms.consent.as_mut().unwrap().channel = ContactChannel::Sms.into();
        let mut offers = record(&customer, ConsentState::Granted);
        offers.consent.as_mut().unwrap().purpose = ContactPurpose::Promotion.into();
        for asked in [sms, offers] {
            record_consent::handle(fixture.app.clone(), agent(), asked).await.unwrap();
        }
        let told = handle(fixture.app.clone(), agent(), request(&customer, None)).await.unwrap();
        assert_eq!((told.state(), told.consent), (ConsentState::Unknown, None));
    }

    /// Every history of up to three entries: what held at a past instant is told as it was told then.
    #[tokio::test]
    async fn the_past_is_told_as_it_was() {
        const STATES: [ConsentState; 3] =
            [ConsentState::Granted, ConsentState::Denied, ConsentState::Withdrawn];
        let fixture = Fixture::new().await;
        for history in 0..27_usize {
            let customer = fixture.customer("甲", &[]).await.name;
            let mut then = vec![(fixture.app.clock.now(), ConsentState::Unknown)];
            for place in [1, 3, 9] {
                fixture.later();
                let state = STATES[history / place % 3];
                let asked = record(&customer, state);
                record_consent::handle(fixture.app.clone(), system(), asked).await.unwrap();
                then.push((fixture.app.clock.now(), state));
                for (at, state) in &then {
                    for at in [*at, at.plus_micros(999_999).min(fixture.app.clock.now())] {
                        let asked = request(&customer, Some(at));
                        let told = handle(fixture.app.clone(), agent(), asked).await.unwrap();
                        assert_eq!(told.state(), *state);
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn missing_foreign_and_out_of_reach_are_the_same() {
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        for call in [stranger(), own(id_of(&other.name))] {
            let asked = request(&one.name, None);
            let error = handle(fixture.app.clone(), call, asked).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no customer `{}`", one.name));
        }
        let future = fixture.app.clock.now().plus_micros(1);
        let wrong = GetConsentRequest {
            as_of_time: Some(wire::timestamp(future)),
            ..GetConsentRequest::default()
        };
        let error = handle(fixture.app.clone(), agent(), wrong).await.unwrap_err();
        assert_eq!(fields(&error), ["customer", "purpose", "channel", "as_of_time"]);
    }
}

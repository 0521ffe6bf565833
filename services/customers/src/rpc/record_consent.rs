//! `RecordConsent`: adds what a customer said of being contacted to the ledger.

use contracts::customers::v1::{
    Consent as Answer, ConsentChanged, ConsentState, RecordConsentRequest, customer_event::Change,
};
use kernel::{CustomerId, Violations};
use rpc::{Call, wire};
use store::{Tx, events::monotone, idempotency::Once, transact};
use uuid::Uuid;

use crate::{
    App, Error, convert,
    domain::{
        consent::{self, Consent, MAX_EVIDENCE, MAX_POLICY_VERSION, Subject, is_reference},
        customer::reaches,
    },
    events::{self, Place},
    store::{consents, customers},
};

const METHOD: &str = "aftercare.customers.v1.ConsentService/RecordConsent";
const FORM: &str = "must be letters, digits and `. _ - / : #`";

/// What was said.
#[derive(Debug)]
struct Said {
    customer: CustomerId,
    subject: Subject,
    state: ConsentState,
    policy_version: String,
    evidence: String,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: RecordConsentRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let said = parse(&request, &request_id)?;
    if !reaches(&call.scope, said.customer) {
        return Err(Error::CustomerNotFound { name: said.customer.name() });
    }
    let once = app.once(&call, METHOD, &request_id, &request);
    let recorded =
        transact!(app.db, "consent.record", |tx| write(&app, &call, tx, &once, &said).await)?;
    match recorded {
        Ok(consent) => Ok(convert::consent(&consent)),
        Err((customer, sequence)) => {
            let found = consents::get(&app.db, call.tenant(), customer, sequence).await?;
            found.map(|found| convert::consent(&found)).ok_or(Error::Corrupt("request id"))
        }
    }
}

/// The entry, or the key of the one that the same request added before.
async fn write(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    once: &Once,
    said: &Said,
) -> Result<Result<Consent, (CustomerId, i64)>, Error> {
    let (tenant, customer) = (call.tenant(), said.customer);
    let missing = || Error::CustomerNotFound { name: customer.name() };
    let held = customers::hold(tx, tenant, customer).await?.ok_or_else(missing)?;
    let sequence = held.sequence + 1;
    let name = consent::name(customer, sequence);
    if let Some(earlier) = once.claim(tx, &name, sequence).await? {
        let key = consent::parse_name(&earlier.resource).ok_or(Error::Corrupt("request id"))?;
        return Ok(Err(key));
    }
    let before = consents::latest_held(tx, tenant, customer, said.subject).await?;
    let at = monotone(app.clock.now(), held.last_at);
    let (actor_kind, actor) = wire::actor_parts(&call.caller);
    let entry = Consent {
        customer,
        sequence,
        subject: said.subject,
        state: said.state,
        policy_version: said.policy_version.clone(),
        evidence: said.evidence.clone(),
        actor_kind: actor_kind.to_owned(),
        actor,
        at,
    };
    consents::insert(tx, tenant, &entry).await?;
    customers::touch(tx, tenant, customer, sequence, at).await?;
    let changed = ConsentChanged {
        consent: name,
        purpose: said.subject.purpose.into(),
        channel: said.subject.channel.into(),
        state: said.state.into(),
        previous_state: before.map_or(ConsentState::Unknown, |before| before.state).into(),
    };
    let place = Place { aggregate: customer.uuid(), sequence, at };
    events::append(app, call, tx, place, Change::ConsentChanged(changed)).await?;
    Ok(Ok(entry))
}

fn parse(request: &RecordConsentRequest, request_id: &str) -> Result<Said, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let customer = convert::customer_id(&request.parent, "parent", &mut violations);
    let Some(given) = &request.consent else {
        violations.add("consent", "must be given");
        return Err(violations);
    };
    violations.check(given.name.is_empty(), "consent.name", "must be left out");
    let subject = convert::subject(given.purpose, given.channel, "consent.", &mut violations);
    let state = ConsentState::try_from(given.state).unwrap_or_default();
    let said = match state {
        ConsentState::Granted | ConsentState::Denied | ConsentState::Withdrawn => true,
        ConsentState::Unspecified | ConsentState::Unknown => false,
    };
    violations.check(said, "consent.state", "must be granted, denied or withdrawn");
    for (field, text, most) in [
        ("consent.policy_version", &given.policy_version, MAX_POLICY_VERSION),
        ("consent.evidence", &given.evidence, MAX_EVIDENCE),
    ] {
        let right = is_reference(text, most);
        violations.check(right, field, &format!("{FORM}, 1 to {most} characters"));
    }
    violations.finish(Said {
        customer: customer.unwrap_or_else(|| CustomerId::from(Uuid::nil())),
        subject,
        state,
        policy_version: given.policy_version.clone(),
        evidence: given.evidence.clone(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use contracts::customers::v1::{ContactChannel, ContactPurpose};

    use super::*;
    use crate::rpc::fixture::{Fixture, agent, fields, id_of, own, request_id, stranger, system};

    /// A request to record what a customer said of surveys by e-mail.
    pub(crate) fn request(customer: &str, state: ConsentState) -> RecordConsentRequest {
        let consent = Answer {
            purpose: ContactPurpose::Survey.into(),
            channel: ContactChannel::Email.into(),
            state: state.into(),
            policy_version: "2025-11".to_owned(),
            evidence: "tickets/1".to_owned(),
            ..Answer::default()
        };
        RecordConsentRequest {
            parent: customer.to_owned(),
            consent: Some(consent),
            request_id: String::new(),
        }
    }

    #[tokio::test]
    async fn each_entry_is_added_and_told_with_what_held_before() {
        use ConsentState::{Granted, Unknown, Withdrawn};
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await.name;
        for (state, previous, sequence) in [(Granted, Unknown, 2), (Withdrawn, Granted, 3)] {
            let asked = request(&customer, state);
            let made = handle(fixture.app.clone(), agent(), asked.clone()).await.unwrap();
            assert_eq!(made.name, format!("{customer}/consents/{sequence}"));
            assert_eq!(made.actor.as_ref().unwrap().subject, "members/test");
            let given = asked.consent.unwrap();
            assert_eq!((made.state(), &made.evidence), (state, &given.evidence));
            let events = fixture.events(id_of(&customer).uuid()).await;
            let (kind, at, event) = events.last().unwrap();
            assert_eq!((kind.as_str(), *at), ("consent.changed", sequence));
            let Some(Change::ConsentChanged(told)) = &event.change else { panic!("{event:?}") };
            assert_eq!((told.state(), told.previous_state()), (state, previous));
            assert_eq!(told.consent, made.name);
        }
    }

    #[tokio::test]
    async fn the_same_request_twice_adds_one_entry() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await.name;
        let mut asked = request(&customer, ConsentState::Granted);
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), system(), asked.clone()).await.unwrap();
        let later = request(&customer, ConsentState::Denied);
        handle(fixture.app.clone(), system(), later).await.unwrap();
        assert_eq!(handle(fixture.app.clone(), system(), asked.clone()).await.unwrap(), first);
        asked.consent.as_mut().unwrap().state = ConsentState::Denied.into();
        let error = handle(fixture.app.clone(), system(), asked).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn missing_foreign_and_out_of_reach_are_the_same() {
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        for call in [stranger(), own(id_of(&other.name))] {
            let asked = request(&one.name, ConsentState::Granted);
            let error = handle(fixture.app.clone(), call, asked).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no customer `{}`", one.name));
        }
        // Where a role reaches its own rows, a customer may speak for itself.
        let asked = request(&one.name, ConsentState::Withdrawn);
        let made = handle(fixture.app.clone(), own(id_of(&one.name)), asked).await.unwrap();
        assert_eq!(made.actor.unwrap().subject, one.name);
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let wrong = RecordConsentRequest {
            parent: "customers/x".to_owned(),
            consent: Some(Answer {
                name: "x".to_owned(),
                state: ConsentState::Unknown.into(),
                evidence: "she said so".to_owned(),
                ..Answer::default()
            }),
            request_id: "x".to_owned(),
        };
        let error = handle(fixture.app.clone(), agent(), wrong).await.unwrap_err();
        let expected = [
            "request_id",
            "parent",
            "consent.name",
            "consent.purpose",
            "consent.channel",
            "consent.state",
            "consent.policy_version",
            "consent.evidence",
        ];
        assert_eq!(fields(&error), expected);
        let bare = RecordConsentRequest::default();
        let error = handle(fixture.app.clone(), agent(), bare).await.unwrap_err();
        assert_eq!(fields(&error), ["parent", "consent"]);
    }
}

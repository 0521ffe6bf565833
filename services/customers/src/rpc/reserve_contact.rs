//! `ReserveContact`: whether a contact may be sent; a grant takes its place at once, a refusal is kept.

use contracts::customers::v1::{Contact as Answer, ContactState, ReserveContactRequest};
use kernel::Violations;
use rpc::{Call, wire};
use store::{Tx, transact};

use crate::{
    App, Error, convert,
    domain::{
        consent::is_reference,
        contact::{Contact, MAX_KEY, Verdict, counts, is_held_back},
        customer::reaches,
    },
    gate::{self, Ask},
    store::{
        consents,
        contacts::{self, Places},
        customers,
    },
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ReserveContactRequest,
) -> Result<Answer, Error> {
    let ask = parse(&app, &request)?;
    if !reaches(&call.scope, ask.customer) {
        return Err(Error::CustomerNotFound { name: ask.customer.name() });
    }
    let contact = transact!(app.db, "contact.reserve", |tx| {
        write(&app, &call, tx, &ask, &request.key).await
    })?;
    Ok(convert::contact(&contact))
}

async fn write(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    ask: &Ask,
    key: &str,
) -> Result<Contact, Error> {
    let (tenant, customer, subject) = (call.tenant(), ask.customer, ask.subject);
    let missing = || Error::CustomerNotFound { name: customer.name() };
    let held = customers::hold(tx, tenant, customer).await?.ok_or_else(missing)?;
    let last = contacts::by_key(tx, tenant, key).await?;
    if let Some(last) = last.as_ref().filter(|last| of_another(last, ask)) {
        return Err(Error::ContactKeyTaken { key: last.key.clone() });
    }
    if let Some(granted) = last.clone().filter(|last| counts(last.state)) {
        return Ok(granted);
    }
    let said = consents::latest_held(tx, tenant, customer, subject).await?;
    let places = if is_held_back(subject.purpose) {
        let after = ask.horizon(app);
        contacts::places_held(tx, tenant, customer, subject.purpose, after).await?
    } else {
        Places::default()
    };
    let verdict = ask.decide(app, tenant, &held.time_zone, said.as_ref(), &places)?;
    if let Some(last) = last.as_ref().filter(|last| same_refusal(last, ask, &verdict)) {
        let contact = Contact { verdict, at: ask.at, ..last.clone() };
        let written = contacts::refuse(tx, tenant, &contact).await?;
        return if written { Ok(contact) } else { Err(Error::LostRace) };
    }
    let attempt = last.map_or(1, |last| last.attempt + 1);
    save(call, tx, decided(app, call, ask, key, attempt, verdict), &places).await
}

/// Whether a key that was decided before is now asked for with something else: another customer, or,
/// where it was granted, another purpose or channel.
fn of_another(last: &Contact, ask: &Ask) -> bool {
    last.customer != ask.customer || counts(last.state) && last.subject != ask.subject
}

/// Whether a refusal is the last one again, with later times at most.
fn same_refusal(last: &Contact, ask: &Ask, verdict: &Verdict) -> bool {
    match (&last.verdict, verdict) {
        (Verdict::Denied { blocks: before, .. }, Verdict::Denied { blocks, .. }) => {
            let rules = blocks.iter().map(|block| block.rule);
            last.subject == ask.subject && rules.eq(before.iter().map(|block| block.rule))
        }
        (Verdict::Granted { .. }, _) | (_, Verdict::Granted { .. }) => false,
    }
}

fn decided(
    app: &App,
    call: &Call,
    ask: &Ask,
    key: &str,
    attempt: i64,
    verdict: Verdict,
) -> Contact {
    let state = match &verdict {
        Verdict::Granted { .. } => ContactState::Reserved,
        Verdict::Denied { .. } => ContactState::Denied,
    };
    let (actor_kind, actor) = wire::actor_parts(&call.caller);
    Contact {
        id: app.ids.next(),
        customer: ask.customer,
        subject: ask.subject,
        key: key.to_owned(),
        attempt,
        state,
        verdict,
        at: ask.at,
        actor_kind: actor_kind.to_owned(),
        actor,
        created_at: ask.now,
        completed_at: None,
    }
}

/// Writes a decision; a grant takes its place, if nobody has taken one since they were counted.
async fn save(
    call: &Call,
    tx: &mut Tx,
    contact: Contact,
    places: &Places,
) -> Result<Contact, Error> {
    let (tenant, customer, purpose) = (call.tenant(), contact.customer, contact.subject.purpose);
    let takes = contact.state == ContactState::Reserved && is_held_back(purpose);
    if takes && !contacts::take(tx, tenant, customer, purpose, places).await? {
        return Err(Error::LostRace);
    }
    if contacts::insert(tx, tenant, &contact).await? { Ok(contact) } else { Err(Error::LostRace) }
}

fn parse(app: &App, request: &ReserveContactRequest) -> Result<Ask, Violations> {
    let mut violations = Violations::new();
    let subject = (request.purpose, request.channel);
    let earliest = request.earliest_time.as_ref();
    let ask = gate::parse(app, &request.customer, subject, earliest, &mut violations);
    violations.check(
        is_reference(&request.key, MAX_KEY),
        "key",
        "must be letters, digits and `. _ - / : #`, 1 to 128 characters",
    );
    violations.finish(ask)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use contracts::customers::v1::{
        ConsentState, ContactBlock, ContactChannel, ContactPurpose, ContactRule,
        ListContactsRequest,
    };
    use kernel::Time;

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, START, fields, id_of, own, stranger, system},
        list_contacts,
        record_consent::{self, tests::request as record},
    };

    const DAY: Duration = Duration::from_hours(24);

    /// A request for a contact by e-mail.
    pub(crate) fn request(
        customer: &str,
        purpose: ContactPurpose,
        key: &str,
    ) -> ReserveContactRequest {
        ReserveContactRequest {
            customer: customer.to_owned(),
            purpose: purpose.into(),
            channel: ContactChannel::Email.into(),
            key: key.to_owned(),
            earliest_time: None,
        }
    }

    async fn ask(fixture: &Fixture, request: ReserveContactRequest) -> Result<Answer, Error> {
        handle(fixture.app.clone(), system(), request).await
    }

    /// A survey by e-mail, asked for.
    pub(crate) async fn survey(fixture: &Fixture, customer: &str, key: &str) -> Answer {
        ask(fixture, request(customer, ContactPurpose::Survey, key)).await.unwrap()
    }

    fn rules(contact: &Answer) -> Vec<ContactRule> {
        contact.blocks.iter().map(ContactBlock::rule).collect()
    }

    async fn listed(fixture: &Fixture, customer: &str) -> Vec<Answer> {
        let request = ListContactsRequest { parent: customer.to_owned(), ..Default::default() };
        list_contacts::handle(fixture.app.clone(), system(), request).await.unwrap().contacts
    }

    #[tokio::test]
    async fn a_customer_is_asked_once_in_a_week() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await.name;
        let first = survey(&fixture, &customer, "a").await;
        assert_eq!(first.state(), ContactState::Reserved);
        let until = START + Duration::from_hours(1);
        assert_eq!(first.expire_time, Some(wire::timestamp(until)));
        fixture.later();
        // The same key is the same grant.
        assert_eq!(survey(&fixture, &customer, "a").await, first);
        let denied = survey(&fixture, &customer, "b").await;
        assert_eq!(
            (denied.state(), rules(&denied)),
            (ContactState::Denied, vec![ContactRule::Cap])
        );
        let free = Some(wire::timestamp(START + 7 * DAY));
        assert_eq!((denied.retry_time, denied.expire_time), (free, None));
        // Another purpose has places of its own.
        let care = ask(&fixture, request(&customer, ContactPurpose::Care, "c")).await.unwrap();
        assert_eq!(care.state(), ContactState::Reserved);
        fixture.app.clock.advance(7 * DAY);
        let anew = survey(&fixture, &customer, "b").await;
        assert_eq!(anew.state(), ContactState::Reserved);
        assert_ne!(anew.name, denied.name, "the refusal is kept");
        assert_eq!(listed(&fixture, &customer).await.len(), 4);
    }

    #[tokio::test]
    async fn a_refusal_is_kept_once_for_the_same_reasons() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await.name;
        survey(&fixture, &customer, "a").await;
        let first = survey(&fixture, &customer, "b").await;
        fixture.later();
        let second = survey(&fixture, &customer, "b").await;
        assert_eq!((&second.name, second.create_time), (&first.name, first.create_time));
        assert_ne!(second.contact_time, first.contact_time);
        let said = record(&customer, ConsentState::Withdrawn);
        record_consent::handle(fixture.app.clone(), system(), said).await.unwrap();
        let third = survey(&fixture, &customer, "b").await;
        assert_eq!(rules(&third), [ContactRule::ConsentWithdrawn, ContactRule::Cap]);
        assert_eq!((third.retry_time, third.blocks[0].end_time), (None, None));
        let kept = listed(&fixture, &customer).await;
        let names: Vec<_> = kept.iter().map(|contact| &contact.name).collect();
        assert!(names.len() == 3 && names.contains(&&first.name), "{kept:?}");
    }

    #[tokio::test]
    async fn offers_need_a_yes_and_surveys_only_no_no() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await.name;
        let offer = async |key| {
            ask(&fixture, request(&customer, ContactPurpose::Promotion, key)).await.unwrap()
        };
        assert_eq!(rules(&offer("a").await), [ContactRule::ConsentMissing]);
        let mut said = record(&customer, ConsentState::Granted);
        said.consent.as_mut().unwrap().purpose = ContactPurpose::Promotion.into();
        record_consent::handle(fixture.app.clone(), system(), said).await.unwrap();
        assert_eq!(offer("a").await.state(), ContactState::Reserved);

        let said = record(&customer, ConsentState::Denied);
        record_consent::handle(fixture.app.clone(), system(), said).await.unwrap();
        let denied = survey(&fixture, &customer, "s").await;
        assert_eq!(rules(&denied), [ContactRule::ConsentDenied]);
        // What was said of one channel is said of no other.
        let mut by_sms = request(&customer, ContactPurpose::Survey, "s");
        by_sms.channel = ContactChannel::Sms.into();
        assert_eq!(ask(&fixture, by_sms).await.unwrap().state(), ContactState::Reserved);
    }

    #[tokio::test]
    async fn it_is_quiet_by_the_clock_of_the_customer_or_else_of_the_tenant() {
        let fixture = Fixture::new().await;
        // 08:06:40 in Shanghai, where the tenant is, and 19:06:40 in New York.
        let at_home = fixture.customer("甲", &[]).await.name;
        let abroad = fixture.customer_in("America/New_York").await;
        let expires = |contact: &Answer| contact.expire_time.map(|time| time.seconds);
        let evening = Time::from(START.timestamp()) + Duration::from_hours(14);
        let mut asked = request(&at_home, ContactPurpose::Survey, "a");
        asked.earliest_time = Some(wire::timestamp(evening));
        let denied = ask(&fixture, asked.clone()).await.unwrap();
        assert_eq!(rules(&denied), [ContactRule::QuietHours]);
        // 2025-11-23 08:00 in Shanghai.
        assert_eq!(denied.retry_time.map(|time| time.seconds), Some(1_763_856_000));
        // 22:06:40 in Shanghai is 09:06:40 in New York.
        asked.customer.clone_from(&abroad);
        asked.key = "b".to_owned();
        let granted = ask(&fixture, asked).await.unwrap();
        assert_eq!(granted.state(), ContactState::Reserved);
        assert_eq!(granted.contact_time, Some(wire::timestamp(evening)));
        assert_eq!(expires(&granted), Some((evening + Duration::from_hours(1)).seconds()));
        // What is about an open matter does not wait for the morning.
        let mut service = request(&at_home, ContactPurpose::Service, "c");
        service.earliest_time = Some(wire::timestamp(evening));
        assert_eq!(ask(&fixture, service).await.unwrap().state(), ContactState::Reserved);
    }

    #[tokio::test]
    async fn a_key_is_of_one_contact() {
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        survey(&fixture, &one.name, "a").await;
        let mut elsewhere = request(&one.name, ContactPurpose::Survey, "a");
        elsewhere.channel = ContactChannel::Phone.into();
        for asked in [
            request(&other.name, ContactPurpose::Survey, "a"),
            request(&one.name, ContactPurpose::Care, "a"),
            elsewhere,
        ] {
            let error = ask(&fixture, asked).await.unwrap_err();
            let Error::ContactKeyTaken { key } = error else { panic!("{error:?}") };
            assert_eq!(key, "a");
        }
    }

    #[tokio::test]
    async fn missing_foreign_and_out_of_reach_are_the_same() {
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        survey(&fixture, &one.name, "a").await;
        for call in [stranger(), own(id_of(&other.name))] {
            let asked = request(&one.name, ContactPurpose::Survey, "a");
            let error = handle(fixture.app.clone(), call, asked).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no customer `{}`", one.name));
        }
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let far = START + 30 * DAY + Duration::from_secs(1);
        let wrong = ReserveContactRequest {
            key: "two words".to_owned(),
            channel: 99,
            earliest_time: Some(wire::timestamp(far)),
            ..ReserveContactRequest::default()
        };
        let error = ask(&fixture, wrong).await.unwrap_err();
        assert_eq!(fields(&error), ["customer", "purpose", "channel", "earliest_time", "key"]);
    }
}

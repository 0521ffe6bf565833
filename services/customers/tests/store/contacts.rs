//! The send gate on both databases: any number of senders at once, and what is read back.

use std::{collections::BTreeSet, time::Duration};

use aftercare_customers::{MIGRATIONS, domain::contact::Policy, tenants::Tenants};
use calendar::Hours;
use contracts::{
    customers::v1::{self as pb, ConsentState, ContactOutcome, ContactPurpose, ContactState},
    gateway::v1::{GatewayEvent, TenantWritten, gateway_event::Change},
};
use feed::{Event, Handler as _};
use futures::future::join_all;
use prost::Message as _;
use rpc::wire::timestamp;
use store::{
    Sql, args,
    migrate::{Installation, migrate},
    transact,
};
use testing::each_db;
use uuid::Uuid;

use crate::{START, Suite, create, happened};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Two in a week.
pub(crate) fn policy() -> Policy {
    let quiet_hours = Some(Hours::new("21:00", "08:00"));
    Policy { cap: 2, period: 7 * DAY, quiet_hours, grant: HOUR }
}

fn survey(customer: &str, key: &str) -> pb::ReserveContactRequest {
    pb::ReserveContactRequest {
        customer: customer.to_owned(),
        purpose: ContactPurpose::Survey.into(),
        channel: pb::ContactChannel::Email.into(),
        key: key.to_owned(),
        earliest_time: None,
    }
}

async fn reserve(suite: &Suite, request: pb::ReserveContactRequest) -> pb::Contact {
    suite.consents(1).reserve_contact(request).await.unwrap().into_inner()
}

async fn complete(suite: &Suite, contact: &pb::Contact, outcome: ContactOutcome) -> pb::Contact {
    let request = pb::CompleteContactRequest {
        name: contact.name.clone(),
        outcome: outcome.into(),
        request_id: String::new(),
    };
    suite.consents(1).complete_contact(request).await.unwrap().into_inner()
}

fn granted(contacts: &[pb::Contact]) -> BTreeSet<&str> {
    let granted = contacts.iter().filter(|contact| contact.state() == ContactState::Reserved);
    granted.map(|contact| contact.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_ask_at_once_the_cap_is_kept() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let customer = suite.customer(1, create("王芳", &[])).await.name;
        // 64 senders, each asking twice, with 32 keys.
        let asked = join_all((0..128).map(|n| {
            let request = survey(&customer, &format!("invitations/{}", n % 32));
            reserve(&suite, request)
        }));
        let answers = asked.await;
        assert_eq!(granted(&answers).len(), 2);
        // Of one key everybody was told the same.
        for contact in &answers {
            let same = answers.iter().filter(|other| other.key == contact.key);
            assert!(same.clone().all(|other| other.name == contact.name));
        }
        let kept = pb::ListContactsRequest { parent: customer.clone(), ..Default::default() };
        let kept = suite.consents(1).list_contacts(kept).await.unwrap().into_inner().contacts;
        assert_eq!(kept.len(), 32, "one decision for each key");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_that_are_given_back_while_others_ask_are_taken_once() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let customer = suite.customer(1, create("王芳", &[])).await.name;
        for round in 0..6 {
            let first = reserve(&suite, survey(&customer, &format!("{round}/first"))).await;
            let second = reserve(&suite, survey(&customer, &format!("{round}/second"))).await;
            let given_back = join_all([&first, &second].into_iter().flat_map(|contact| {
                (0..2).map(|_| complete(&suite, contact, ContactOutcome::Failed))
            }));
            let asked = join_all((0..16).map(|n| {
                let request = survey(&customer, &format!("{round}/{n}"));
                reserve(&suite, request)
            }));
            let (given_back, asked) = futures::join!(given_back, asked);
            assert!(given_back.iter().all(|contact| contact.state() == ContactState::Failed));
            assert!(granted(&asked).len() <= 2, "round {round}");
            // Whatever was asked for too early, both places are free or taken once now.
            let late = [
                reserve(&suite, survey(&customer, &format!("{round}/late"))).await,
                reserve(&suite, survey(&customer, &format!("{round}/later"))).await,
                reserve(&suite, survey(&customer, &format!("{round}/last"))).await,
            ];
            let all = [asked, late.to_vec()].concat();
            assert_eq!(granted(&all).len(), 2, "round {round}");
            suite.app.clock.advance(7 * DAY);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_customers_under_one_key_one_gets_it() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let mut customers = Vec::new();
        for name in ["甲", "乙", "丙", "丁"] {
            customers.push(suite.customer(1, create(name, &[])).await.name);
        }
        let answers = join_all(customers.iter().map(|customer| {
            let mut client = suite.consents(1);
            let request = survey(customer, "invitations/1");
            async move { client.reserve_contact(request).await }
        }))
        .await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        for refused in answers.into_iter().filter_map(Result::err) {
            assert_eq!(refused.code(), tonic::Code::AlreadyExists);
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_decided_and_said_is_read_back() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let customer = suite.customer(1, create("王芳", &[])).await.name;
        let first = reserve(&suite, survey(&customer, "a")).await;
        assert_eq!(first.expire_time, Some(timestamp(START + HOUR)));
        let second = reserve(&suite, survey(&customer, "b")).await;
        let sent = complete(&suite, &second, ContactOutcome::Sent).await;
        let consent = pb::Consent {
            purpose: ContactPurpose::Survey.into(),
            channel: pb::ContactChannel::Email.into(),
            state: ConsentState::Withdrawn.into(),
            policy_version: "2025-11".to_owned(),
            evidence: "form:7".to_owned(),
            ..pb::Consent::default()
        };
        let record = pb::RecordConsentRequest {
            parent: customer.clone(),
            consent: Some(consent),
            request_id: String::new(),
        };
        let recorded = suite.consents(1).record_consent(record).await.unwrap().into_inner();
        let mut asked = survey(&customer, "c");
        // 22:06:40 in Shanghai.
        asked.earliest_time = Some(timestamp(START + 14 * HOUR));
        let denied = reserve(&suite, asked.clone()).await;
        let ends: Vec<_> =
            denied.blocks.iter().map(|block| (block.rule(), block.end_time)).collect();
        assert_eq!(
            ends,
            [
                (pb::ContactRule::ConsentWithdrawn, None),
                (pb::ContactRule::Cap, Some(timestamp(START + 7 * DAY))),
                (pb::ContactRule::QuietHours, Some(timestamp(START + Duration::from_secs(86_000)))),
            ]
        );
        assert_eq!(reserve(&suite, asked).await, denied);
        let list = pb::ListContactsRequest { parent: customer.clone(), ..Default::default() };
        let listed = suite.consents(1).list_contacts(list).await.unwrap().into_inner().contacts;
        let find = |key: &str| listed.iter().find(|contact| contact.key == key).unwrap();
        assert_eq!((find("a"), find("b"), find("c")), (&first, &sent, &denied));
        let list = pb::ListConsentsRequest { parent: customer, ..Default::default() };
        let listed = suite.consents(1).list_consents(list).await.unwrap().into_inner();
        assert_eq!(listed.consents, [recorded]);
    })
    .await;
}

/// Without a time zone of its own a customer lives by the tenant's, as the gateway tells it last.
#[tokio::test]
async fn quiet_hours_go_by_the_zone_that_the_gateway_tells() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let customer = suite.customer(1, create("Ann", &[])).await.name;
        let written =
            TenantWritten { time_zone: "America/New_York".to_owned(), ..TenantWritten::default() };
        let payload = GatewayEvent { change: Some(Change::TenantUpdated(written)) }.encode_to_vec();
        let event = Event { payload, ..happened(1, "tenant.updated", "") };
        let state = async |key: &str| reserve(&suite, survey(&customer, key)).await.state();
        // 10:06:40 in Shanghai is 21:06:40 in New York.
        suite.app.clock.advance(2 * HOUR);
        assert_eq!(state("a").await, ContactState::Reserved);
        transact!(suite.app.db, "test.apply", |tx| Tenants.apply(tx, &event).await).unwrap();
        suite.app.load().await.unwrap();
        assert_eq!(state("b").await, ContactState::Denied);

        // Nobody has said where this tenant is.
        let unheard = suite.customer(20, create("Ann", &[])).await.name;
        let refused = suite.consents(20).reserve_contact(survey(&unheard, "c")).await;
        assert_eq!(refused.unwrap_err().code(), tonic::Code::Unavailable);
    })
    .await;
}

/// Whoever reads the gateway's feed starts anew, so that zones told before they were kept are known.
#[tokio::test]
async fn what_the_gateway_told_before_zones_were_kept_is_told_again() {
    const POSITION: Sql = Sql::both("SELECT consumer, position FROM cursors ORDER BY consumer");
    const FOLLOW: Sql = Sql::both(
        "INSERT INTO cursors (consumer, source, partition, incarnation, position, stopped) \
         VALUES ($1, 'gateway', 0, $2, 7, '')",
    );
    each_db(&MIGRATIONS[..2], async |database| {
        for consumer in ["customers.tenants", "customers.timeline"] {
            let values = args![consumer, Uuid::nil()];
            let followed: Result<_, store::Error> = transact!(database, "test.follow", |tx| {
                tx.execute(FOLLOW, values.clone()).await
            });
            followed.unwrap();
        }
        let installation = Installation::of(database.engine(), Uuid::nil());
        migrate(database, &aftercare_customers::migrations(), &installation).await.unwrap();
        let positions: Vec<(String, i64)> = database.all(POSITION, args![]).await.unwrap();
        let expected = [("customers.tenants", 0), ("customers.timeline", 7)];
        assert_eq!(positions, expected.map(|(name, at)| (name.to_owned(), at)));
    })
    .await;
}

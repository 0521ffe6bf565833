//! `request_id` as the services use it.

use store::{
    Sql, args,
    events::{Inserts, append_alone},
    idempotency::{Earlier, NotClaimed, Once, is_claimed},
    transact,
};
use testing::each_db;
use uuid::Uuid;

use crate::{at, events::event, tenant};

const OUTBOX: Sql = Sql::both("SELECT COUNT(*) FROM outbox");

fn once(request_id: &str, hash: u8) -> Once {
    let method = "aftercare.tickets.v1.TicketService/CreateTicket";
    Once::new(tenant(1), "member/lin".to_owned(), method, request_id, [hash; 32], at(1))
}

#[tokio::test]
async fn the_second_time_is_told_what_the_first_led_to() {
    each_db(&[], async |db| {
        let take = async |once: Once, resource: &str, version| {
            transact!(db, "test", |tx| once.claim(tx, resource, version).await)
        };
        let id = Uuid::from_u128(0xab).to_string();
        assert_eq!(take(once(&id, 1), "tickets/a", 3).await.unwrap(), None);
        let earlier = Earlier { resource: "tickets/a".to_owned(), version: 3 };
        // Another spelling of the same id is the same id.
        let shouted = id.to_uppercase();
        assert_eq!(take(once(&shouted, 1), "tickets/b", 4).await.unwrap(), Some(earlier));
        let refused = take(once(&id, 2), "tickets/c", 5).await.unwrap_err();
        let NotClaimed::Reused { request_id, resource } = refused else { panic!("{refused:?}") };
        assert_eq!((request_id, resource), (id, "tickets/a".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a_claim_along_with_its_effect_fails_with_it() {
    each_db(&[], async |db| {
        let first = once(&Uuid::from_u128(0xab).to_string(), 1);
        let write = async |once: &Once, number| {
            let mut inserts = Inserts::new(db.engine());
            once.claim_with(&mut inserts, "tickets/a", 0);
            append_alone(db, inserts, 16, &[event(Uuid::from_u128(number), 1)]).await
        };
        write(&first, 1).await.unwrap();
        let again = write(&first, 2).await.unwrap_err();
        assert!(is_claimed(&again), "{again:?}");
        let taken = write(&once("", 1), 1).await.unwrap_err();
        assert!(!is_claimed(&taken), "{taken:?}");
        write(&once("", 1), 3).await.unwrap();
        let (written,): (i64,) = db.one(OUTBOX, args![]).await.unwrap();
        assert_eq!(written, 2);
        let earlier = transact!(db, "test", |tx| first.claim(tx, "tickets/b", 0).await).unwrap();
        assert_eq!(earlier.unwrap().resource, "tickets/a");
    })
    .await;
}

#[tokio::test]
async fn who_does_without_is_always_the_first() {
    each_db(&[], async |db| {
        for _ in 0..2 {
            let without = once("", 1);
            assert!(without.is_absent());
            let taken = transact!(db, "test", |tx| {
                let earlier = without.claim(tx, "tickets/a", 1).await?;
                without.name(tx, "tickets/b").await?;
                Ok::<_, NotClaimed>(earlier)
            });
            assert_eq!(taken.unwrap(), None);
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_found_later_is_named_later() {
    each_db(&[], async |db| {
        let next = once(&Uuid::from_u128(1).to_string(), 1);
        let named = transact!(db, "test", |tx| {
            next.claim(tx, "", 0).await?;
            next.name(tx, "tickets/a").await?;
            Ok::<_, NotClaimed>(())
        });
        named.unwrap();
        let again = transact!(db, "test", |tx| next.claim(tx, "", 0).await).unwrap();
        assert_eq!(again.map(|earlier| earlier.resource).as_deref(), Some("tickets/a"));
    })
    .await;
}

//! `request_id`.

use futures::future::join_all;
use kernel::Time;
use store::{
    Db, Error,
    idempotency::{Claim, KEPT_FOR, Request, claim, prune},
    transact,
};
use testing::each_db;

use crate::{at, tenant};

fn request(hash: u8, resource: &str, now: Time) -> Request<'_> {
    Request {
        tenant: tenant(1),
        principal: "member/lin",
        method: "aftercare.tickets.v1.TicketService/CreateTicket",
        request_id: "one",
        hash: [hash; 32],
        resource,
        version: 1,
        now,
    }
}

async fn take(db: &Db, request: &Request<'_>) -> Claim {
    transact!(db, "test", |tx| claim(tx, request).await).unwrap()
}

#[tokio::test]
async fn the_first_is_first_the_same_is_replayed_another_conflicts() {
    each_db(&[], async |db| {
        assert_eq!(take(db, &request(1, "tickets/a", at(1))).await, Claim::First);
        assert_eq!(
            take(db, &request(1, "tickets/b", at(2))).await,
            Claim::Replay { resource: "tickets/a".to_owned(), version: 1 }
        );
        assert_eq!(
            take(db, &request(2, "tickets/c", at(3))).await,
            Claim::Conflict { resource: "tickets/a".to_owned() }
        );
        for other in [
            Request { tenant: tenant(2), ..request(2, "tickets/d", at(4)) },
            Request { principal: "member/wu", ..request(2, "tickets/d", at(4)) },
            Request { method: "other", ..request(2, "tickets/d", at(4)) },
            Request { request_id: "two", ..request(2, "tickets/d", at(4)) },
        ] {
            assert_eq!(take(db, &other).await, Claim::First, "{other:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn of_sixty_four_at_once_one_is_first() {
    each_db(&[], async |db| {
        let names: Vec<String> = (0..64).map(|n| format!("tickets/{n}")).collect();
        let claims = join_all(
            names
                .iter()
                .map(|name| async move { (name, take(db, &request(1, name, at(1))).await) }),
        )
        .await;
        let winners: Vec<&String> = claims
            .iter()
            .filter(|(_, claim)| *claim == Claim::First)
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(winners.len(), 1);
        for (_, claim) in claims.iter().filter(|(_, claim)| *claim != Claim::First) {
            let replay = Claim::Replay { resource: winners[0].clone(), version: 1 };
            assert_eq!(*claim, replay);
        }
    })
    .await;
}

#[tokio::test]
async fn a_claim_goes_with_its_transaction() {
    each_db(&[], async |db| {
        let refused: Result<(), Error> = transact!(db, "test", |tx| {
            assert_eq!(claim(tx, &request(1, "tickets/a", at(1))).await?, Claim::First);
            Err(Error::Corrupt("refused".to_owned()))
        });
        assert!(refused.is_err());
        assert_eq!(take(db, &request(2, "tickets/b", at(1))).await, Claim::First);
    })
    .await;
}

#[tokio::test]
async fn after_seven_days_it_is_forgotten() {
    each_db(&[], async |db| {
        let start = at(1_000_000);
        assert_eq!(take(db, &request(1, "tickets/a", start)).await, Claim::First);
        let end = start + KEPT_FOR;
        let before = end.plus_micros(-1);
        assert!(matches!(take(db, &request(2, "tickets/b", before)).await, Claim::Conflict { .. }));
        assert_eq!(take(db, &request(2, "tickets/b", end)).await, Claim::First);
        assert!(matches!(take(db, &request(2, "tickets/b", end)).await, Claim::Replay { .. }));

        let ids: Vec<String> = (0..5).map(|n| format!("id {n}")).collect();
        for id in &ids {
            take(db, &Request { request_id: id, ..request(1, "tickets/a", start) }).await;
        }
        assert_eq!(prune(db, end, 3).await.unwrap(), 3);
        assert_eq!(prune(db, end, 3).await.unwrap(), 2);
        assert_eq!(prune(db, end, 3).await.unwrap(), 0);
        assert!(matches!(take(db, &request(2, "tickets/b", end)).await, Claim::Replay { .. }));
    })
    .await;
}

//! The store of tickets on both databases: every statement, round trips, pages, plans, numbers.
#![cfg(test)]

extern crate aftercare_tickets as tickets;

mod data;
mod pages;
mod plans;

use std::collections::BTreeSet;

use ::tickets::{
    domain::ticket::{PendingLink, Session},
    migrations,
    store::{
        entries,
        entries::{Answer, Entry},
        numbers::Numbers,
        statements,
        tickets::{self as rows, Stored, Texts},
    },
};
use contracts::tickets::v1::{AuthorRole, Category, Channel, Visibility};
use kernel::{CustomerId, EntryId};
use store::{Engine, Error, Sql, args, transact};
use testing::each_db;
use uuid::Uuid;

use crate::data::*;

#[tokio::test]
async fn both_databases_prepare_every_statement() {
    each_db(&migrations(), async |db| {
        store::prepare_all(db, &statements()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_ticket_its_words_and_its_entries_come_back_as_they_were() {
    each_db(&migrations(), async |db| {
        let mut full = ticket(tenant(1), 1);
        full.assignee = Some("lin".to_owned());
        full.customer = Some(CustomerId::from(Uuid::from_u128(9)));
        full.body = full_body();
        full.body.sessions =
            vec![Session { member: "lin".to_owned(), started: at(1), until: at(2) }];
        full.body.link = Some(PendingLink { attempts: 3, next: at(5) });
        put(db, std::slice::from_ref(&full), &texts()).await;
        let stored = rows::get(db, tenant(1), full.id).await.unwrap().unwrap();
        assert_eq!(stored, Stored { ticket: full.clone(), texts: texts() });
        assert_eq!(rows::get(db, tenant(2), full.id).await.unwrap(), None);

        let mut next = full.clone();
        next.version = 2;
        next.sequence = 9;
        next.category = Category::WaitingInternal;
        next.assignee = None;
        next.customer = None;
        next.queue = "general".to_owned();
        next.team = "front-line".to_owned();
        next.lane = "x".to_owned();
        next.last_at = at(50);
        next.queued_at = at(51);
        next.updated_at = at(52);
        next.body.clocks = Vec::new();
        let words = Texts { title: "b".to_owned(), answer: String::new(), ..texts() };
        transact!(db, "test.update", |tx| {
            assert!(!rows::update(tx, &next, 8).await?, "another sequence");
            assert!(rows::update(tx, &next, 3).await?);
            rows::update_texts(tx, tenant(1), next.id, &words).await
        })
        .unwrap();
        let stored = rows::get(db, tenant(1), full.id).await.unwrap().unwrap();
        assert_eq!(stored, Stored { ticket: next, texts: words });

        let entry = Entry {
            position: 1,
            id: EntryId::from(Uuid::from_u128(5)),
            author_role: AuthorRole::Staff,
            visibility: Visibility::Internal,
            channel: Channel::Email,
            external_id: "<1@example.com>".to_owned(),
            answers: vec![Answer { revision: "articles/1@2".to_owned(), locale: "zh".to_owned() }],
            actor_kind: "member".to_owned(),
            actor: "members/lin".to_owned(),
            created_at: at(7),
            body: "说\t了".to_owned(),
        };
        let mut heard = entry.clone();
        heard.position = 2;
        heard.id = EntryId::from(Uuid::from_u128(6));
        heard.visibility = Visibility::Public;
        let (one, both, all, public) = transact!(db, "test.entries", |tx| {
            entries::insert(tx, tenant(1), full.id, &entry, Some([7; 32])).await?;
            entries::insert(tx, tenant(1), full.id, &heard, None).await?;
            let one = entries::get(tx, tenant(1), full.id, entry.id).await?;
            let both = entries::delivered(tx, tenant(1), full.id, [7; 32]).await?;
            Ok::<_, Error>((one, both, (), ()))
        })
        .map(|(one, both, (), ())| (one, both, false, true))
        .unwrap();
        assert_eq!((one.as_ref(), both.as_ref()), (Some(&entry), Some(&entry)));
        let page = async |public, after| {
            entries::page(
                db,
                tenant(1),
                full.id,
                entries::Page {
                    public_only: public,
                    newest_first: false,
                    after: Some(after),
                    limit: 9,
                },
            )
            .await
            .unwrap()
        };
        assert_eq!(page(all, 0).await, [entry.clone(), heard.clone()]);
        assert_eq!(page(all, 1).await, [heard.clone()]);
        assert_eq!(page(public, 0).await, [heard.clone()]);
    })
    .await;
}

#[tokio::test]
async fn due_tickets_come_in_order_and_page_by_page() {
    each_db(&migrations(), async |db| {
        let mut all: Vec<_> = (0..60).map(|n| ticket(tenant(1), n)).collect();
        all.extend((0..20).map(|n| ticket(tenant(2), n)));
        put(db, &all, &texts()).await;
        let now = at(1_300);
        let mut expected: Vec<_> = all
            .iter()
            .filter_map(|one| Some((one.wake()?, one.tenant, one.id)))
            .filter(|(wake, ..)| *wake <= now)
            .collect();
        expected.sort();
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = rows::due(db, &[tenant(1), tenant(2)], now, after, 7).await.unwrap();
            after = page.last().copied();
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|due| (due.at, due.tenant, due.id)));
        }
        assert_eq!(found, expected);
        // What is not configured is not even looked at.
        let theirs = rows::due(db, &[tenant(2)], now, None, 1_000).await.unwrap();
        assert!(!theirs.is_empty() && theirs.iter().all(|due| due.tenant == tenant(2)));
        assert!(rows::due(db, &[], now, None, 1_000).await.unwrap().is_empty());
        let first = expected[0].0;
        assert_eq!(rows::next_wake(db).await.unwrap(), Some(first));
    })
    .await;
}

#[tokio::test]
async fn numbers_are_unique_over_two_processes() {
    each_db(&migrations(), async |db| {
        let second = db.reopen().await;
        let (one, two) = (Numbers::default(), Numbers::default());
        let takes = (0..400).map(|n| {
            let (numbers, db) = if n % 2 == 0 { (&one, &db.db) } else { (&two, &second) };
            async move { numbers.next(db, tenant(1)).await.unwrap() }
        });
        let numbers: Vec<i64> = futures::future::join_all(takes).await;
        let unique: BTreeSet<_> = numbers.iter().copied().collect();
        assert_eq!((unique.len(), unique.first()), (400, Some(&100_001)));
        assert_eq!(unique.last(), Some(&100_400), "those who come at once share a block");
        assert_eq!(one.next(db, tenant(2)).await.unwrap(), 100_001);
        second.close().await;
    })
    .await;
}

/// Who waited for a ticket sees it as it stands after the wait, its words too.
#[tokio::test]
async fn a_held_ticket_is_as_fresh_as_its_words() {
    each_db(&migrations(), async |db| {
        if db.engine() == Engine::Sqlite {
            // Its writer is alone: nobody can be in between.
            return;
        }
        let one = ticket(tenant(1), 1);
        put(db, std::slice::from_ref(&one), &texts()).await;
        let mut first = db.begin().await.unwrap();
        rows::lock(&mut first, tenant(1), one.id).await.unwrap().unwrap();
        let words = Texts { title: "new".to_owned(), ..texts() };
        rows::update_texts(&mut first, tenant(1), one.id, &words).await.unwrap();
        let mut next = one.clone();
        next.sequence += 1;
        assert!(rows::update(&mut first, &next, one.sequence).await.unwrap());

        let mut second = db.begin().await.unwrap();
        let waits = async { rows::lock(&mut second, tenant(1), one.id).await.unwrap().unwrap() };
        let commits = async {
            until_somebody_waits(db).await;
            first.commit().await.unwrap();
        };
        let (seen, ()) = tokio::join!(waits, commits);
        assert_eq!((seen.ticket.sequence, seen.texts.title.as_str()), (next.sequence, "new"));
        second.rollback().await.unwrap();
    })
    .await;
}

/// Until a session of this test's schema waits for a lock.
async fn until_somebody_waits(db: &testing::TestDb) {
    const WAITING: Sql = Sql::both(
        "SELECT COUNT(*) FROM pg_stat_activity \
         WHERE application_name = $1 AND wait_event_type = 'Lock'",
    );
    let name = format!("aftercare {}", db.settings.schema);
    loop {
        let (waiting,): (i64,) = db.one(WAITING, args![name.as_str()]).await.unwrap();
        if waiting > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

//! Streams for clients.

use std::{pin::Pin, time::Duration};

use futures::{Stream, StreamExt as _};
use kernel::{TenantId, keys::RootKeys, page::PageTokens};
use store::{Sql, args, transact};
use testing::each_db;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{TABLES, aggregate, clock, sequence_all, start, tenant, write, write_in};
use crate::{Event, Item, Resume, Source, WatchFault, watch};

type Items = Pin<Box<dyn Stream<Item = Result<Item, WatchFault>> + Send>>;

const SET_BACK: Sql = Sql::both("UPDATE partitions SET head = head - 1 WHERE head > 0");
const QUIET: Duration = Duration::from_hours(1);

async fn open(source: &Source, from: Option<Resume>) -> Result<Items, WatchFault> {
    let accept = |event: &Event| event.aggregate != aggregate(9);
    Ok(Box::pin(watch(source, tenant(), from, QUIET, accept).await?))
}

async fn next(items: &mut Items) -> Item {
    let item = tokio::time::timeout(Duration::from_secs(10), items.next()).await;
    item.expect("in time").expect("the stream goes on").unwrap()
}

async fn next_event(items: &mut Items) -> (Event, Resume) {
    match next(items).await {
        Item::Event(event, resume) => (*event, resume),
        Item::Heartbeat(_) => panic!("an event was expected"),
    }
}

/// Events of another tenant and of an aggregate that is not accepted, around one that counts.
async fn write_mixed(source: &Source, count: i64) {
    let (db, clock) = (source.db(), clock());
    let partitions = store::meta::partitions(db).await.unwrap();
    let other = TenantId::from(Uuid::from_u128(2));
    for _ in 0..count {
        transact!(db, "test", |tx| {
            write_in(tx, partitions, other, aggregate(1), start(), 3).await
        })
        .unwrap();
        write(db, aggregate(9), start(), 2).await;
        write(db, aggregate(1), start(), 1).await;
    }
    sequence_all(source, &clock).await;
}

#[tokio::test]
async fn a_stream_starts_now_and_goes_on_after_any_item() {
    each_db(TABLES, async |db| {
        let source = Source::new("tests", db.db.clone());
        write_mixed(&source, 2).await;
        let mut items = open(&source, None).await.unwrap();
        let Item::Heartbeat(at_start) = next(&mut items).await else { panic!("a sign of life") };
        write_mixed(&source, 300).await;
        let mut resumes = Vec::new();
        for sequence in 3..=302 {
            let (event, resume) = next_event(&mut items).await;
            assert_eq!((event.tenant, event.aggregate), (tenant(), aggregate(1)));
            assert_eq!(event.sequence, sequence);
            resumes.push(resume);
        }
        for (resume, expected) in [(&at_start, 3), (&resumes[0], 4), (&resumes[150], 154)] {
            let mut items = open(&source, Some(resume.clone())).await.unwrap();
            assert!(matches!(next(&mut items).await, Item::Heartbeat(_)));
            assert_eq!(next_event(&mut items).await.0.sequence, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn an_idle_stream_gives_signs_of_life_and_moves_past_what_is_not_for_it() {
    each_db(TABLES, async |db| {
        let source = Source::new("tests", db.db.clone());
        let beat = Duration::from_millis(1);
        let items = watch(&source, tenant(), None, beat, |_| false).await.unwrap();
        let mut items: Items = Box::pin(items);
        let Item::Heartbeat(before) = next(&mut items).await else { panic!("a sign of life") };
        write_mixed(&source, 5).await;
        let heads = source.heads().await.unwrap();
        loop {
            let Item::Heartbeat(resume) = next(&mut items).await else { panic!("nothing fits") };
            assert!(resume.positions >= before.positions);
            if resume.positions == heads.heads {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_of_another_feed_or_of_long_ago_is_refused() {
    each_db(TABLES, async |db| {
        let (source, clock) = (Source::new("tests", db.db.clone()), clock());
        let mut items = open(&source, None).await.unwrap();
        let Item::Heartbeat(early) = next(&mut items).await else { panic!("a sign of life") };
        write_mixed(&source, 3).await;
        let heads = source.heads().await.unwrap();
        let ahead = Resume {
            incarnation: heads.incarnation,
            positions: heads.heads.iter().map(|head| head + 1).collect(),
        };
        assert!(matches!(open(&source, Some(ahead)).await.err(), Some(WatchFault::Replaced)));
        clock.advance(crate::RETENTION * 2);
        crate::Housekeeper::new(db.db.clone(), clock, "k".to_owned())
            .tidy(&CancellationToken::new())
            .await
            .unwrap();
        let refused = open(&source, Some(early)).await.err();
        assert!(matches!(refused, Some(WatchFault::NoLongerKept)), "{refused:?}");

        let mut items = open(&source, None).await.unwrap();
        let Item::Heartbeat(present) = next(&mut items).await else { panic!("a sign of life") };
        let renewed = Uuid::from_u128(5);
        transact!(db, "test", |tx| store::meta::renew_incarnation(tx, renewed).await).unwrap();
        let refused = open(&source, Some(present)).await.err();
        assert!(matches!(refused, Some(WatchFault::Replaced)), "{refused:?}");
        // A stream that is open notices too, and ends.
        let failed = tokio::time::timeout(Duration::from_secs(10), items.next()).await.unwrap();
        assert!(matches!(failed, Some(Err(WatchFault::Replaced))), "{failed:?}");
        assert!(items.next().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_is_open_notices_that_its_feed_was_restored() {
    each_db(TABLES, async |db| {
        let source = Source::new("tests", db.db.clone());
        write_mixed(&source, 3).await;
        let mut items = open(&source, None).await.unwrap();
        assert!(matches!(next(&mut items).await, Item::Heartbeat(_)));
        transact!(db, "test", |tx| tx.execute(SET_BACK, args![]).await).unwrap();
        let failed = tokio::time::timeout(Duration::from_secs(10), items.next()).await.unwrap();
        assert!(matches!(failed, Some(Err(WatchFault::Replaced))), "{failed:?}");
    })
    .await;
}

#[test]
fn a_token_opens_only_for_its_tenant_and_query() {
    let tokens = PageTokens::new(RootKeys::parse(&RootKeys::generate(), &[]).unwrap());
    let resume = Resume { incarnation: Uuid::from_u128(7), positions: vec![0, 5, i64::MAX] };
    let token = resume.seal(&tokens, tenant(), b"all");
    assert_eq!(Resume::open(&tokens, tenant(), b"all", &token), Some(resume));
    let other = TenantId::from(Uuid::from_u128(2));
    assert_eq!(Resume::open(&tokens, other, b"all", &token), None);
    assert_eq!(Resume::open(&tokens, tenant(), b"queue", &token), None);
    assert_eq!(Resume::open(&tokens, tenant(), b"all", "nonsense"), None);
}

//! How long a page may be: by what it is on the wire, and never so short that a feed stands still.

use store::{
    Db,
    events::{NewEvent, append},
    transact,
};

use super::{Effects, aggregate, clock, consumer::each_pair, effects, sequence_all, start, tenant};
use crate::{Event, source::MAX_BYTES};

/// Writes the whole history of an aggregate: events with these payloads and this trace.
async fn write_long(db: &Db, payloads: &[Vec<u8>], trace: &str) {
    let partitions = store::meta::partitions(db).await.unwrap();
    let events: Vec<NewEvent> = payloads
        .iter()
        .zip(1..)
        .map(|(payload, sequence)| NewEvent {
            tenant: tenant(),
            aggregate: aggregate(1),
            sequence,
            at: start(),
            kind: "test.happened",
            payload: payload.clone(),
            actor_kind: kernel::CallerKind::Service,
            actor: "test".to_owned(),
            trace: trace.to_owned(),
        })
        .collect();
    transact!(db, "test.write", |tx| append(tx, partitions, &events).await).unwrap();
}

#[tokio::test]
async fn events_that_are_long_beside_their_payloads_reach_the_consumer() {
    each_pair(async |pair| {
        write_long(&pair.from, &vec![vec![1]; 400], &"x".repeat(15_000)).await;
        sequence_all(&pair.source, &clock()).await;
        pair.consumer(Effects::plain()).catch_up().await.unwrap();
        assert_eq!(effects(&pair.to, aggregate(1)).await, (1..=400).collect::<Vec<i64>>());
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_longer_than_a_page_is_a_page_of_its_own() {
    each_pair(async |pair| {
        let payloads = [10, 6 * MAX_BYTES, 10, MAX_BYTES / 2, MAX_BYTES / 2, 10];
        let payloads = payloads.map(|length| vec![7; length]);
        write_long(&pair.from, &payloads, "").await;
        sequence_all(&pair.source, &clock()).await;
        let partition = store::events::partition_of(tenant(), aggregate(1), 2);
        let heads = pair.source.heads().await.unwrap();
        let (mut after, mut pages) = (0, Vec::new());
        while after < 6 {
            let page = pair.source.read(&heads, partition, after, 500, None).await.unwrap();
            let page = page.unwrap();
            assert_eq!(page.through, page.events.last().map_or(after, |last| last.position));
            let long = page.events.iter().map(Event::wire_len).sum::<usize>();
            assert!(page.events.len() == 1 || long <= MAX_BYTES, "{long}");
            after = page.through;
            pages.push(page.events.len());
        }
        assert_eq!(pages, [1, 1, 2, 2]);
        pair.consumer(Effects::plain()).catch_up().await.unwrap();
        assert_eq!(effects(&pair.to, aggregate(1)).await, (1..=6).collect::<Vec<i64>>());
    })
    .await;
}

//! The feed service as peers see it, and the admin service.

use std::{sync::Arc, time::Duration};

use contracts::r#type::v1::{
    HeadsRequest, ListConsumersRequest, ListDeadLettersRequest, ReadRequest, RedriveRequest,
    RewindRequest, feed_admin_service_server::FeedAdminService,
    feed_service_client::FeedServiceClient,
};
use rpc::Call;
use tokio_util::task::TaskTracker;
use tonic::{Code, Request};

use super::{
    Effects, aggregate, consumer::each_pair, effects, link, sequence_all, start, tenant, write,
};
use crate::{FeedAdmin, HandleError, Managed};

fn read(partition: i32, after: i64, wait: Duration) -> ReadRequest {
    ReadRequest {
        source: "tests".to_owned(),
        partition,
        after,
        limit: 10,
        wait_millis: i32::try_from(wait.as_millis()).unwrap(),
    }
}

#[tokio::test]
async fn a_read_waits_for_news_and_pages_through_the_rest() {
    each_pair(async |pair| {
        let mut client = FeedServiceClient::new(link(&pair.source));
        let nothing = client.read(read(0, 0, Duration::ZERO)).await.unwrap().into_inner();
        assert!(nothing.events.is_empty() && nothing.head == 0 && nothing.first == 1);

        // The wait ends with the event, long before its time.
        let partition = store::events::partition_of(tenant(), aggregate(1), 2);
        let partition = i32::try_from(partition).unwrap();
        let patience = Duration::from_secs(30);
        let reading = client.read(read(partition, 0, patience));
        let writing = async {
            write(&pair.from, aggregate(1), start(), 25).await;
            sequence_all(&pair.source, &pair.clock).await;
        };
        let both = futures::future::join(reading, writing);
        let (response, ()) = tokio::time::timeout(Duration::from_secs(10), both).await.unwrap();
        let first = response.unwrap().into_inner();
        assert_eq!(first.events.len(), 10);
        assert_eq!(first.events[0].r#type, "test.happened");
        assert_eq!(first.events[0].tenant, tenant().to_string());

        let rest = client.read(read(partition, 20, patience)).await.unwrap().into_inner();
        assert_eq!((rest.events.len(), rest.head), (5, 25));
        // One who is ahead is told at once.
        let ahead = client.read(read(partition, 99, patience)).await.unwrap().into_inner();
        assert_eq!((ahead.events.len(), ahead.head), (0, 25));
        let heads = client.heads(HeadsRequest { source: "tests".to_owned() }).await.unwrap();
        assert_eq!(heads.into_inner().heads.iter().sum::<i64>(), 25);
    })
    .await;
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    each_pair(async |pair| {
        let mut client = FeedServiceClient::new(link(&pair.source));
        let unknown = HeadsRequest { source: "nobody".to_owned() };
        assert_eq!(client.heads(unknown).await.unwrap_err().code(), Code::NotFound);
        for wrong in [
            ReadRequest { partition: 2, ..read(0, 0, Duration::ZERO) },
            ReadRequest { partition: -1, ..read(0, 0, Duration::ZERO) },
            ReadRequest { after: -1, ..read(0, 0, Duration::ZERO) },
            ReadRequest { limit: 501, ..read(0, 0, Duration::ZERO) },
            ReadRequest { wait_millis: 30_001, ..read(0, 0, Duration::ZERO) },
        ] {
            let status = client.read(wrong).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
        }
    })
    .await;
}

fn call<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let call = Call::of_service("test", tenant(), Duration::from_secs(30));
    request.extensions_mut().insert(call);
    request
}

#[tokio::test]
async fn an_operator_lists_redrives_and_rewinds() {
    each_pair(async |pair| {
        let fits = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen = Arc::clone(&fits);
        let consumer = Arc::new(pair.consumer(Effects::with(move |_| {
            if seen.load(std::sync::atomic::Ordering::SeqCst) {
                return Ok(());
            }
            Err(HandleError::poison("not yet"))
        })));
        pair.write(aggregate(1), 3).await;
        consumer.catch_up().await.unwrap();
        let managed: Arc<dyn Managed> = Arc::clone(&consumer) as Arc<dyn Managed>;
        let admin = FeedAdmin::new(vec![managed], TaskTracker::new());
        let name = || "tests.effects".to_owned();

        let listed = admin.list_consumers(call(ListConsumersRequest {})).await.unwrap();
        let listed = listed.into_inner().consumers;
        assert_eq!(listed.len(), 2);
        assert_eq!(listed.iter().map(|one| one.position).sum::<i64>(), 3);

        let ask = ListDeadLettersRequest { consumer: name(), limit: 0 };
        let letters = admin.list_dead_letters(call(ask)).await.unwrap().into_inner().dead_letters;
        assert_eq!(letters.len(), 3);
        assert_eq!(letters[0].error, "the event cannot be applied: not yet");
        assert_eq!(letters[1].error, "");

        fits.store(true, std::sync::atomic::Ordering::SeqCst);
        let redriven = admin.redrive(call(RedriveRequest { consumer: name() })).await.unwrap();
        let redriven = redriven.into_inner();
        assert_eq!((redriven.taken, redriven.left), (3, 0));
        assert_eq!(effects(&pair.to, aggregate(1)).await, [1, 2, 3]);

        // Never forward, and never past what would then be lost.
        pair.write(aggregate(1), 3).await;
        for (asked, becomes) in [(99, 3), (3, 3), (2, 2), (99, 2)] {
            let rewind = RewindRequest { consumer: name(), position: asked };
            let rewound = admin.rewind(call(rewind)).await.unwrap().into_inner().consumers;
            let partitions: Vec<i32> = rewound.iter().map(|one| one.partition).collect();
            assert_eq!(partitions, [0, 1]);
            assert_eq!(rewound.iter().map(|one| one.position).sum::<i64>(), becomes);
        }
        let rewind = RewindRequest { consumer: name(), position: 3 };
        admin.rewind(call(rewind)).await.unwrap();
        for wrong in ["nobody", "tests.effect"] {
            let redrive = RedriveRequest { consumer: wrong.to_owned() };
            let status = admin.redrive(call(redrive)).await.unwrap_err();
            assert_eq!(status.code(), Code::NotFound);
        }
        let wrong = RewindRequest { consumer: name(), position: -1 };
        assert_eq!(admin.rewind(call(wrong)).await.unwrap_err().code(), Code::InvalidArgument);
    })
    .await;
}

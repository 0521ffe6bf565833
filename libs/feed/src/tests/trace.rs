//! The trace of the call that caused an event, at whoever consumes it.

use std::{io, time::Duration};

use kernel::CallerKind;
use store::{
    Engine,
    events::{NewEvent, append},
    transact,
};
use telemetry::{Collector, Export, LogFormat, Metrics};

use super::{
    Effects, aggregate,
    consumer::{Pair, each_pair},
    effects, sequence_all, start, tenant,
};

const CAUSE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Writes the first event of an aggregate, caused by a call in this trace.
async fn write_caused(pair: &Pair, number: u128, trace: &str) {
    let event = NewEvent {
        tenant: tenant(),
        aggregate: aggregate(number),
        sequence: 1,
        at: start(),
        kind: "test.happened",
        payload: Vec::new(),
        actor_kind: CallerKind::Member,
        actor: "members/canary".to_owned(),
        trace: trace.to_owned(),
    };
    let partitions = store::meta::partitions(&pair.from).await.unwrap();
    transact!(pair.from, "test.write", |tx| {
        append(tx, partitions, std::slice::from_ref(&event)).await
    })
    .unwrap();
}

#[tokio::test]
async fn a_consumer_links_to_the_call_that_caused_an_event() {
    each_pair(async |pair| {
        // SQLite works on a thread of its own, which may be the last to let go of a span; the parent
        // is then closed by that thread's dispatcher, and only in a test is that not the process's.
        if pair.to.engine() == Engine::Sqlite {
            return;
        }
        write_caused(pair, 1, CAUSE).await;
        sequence_all(&pair.source, &pair.clock).await;
        let receiver = testing::Collector::listen().await;
        let otlp = receiver.otlp();
        let export = Export {
            otlp: &otlp,
            sampling_ratio: 1.0,
            trust_client_sampling: false,
            services: &["customers"],
            instance: "one",
        };
        let collector = Collector::start(&export, &Metrics::new()).unwrap();
        let dispatch =
            telemetry::dispatch(LogFormat::Text, "off", Some(&collector), io::sink).unwrap();
        {
            let _guard = testing::watch(&dispatch);
            pair.consumer(Effects::plain()).catch_up().await.unwrap();
            assert_eq!(effects(&pair.to, aggregate(1)).await, [1]);
        }
        collector.finish(Duration::from_secs(20)).await;

        let spans = receiver.spans();
        let [transaction, consumed] = spans.as_slice() else { panic!("{spans:#?}") };
        assert_eq!((consumed.name.as_str(), consumed.kind.as_str()), ("apply tests", "CONSUMER"));
        assert_eq!(consumed.links, [&CAUSE[3..52]]);
        assert_ne!(consumed.trace, CAUSE[3..35], "a trace of its own");
        assert_eq!(consumed.attributes["messaging.consumer.group.name"], "tests.effects");
        assert_eq!(consumed.attributes["messaging.batch.message_count"], "1");
        assert_eq!(transaction.name, "db.feed.apply");
        assert_eq!((&transaction.trace, &transaction.parent), (&consumed.trace, &consumed.id));
        assert_eq!(transaction.attributes["db.system.name"], pair.to.engine().name());
        assert!(!receiver.everything().contains("canary"));
    })
    .await;
}

//! The way of spans to a collector, and of traces into log lines.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use testing::{Collector as Receiver, SeenSpan, watch};

use crate::{CallSpan, Collector, Export, LogFormat, Metrics, Side, Trace, consume, dispatch};

const METHOD: &str = "/aftercare.tickets.v1.TicketService/GetTicket";
const CLIENTS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn export(otlp: &str) -> Export<'_> {
    Export {
        otlp,
        sampling_ratio: 1.0,
        trust_client_sampling: false,
        services: &["tickets", "customers"],
        instance: "one",
    }
}

/// Lines that a test can read.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn read(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines_to(lines: &Lines) -> impl Fn() -> Lines + Send + Sync + 'static {
    let lines = lines.clone();
    move || lines.clone()
}

/// What a collector gets while `work` runs, with the log lines.
async fn collected(work: impl FnOnce()) -> (Receiver, Vec<SeenSpan>, Vec<Value>) {
    let (receiver, lines) = (Receiver::listen().await, Lines::default());
    let collector = Collector::start(&export(&receiver.otlp()), &Metrics::new()).unwrap();
    let started = dispatch(LogFormat::Json, "info", Some(&collector), lines_to(&lines)).unwrap();
    {
        let _guard = watch(&started);
        work();
    }
    collector.finish(Duration::from_secs(20)).await;
    let spans = receiver.spans();
    (receiver, spans, lines.read())
}

#[tokio::test]
async fn a_call_is_a_span_of_its_trace() {
    let (receiver, spans, lines) = collected(|| {
        let mut call = CallSpan::start(Side::Edge, METHOD, CLIENTS);
        call.span().in_scope(|| {
            assert_eq!(Trace::current(), Some(call.trace()));
            tracing::info!(answer = 42, "looked");
            let mut inner = CallSpan::start(Side::Client, "/p.S/Other", "");
            inner.ended("NOT_FOUND");
            drop(tracing::debug_span!("db.ticket.get", db.system.name = "sqlite"));
            drop(tracing::info_span!("somebody else's"));
        });
        call.ended("OK");
        drop(call);
        CallSpan::start(Side::Server, METHOD, "").ended("NOT_FOUND");
        tracing::info!("outside");
    })
    .await;
    let name = METHOD.trim_start_matches('/');
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["db.ticket.get", "p.S/Other", name, name]);
    let [database, client, edge, other] = spans.as_slice() else { panic!() };
    assert_eq!((edge.kind.as_str(), client.kind.as_str()), ("SERVER", "CLIENT"));
    assert_eq!(edge.trace, Trace::parse(CLIENTS).unwrap().trace_id());
    assert_eq!(edge.parent, Trace::parse(CLIENTS).unwrap().span_id());
    for inner in [client, database] {
        assert_eq!((&inner.trace, &inner.parent), (&edge.trace, &edge.id));
    }
    assert_ne!(other.trace, edge.trace);
    assert_eq!(edge.attributes["rpc.system.name"], "grpc");
    assert_eq!(edge.attributes["rpc.method"], name);
    assert_eq!(edge.attributes["rpc.response.status_code"], "OK");
    assert_eq!((edge.is_error, edge.events), (false, 0), "log lines are no events");
    assert_eq!(client.attributes["error.type"], "NOT_FOUND");
    assert!(client.is_error, "to the calling side");
    assert!(!other.is_error && !other.attributes.contains_key("error.type"));
    assert_eq!(database.attributes["db.system.name"], "sqlite");

    let resource = &receiver.resources()[0];
    assert_eq!(resource["service.name"], "aftercare-tickets-customers");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(resource["service.instance.id"], "one");

    let [inside, outside] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&inside["message"], &inside["answer"]), (&"looked".into(), &42.into()));
    assert_eq!(inside["trace_id"], edge.trace);
    assert_eq!(inside["span_id"], edge.id);
    assert_eq!(outside.get("trace_id"), None);
}

#[tokio::test]
async fn a_fault_of_ours_is_an_error_and_a_call_that_is_dropped_is_cancelled() {
    let (_receiver, spans, _) = collected(|| {
        CallSpan::start(Side::Server, METHOD, "").ended("UNAVAILABLE");
        drop(CallSpan::start(Side::Server, METHOD, ""));
    })
    .await;
    assert!(spans[0].is_error && spans[0].attributes["error.type"] == "UNAVAILABLE");
    assert_eq!(spans[1].attributes["rpc.response.status_code"], "CANCELLED");
    assert!(!spans[1].is_error);
}

#[tokio::test]
async fn consumed_events_link_to_what_caused_them() {
    let other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let (_receiver, spans, _) = collected(|| {
        let causes = [CLIENTS, "", CLIENTS, other, "nonsense"];
        let _inside = consume("customers.timeline", "tickets", causes.into_iter()).entered();
        drop(tracing::debug_span!("db.feed.apply"));
        // Nothing that is kept caused this.
        drop(consume("customers.timeline", "tickets", [other].into_iter()));
    })
    .await;
    let [database, consumed] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((consumed.name.as_str(), consumed.kind.as_str()), ("apply tickets", "CONSUMER"));
    assert_eq!((consumed.parent.as_str(), &database.parent), ("", &consumed.id));
    let mut links = consumed.links.clone();
    links.sort();
    assert_eq!(links, [CLIENTS, other].map(|link| link[3..52].to_owned()));
    assert_eq!(consumed.attributes["messaging.batch.message_count"], "5");
    assert_eq!(consumed.attributes["messaging.consumer.group.name"], "customers.timeline");
    assert_eq!(consumed.attributes["messaging.destination.name"], "tickets");
}

#[tokio::test]
async fn what_nobody_asked_for_is_no_trace() {
    let (_receiver, spans, _) = collected(|| {
        drop(tracing::debug_span!("db.feed.lease"));
        let poll = CallSpan::start(Side::Client, "/aftercare.type.v1.FeedService/Read", "");
        assert!(!poll.trace().sampled());
        drop(CallSpan::start(Side::Server, METHOD, &poll.trace().to_string()));
    })
    .await;
    assert_eq!(spans, []);
}

#[test]
fn without_a_collector_a_trace_is_handed_on_and_lines_tell_it() {
    let lines = Lines::default();
    let started = dispatch(LogFormat::Json, "info", None, lines_to(&lines)).unwrap();
    let _guard = watch(&started);
    let edge = CallSpan::start(Side::Edge, METHOD, CLIENTS);
    assert_eq!(edge.trace().to_string(), CLIENTS.replace("-01", "-00"), "nobody keeps it");
    let call = CallSpan::start(Side::Server, METHOD, &edge.trace().to_string());
    assert_eq!(call.trace(), edge.trace());
    call.span().in_scope(|| tracing::warn!(%METHOD, "inside"));
    let begun = CallSpan::start(Side::Edge, METHOD, "nonsense").trace();
    assert_ne!(begun.trace_id(), call.trace().trace_id());
    let line = &lines.read()[0];
    assert_eq!(line["trace_id"], call.trace().trace_id());
    assert_eq!(line["span_id"], call.trace().span_id());
    assert_eq!((&line["level"], &line["METHOD"]), (&"WARN".into(), &METHOD.into()));
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));

    let consumed = consume("customers.timeline", "tickets", [CLIENTS].into_iter());
    consumed.in_scope(|| tracing::warn!("consumed"));
    let several = consume("customers.timeline", "tickets", [CLIENTS, METHOD].into_iter());
    assert_eq!(lines.read()[1]["trace_id"], Trace::parse(CLIENTS).unwrap().trace_id());
    drop(several);
}

#[test]
fn lines_for_people_cost_no_span() {
    let started = dispatch(LogFormat::Text, "info", None, io::sink).unwrap();
    let _guard = watch(&started);
    let call = CallSpan::start(Side::Server, METHOD, CLIENTS);
    assert!(!call.is_seen());
    assert_eq!(call.trace().to_string(), CLIENTS);
    assert!(consume("a", "b", [CLIENTS].into_iter()).is_disabled());
}

#[tokio::test]
async fn a_collector_that_is_away_costs_counted_spans() {
    let metrics = Metrics::new();
    // A port that was free a moment ago.
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let collector = Collector::start(&export(&format!("http://{address}")), &metrics).unwrap();
    let started = dispatch(LogFormat::Text, "off", Some(&collector), io::sink).unwrap();
    {
        let _guard = watch(&started);
        // The queue takes 4096, since the sender has had no turn yet.
        for _ in 0..5_000 {
            CallSpan::start(Side::Server, METHOD, "").ended("OK");
        }
    }
    collector.finish(Duration::from_secs(20)).await;
    let text = metrics.text();
    for line in [
        "aftercare_spans_dropped_total{where=\"queue\"} 904",
        "aftercare_spans_dropped_total{where=\"collector\"} 4096",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[tokio::test]
async fn a_bad_address_is_refused() {
    let bad = Collector::start(&export("not an address"), &Metrics::new());
    assert!(bad.unwrap_err().to_string().contains("not an address"));
    let level = dispatch(LogFormat::Text, "=!", None, io::sink).unwrap_err();
    assert!(level.to_string().contains("=!"));
}

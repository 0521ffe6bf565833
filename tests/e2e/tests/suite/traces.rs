//! One trace: the edge, tickets, customers in a process of its own, the transactions of both, and the
//! consumer of the event, as a collector gets them.

use aftercare_e2e::{
    Desk, Suite, Tenant,
    desk::phone,
    suite::{FRONT, Setting},
    until,
};
use serde_json::json;
use testing::{Collector, SeenSpan};

/// What the client came with; it does not decide whether the trace is kept.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";
const CREATE: &str = "aftercare.tickets.v1.TicketService/CreateTicket";
const RESOLVE: &str = "aftercare.customers.v1.CustomerService/ResolveCustomer";

/// The spans of a ticket that was created, and of the event of that.
#[derive(Debug)]
struct Way {
    edge: SeenSpan,
    tickets: SeenSpan,
    recorded: SeenSpan,
    asked: SeenSpan,
    customers: SeenSpan,
    resolved: SeenSpan,
    consumed: SeenSpan,
    applied: SeenSpan,
}

/// The way, once all of it has come.
fn way(spans: &[SeenSpan]) -> Option<Way> {
    let below = |parent: &str, kind: &str, name: &str| {
        let mut found = spans.iter().filter(|span| span.trace == TRACE && span.parent == parent);
        found.find(|span| span.kind == kind && span.name == name).cloned()
    };
    let edge = below(SPAN, "SERVER", CREATE)?;
    let tickets = below(&edge.id, "SERVER", CREATE)?;
    let asked = below(&tickets.id, "CLIENT", RESOLVE)?;
    let customers = below(&asked.id, "SERVER", RESOLVE)?;
    let resolved = below(&customers.id, "INTERNAL", "db.customer.resolve")?;
    let recorded = below(&tickets.id, "INTERNAL", "db.ticket.create")?;
    let cause = format!("{TRACE}-{}", tickets.id);
    // Others follow tickets, too.
    let by_customers = |span: &&SeenSpan| span.process == "aftercare-customers";
    let mut consumed = spans.iter().filter(|span| span.links.contains(&cause));
    let consumed = consumed.find(by_customers)?.clone();
    let applied = spans.iter().find(|span| span.parent == consumed.id)?.clone();
    Some(Way { edge, tickets, recorded, asked, customers, resolved, consumed, applied })
}

#[tokio::test]
async fn one_trace_shows_a_ticket_through_the_services_the_feed_and_its_consumer() {
    let receiver = Collector::listen().await;
    let own: [Setting; 1] = [("telemetry.otlp", receiver.otlp())];
    let suite = Suite::of_two_processes().await;
    // In this order, so that the first call finds its way to customers.
    let mut back = suite.serve_with(&["customers"], &own).await;
    let mut front = suite.serve_with(&FRONT, &own).await;
    let desk = Desk::new(&suite, Tenant::North);
    let request = json!({ "ticket": {
        "kind": "KIND_COMPLAINT",
        "channel": "CHANNEL_PHONE",
        "title": "Leaks",
        "contact": { "displayName": "Li Na", "phone": phone() },
    }});
    let client = desk.agent().clone().with("traceparent", format!("00-{TRACE}-{SPAN}-00"));
    let ticket = client.call("CreateTicket", request).await;
    assert!(ticket["customer"].is_string(), "{ticket:#}");

    let way = until("all of the way is told", async || way(&receiver.spans())).await;
    let process = |span: &SeenSpan| span.process.clone();
    for span in [&way.edge, &way.tickets, &way.recorded, &way.asked] {
        assert_eq!(process(span), "aftercare-gateway-tickets-knowledge-surveys", "{}", span.name);
    }
    for span in [&way.customers, &way.resolved, &way.consumed, &way.applied] {
        assert_eq!(process(span), "aftercare-customers", "{}", span.name);
    }
    for span in [&way.edge, &way.tickets, &way.asked, &way.customers] {
        assert_eq!(span.attributes["rpc.response.status_code"], "OK", "{span:?}");
    }
    assert_eq!(
        (way.consumed.kind.as_str(), way.consumed.name.as_str()),
        ("CONSUMER", "apply tickets")
    );
    assert_ne!(way.consumed.trace, TRACE, "a consumer begins a trace of its own");
    assert_eq!(way.consumed.parent, "");
    assert_eq!(
        (way.applied.name.as_str(), &way.applied.trace),
        ("db.feed.apply", &way.consumed.trace)
    );
    for process in [&mut front, &mut back] {
        assert_eq!(process.terminate(), 0, "{}", process.log());
    }
}

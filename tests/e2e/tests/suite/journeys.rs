//! Journeys from end to end, as normalised JSON: the same on SQLite and on PostgreSQL.

use aftercare_e2e::{
    Client, Desk, Outcome, Suite, Tenant,
    client::{json_of, json_of_refusal},
    desk::new_id,
    each_backend,
    golden::Names,
};
use serde_json::{Value, json};

/// What was said and answered, step by step.
#[derive(Default)]
struct Diary {
    names: Names,
    steps: Vec<Value>,
}

impl Diary {
    /// Calls and notes what came back, an answer or a refusal; the answer as it was.
    async fn call(&mut self, client: &Client, method: &str, request: Value) -> Value {
        let (key, came) = match client.send(method, &request).await {
            Outcome::Answer(answer) => ("answer", json_of(&answer)),
            Outcome::Refused(status) => ("refusal", json_of_refusal(&status)),
        };
        self.steps.push(json!({ "call": method, key: self.names.normal(&came) }));
        came
    }

    fn golden(self, name: &str) {
        insta::assert_json_snapshot!(name, self.steps);
    }
}

/// A complaint as it comes in by e-mail. Who it is of is named, so that no journey depends on how
/// soon customers answers.
async fn complaint(desk: &Desk<'_>, email: &str) -> Value {
    let customer = json!({
        "displayName": "Zhang Wei",
        "identifiers": [{ "kind": "IDENTIFIER_KIND_EMAIL", "value": email }],
    });
    let customer = desk.system().call("CreateCustomer", json!({ "customer": customer })).await;
    json!({
        "kind": "KIND_COMPLAINT",
        "channel": "CHANNEL_EMAIL",
        "title": "The engine stalls",
        "customer": customer["name"],
        "contact": { "displayName": "Zhang Wei", "email": email },
        "subject": { "lot": "L-7", "faultCode": "H155" },
        "facts": {
            "what": "It stalls at the lights.",
            "occurTime": "2025-05-06T07:08:09Z",
            "expectation": "A repair within a week.",
        },
        "language": "en",
    })
}

/// Recorded, judged and taken.
async fn begin(diary: &mut Diary, desk: &Desk<'_>, email: &str) -> Value {
    let agent = desk.agent();
    let request = json!({ "ticket": complaint(desk, email).await });
    let made = diary.call(agent, "CreateTicket", request).await;
    let triage = json!({ "nature": "NATURE_PRODUCT_QUALITY", "severity": 2, "cause": "A sensor." });
    let request = json!({ "name": made["name"], "triage": triage, "etag": made["etag"] });
    diary.call(agent, "TriageTicket", request).await;
    diary.call(agent, "ClaimTicket", json!({ "name": made["name"] })).await
}

#[tokio::test]
async fn a_complaint_is_settled() {
    each_backend(async |suite| {
        let (mut diary, desk) = (Diary::default(), Desk::new(suite, Tenant::North));
        let ticket = begin(&mut diary, &desk, "settled@example.com").await;
        let named = json!({ "name": ticket["name"] });
        let entry = json!({ "body": "Please bring the car on Monday." });
        let request = json!({ "parent": ticket["name"], "entry": entry, "turn": "TURN_CUSTOMER" });
        diary.call(desk.agent(), "AddEntry", request).await;
        diary.call(desk.agent(), "GetTicket", named.clone()).await;
        let person = desk.as_customer(ticket["customer"].as_str().unwrap());
        let entry = json!({ "body": "I did, on Monday." });
        let request = json!({ "parent": ticket["name"], "entry": entry });
        diary.call(&person, "AddEntry", request).await;
        let request = json!({ "name": ticket["name"], "answer": "The sensor was replaced." });
        diary.call(desk.agent(), "ResolveTicket", request).await;
        diary.call(&person, "GetTicket", named.clone()).await;
        diary.call(&person, "ConfirmResolution", named.clone()).await;
        diary.call(desk.agent(), "GetTicket", named).await;
        diary.call(desk.agent(), "ListEntries", json!({ "parent": ticket["name"] })).await;
        diary.call(desk.agent(), "ListTicketHistory", json!({ "parent": ticket["name"] })).await;
        diary.golden("a_complaint_is_settled");
    })
    .await;
}

#[tokio::test]
async fn the_customer_objects() {
    each_backend(async |suite| {
        let (mut diary, desk) = (Diary::default(), Desk::new(suite, Tenant::North));
        let ticket = begin(&mut diary, &desk, "objects@example.com").await;
        let person = desk.as_customer(ticket["customer"].as_str().unwrap());
        let named = json!({ "name": ticket["name"] });
        let request = json!({ "name": ticket["name"], "answer": "It is within tolerance." });
        diary.call(desk.agent(), "ResolveTicket", request).await;
        let request = json!({ "name": ticket["name"], "objection": "It stalled again today." });
        diary.call(&person, "RejectResolution", request).await;
        diary.call(desk.agent(), "GetTicket", named.clone()).await;
        let request = json!({ "name": ticket["name"], "answer": "The control unit was replaced." });
        diary.call(desk.agent(), "ResolveTicket", request).await;
        // By words alone, once more; then a plain thank-you, which is no objection.
        for body in ["Now the radio is dead.", "Thank you!"] {
            let request = json!({ "parent": ticket["name"], "entry": { "body": body } });
            diary.call(&person, "AddEntry", request).await;
            diary.call(&person, "GetTicket", named.clone()).await;
            let request = json!({ "name": ticket["name"], "answer": "The radio was mended." });
            diary.call(desk.agent(), "ResolveTicket", request).await;
        }
        diary.call(&person, "ListEntries", json!({ "parent": ticket["name"] })).await;
        diary.call(desk.agent(), "ListTicketHistory", json!({ "parent": ticket["name"] })).await;
        diary.golden("the_customer_objects");
    })
    .await;
}

#[tokio::test]
async fn missing_facts_are_named_until_they_are_told() {
    each_backend(async |suite| {
        let (mut diary, desk) = (Diary::default(), Desk::new(suite, Tenant::North));
        let agent = desk.agent();
        let bare =
            json!({ "kind": "KIND_COMPLAINT", "channel": "CHANNEL_EMAIL", "title": "Bad service" });
        let ticket = diary.call(agent, "CreateTicket", json!({ "ticket": bare })).await;
        for (path, facts) in [
            ("facts.what", json!({ "what": "Nobody came." })),
            ("facts.occurTime", json!({ "occurTime": "2025-01-02T03:04:05Z" })),
            ("facts.expectation", json!({ "expectation": "A new appointment." })),
        ] {
            let told = json!({ "name": ticket["name"], "facts": facts });
            let request = json!({ "ticket": told, "updateMask": path });
            diary.call(agent, "UpdateTicket", request).await;
        }
        let customer = json!({ "displayName": "Li Na" });
        let customer = desk.system().call("CreateCustomer", json!({ "customer": customer })).await;
        let told = json!({ "name": ticket["name"], "customer": customer["name"] });
        let request = json!({ "ticket": told, "updateMask": "customer" });
        diary.call(agent, "UpdateTicket", request).await;
        let future =
            json!({ "name": ticket["name"], "facts": { "occurTime": "2999-01-01T00:00:00Z" } });
        let request = json!({ "ticket": future, "updateMask": "facts.occurTime" });
        diary.call(agent, "UpdateTicket", request).await;
        diary.golden("missing_facts");
    })
    .await;
}

#[tokio::test]
async fn the_same_request_is_carried_out_once() {
    each_backend(async |suite| {
        let (mut diary, desk) = (Diary::default(), Desk::new(suite, Tenant::North));
        let agent = desk.agent();
        let mut request = json!({
            "ticket": complaint(&desk, "once@example.com").await,
            "requestId": new_id(),
        });
        let first = diary.call(agent, "CreateTicket", request.clone()).await;
        let again = diary.call(agent, "CreateTicket", request.clone()).await;
        assert_eq!(first["name"], again["name"]);
        request["ticket"]["title"] = json!("Something else");
        diary.call(agent, "CreateTicket", request.clone()).await;
        // Of another principal it is another request.
        let other = desk.member("erin").call("CreateTicket", request).await;
        assert_ne!(other["name"], first["name"]);

        let request_id = new_id();
        for body in ["We called you.", "We called you.", "We did not call you."] {
            let entry = json!({ "body": body });
            let request =
                json!({ "parent": first["name"], "entry": entry, "requestId": request_id });
            diary.call(agent, "AddEntry", request).await;
        }
        let claim = json!({ "name": first["name"], "requestId": new_id() });
        diary.call(agent, "ClaimTicket", claim.clone()).await;
        diary.call(agent, "ReleaseTicket", json!({ "name": first["name"] })).await;
        // The answer is the ticket as it is now; nothing is done again.
        diary.call(agent, "ClaimTicket", claim).await;
        diary.call(agent, "ListTicketHistory", json!({ "parent": first["name"] })).await;
        diary.golden("idempotency");
    })
    .await;
}

#[tokio::test]
async fn refused_transitions_name_their_blockers() {
    each_backend(async |suite| {
        let (mut diary, desk) = (Diary::default(), Desk::new(suite, Tenant::North));
        let agent = desk.agent();
        let request = json!({ "ticket": complaint(&desk, "refused@example.com").await });
        let ticket = agent.call("CreateTicket", request).await;
        let with = |more: Value| {
            let mut request = more;
            request["name"] = ticket["name"].clone();
            request
        };
        let resolve = with(json!({ "answer": "Done." }));
        let triage = with(json!({ "triage": { "nature": "NATURE_OTHER", "severity": 4 } }));
        let cancel = with(json!({ "reason": "CLOSE_REASON_CANCELLED" }));
        for (method, request) in [
            ("ResolveTicket", resolve.clone()),
            ("ConfirmResolution", with(json!({}))),
            ("RejectResolution", with(json!({}))),
            ("ReopenTicket", with(json!({}))),
            ("ReleaseTicket", with(json!({}))),
        ] {
            diary.call(agent, method, request).await;
        }
        agent.call("ClaimTicket", with(json!({}))).await;
        diary.call(&desk.member("ben"), "ClaimTicket", with(json!({}))).await;
        diary.call(agent, "ResolveTicket", resolve.clone()).await;
        agent.call("TriageTicket", triage.clone()).await;
        agent.call("ResolveTicket", resolve.clone()).await;
        for (method, request) in [
            ("ResolveTicket", resolve),
            ("ClaimTicket", with(json!({}))),
            ("CloseTicket", cancel.clone()),
        ] {
            diary.call(agent, method, request).await;
        }
        agent.call("ConfirmResolution", with(json!({}))).await;
        let title = json!({ "name": ticket["name"], "title": "Another" });
        for (method, request) in [
            ("CloseTicket", cancel),
            ("TriageTicket", triage),
            ("UpdateTicket", json!({ "ticket": title, "updateMask": "title" })),
        ] {
            diary.call(agent, method, request).await;
        }
        diary.golden("refused_transitions");
    })
    .await;
}

#[tokio::test]
async fn the_timeline_tells_of_all_that_happened_to_a_customer() {
    each_backend(async |suite| {
        let mut diary = Diary::default();
        timeline(suite, &mut diary).await;
        diary.golden("timeline");
    })
    .await;
}

async fn timeline(suite: &Suite, diary: &mut Diary) {
    let desk = Desk::new(suite, Tenant::North);
    let complaint = complaint(&desk, "timeline@example.com").await;
    let customer = complaint["customer"].as_str().expect("whose it is").to_owned();
    let product = json!({ "product": { "title": "Car" }, "productId": "timeline-car" });
    let product = desk.system().call("CreateProduct", product).await;
    let purchase = json!({
        "customer": customer,
        "orderNumber": "timeline-1",
        "items": [{ "product": product["name"], "quantity": 1 }],
        "purchaseTime": "2025-02-01T08:00:00Z",
    });
    desk.system().call("UpsertPurchase", json!({ "purchase": purchase })).await;
    let ticket = desk.agent().call("CreateTicket", json!({ "ticket": complaint })).await;
    let named = json!({ "name": ticket["name"] });
    desk.agent().call("ClaimTicket", named.clone()).await;
    let note = json!({ "body": "Calls often.", "visibility": "VISIBILITY_INTERNAL" });
    let request = json!({ "parent": ticket["name"], "entry": note });
    desk.agent().call("AddEntry", request).await;
    let request = json!({ "name": ticket["name"], "reason": "CLOSE_REASON_CANCELLED" });
    desk.agent().call("CloseTicket", request).await;

    let history = json!({ "parent": ticket["name"], "pageSize": 1000 });
    let history = desk.agent().call("ListTicketHistory", history).await;
    let happened = history["items"].as_array().unwrap().len();
    desk.timeline(&customer, happened + 1).await;
    let parent = json!({ "parent": customer });
    diary.call(desk.agent(), "ListTimeline", parent.clone()).await;
    let person = desk.as_customer(&customer);
    diary.call(&person, "ListTimeline", parent).await;
}

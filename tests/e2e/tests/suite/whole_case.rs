//! A whole case with each service as processes of its own, two replicas of each, on PostgreSQL: from
//! what the company knows to a customer who is content again. One replica of each is killed on the way,
//! and nothing of it is lost or done twice.

use std::collections::BTreeMap;

use aftercare_e2e::{
    Client, Desk, Process, Suite, Tenant,
    desk::{canary, name, new_id},
    suite::{At, Setting},
    until,
};
use futures::future::join_all;
use serde_json::{Value, json};
use tonic::Code;

const SERVICES: [&str; 5] = ["gateway", "customers", "tickets", "knowledge", "surveys"];
const LINKS: [&str; 5] = [
    "services.gateway.link",
    "services.customers.link",
    "services.tickets.link",
    "services.knowledge.link",
    "services.surveys.link",
];

/// Ten processes.
struct House {
    suite: Suite,
    doors: [At; 2],
    processes: BTreeMap<&'static str, [Process; 2]>,
}

impl House {
    async fn open() -> Self {
        let suite = Suite::of_two_processes().await;
        let places = SERVICES.map(|_| [At::free(), At::free()]);
        let link = |places: &[At; 2]| places.map(|at| format!("http://{}", at.peer)).join(",");
        let own: Vec<Setting> = LINKS.into_iter().zip(places.iter().map(link)).collect();
        // Each searches in a folder of its own.
        let folder = suite.home().join("another").display().to_string();
        let others = [&own[..], &[("search.folder", folder)]].concat();
        let mut processes = BTreeMap::new();
        for (service, [one, other]) in SERVICES.into_iter().zip(places) {
            // The first brings the schema of its service.
            let one = suite.serve_alone_at(service, one, &own).await;
            processes.insert(service, (one, other));
        }
        let seconds = processes.into_iter().map(async |(service, (one, other))| {
            (service, [one, suite.serve_alone_at(service, other, &others).await])
        });
        let processes = join_all(seconds).await.into_iter().collect();
        Self { suite, doors: places[0], processes }
    }

    /// One of the two replicas of a service dies, and stays away.
    fn kill(&mut self, service: &str, which: usize) {
        self.processes.get_mut(service).unwrap()[which].kill();
    }
}

/// Calls until it is answered. What is called has a request id where it changes something, so that it is
/// done once.
async fn sure(client: &Client, method: &str, mut request: Value) -> Value {
    let writes = !["Get", "List", "Search"].iter().any(|reads| method.starts_with(reads))
        && !method.ends_with("Link")
        && method != "SubmitResponse";
    if writes {
        request["requestId"] = json!(new_id());
    }
    until(method, async || {
        let outcome = client.send(method, &request).await;
        if let Some(status) = outcome.refusal() {
            assert_eq!(status.code(), Code::Unavailable, "{method}: {status:?}");
        }
        outcome.json().ok()
    })
    .await
}

/// The first of a list that is so, once there is one.
async fn first(
    client: &Client,
    method: &str,
    request: Value,
    items: &str,
    is_so: impl Fn(&Value) -> bool,
) -> Value {
    until(method, async || {
        let all = sure(client, method, request.clone()).await;
        all[items].as_array()?.iter().find(|one| is_so(one)).cloned()
    })
    .await
}

#[tokio::test]
async fn a_whole_case_outlives_one_of_each() {
    let mut house = House::open().await;
    let (front, back) = (house.suite.by(house.doors[0]), house.suite.by(house.doors[1]));
    let desk = Desk::new(&front, Tenant::North);
    let (agent, system) = (desk.agent(), desk.system());

    // What the company knows: a product, a customer who bought it, an answer, and a survey.
    let customer = desk.customer().await;
    let product = desk.product().await;
    let word = canary();
    let article = json!({ "article": Desk::words(&word) });
    let draft = sure(system, "CreateArticle", article).await;
    let published = json!({ "name": draft["revision"]["name"] });
    let article = sure(system, "PublishRevision", published).await;
    let survey = desk.asking().await;

    // A complaint, while a replica of tickets dies.
    let mut complaint = Desk::complaint(&name(&customer));
    complaint["subject"] = json!({ "product": product["name"] });
    house.kill("tickets", 0);
    let ticket = sure(agent, "CreateTicket", json!({ "ticket": complaint })).await;
    let triage = json!({ "nature": "NATURE_PRODUCT_QUALITY", "severity": 2 });
    sure(agent, "TriageTicket", json!({ "name": ticket["name"], "triage": triage })).await;
    sure(agent, "ClaimTicket", json!({ "name": ticket["name"] })).await;

    // The answer is found, while a replica of knowledge dies.
    house.kill("knowledge", 1);
    let found = |one: &Value| one["article"] == article["name"];
    first(agent, "Search", json!({ "query": word }), "results", found).await;
    let entry = json!({ "body": "We look into it.", "visibility": "VISIBILITY_PUBLIC" });
    sure(agent, "AddEntry", json!({ "parent": ticket["name"], "entry": entry })).await;
    let answer = json!({ "name": ticket["name"], "answer": "A new handle is on its way." });
    sure(agent, "ResolveTicket", answer.clone()).await;

    // The customer objects by the link, a replica of customers dies, and another answer is agreed to.
    let link = sure(system, "CreateTicketLink", json!({ "name": ticket["name"] })).await;
    let holder = desk.holder(link["token"].as_str().unwrap());
    let objection = json!({ "instance": 1, "objection": "It does not fit." });
    sure(&holder, "ObjectToResult", objection).await;
    house.kill("customers", 0);
    sure(agent, "ResolveTicket", answer).await;
    let agreed = sure(&holder, "ConfirmResult", json!({ "instance": 2 })).await;
    assert_eq!(agreed["status"], "CUSTOMER_STATUS_SETTLED");

    // Asked how it was, while a replica of surveys dies: badly.
    house.kill("surveys", 1);
    let of_ticket = json!({ "ticket": ticket["name"] });
    let is_asked = |one: &Value| one["state"] == "INVITATION_STATE_REQUESTED";
    first(system, "ListInvitations", of_ticket, "invitations", is_asked).await;
    let rate = async |holder: &Client, number: i32| {
        let answers = json!([{ "question": "overall", "number": number }]);
        sure(holder, "SubmitResponse", json!({ "responseId": new_id(), "answers": answers })).await;
    };
    rate(&holder, 1).await;

    // The first door dies; whoever comes by the second follows it up.
    house.kill("gateway", 0);
    let desk = Desk::new(&back, Tenant::North);
    let (agent, system) = (desk.agent(), desk.system());
    let followed_up = |one: &Value| one["followUp"].is_string();
    let opened = first(system, "ListLoops", json!({}), "loops", followed_up).await;
    assert_eq!(opened["ticket"], ticket["name"]);
    let follow_up = &opened["followUp"];
    sure(agent, "TriageTicket", json!({ "name": follow_up, "triage": triage })).await;
    sure(agent, "ClaimTicket", json!({ "name": follow_up })).await;
    sure(agent, "ResolveTicket", json!({ "name": follow_up, "answer": "We are sorry." })).await;
    sure(agent, "ConfirmResolution", json!({ "name": follow_up })).await;
    let closed = |one: &Value| one["invitation"].is_string();
    let asked = first(system, "ListLoops", json!({}), "loops", closed).await["invitation"].clone();
    let link = sure(system, "CreateInvitationLink", json!({ "name": asked })).await;
    rate(&desk.holder(link["token"].as_str().unwrap()), 5).await;
    let recovered = |one: &Value| one["state"] == "LOOP_STATE_RECOVERED";
    first(system, "ListLoops", json!({}), "loops", recovered).await;

    // Everything is there once: on the customer's timeline, in the scores, in the figures.
    let tickets = sure(system, "ListTickets", json!({ "customer": customer["name"] })).await;
    assert_eq!(tickets["tickets"].as_array().unwrap().len(), 2, "{tickets:#}");
    let mut happened = 0;
    for one in [&ticket["name"], follow_up] {
        let history = json!({ "parent": one, "pageSize": 1_000 });
        let history = sure(agent, "ListTicketHistory", history).await;
        happened += history["items"].as_array().unwrap().len();
    }
    let timeline = desk.timeline(customer["name"].as_str().unwrap(), happened).await;
    assert_eq!(timeline.len(), happened);
    until("both answers are among the scores", async || {
        let scores = sure(system, "GetScores", json!({ "survey": survey["name"] })).await;
        let scores = scores["scores"].as_array()?.clone();
        let n = |one: &Value| one["n"].as_str().unwrap_or("0").parse::<i64>().unwrap();
        assert!(scores.iter().map(n).sum::<i64>() <= 2, "{scores:?}");
        (scores.iter().map(n).sum::<i64>() == 2).then_some(())
    })
    .await;
    until("the days have come to what happened", async || {
        let days = sure(system, "GetFigures", json!({})).await;
        let days = days["days"].as_array()?.clone();
        let figures = ["created", "resolved", "rejected", "reopened", "closed", "confirmed"];
        let number = |day: &Value, figure: &str| -> i64 {
            day[figure].as_str().map_or(0, |number| number.parse().unwrap())
        };
        let sum = |figure| days.iter().map(|day| number(day, figure)).sum::<i64>();
        (figures.map(sum) == [2, 3, 1, 1, 2, 2]).then_some(())
    })
    .await;
    for processes in house.processes.values_mut() {
        for process in processes.iter_mut() {
            if process.ended().is_none() {
                assert_eq!(process.terminate(), 0, "{}", process.log());
            }
        }
    }
}

//! A bad answer, followed up: from the customer's rating to a ticket, to a talk, to another rating. Also
//! where surveys is away in the middle.

use aftercare_e2e::{
    Desk, Outcome, Process, Suite, Tenant,
    desk::{canary, name, new_id},
    linked::token,
    suite::{At, Setting},
    until,
};
use serde_json::{Value, json};

/// What runs beside surveys.
const HOUSE: [&str; 4] = ["gateway", "tickets", "customers", "knowledge"];

/// The suite with surveys as a process of its own, on PostgreSQL.
struct Scene {
    suite: Suite,
    at: At,
    own: Vec<Setting>,
    _house: Process,
}

impl Scene {
    async fn open() -> Self {
        let suite = Suite::of_two_processes().await;
        let at = At::free();
        let door = format!("http://{}", suite.at("gateway").peer);
        let mut own = vec![("services.surveys.link", format!("http://{}", at.peer))];
        let links = [
            "services.gateway.link",
            "services.tickets.link",
            "services.customers.link",
            "services.knowledge.link",
        ];
        own.extend(links.map(|link| (link, door.clone())));
        let house = suite.serve_with(&HOUSE, &own).await;
        Self { suite, at, own, _house: house }
    }

    /// Surveys, once the others reach it: they look for it again every now and then.
    async fn surveys(&self) -> Process {
        let process = self.suite.serve_alone_at("surveys", self.at, &self.own).await;
        let desk = Desk::new(&self.suite, Tenant::North);
        until("the gateway reaches surveys", async || {
            let answer = desk.system().send("ListLoops", &json!({})).await;
            matches!(answer, Outcome::Answer(_)).then_some(())
        })
        .await;
        process
    }
}

/// The invitations about a ticket.
async fn invitations(desk: &Desk<'_>, ticket: &Value) -> Vec<Value> {
    let request = json!({ "ticket": name(ticket) });
    let all = desk.system().call("ListInvitations", request).await;
    all["invitations"].as_array().cloned().unwrap_or_default()
}

/// The only invitation about a ticket, once it stands so.
async fn invitation(desk: &Desk<'_>, ticket: &Value, state: &str) -> Value {
    until(state, async || {
        let mut all = invitations(desk, ticket).await;
        assert!(all.len() <= 1, "asked twice: {all:#?}");
        all.pop().filter(|one| one["state"] == state)
    })
    .await
}

async fn rate(desk: &Desk<'_>, invitation: &Value, rating: i32) {
    let token = token(desk, "CreateInvitationLink", &name(invitation)).await;
    let answers = json!([{ "question": "overall", "number": rating }]);
    let request = json!({ "responseId": new_id(), "answers": answers });
    desk.holder(&token).call("SubmitResponse", request).await;
}

async fn loops(desk: &Desk<'_>) -> Vec<Value> {
    let all = desk.system().call("ListLoops", json!({})).await;
    all["loops"].as_array().cloned().unwrap_or_default()
}

/// The only loop, once it is so.
async fn one_loop(desk: &Desk<'_>, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until(what, async || {
        let mut all = loops(desk).await;
        assert!(all.len() <= 1, "opened twice: {all:#?}");
        all.pop().filter(|one| is_so(one))
    })
    .await
}

/// Judges, takes, resolves and confirms a ticket.
async fn settle(desk: &Desk<'_>, ticket: &str) {
    let triage = json!({ "nature": "NATURE_SERVICE_FAILING", "severity": 2 });
    desk.agent().call("TriageTicket", json!({ "name": ticket, "triage": triage })).await;
    desk.agent().call("ClaimTicket", json!({ "name": ticket })).await;
    let answer = format!("We are sorry {}", canary());
    desk.agent().call("ResolveTicket", json!({ "name": ticket, "answer": answer })).await;
    desk.agent().call("ConfirmResolution", json!({ "name": ticket })).await;
}

#[tokio::test]
async fn nothing_is_lost_while_surveys_is_away_and_nothing_happens_twice() {
    let scene = Scene::open().await;
    let mut surveys = scene.surveys().await;
    let desk = Desk::new(&scene.suite, Tenant::North);
    desk.asking().await;
    surveys.kill();

    // Tickets goes on: two are resolved, a third is resolved and opened again.
    let (first, second) = (desk.resolved().await, desk.resolved().await);
    let third = desk.resolved().await;
    let objection = json!({ "name": name(&third), "objection": format!("no {}", canary()) });
    desk.agent().call("RejectResolution", objection).await;
    let mut surveys = scene.surveys().await;
    let asked = invitation(&desk, &first, "INVITATION_STATE_REQUESTED").await;
    invitation(&desk, &second, "INVITATION_STATE_REQUESTED").await;
    invitation(&desk, &third, "INVITATION_STATE_CANCELLED").await;

    // The answer is recorded, and surveys falls before it is followed up, or just after.
    rate(&desk, &asked, 1).await;
    surveys.kill();
    let mut surveys = scene.surveys().await;
    let opened =
        one_loop(&desk, "the loop has its ticket", |one| one["followUp"].is_string()).await;
    assert_eq!(opened["ticket"], first["name"]);
    let customer = json!({ "customer": first["customer"] });
    let tickets = desk.agent().call("ListTickets", customer).await;
    let tickets = tickets["tickets"].as_array().cloned().unwrap();
    assert_eq!(tickets.len(), 2, "one follow-up: {tickets:#?}");
    let follow_up = name(&tickets[0]);
    assert_eq!(opened["followUp"], json!(follow_up));
    assert_eq!(tickets[0]["kind"], "KIND_COMPLAINT");
    assert_eq!(tickets[0]["loop"], opened["name"]);
    assert!(tickets[0]["nextDueTime"].is_string(), "it has a time limit");

    // The follow-up is settled while surveys is away.
    surveys.kill();
    settle(&desk, &follow_up).await;
    let _surveys = scene.surveys().await;
    let closed =
        one_loop(&desk, "the loop is closed", |one| one["state"] == "LOOP_STATE_CLOSED").await;
    let again = desk.system().call("GetInvitation", json!({ "name": closed["invitation"] })).await;
    assert_eq!((&again["loop"], &again["ticket"]), (&closed["name"], &json!(follow_up)));
    assert_eq!(invitations(&desk, &tickets[0]).await.len(), 1);
    rate(&desk, &again, 5).await;
    one_loop(&desk, "it is made good", |one| one["state"] == "LOOP_STATE_RECOVERED").await;
    assert_eq!(invitations(&desk, &first).await.len(), 1);
}

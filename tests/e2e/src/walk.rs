//! One complaint from its first call to its end, whoever's client walks it: what the client is told,
//! and what it must have seen.
//!
//! A client prints a line of JSON for each step, `{"step", "answer"}` or `{"step", "error"}`, the
//! error as `google.rpc.Status` is in JSON. What is right is said here, once for all clients.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::{
    Desk, Suite, Tenant,
    desk::name,
    isolation::nobodys,
    suite::{Finished, customer_of, member_of},
};

/// The steps, in their order. A client that can set a deadline has one more, [`DEADLINE`].
const STEPS: [&str; 21] = [
    "create",
    "repeat",
    "linked",
    "customer",
    "triage",
    "stale",
    "claim",
    "reply",
    "resolve",
    "look",
    "object",
    "reopened",
    "resolve again",
    "confirm",
    "closed",
    "history",
    "timeline",
    "watch",
    "missing",
    "invalid",
    "too late",
];
/// The step of a caller without a credential.
const NOBODY: &str = "nobody";
/// A watch that must end after a fifth of a second.
const DEADLINE: &str = "deadline";
/// What happens to the complaint, among its clocks.
const STORY: [&str; 10] = [
    "ticket.created",
    "ticket.triaged",
    "assignment.changed",
    "entry.added",
    "ticket.resolved",
    "ticket.rejected",
    "ticket.reopened",
    "ticket.resolved",
    "ticket.confirmed",
    "ticket.closed",
];

/// A walk that a client may go.
#[derive(Debug)]
pub struct Walk {
    /// Where its ticket's customer is told of, `customers/{id}`.
    customer: String,
    /// A ticket that nobody has.
    missing: String,
    told: Value,
}

/// What a client printed, step by step.
#[derive(Debug)]
pub struct Steps(Vec<(String, Value)>);

impl Walk {
    /// A walk in the first tenant, about a customer of its own.
    pub async fn new(suite: &Suite) -> Self {
        let (tenant, desk) = (Tenant::North, Desk::new(suite, Tenant::North));
        let (person, ticket) = (desk.customer().await, desk.ticket().await);
        let (customer, missing) = (name(&person), nobodys(&name(&ticket)));
        let told = json!({
            "tickets": format!("http://{}", suite.at("tickets").public),
            "customers": format!("http://{}", suite.at("tickets").public),
            "agent": suite.token(&member_of(tenant, "amy")),
            "customer": suite.token(&customer_of(tenant, &customer)),
            "phone": person["identifiers"][0]["value"],
            "missing": missing,
        });
        Self { customer, missing, told }
    }

    /// What a client is told: where to call, as whom, and about whom.
    pub fn told(&self) -> Value {
        self.told.clone()
    }

    /// Checks what a client saw.
    ///
    /// # Panics
    /// Where anything is not as it should be.
    pub fn check(&self, steps: &Steps) {
        let names: Vec<_> = steps.0.iter().map(|(step, _)| step.as_str()).collect();
        let wanted: Vec<_> = STEPS.into_iter().chain([NOBODY]).collect();
        assert_eq!(names.strip_suffix(&[DEADLINE]).unwrap_or(&names), wanted);
        self.check_work(steps);
        self.check_customer(steps);
        check_story(steps);
        self.check_refusals(steps);
    }

    /// What the agent did and saw.
    fn check_work(&self, steps: &Steps) {
        let created = steps.answer("create");
        assert_eq!(created["category"], "CATEGORY_NEW");
        assert_eq!(created["missingFacts"], json!(["MISSING_FACT_WHEN"]));
        assert_eq!(steps.answer("repeat")["name"], created["name"], "one request id, one ticket");
        assert_eq!(steps.answer("linked")["customer"], json!(self.customer));
        let number = &steps.answer("customer")["identifiers"][0]["value"];
        assert!(
            number.as_str().is_some_and(|number| number.starts_with("**")),
            "{number} is shown"
        );
        assert_eq!(steps.answer("triage")["triage"]["severity"], 2);
        let claimed = steps.answer("claim");
        assert_eq!(claimed["assignee"], "members/amy");
        assert_eq!(claimed["category"], "CATEGORY_OPEN");
        let reply = steps.answer("reply");
        assert_eq!(reply["position"], 1);
        assert_eq!(reply["authorRole"], "AUTHOR_ROLE_STAFF");
        assert_eq!(steps.answer("resolve")["category"], "CATEGORY_RESOLVED");
        let reopened = steps.answer("reopened");
        assert_eq!(reopened["category"], "CATEGORY_OPEN");
        assert_eq!(reopened["reopenCount"], 1);
        assert_eq!(reopened["assignee"], "members/amy", "its owner keeps it");
        assert_eq!(steps.answer("resolve again")["resolution"]["instance"], 2);
        let closed = steps.answer("closed");
        assert_eq!(closed["category"], "CATEGORY_CLOSED");
        assert_eq!(closed["closeReason"], "CLOSE_REASON_CONFIRMED");
    }

    /// What the customer saw: the projection, without who works on it and where it stands inside.
    fn check_customer(&self, steps: &Steps) {
        for (step, status) in [
            ("look", "CUSTOMER_STATUS_AWAITING_CONFIRMATION"),
            ("object", "CUSTOMER_STATUS_IN_PROGRESS"),
            ("confirm", "CUSTOMER_STATUS_SETTLED"),
        ] {
            let seen = steps.answer(step);
            assert_eq!(seen["customerStatus"], status, "{step}");
            assert_eq!(seen["contact"]["phone"], self.told["phone"], "{step}");
            for hidden in ["assignee", "category", "triage"] {
                assert_eq!(seen.get(hidden), None, "{step}");
            }
        }
    }

    /// Why calls were refused, as data.
    fn check_refusals(&self, steps: &Steps) {
        let ticket = &steps.answer("create")["name"];
        steps.refused("stale", 10, "STALE_ETAG");
        let missing = steps.refused("missing", 5, "TICKET_NOT_FOUND");
        assert_eq!(detail(missing, "ErrorInfo")["metadata"]["ticket"], json!(self.missing));
        assert_eq!(detail(missing, "ResourceInfo")["resourceName"], json!(self.missing));
        let invalid = steps.refused("invalid", 3, "INVALID_REQUEST");
        let violations = detail(invalid, "BadRequest")["fieldViolations"].as_array();
        let fields: HashSet<_> =
            violations.expect("violations").iter().map(|one| &one["field"]).collect();
        assert_eq!(fields, HashSet::from([&json!("ticket.kind"), &json!("ticket.channel")]));
        let late = steps.refused("too late", 9, "TRANSITION_REFUSED");
        assert_eq!(detail(late, "ErrorInfo")["metadata"]["ticket"], *ticket);
        assert_eq!(detail(late, "PreconditionFailure")["violations"][0]["type"], "STATE");
        steps.refused(NOBODY, 16, "UNAUTHENTICATED");
        if let Some(ended) = steps.get(DEADLINE) {
            assert_eq!(ended["error"]["code"], 4, "{ended:#}");
        }
    }
}

/// What happened, as history, timeline and watch tell it.
fn check_story(steps: &Steps) {
    let items = |step: &str| steps.answer(step)["items"].as_array().cloned().unwrap_or_default();
    let history: Vec<_> = items("history").iter().map(event).collect();
    let numbers: Vec<_> = history.iter().map(|(sequence, _)| *sequence).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len()), "gapless, in order: {history:?}");
    let mut rest = history.iter().map(|(_, kind)| kind.as_str());
    assert!(STORY.iter().all(|one| rest.any(|kind| kind == *one)), "{history:?}");

    let ticket = &steps.answer("create")["name"];
    let of_ticket = |item: &&Value| item["resource"] == *ticket;
    let timeline: Vec<_> = items("timeline").iter().filter(of_ticket).map(event).collect();
    assert!(timeline.iter().rev().eq(&history), "newest first: {timeline:?}");

    let watched: Vec<_> = items("watch").iter().map(event).collect();
    let closed = history.iter().position(|(_, kind)| kind == "ticket.closed");
    assert_eq!(Some(watched.len()), closed.map(|at| at + 1), "{watched:?}");
    assert!(history.starts_with(&watched), "each once, in order: {watched:?}");
}

/// An event's place and type.
fn event(item: &Value) -> (usize, String) {
    let sequence = item["sequence"].as_str().and_then(|text| text.parse().ok());
    let kind = item["type"].as_str().unwrap_or_default().to_owned();
    (sequence.expect("an event has its place, as text"), kind)
}

/// The detail of this type of a refusal.
fn detail<'a>(error: &'a Value, kind: &str) -> &'a Value {
    let wanted = format!("type.googleapis.com/google.rpc.{kind}");
    let details = error["details"].as_array().map_or(&[][..], Vec::as_slice);
    let found = details.iter().find(|detail| detail["@type"] == wanted.as_str());
    found.unwrap_or_else(|| panic!("no {kind} in {error:#}"))
}

impl Steps {
    /// None yet.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// What a client printed.
    ///
    /// # Panics
    /// Where it failed, or printed something else.
    pub fn printed(by: &Finished) -> Self {
        assert_eq!(by.code, 0, "{}{}", by.out, by.err);
        let read = |line: &str| -> Option<(String, Value)> {
            let step: Value = serde_json::from_str(line).ok()?;
            Some((step["step"].as_str()?.to_owned(), step))
        };
        let steps = by.out.lines().map(|line| read(line).unwrap_or_else(|| panic!("{line}")));
        Self(steps.collect())
    }

    /// Adds a step; `outcome` is `{"answer"}` or `{"error"}`.
    pub fn push(&mut self, step: &str, outcome: Value) {
        self.0.push((step.to_owned(), outcome));
    }

    fn get(&self, step: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == step).map(|(_, outcome)| outcome)
    }

    /// The answer of a step.
    ///
    /// # Panics
    /// Where it has none.
    pub fn answer(&self, step: &str) -> &Value {
        let outcome = self.get(step);
        let answer = outcome.and_then(|outcome| outcome.get("answer"));
        answer.unwrap_or_else(|| panic!("{step} was not answered: {outcome:#?}"))
    }

    /// The error of a step that must be refused like this.
    fn refused(&self, step: &str, code: i32, reason: &str) -> &Value {
        let outcome = self.get(step);
        let error = outcome.and_then(|outcome| outcome.get("error"));
        let error = error.unwrap_or_else(|| panic!("{step} was not refused: {outcome:#?}"));
        assert_eq!(error["code"], code, "{step}: {error:#}");
        assert_eq!(detail(error, "ErrorInfo")["reason"], reason, "{step}: {error:#}");
        error
    }
}

impl Default for Steps {
    fn default() -> Self {
        Self::new()
    }
}

//! Every public RPC answers alike over gRPC and JSON, and refuses alike.
//!
//! A write is sent over JSON and then, with the same request id, over gRPC: were anything of the
//! request lost on the way, it would be another request, and refused; so the same answer to both
//! means that both said the same.

use std::time::Duration;

use aftercare_e2e::{
    Client, Desk, Suite, Tenant,
    client::{self, method},
    contract::http::rule,
    desk::new_id,
    each_backend, isolation,
    json::{JsonClient, LINES, Reply, status_of},
    scenario::{self, Abroad, Scenario},
};
use kernel::Role;
use serde_json::{Value, json};
use tonic::Code;

/// Sealed with fresh randomness at each call.
const SEALED: [&str; 5] = ["nextPageToken", "resumeToken", "search", "token", "path"];

/// How often two reads that differ are looked at again, and after how long.
const LOOKS: usize = 10;
const LOOK: Duration = Duration::from_millis(300);

/// What only reads, and is a POST since what it is asked may be long.
const READS_BY_POST: [&str; 1] = ["SearchService.SuggestForText"];

/// What was answered, or why it was refused.
type Outcome = Result<Value, Value>;

/// One caller, over both.
struct Both {
    grpc: Client,
    json: JsonClient,
}

impl Both {
    fn of(suite: &Suite, grpc: Client) -> Self {
        let mut json = JsonClient::new(format!("http://{}", suite.at("tickets").public));
        for (name, value) in grpc.headers() {
            json = json.with(name, value);
        }
        Self { grpc, json }
    }

    fn with(self, name: &'static str, value: &str) -> Self {
        Self { grpc: self.grpc.with(name, value), json: self.json.with(name, value) }
    }

    /// What a request comes to, which must be the same over both.
    async fn send(&self, method: &str, request: &Value, why: &str) -> Outcome {
        let (mut json, mut grpc) = self.ask(method, request).await;
        let reads = rule(client::method(method)).is_ok_and(|rule| rule.verb == "get")
            || READS_BY_POST.iter().any(|name| method.ends_with(name));
        for _ in 0..LOOKS {
            if json == grpc || !reads {
                break;
            }
            // What follows from a feed, or from another test, came between the two.
            tokio::time::sleep(LOOK).await;
            (json, grpc) = self.ask(method, request).await;
        }
        assert_eq!(json, grpc, "{method} {why}\nthe request was {request:#}");
        json
    }

    async fn ask(&self, method: &str, request: &Value) -> (Outcome, Outcome) {
        let reply = self.json.send(method, request).await;
        let grpc = self.grpc.send(method, request).await;
        check_form(method, &reply, grpc.refusal().map(tonic::Status::code));
        (reply.outcome().map(blank), grpc.json().map(blank))
    }

    /// Sends a request for what is not there for this caller.
    async fn lacks(&self, scenario: &Scenario, request: &Value, why: &str) {
        let outcome = self.send(scenario.method, request, why).await;
        let refused = outcome.is_err() || scenario.abroad == Abroad::Empty;
        assert!(refused, "{} {why} was answered: {outcome:#?}", scenario.method);
    }
}

/// Status and media type of a reply over HTTP.
fn check_form(name: &str, reply: &Reply, refused: Option<Code>) {
    let wanted = refused.map_or(200, status_of);
    assert_eq!(reply.status.as_u16(), wanted, "{name}: {:#}", reply.body);
    let lines = refused.is_none() && method(name).is_server_streaming();
    let media = if lines { LINES } else { "application/json" };
    let found = reply.headers.get("content-type").and_then(|value| value.to_str().ok());
    assert!(found.is_some_and(|found| found.starts_with(media)), "{name}: {found:?}");
}

/// The answer without what differs from call to call.
fn blank(mut answer: Value) -> Value {
    // The secret of a key is told once; the second of two same requests gets the key without it.
    if let Some(fields) = answer.as_object_mut().filter(|fields| fields.contains_key("apiKey")) {
        fields.remove("secret");
    }
    // What the first of two same imports has created, the second finds unchanged.
    // What may answer a ticket changes with every article that another test writes.
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("verdict");
        fields.remove("suggestedArticles");
    }
    // How queues stand is told with the instant.
    if let Some(fields) = answer.as_object_mut().filter(|fields| fields.contains_key("queues")) {
        fields.remove("time");
    }
    // A link is made anew each time, and counts from then.
    if let Some(link) = answer.as_object_mut().filter(|fields| fields.contains_key("token")) {
        link.remove("expireTime");
    }
    for sealed in SEALED {
        if let Some(token) = answer.get_mut(sealed) {
            *token = json!(token.as_str().is_some_and(|token| !token.is_empty()));
        }
    }
    answer
}

#[tokio::test]
async fn every_public_rpc_answers_alike() {
    each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        for scenario in scenario::all() {
            let prepared = scenario.prepare(&desk).await;
            let both = Both::of(suite, prepared.caller(&desk, scenario.role).await);
            let request = &prepared.request;
            let answer = both.send(scenario.method, request, "when it is answered").await;
            assert!(answer.is_ok(), "{} was refused: {answer:#?}", scenario.method);
        }
    })
    .await;
}

#[tokio::test]
async fn every_public_rpc_refuses_alike() {
    each_backend(async |suite| {
        let (north, south) = (Desk::new(suite, Tenant::North), Desk::new(suite, Tenant::South));
        for scenario in scenario::all() {
            let prepared = scenario.prepare(&north).await;
            let mine = prepared.caller(&north, scenario.role).await;
            let name = scenario.method;

            let missing = isolation::instead(&prepared.request, &prepared.names);
            if !prepared.names.is_empty() {
                let both = Both::of(suite, mine.clone());
                both.lacks(&scenario, &missing, "when it is missing").await;
                let chinese = both.with("accept-language", "zh-CN");
                chinese.lacks(&scenario, &missing, "in Chinese").await;
                // An operator is a stranger to no tenant.
                // Whoever holds a link has it at home.
                if !matches!(scenario.role, Role::Operator | Role::LinkHolder) {
                    let foreign = Both::of(suite, south.caller(scenario.role).await);
                    foreign.lacks(&scenario, &prepared.request, "when it is another's").await;
                }
            }
            for (request, why) in wrong(&prepared.request) {
                let both = Both::of(suite, mine.clone());
                both.send(name, &request, why).await.unwrap_err();
            }
            for role in denied(&scenario) {
                let both = Both::of(suite, north.caller(role).await);
                both.send(name, &missing, role.as_str()).await.unwrap_err();
            }
            let nobody = Both::of(suite, suite.anonymous());
            nobody.send(name, &prepared.request, "to nobody").await.unwrap_err();
        }
    })
    .await;
}

/// The request with one thing in it that cannot be.
fn wrong(request: &Value) -> Vec<(Value, &'static str)> {
    let with = |field: &str, value: Value| {
        let mut request = request.clone();
        request[field] = value;
        request
    };
    let mut wrong = Vec::new();
    if request.get("requestId").is_some() {
        wrong.push((with("requestId", json!("no UUID")), "with a bad request id"));
    }
    if request.get("etag").is_some() {
        let mut stale = with("etag", json!("v0"));
        stale["requestId"] = json!(new_id());
        wrong.push((stale, "with a stale etag"));
    }
    if request.get("pageSize").is_some() || request.get("parent").is_some() {
        let page = with("pageToken", json!("nonsense"));
        let lists = ["entry", "revision", "consent", "response"]
            .iter()
            .all(|field| request.get(field).is_none());
        wrong.extend(lists.then_some((page, "with a bad page token")));
    }
    wrong
}

/// The roles that may not call a method.
fn denied(scenario: &Scenario) -> Vec<Role> {
    let allowed = isolation::roles_with(scenario.method);
    Desk::roles().into_iter().filter(|role| !allowed.contains(role)).collect()
}

//! curl: JSON over HTTP, as its paths, headers and statuses are documented.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use aftercare_e2e::{
    Suite, Tenant,
    desk::new_id,
    each_backend,
    suite::{finish, member_of},
    until,
    walk::{Steps, Walk},
};
use serde_json::{Value, json};

/// Who calls: where, and with which token.
struct Curl {
    base: String,
    token: Option<String>,
}

/// What curl printed of an answer.
struct Said {
    status: u16,
    headers: String,
    body: Value,
}

impl Curl {
    fn new(base: &Value, token: Option<&Value>) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { base: text(base), token: token.map(text) }
    }

    fn command(&self, path: &str, args: &[&str]) -> Command {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "50"]).args(args);
        if let Some(token) = &self.token {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        command.arg(format!("{}{path}", self.base));
        command
    }

    fn run(&self, path: &str, args: &[&str]) -> Said {
        let done = finish(self.command(path, args).arg("--include"));
        assert_eq!(done.code, 0, "{path}: {}", done.err);
        let (head, body) = done.out.split_once("\r\n\r\n").unwrap();
        let (line, headers) = head.split_once("\r\n").unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let body = serde_json::from_str(body);
        let body = body.unwrap_or_else(|error| panic!("{path}: {error}: {}", done.out));
        Said { status, headers: headers.to_lowercase(), body }
    }

    fn get(&self, path: &str) -> Said {
        self.run(path, &[])
    }

    fn post(&self, path: &str, body: &Value, more: &[&str]) -> Said {
        let body = body.to_string();
        let json = ["--header", "Content-Type: application/json", "--data-binary", &body];
        self.run(path, &[&json, more].concat())
    }
}

impl Said {
    /// A step of the walk, with the HTTP status that it must have.
    fn step(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        assert!(self.headers.contains("content-type: application/json"), "{}", self.headers);
        let kind = if status < 400 { "answer" } else { "error" };
        json!({ kind: self.body })
    }

    fn header(&self, name: &str) -> String {
        let line = self.headers.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.headers)).to_owned()
    }
}

/// A watch that goes on while others work.
struct Watch {
    curl: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Watch {
    /// Watches, once the first sign of life has come.
    fn start(agent: &Curl) -> Self {
        let lines = ["--no-buffer", "--header", "Accept: application/x-ndjson"];
        let mut command = agent.command("/v1/tickets:watch", &lines);
        let mut curl = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(curl.stdout.take().unwrap()).lines();
        let mut watch = Self { curl, lines };
        let first = watch.next();
        assert!(first["resumeToken"].is_string(), "a sign of life: {first}");
        watch
    }

    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("the stream goes on").unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        line.get("result").unwrap_or_else(|| panic!("{line:#}")).clone()
    }

    /// What happens to a ticket until it is closed.
    fn until_closed(mut self, ticket: &str) -> Vec<Value> {
        let mut items: Vec<Value> = Vec::new();
        while items.last().is_none_or(|item| item["type"] != "ticket.closed") {
            let sign = self.next();
            if sign["item"]["ticket"] == ticket {
                items.push(sign["item"].clone());
            }
        }
        items
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.curl.kill();
        let _ = self.curl.wait();
    }
}

async fn walk(told: &Value) -> Steps {
    let agent = Curl::new(&told["tickets"], Some(&told["agent"]));
    let customer = Curl::new(&told["tickets"], Some(&told["customer"]));
    let mut steps = Steps::new();
    let watch = Watch::start(&agent);

    let name = record(&agent, told, &mut steps).await;
    let of = |verb: &str| format!("/v1/{name}{verb}");
    let nothing = json!({});

    steps.push("claim", agent.post(&of(":claim"), &nothing, &[]).step(200));
    let reply = json!({ "body": "We look into it." });
    steps.push("reply", agent.post(&of("/entries"), &reply, &[]).step(200));
    let first = json!({ "answer": "The gearbox was adjusted." });
    steps.push("resolve", agent.post(&of(":resolve"), &first, &[]).step(200));

    steps.push("look", customer.get(&of("")).step(200));
    let objection = json!({ "objection": "It still jerks." });
    steps.push("object", customer.post(&of(":reject"), &objection, &[]).step(200));
    steps.push("reopened", agent.get(&of("")).step(200));

    let second = json!({ "answer": "The gearbox was replaced." });
    steps.push("resolve again", agent.post(&of(":resolve"), &second, &[]).step(200));
    steps.push("confirm", customer.post(&of(":confirm"), &nothing, &[]).step(200));
    steps.push("closed", agent.get(&of("")).step(200));

    steps.push("history", agent.get(&of("/history?pageSize=100")).step(200));
    let happened = steps.answer("history")["items"].as_array().unwrap().len();
    let timeline =
        format!("/v1/{}/timeline?page_size=100", text(steps.answer("linked"), "customer"));
    let timeline = until("the timeline is complete", async || {
        let said = agent.get(&timeline);
        let items = said.body["items"].as_array().map_or(&[][..], Vec::as_slice);
        let mine = items.iter().filter(|item| item["resource"] == name.as_str()).count();
        (mine >= happened).then_some(said)
    });
    steps.push("timeline", timeline.await.step(200));
    let watched = watch.until_closed(&name);
    steps.push("watch", json!({ "answer": { "items": watched } }));

    let missing = agent.get(&format!("/v1/{}", text(told, "missing")));
    steps.push("missing", missing.step(404));
    let incomplete = json!({ "title": "No kind, no channel" });
    steps.push("invalid", agent.post("/v1/tickets", &incomplete, &[]).step(400));
    steps.push("too late", agent.post(&of(":resolve"), &second, &[]).step(400));
    let nobody = Curl { token: None, ..agent };
    steps.push("nobody", nobody.get(&of("")).step(401));
    steps
}

/// Records and judges the ticket, and returns its name.
async fn record(agent: &Curl, told: &Value, steps: &mut Steps) -> String {
    let ticket = json!({
        "kind": "KIND_COMPLAINT",
        "channel": "CHANNEL_PHONE",
        "title": "The gearbox jerks",
        "contact": { "displayName": "王芳", "phone": told["phone"] },
        "facts": { "what": "It jerks in second gear.", "expectation": "A repair." },
    });
    let key = format!("Idempotency-Key: {}", new_id());
    let create = || agent.post("/v1/tickets", &ticket, &["--header", &key]);
    steps.push("create", create().step(200));
    steps.push("repeat", create().step(200));
    let name = text(steps.answer("create"), "name");
    let read = until("the ticket has its customer", async || {
        let said = agent.get(&format!("/v1/{name}"));
        said.body["customer"].is_string().then_some(said)
    })
    .await;
    let etag = read.header("etag");
    assert_eq!(etag, format!("\"{}\"", text(&read.body, "etag")));
    steps.push("linked", read.step(200));
    let customer = text(steps.answer("linked"), "customer");
    steps.push("customer", agent.get(&format!("/v1/{customer}")).step(200));

    let judged = json!({ "triage": { "nature": "NATURE_PRODUCT_QUALITY", "severity": 2 } });
    let seen = format!("If-Match: {etag}");
    let triage = || agent.post(&format!("/v1/{name}:triage"), &judged, &["--header", &seen]);
    steps.push("triage", triage().step(200));
    steps.push("stale", triage().step(412));
    name
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value:#}")).to_owned()
}

#[tokio::test]
async fn curl_walks_a_complaint() {
    each_backend(async |suite| {
        let told = Walk::new(suite).await;
        told.check(&walk(&told.told()).await);
    })
    .await;
}

fn agent_of(suite: &Suite) -> Curl {
    let base = format!("http://{}", suite.at("tickets").public);
    Curl { base, token: Some(suite.token(&member_of(Tenant::North, "amy"))) }
}

/// What is wrong with a request over HTTP before any method sees it has the form of every error.
#[tokio::test]
async fn curl_is_told_what_is_wrong_with_a_request() {
    each_backend(async |suite| {
        let agent = agent_of(suite);
        let json = ["--header", "Content-Type: application/json", "--data-binary"];
        let with = |body: &'static str| [&json[..], &[body]].concat();
        let text = ["--header", "Content-Type: text/plain", "--data-binary", "{}"];
        for (path, args, status) in [
            ("/v1/nothing", vec![], 404),
            ("/v1/tickets", vec!["--request", "DELETE"], 405),
            ("/v1/tickets", text.to_vec(), 415),
            ("/v1/tickets", with("{"), 400),
            ("/v1/tickets", with(r#"{"tittle": "Leaks"}"#), 400),
            ("/v1/tickets", with(r#"{"kind": "KIND_COMPLANT"}"#), 400),
            ("/v1/tickets?pageSize=many", vec![], 400),
            ("/v1/tickets?size=1", vec![], 400),
        ] {
            let said = agent.run(path, &args);
            assert_eq!(said.status, status, "{path} {args:?}: {:#}", said.body);
            assert!(said.body["code"].is_i64(), "{path} {args:?}: {:#}", said.body);
            assert!(status != 400 || said.body["code"] == 3, "{path} {args:?}: {:#}", said.body);
            assert!(said.body["message"].is_string(), "{path} {args:?}: {:#}", said.body);
        }
        let unknown = agent.run("/v1/tickets", &with(r#"{"tittle": "Leaks"}"#));
        assert!(unknown.body.to_string().contains("tittle"), "{:#}", unknown.body);
        let allowed = agent.run("/v1/tickets", &["--request", "DELETE"]).header("allow");
        assert!(allowed.contains("get") && allowed.contains("post"), "{allowed}");
    })
    .await;
}

/// A PATCH writes what its body names, clears what is null there, and leaves the rest alone.
#[tokio::test]
async fn curl_patches_what_it_names() {
    each_backend(async |suite| {
        let agent = agent_of(suite);
        let ticket = json!({
            "kind": "KIND_INQUIRY", "channel": "CHANNEL_EMAIL", "title": "Where is it?",
            "facts": { "what": "Nothing came.", "expectation": "An answer." },
        });
        let made = agent.post("/v1/tickets", &ticket, &[]);
        let path = format!("/v1/{}", text(&made.body, "name"));
        let as_patch = ["--request", "PATCH"];
        let body = json!({ "title": "Where is my order?", "facts": { "expectation": null } });
        let patched = agent.post(&path, &body, &as_patch);
        assert_eq!(patched.status, 200, "{:#}", patched.body);
        assert_eq!(patched.body["title"], "Where is my order?");
        assert_eq!(patched.body["facts"], json!({ "what": "Nothing came." }));
        let masked = format!("{path}?updateMask=title");
        let body = json!({ "title": "And now?", "facts": { "what": "left out by the mask" } });
        let patched = agent.post(&masked, &body, &as_patch);
        assert_eq!(patched.body["title"], "And now?");
        assert_eq!(patched.body["facts"], json!({ "what": "Nothing came." }));
        // Over HTTP/2 it is the same.
        let read = agent.run(&path, &["--http2-prior-knowledge"]);
        assert_eq!((read.status, &read.body), (200, &patched.body));
    })
    .await;
}

//! Requests that nobody in their right mind would send, made from the descriptors of the contracts.
//!
//! Each begins as a tree: a request of a scenario that was bent in a few places, or one grown from
//! scratch, every field of its method and of the messages in it with odd texts, numbers at the ends
//! of their types, times outside the calendar, masks that name what is not there, names of others.
//! The tree goes out as protobuf over gRPC (`wire`) or as JSON over HTTP (`http`), where more can
//! be wrong: wrong wire types, groups, cut-off messages, doubled keys, broken escapes, odd headers.
//!
//! The n-th request depends on the seed and on n alone, ids of the prepared tenants apart.

mod answer;
mod http;
mod tree;
mod wire;
mod words;

use std::fmt;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use kernel::Role;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::{Value, json};

pub use answer::{Answer, Line};
use tree::{Gardener, Tree};
use words::Words;

use crate::{
    Client, Desk, Suite, Tenant,
    client::{method, path},
    contract::http::{Rule, rule},
    dice::Dice,
    isolation::roles_with,
    scenario,
    suite::STAFF,
};

/// How many prepared requests of a method there are for each tenant.
const PREPARED: usize = 2;
/// How many are prepared at once.
const AT_ONCE: usize = 6;
/// Headers that are read in more than one way, or in none.
const HEADERS: [(&str, &str); 27] = [
    ("grpc-timeout", "1S"),
    ("grpc-timeout", "0n"),
    ("grpc-timeout", "1n"),
    ("grpc-timeout", "99999999H"),
    ("grpc-timeout", "999999999H"),
    ("grpc-timeout", "-1S"),
    ("grpc-timeout", "soon"),
    ("grpc-encoding", "identity"),
    ("grpc-accept-encoding", "br,,;q=0"),
    ("accept-language", "zh-CN"),
    ("accept-language", "*;q=9,,,x-"),
    ("accept", "text/event-stream"),
    ("accept", "application/x-ndjson;q=a"),
    ("traceparent", "00-00000000000000000000000000000000-0000000000000000-ff"),
    ("traceparent", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"),
    ("tracestate", "=,=,=,="),
    ("x-request-id", "../../x"),
    ("idempotency-key", "\"\""),
    ("if-match", "W/\"v1\", *"),
    ("if-match", "\"v1\""),
    ("last-event-id", "%00"),
    ("x-odd-bin", "*** no base64 ***"),
    ("x-http-method-override", "DELETE"),
    ("x-forwarded-for", "127.0.0.1, ::1, _hidden"),
    ("authorization", "Basic YTpi"),
    ("content-type", "application/grpc+json"),
    ("origin", "null"),
];

/// By which protocol a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// gRPC.
    Grpc,
    /// JSON over HTTP.
    Json,
}

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which it is.
    pub number: u64,
    /// The full name of the method that it is made for.
    pub method: String,
    /// How it goes.
    pub form: Form,
    /// Whether the answer is a stream.
    pub streams: bool,
    verb: String,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    /// Who sends it, for people.
    caller: String,
}

/// Makes requests.
#[derive(Debug)]
pub struct Forge {
    seed: u64,
    methods: Vec<Target>,
    voices: Vec<Voice>,
    words: Words,
}

/// A method, and what its requests are made of.
#[derive(Debug)]
struct Target {
    method: MethodDescriptor,
    rule: Rule,
    /// Requests that succeed once, of both tenants.
    prepared: Vec<Tree>,
    /// What a mask of it may name.
    paths: Vec<String>,
    /// The voices that may call it.
    allowed: Vec<usize>,
}

/// Somebody who calls.
#[derive(Debug)]
struct Voice {
    who: String,
    role: Option<Role>,
    authorization: Option<String>,
}

impl Forge {
    /// Prepares both tenants of a suite.
    pub async fn prepare(suite: &Suite, seed: u64) -> Self {
        let mut spared: Vec<_> =
            STAFF.iter().map(|(_, member)| format!("members/{member}")).collect();
        for tenant in [Tenant::North, Tenant::South] {
            // Whoever runs the platform could suspend them, or take their quota away.
            spared.extend([tenant.id().uuid().to_string(), tenant.slug().to_owned()]);
        }
        let mut forge =
            Self { seed, methods: Vec::new(), voices: strangers(), words: Words::sparing(spared) };
        for scenario in scenario::all() {
            let method = method(scenario.method);
            forge.methods.push(Target {
                method: method.clone(),
                rule: rule(method).expect("a public method has a rule"),
                prepared: Vec::new(),
                paths: tree::paths(&method.input()),
                allowed: Vec::new(),
            });
        }
        for tenant in [Tenant::North, Tenant::South] {
            forge.settle(suite, tenant).await;
        }
        for (known, scenario) in forge.methods.iter_mut().zip(scenario::all()) {
            let mut roles = roles_with(known.method.full_name());
            // Whoever holds a link is nobody whom a desk knows.
            roles.extend(Some(scenario.role).filter(|role| *role == Role::LinkHolder));
            let may = |voice: &Voice| voice.role.is_some_and(|role| roles.contains(&role));
            let all = forge.voices.iter().enumerate();
            known.allowed = all.filter(|(_, voice)| may(voice)).map(|(at, _)| at).collect();
        }
        forge
    }

    /// Prepares a tenant: requests that succeed there, what they name, and who calls.
    async fn settle(&mut self, suite: &Suite, tenant: Tenant) {
        let desk = Desk::new(suite, tenant);
        // There is one of him: asked for by several at once, he would be made only once, too.
        desk.caller(Role::Customer).await;
        let scenarios = scenario::all();
        let all = scenarios.iter().flat_map(|scenario| std::iter::repeat_n(scenario, PREPARED));
        let prepared = stream::iter(all.map(|scenario| scenario.prepare(&desk)));
        let prepared: Vec<_> = prepared.buffered(AT_ONCE).collect().await;
        for (at, prepared) in prepared.into_iter().enumerate() {
            let known = &mut self.methods[at / PREPARED];
            let message = DynamicMessage::deserialize(known.method.input(), &prepared.request);
            known.prepared.push(Tree::of(&message.expect("a scenario's request is one")));
            self.words.learn(&prepared.request);
            if let Some(link) = &prepared.link {
                let who = format!("the holder of a link of {}", tenant.slug());
                let authorization = authorization(&desk.holder(link));
                self.voices.push(Voice { who, role: Some(Role::LinkHolder), authorization });
            }
            self.words.learn(&json!({ "name": prepared.names }));
        }
        for list in ["ListTickets", "ListCustomers", "ListMembers", "ListProducts"] {
            let page = desk.system().send(list, &json!({ "pageSize": 1 })).await.json();
            let token = page.ok().map(|page| page["nextPageToken"].clone());
            self.words.learn(&json!({ "pageToken": token.unwrap_or(Value::Null) }));
        }
        for role in Desk::roles() {
            let authorization = authorization(&desk.caller(role).await);
            let who = format!("{} of {}", role.as_str(), tenant.slug());
            self.voices.push(Voice { who, role: Some(role), authorization });
        }
    }

    /// The methods that requests are made for.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().map(|known| known.method.full_name())
    }

    /// The n-th request.
    pub fn request(&self, number: u64) -> Request {
        let mut dice = Dice::new(self.seed).fork_at(number);
        let known = dice.one_of(&self.methods);
        let tree = self.tree(known, &mut dice);
        let any = known.allowed.is_empty() || dice.one_in(12);
        let voice = if any { dice.one_of(&self.voices) } else { self.allowed(known, &mut dice) };
        let form = if dice.one_in(3) { Form::Json } else { Form::Grpc };
        let mut request = Request {
            number,
            method: known.method.full_name().to_owned(),
            form,
            streams: known.method.is_server_streaming(),
            verb: "POST".to_owned(),
            target: path(&known.method),
            headers: Vec::new(),
            body: Bytes::new(),
            caller: voice.who.clone(),
        };
        match form {
            Form::Grpc => {
                let (body, encoding) = wire::body(&tree, &mut dice);
                request.headers = vec![("content-type", "application/grpc".to_owned())];
                request.headers.push(("te", "trailers".to_owned()));
                request.headers.extend(encoding.map(|name| ("grpc-encoding", name.to_owned())));
                request.body = body.into();
            }
            Form::Json => {
                let http::Http { verb, target, body } =
                    http::request(tree, &known.rule, &self.words, &mut dice);
                request.headers = vec![("content-type", "application/json".to_owned())];
                (request.verb, request.target, request.body) = (verb, target, body.into());
            }
        }
        let authorization = voice.authorization.clone();
        request.headers.extend(authorization.map(|value| ("authorization", value)));
        if dice.one_in(12) {
            decorate(&mut request.headers, &mut dice);
        }
        request
    }

    fn allowed(&self, known: &Target, dice: &mut Dice) -> &Voice {
        &self.voices[*dice.one_of(&known.allowed)]
    }

    /// A bent request three times out of four, one from scratch otherwise.
    fn tree(&self, known: &Target, dice: &mut Dice) -> Tree {
        let prepared = dice.one_of(&known.prepared);
        let scratch = dice.one_in(4);
        let mut gardener = Gardener::new(dice, &self.words, &known.paths);
        if scratch {
            return gardener.grow(&known.method.input(), 0);
        }
        let mut tree = prepared.clone();
        gardener.freshen(&mut tree);
        gardener.bend(&mut tree);
        tree
    }
}

/// Those whom nobody knows.
fn strangers() -> Vec<Voice> {
    let of = |who: &str, authorization: Option<&str>| Voice {
        who: who.to_owned(),
        role: None,
        authorization: authorization.map(str::to_owned),
    };
    vec![
        of("nobody", None),
        of("an empty bearer", Some("Bearer ")),
        of("a bearer of nonsense", Some("Bearer a.b.c")),
        of("a key that is none", Some("Bearer ak_00000000000000000000000000000000")),
    ]
}

fn authorization(client: &Client) -> Option<String> {
    let mut headers = client.headers().filter(|(name, _)| *name == "authorization");
    headers.next().map(|(_, value)| value.to_owned())
}

/// Adds headers: odd ones, one twice, many, or one too long.
fn decorate(headers: &mut Vec<(&'static str, String)>, dice: &mut Dice) {
    let (name, value) = *dice.one_of(&HEADERS);
    match dice.below(8) {
        0 => headers.extend([(name, value.to_owned()), (name, value.to_owned())]),
        1 => headers.extend((0..70).map(|n| ("x-many", n.to_string()))),
        2 => headers.push(("x-long", "a".repeat(*dice.one_of(&[1_000, 8_000, 15_000, 20_000])))),
        _ => headers.push((name, value.to_owned())),
    }
}

/// The request as it can be played again; the credential is the caller's.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, method, form, verb, target, caller, .. } = self;
        writeln!(f, "request {number} for {method} by {caller}, {form:?}: {verb} {target}")?;
        for (name, value) in self.headers.iter().filter(|(name, _)| *name != "authorization") {
            writeln!(f, "{name}: {value}")?;
        }
        match std::str::from_utf8(&self.body) {
            Ok(text) if self.form == Form::Json => write!(f, "{text}"),
            _ => self.body.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

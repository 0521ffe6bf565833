//! Nothing of a person, no word of a customer and no credential gets into spans, metrics or logs,
//! whatever becomes of the call that it came with.

use std::cell::RefCell;

use aftercare_e2e::{
    Client, Desk, Process, Suite, Tenant,
    client::{method, path},
    desk::{canary, name, new_id, phone},
    isolation::nobodys,
    json::{JsonClient, status_of},
    metrics::metrics,
    raw,
    suite::{FRONT, customer_of, member_of},
    until,
};
use kernel::Role;
use serde_json::{Value, json};
use testing::Collector;
use tonic::Code;

/// Two processes that log all they can and send their spans here.
struct House {
    suite: Suite,
    receiver: Collector,
    front: Process,
    back: Process,
}

impl House {
    async fn open() -> Self {
        let receiver = Collector::listen().await;
        let suite = Suite::of_two_processes().await;
        // In this order, so that the first call finds its way to customers.
        let back = Self::start(&suite, &receiver, &["customers"]).await;
        let front = Self::start(&suite, &receiver, &FRONT).await;
        Self { suite, receiver, front, back }
    }

    async fn start(suite: &Suite, receiver: &Collector, services: &[&str]) -> Process {
        let level = "info,aftercare=debug".to_owned();
        let own = [("telemetry.otlp", receiver.otlp()), ("log.level", level)];
        suite.serve_with(services, &own).await
    }

    /// Everything that the processes told, by where; they end with this.
    async fn told(mut self) -> [(&'static str, String); 5] {
        let [front, back] = [self.suite.at("tickets"), self.suite.at("customers")];
        let metrics = [metrics(front).await, metrics(back).await];
        self.front.terminate();
        self.back.terminate();
        let [of_front, of_back] = metrics;
        [
            ("a span", self.receiver.everything()),
            ("a metric of the gateway and tickets", of_front),
            ("a metric of customers", of_back),
            ("the log of the gateway and tickets", self.front.log()),
            ("the log of customers", self.back.log()),
        ]
    }
}

/// What was sent and must not be told.
#[derive(Default)]
struct Secrets(RefCell<Vec<String>>);

impl Secrets {
    fn keep(&self, secret: impl Into<String>) -> String {
        let secret = secret.into();
        self.0.borrow_mut().push(secret.clone());
        secret
    }

    /// A word that stands nowhere else.
    fn word(&self) -> String {
        self.keep(canary())
    }

    /// A telephone number as a person writes it, which is not how it is stored.
    fn phone(&self) -> String {
        let number = self.keep(phone());
        let national = self.keep(number.trim_start_matches("+86"));
        self.keep(format!("{} {} {}", &national[..3], &national[3..7], &national[7..]))
    }

    fn email(&self) -> String {
        format!("{}@example.com", self.word())
    }

    /// A client's credential.
    fn credential(&self, client: &Client) {
        let (_, value) = client.headers().find(|(name, _)| *name == "authorization").unwrap();
        // The header of a token says nothing of whose it is; what follows does.
        let token = value.trim_start_matches("Bearer ");
        for part in token.split('.').skip(usize::from(token.contains('.'))) {
            self.keep(part);
        }
    }

    /// Which of them are told, and where.
    fn found(&self, told: &[(&str, String)]) -> Vec<String> {
        let mut found = Vec::new();
        for (place, text) in told {
            let text = text.to_lowercase();
            for secret in self.0.borrow().iter() {
                let bytes = format!("{:?}", secret.as_bytes());
                let as_bytes = bytes.trim_matches(['[', ']']);
                if text.contains(&secret.to_lowercase()) || text.contains(as_bytes) {
                    found.push(format!("{place} holds `{secret}`"));
                }
            }
        }
        found
    }
}

/// A caller over both protocols, with secrets in all that it says.
struct Speaker<'a> {
    grpc: Client,
    json: JsonClient,
    secrets: &'a Secrets,
}

impl<'a> Speaker<'a> {
    fn new(suite: &Suite, grpc: Client, secrets: &'a Secrets) -> Self {
        let json = JsonClient::new(format!("http://{}", suite.at("tickets").public));
        let json = grpc.headers().fold(json, |json, (name, value)| json.with(name, value));
        Self { grpc, json, secrets }
    }

    /// Sends what must come to this over gRPC, and likewise over JSON.
    async fn says(&self, method: &str, wanted: Code, request: impl Fn() -> Value) {
        let outcome = self.grpc.send(method, &request()).await;
        let code = outcome.refusal().map_or(Code::Ok, tonic::Status::code);
        assert_eq!(code, wanted, "{method}: {outcome:?}");
        let reply = self.json.send(method, &request()).await;
        assert_eq!(reply.status, status_of(wanted), "{method}: {:#}", reply.body);
    }

    /// A complaint of somebody who is not known yet.
    fn complaint(&self) -> Value {
        let secrets = self.secrets;
        json!({
            "kind": "KIND_COMPLAINT",
            "channel": "CHANNEL_PHONE",
            "title": secrets.word(),
            "contact": {
                "displayName": format!("李娜 {}", secrets.word()),
                "phone": secrets.phone(),
                "email": secrets.email(),
            },
            "facts": {
                "who": secrets.word(), "what": secrets.word(), "expectation": secrets.word(),
            },
        })
    }

    fn created(&self) -> Value {
        json!({ "ticket": self.complaint(), "requestId": new_id() })
    }

    fn entry(&self, ticket: &str) -> Value {
        let secrets = self.secrets;
        let entry = json!({ "body": secrets.word(), "externalId": secrets.word() });
        json!({ "parent": ticket, "entry": entry })
    }

    fn customer(&self) -> Value {
        json!({ "customer": {
            "displayName": self.secrets.word(),
            "familyName": self.secrets.word(),
            "identifiers": [
                { "kind": "IDENTIFIER_KIND_PHONE", "value": self.secrets.phone() },
                { "kind": "IDENTIFIER_KIND_WECHAT", "value": self.secrets.word() },
            ],
        }})
    }

    fn member(&self) -> Value {
        json!({
            "displayName": self.secrets.word(),
            "login": { "issuer": "https://id.example.com", "subject": self.secrets.email() },
            "roles": ["agent"],
        })
    }
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let secrets = Secrets::default();
    let word = secrets.word();
    for text in [format!("a {} b", word.to_uppercase()), format!("{:?}", word.as_bytes())] {
        assert_eq!(secrets.found(&[("here", text)]), [format!("here holds `{word}`")]);
    }
    assert!(secrets.found(&[("here", canary())]).is_empty());
}

#[tokio::test]
async fn nothing_of_a_person_and_no_credential_is_told_to_operators() {
    let mut house = House::open().await;
    let secrets = Secrets::default();
    {
        let desk = Desk::new(&house.suite, Tenant::North);
        let agent = Speaker::new(&house.suite, desk.agent().clone(), &secrets);
        let admin = desk.caller(Role::Admin).await;
        let admin = Speaker::new(&house.suite, admin, &secrets);
        for speaker in [&agent, &admin] {
            secrets.credential(&speaker.grpc);
        }
        speak_of_tickets(&agent, &desk).await;
        speak_of_customers(&admin).await;
        speak_of_members(&admin).await;
        say_what_cannot_be_read(&agent, &house.suite).await;
        show_credentials(&house.suite, &secrets).await;
    }
    speak_while_customers_is_away(&mut house, &secrets).await;
    speak_while_the_database_is_away(&house.suite, &secrets).await;

    let told = house.told().await;
    for ((place, text), usual) in told.iter().zip([
        "aftercare.tickets.v1.TicketService/CreateTicket",
        "aftercare.gateway.v1.MemberService/CreateMember",
        "aftercare.customers.v1.CustomerService/ResolveCustomer",
        "DEBUG",
        "could not be served",
    ]) {
        assert!(text.contains(usual), "{place} does not even hold `{usual}`:\n{text}");
    }
    let found = secrets.found(&told);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

async fn speak_of_tickets(agent: &Speaker<'_>, desk: &Desk<'_>) {
    let secrets = agent.secrets;
    let with = |field: &str, value: Value| {
        let mut ticket = agent.complaint();
        ticket[field] = value;
        json!({ "ticket": ticket })
    };
    agent.says("CreateTicket", Code::Ok, || agent.created()).await;
    for (field, value) in [
        ("title", json!(secrets.word().repeat(99))),
        ("title", json!(format!("{}\u{0}", secrets.word()))),
        ("language", json!(secrets.word())),
        ("contact", json!({ "phone": secrets.word(), "phoneRegion": secrets.word() })),
        ("queue", json!(format!("queues/{}", secrets.word()))),
        ("customer", json!(secrets.word())),
        ("requiredSkills", json!([secrets.word()])),
    ] {
        let refused = || with(field, value.clone());
        agent.says("CreateTicket", Code::InvalidArgument, refused).await;
    }

    let open = name(&desk.ticket().await);
    let closed = name(&desk.closed().await);
    let nobodys = nobodys(&open);
    let command = |ticket: &str, field: &str| {
        let mut command = json!({ "name": ticket });
        command[field] = json!(secrets.word());
        command
    };
    agent.says("AddEntry", Code::Ok, || agent.entry(&open)).await;
    agent.says("AddEntry", Code::NotFound, || agent.entry(&nobodys)).await;
    agent
        .says("AddEntry", Code::InvalidArgument, || {
            agent.entry(&format!("tickets/{}", secrets.word()))
        })
        .await;
    for (ticket, code) in [(&nobodys, Code::NotFound), (&closed, Code::FailedPrecondition)] {
        agent.says("ResolveTicket", code, || command(ticket, "answer")).await;
        agent.says("RejectResolution", code, || command(ticket, "objection")).await;
    }
    agent
        .says("UpdateTicket", Code::Aborted, || {
            let ticket = json!({ "name": open, "etag": "v0", "title": secrets.word() });
            json!({ "ticket": ticket, "updateMask": "title" })
        })
        .await;
}

async fn speak_of_customers(admin: &Speaker<'_>) {
    let secrets = admin.secrets;
    let identifier = |kind: &str, value: String| json!({ "identifiers": [{ "kind": kind, "value": value }], "create": true });
    for (kind, code) in [("PHONE", Code::Ok), ("EMAIL", Code::InvalidArgument)] {
        let kind = format!("IDENTIFIER_KIND_{kind}");
        admin.says("ResolveCustomer", code, || identifier(&kind, secrets.phone())).await;
    }
    admin.says("CreateCustomer", Code::Ok, || admin.customer()).await;
    let taken = admin.customer();
    let known = admin.grpc.call("CreateCustomer", taken.clone()).await;
    admin.says("CreateCustomer", Code::AlreadyExists, || taken.clone()).await;

    let change = |name: &str, etag: &Value| {
        let customer = json!({ "name": name, "etag": etag, "givenName": secrets.word() });
        json!({ "customer": customer, "updateMask": "givenName" })
    };
    let known_name = name(&known);
    admin.says("UpdateCustomer", Code::Ok, || change(&known_name, &json!(""))).await;
    admin.says("UpdateCustomer", Code::Aborted, || change(&known_name, &json!("v0"))).await;
    let nobodys = nobodys(&known_name);
    admin.says("UpdateCustomer", Code::NotFound, || change(&nobodys, &json!(""))).await;
    admin
        .says("UpsertPurchase", Code::NotFound, || {
            json!({ "purchase": {
                "customer": nobodys,
                "orderNumber": secrets.word(),
                "items": [{ "product": format!("products/{}", canary()), "quantity": 1 }],
                "purchaseTime": "2025-02-01T08:00:00Z",
                "state": "PURCHASE_STATE_PAID",
            }})
        })
        .await;
}

async fn speak_of_members(admin: &Speaker<'_>) {
    let secrets = admin.secrets;
    let new = |member: Value| json!({ "member": member, "memberId": canary() });
    admin.says("CreateMember", Code::Ok, || new(admin.member())).await;
    let taken = admin.member();
    let known = admin.grpc.call("CreateMember", new(taken.clone())).await;
    admin.says("CreateMember", Code::AlreadyExists, || new(taken.clone())).await;
    admin
        .says("CreateMember", Code::InvalidArgument, || {
            let mut member = admin.member();
            member["roles"] = json!([secrets.word()]);
            new(member)
        })
        .await;
    let change = |name: &str| {
        let mut member = admin.member();
        member["name"] = json!(name);
        json!({ "member": member, "updateMask": "displayName,login" })
    };
    let known = name(&known);
    admin.says("UpdateMember", Code::Ok, || change(&known)).await;
    admin.says("UpdateMember", Code::NotFound, || change("members/nobody")).await;
}

/// Bodies, paths and headers that are none.
async fn say_what_cannot_be_read(agent: &Speaker<'_>, suite: &Suite) {
    let secrets = agent.secrets;
    let at = suite.at("tickets").public;
    let word = || secrets.word();
    let bearer: Vec<_> = agent.grpc.headers().collect();
    for (line, body, status) in [
        ("POST /v1/tickets".to_owned(), format!("{{ \"title\": \"{}", word()), 400),
        ("POST /v1/tickets".to_owned(), format!("{{ \"{}\": 1 }}", word()), 400),
        ("POST /v1/tickets".to_owned(), format!("\"{}\"", word()), 400),
        ("POST /v1/tickets".to_owned(), format!("{{ \"kind\": \"{}\" }}", word()), 400),
        (format!("GET /v1/tickets?{}=1", word()), String::new(), 400),
        (format!("GET /v1/tickets?pageSize={}", word()), String::new(), 400),
        (format!("GET /v1/tickets?pageToken={}", word()), String::new(), 400),
        (format!("GET /v1/tickets?customer={}", word()), String::new(), 400),
        (format!("GET /v1/customers/{}", word()), String::new(), 400),
        (format!("GET /v1/{}", word()), String::new(), 404),
        (format!("{} /v1/tickets", word()), String::new(), 405),
    ] {
        assert_eq!(raw::http1(at, &line, &bearer, &body).await, status, "{line} {body}");
    }
    for header in [
        "user-agent",
        "traceparent",
        "tracestate",
        "accept-language",
        "idempotency-key",
        "if-match",
        "origin",
        "referer",
        "cookie",
        "x-forwarded-for",
        "grpc-timeout",
    ] {
        let word = word();
        let headers = [&bearer[..], &[(header, word.as_str())]].concat();
        raw::http1(at, "GET /v1/tickets", &headers, "").await;
        agent.grpc.clone().with(header, word).send("ListTickets", &json!({})).await;
    }
    let service = method("GetTicket").parent_service().full_name().to_owned();
    for path in [format!("/{service}/{}", word()), format!("/{}/Get", word())] {
        let status = agent.grpc.refused_at(&path, "GetTicket", &json!({})).await;
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
    let path = path(method("GetTicket"));
    let message = word();
    assert!(!raw::is_answered(at, &path, &bearer, message.as_bytes()).await);
}

/// Credentials of every kind, those that hold and those that do not.
async fn show_credentials(suite: &Suite, secrets: &Secrets) {
    let request = json!({ "apiKey": { "title": secrets.word(), "scopes": ["tickets.read"] } });
    let key = suite.member(Tenant::North, "grace").call("CreateApiKey", request).await;
    let key = secrets.keep(key["secret"].as_str().unwrap());
    let mut wrong_key = key.clone();
    wrong_key.replace_range(key.len() - 8.., "AAAAAAAA");
    secrets.keep(key.splitn(3, '_').nth(2).unwrap());

    let stranger = suite.token(&member_of(Tenant::North, &secrets.word()));
    let mut forged = suite.token(&member_of(Tenant::North, "amy"));
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    let customer = format!("customers/{}", new_id());
    let customer = suite.token(&customer_of(Tenant::North, &customer));
    let word = secrets.word();
    for (credential, code) in [
        (format!("Bearer {key}"), Code::Ok),
        (format!("Bearer {}", secrets.keep(wrong_key)), Code::Unauthenticated),
        (format!("Bearer {stranger}"), Code::Unauthenticated),
        (format!("Bearer {forged}"), Code::Unauthenticated),
        (format!("Bearer {customer}"), Code::Ok),
        (format!("Bearer {word}"), Code::Unauthenticated),
        (format!("Bearer {word}.{word}.{word}"), Code::Unauthenticated),
        (format!("Basic {word}"), Code::Unauthenticated),
        (format!("Call {word}"), Code::Unauthenticated),
    ] {
        let client = suite.anonymous().with("authorization", credential);
        secrets.credential(&client);
        let speaker = Speaker::new(suite, client, secrets);
        speaker.says("ListTickets", code, || json!({})).await;
    }
}

async fn speak_while_customers_is_away(house: &mut House, secrets: &Secrets) {
    // What it has to tell of what came before is told first.
    until("the spans of customers have come", async || {
        let spans = house.receiver.spans();
        let last = "aftercare.customers.v1.PurchaseService/UpsertPurchase";
        spans
            .iter()
            .any(|span| span.name == last && span.process.ends_with("customers"))
            .then_some(())
    })
    .await;
    let log = house.back.log();
    house.back.kill();
    let desk = Desk::new(&house.suite, Tenant::North);
    let agent = Speaker::new(&house.suite, desk.agent().clone(), secrets);
    agent.says("CreateTicket", Code::Ok, || agent.created()).await;
    agent.says("CreateCustomer", Code::Unavailable, || agent.customer()).await;
    assert_eq!(secrets.found(&[("the log of customers", log)]), Vec::<String>::new());
    house.back = House::start(&house.suite, &house.receiver, &["customers"]).await;
    until("customers is back", async || {
        agent.grpc.send("CreateCustomer", &agent.customer()).await.json().ok()
    })
    .await;
}

async fn speak_while_the_database_is_away(suite: &Suite, secrets: &Secrets) {
    let desk = Desk::new(suite, Tenant::North);
    let admin = Speaker::new(suite, desk.caller(Role::Admin).await, secrets);
    admin.grpc.call("ListTickets", json!({})).await;
    let _cut = suite.cut_off().await;
    admin.says("CreateTicket", Code::Unavailable, || json!({ "ticket": admin.complaint() })).await;
    admin.says("CreateCustomer", Code::Unavailable, || admin.customer()).await;
    let member = || json!({ "member": admin.member(), "memberId": canary() });
    admin.says("CreateMember", Code::Unavailable, member).await;
    let newcomer = Speaker::new(suite, suite.member(Tenant::North, "ben"), secrets);
    secrets.credential(&newcomer.grpc);
    newcomer.says("ListTickets", Code::Unavailable, || json!({})).await;
}

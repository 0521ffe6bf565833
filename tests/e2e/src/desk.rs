//! A tenant of a running suite, as tests work in it: callers by role, and what they prepare.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use kernel::{Clock, Ids, Role};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{Client, Suite, Tenant, client::Channels, suite::STAFF, until};

/// A tenant's desk.
#[derive(Debug)]
pub struct Desk<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// The tenant.
    pub tenant: Tenant,
    channels: Channels,
    clients: HashMap<Role, Client>,
    somebody: OnceCell<Client>,
}

impl<'a> Desk<'a> {
    /// The desk of a tenant.
    pub fn new(suite: &'a Suite, tenant: Tenant) -> Self {
        let mut clients: HashMap<_, _> =
            STAFF.map(|(role, member)| (role, suite.member(tenant, member))).into();
        clients.insert(Role::Integration, suite.integration(tenant));
        clients.insert(Role::Operator, suite.operator(tenant));
        let channels = suite.channels();
        for client in clients.values_mut() {
            *client = client.clone().over(&channels);
        }
        Self { suite, tenant, channels, clients, somebody: OnceCell::new() }
    }

    /// A caller with this role: the member who has it, another system, the operator, or, as a
    /// customer, one of this desk's own who has nothing.
    pub async fn caller(&self, role: Role) -> Client {
        if let Some(client) = self.clients.get(&role) {
            return client.clone();
        }
        assert_eq!(role, Role::Customer, "nobody calls as {role:?}");
        let somebody = self.somebody.get_or_init(async || {
            let customer = self.customer().await;
            self.as_customer(&name(&customer))
        });
        somebody.await.clone()
    }

    /// The roles that somebody outside can call with.
    pub fn roles() -> Vec<Role> {
        let staff = STAFF.iter().map(|(role, _)| *role);
        staff.chain([Role::Integration, Role::Operator, Role::Customer]).collect()
    }

    /// The agent `amy`.
    pub fn agent(&self) -> &Client {
        &self.clients[&Role::Agent]
    }

    /// Another system, which may do anything but claim.
    pub fn system(&self) -> &Client {
        &self.clients[&Role::Integration]
    }

    /// Any member by name.
    pub fn member(&self, member: &str) -> Client {
        self.suite.member(self.tenant, member).over(&self.channels)
    }

    /// A customer by name.
    pub fn as_customer(&self, name: &str) -> Client {
        self.suite.customer(self.tenant, name).over(&self.channels)
    }

    /// Whoever holds this link.
    pub fn holder(&self, token: &str) -> Client {
        let client = self.suite.anonymous().with("authorization", format!("Link {token}"));
        client.over(&self.channels)
    }

    /// A customer with a name, a telephone number and an e-mail address that nobody else has.
    pub async fn customer(&self) -> Value {
        let (word, phone) = (canary(), phone());
        let request = json!({ "customer": {
            "displayName": format!("Person {word}"),
            "identifiers": [
                { "kind": "IDENTIFIER_KIND_PHONE", "value": phone },
                { "kind": "IDENTIFIER_KIND_EMAIL", "value": format!("{word}@example.com") },
            ],
        }});
        self.system().call("CreateCustomer", request).await
    }

    /// A product.
    pub async fn product(&self) -> Value {
        let word = canary();
        let product = json!({ "title": format!("Thing {word}"), "model": format!("M {word}") });
        let request = json!({ "product": product, "productId": word });
        self.system().call("CreateProduct", request).await
    }

    /// An article of these words for everybody, as it is recorded.
    pub fn words(word: &str) -> Value {
        json!({
            "audience": { "level": "AUDIENCE_LEVEL_PUBLIC" },
            "revision": {
                "locale": "en",
                "title": format!("What about {word}"),
                "body": format!("This is what we know of {word}."),
                "similarQuestions": [format!("Tell me of {word}")],
            },
        })
    }

    /// An article that is only written.
    pub async fn draft(&self) -> Value {
        let article = Self::words(&canary());
        self.system().call("CreateArticle", json!({ "article": article })).await
    }

    /// A published one.
    pub async fn article(&self) -> Value {
        let draft = self.draft().await;
        let request = json!({ "name": draft["revision"]["name"] });
        self.system().call("PublishRevision", request).await
    }

    /// A survey that is only written: how likely somebody would recommend, and why not.
    pub async fn survey(&self) -> Value {
        let word = canary();
        let text = |text: &str| json!([{ "locale": "en", "text": format!("{text} {word}") }]);
        let survey = json!({
            "title": format!("After a visit {word}"),
            "draft": {
                "defaultLocale": "en",
                "questions": [
                    { "id": "recommend", "kind": "QUESTION_KIND_NPS", "title": text("Recommend?"),
                      "required": true },
                    { "id": "why", "kind": "QUESTION_KIND_LONG_TEXT", "title": text("Why not?"),
                      "visibleIf": "answers.recommend <= 6" },
                ],
            },
        });
        self.system().call("CreateSurvey", json!({ "survey": survey })).await
    }

    /// One that asks how satisfied somebody is after each resolution, the same for all of the tenant; it
    /// follows up whoever is not.
    pub async fn asking(&self) -> Value {
        const TITLE: &str = "After each resolution";
        let live = json!({ "state": "SURVEY_STATE_LIVE", "pageSize": 1000 });
        let live = self.system().call("ListSurveys", live).await;
        // One that somebody has written otherwise since is another.
        let at_once = json!({ "delay": "0s", "validFor": "1209600s" });
        let asks =
            |survey: &&Value| survey["title"] == TITLE && survey["afterResolution"] == at_once;
        if let Some(found) = live["surveys"].as_array().into_iter().flatten().find(asks) {
            return found.clone();
        }
        let text = |text: &str| json!([{ "locale": "en", "text": text }]);
        let survey = json!({
            "title": TITLE,
            "afterResolution": {},
            "draft": {
                "defaultLocale": "en",
                "followUpIf": "answers.overall <= 2",
                "questions": [
                    { "id": "overall", "kind": "QUESTION_KIND_CSAT", "title": text("How was it?"),
                      "required": true, "scale": { "min": 1, "max": 5 } },
                    { "id": "why", "kind": "QUESTION_KIND_LONG_TEXT", "title": text("Why?") },
                ],
            },
        });
        let made = self.system().call("CreateSurvey", json!({ "survey": survey })).await;
        self.system().call("PublishSurvey", json!({ "name": name(&made) })).await
    }

    /// One that is asked.
    pub async fn live_survey(&self) -> Value {
        let survey = self.survey().await;
        self.system().call("PublishSurvey", json!({ "name": name(&survey) })).await
    }

    /// A complaint with all its facts, of this customer.
    pub fn complaint(customer: &str) -> Value {
        let word = canary();
        json!({
            "kind": "KIND_COMPLAINT",
            "channel": "CHANNEL_EMAIL",
            "title": format!("Broken {word}"),
            "customer": customer,
            "facts": {
                "what": format!("It broke {word}"),
                "occurTime": "2025-03-01T08:00:00Z",
                "expectation": format!("Mend it {word}"),
            },
        })
    }

    /// A recorded complaint of a new customer.
    pub async fn ticket(&self) -> Value {
        let customer = self.customer().await;
        let ticket = Self::complaint(&name(&customer));
        self.agent().call("CreateTicket", json!({ "ticket": ticket })).await
    }

    /// One that the agent has judged and taken.
    pub async fn claimed(&self) -> Value {
        let ticket = self.ticket().await;
        let triage = json!({
            "nature": "NATURE_PRODUCT_QUALITY", "severity": 2,
            "cause": format!("cause {}", canary()), "evidence": format!("evidence {}", canary()),
        });
        let request = json!({ "name": name(&ticket), "triage": triage });
        self.agent().call("TriageTicket", request).await;
        self.agent().call("ClaimTicket", json!({ "name": name(&ticket) })).await
    }

    /// One to which a resolution was proposed.
    pub async fn resolved(&self) -> Value {
        let ticket = self.claimed().await;
        let answer = format!("mended {}", canary());
        let request = json!({ "name": name(&ticket), "answer": answer });
        self.agent().call("ResolveTicket", request).await
    }

    /// One that the customer confirmed.
    pub async fn closed(&self) -> Value {
        let ticket = self.resolved().await;
        self.agent().call("ConfirmResolution", json!({ "name": name(&ticket) })).await
    }

    /// Waits until a customer's timeline has this many items and returns them, newest first.
    pub async fn timeline(&self, customer: &str, items: usize) -> Vec<Value> {
        until("the timeline is complete", async || {
            let request = json!({ "parent": customer, "pageSize": 1000 });
            let answer = self.system().call("ListTimeline", request).await;
            let found = answer["items"].as_array().cloned().unwrap_or_default();
            (found.len() >= items).then_some(found)
        })
        .await
    }
}

/// The name of a resource.
pub fn name(resource: &Value) -> String {
    resource["name"].as_str().expect("a resource has a name").to_owned()
}

/// A word that stands nowhere else.
pub fn canary() -> String {
    format!("canary-{}", new_id().simple())
}

/// An id that nobody has.
pub fn new_id() -> uuid::Uuid {
    Ids::random(Clock::system()).next()
}

/// A telephone number that nobody else has.
pub fn phone() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("+86138{:08}", NEXT.fetch_add(1, Ordering::Relaxed))
}

//! One entry for each RPC: it prepares a tenant, through the public API, and tells a request that
//! succeeds there. Coverage, isolation and permissions are tested over this table; an RPC without
//! an entry fails the test of the contracts.

mod customers;
mod gateway;
pub mod internal;
mod knowledge;
mod surveys;
mod tickets;

use std::collections::BTreeSet;

use futures::future::LocalBoxFuture;
use kernel::Role;
use serde_json::Value;

use crate::{Client, Desk};

/// How a tenant is prepared.
type Prepare = for<'a> fn(&'a Desk<'_>) -> LocalBoxFuture<'a, Prepared>;

/// A public RPC, and how to make it succeed.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// The method's full name, such as `aftercare.tickets.v1.TicketService.GetTicket`.
    pub method: &'static str,
    /// Who sends the request.
    pub role: Role,
    /// What the same request means in another tenant.
    pub abroad: Abroad,
    prepare: Prepare,
}

/// What a request that was made for one tenant comes to in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abroad {
    /// What it names is not there.
    Missing,
    /// Nothing is found.
    Empty,
    /// It concerns the other tenant's own data, and is answered from it.
    Own,
    /// It carries a token that is none there.
    Invalid,
}

/// A prepared tenant.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The request that succeeds now.
    pub request: Value,
    /// What it names, for instance `tickets/{id}`; empty where it names nothing of the tenant's.
    pub names: Vec<String>,
    /// What nobody else may ever see: names, numbers and words of the tenant.
    pub canaries: Vec<String>,
    /// The customer whose all this is, `customers/{id}`; `None` where it is nobody's.
    pub owner: Option<String>,
    /// The link that its sender holds, where it is sent by whoever holds one.
    pub link: Option<String>,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Scenario {
    /// Prepares a tenant.
    pub async fn prepare(&self, desk: &Desk<'_>) -> Prepared {
        (self.prepare)(desk).await
    }
}

impl Prepared {
    /// A request, what it names, and the resources of the tenant that nobody else may see.
    pub fn new(request: Value, names: &[&str], secrets: &[&Value]) -> Self {
        let mut canaries = Vec::new();
        for secret in secrets {
            collect(secret, &mut canaries);
        }
        canaries.sort();
        canaries.dedup();
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let owner = secrets.iter().find_map(|secret| owner(secret));
        Self { request, names, canaries, owner, link: None }
    }

    /// The same, sent by whoever holds this link.
    fn by_link(self, link: String) -> Self {
        Self { link: Some(link), ..self }
    }

    /// Who sends it: a caller with this role, or whoever holds the link.
    pub async fn caller(&self, desk: &Desk<'_>, role: Role) -> Client {
        match &self.link {
            Some(link) => desk.holder(link),
            None => desk.caller(role).await,
        }
    }
}

/// The customer that a resource is or belongs to.
fn owner(resource: &Value) -> Option<String> {
    let named = [&resource["customer"], &resource["name"]].into_iter().filter_map(Value::as_str);
    named.filter(|name| name.starts_with("customers/")).map(str::to_owned).next()
}

/// The words of a resource that are its own: what a test made, ids, and numbers of people.
fn collect(value: &Value, canaries: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let id = text.rsplit('/').next().unwrap_or_default();
            if text.contains("canary-") || text.starts_with("+86") {
                canaries.push(text.clone());
            } else if uuid::Uuid::try_parse(id).is_ok() {
                canaries.push(id.to_owned());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, canaries)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, canaries)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The scenarios of all public RPCs.
pub fn all() -> Vec<Scenario> {
    [
        tickets::SCENARIOS,
        customers::SCENARIOS,
        knowledge::SCENARIOS,
        surveys::SCENARIOS,
        gateway::SCENARIOS,
    ]
    .concat()
}

/// The scenario of a method, by its full name.
///
/// # Panics
/// Where there is none.
pub fn of(method: &str) -> Scenario {
    let found = all().into_iter().find(|scenario| scenario.method == method);
    found.unwrap_or_else(|| panic!("there is no scenario of {method}"))
}

/// The full names of the methods that have a scenario, internal ones included.
pub fn names() -> BTreeSet<String> {
    let public = all().into_iter().map(|scenario| scenario.method);
    public.chain(internal::METHODS).map(str::to_owned).collect()
}

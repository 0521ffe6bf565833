//! The access matrix: every public RPC, every role that somebody outside can have, and four kinds of
//! rows. What is right follows from the permission in the contract and how far the shipped grants
//! reach with it; any other answer is a finding, a yes as well as a no.

use aftercare_e2e::{
    Backend, Client, Desk, Outcome, Suite, Tenant,
    client::{method, reason},
    contract::{access, http::rule},
    desk::name,
    isolation,
    json::{JsonClient, status_of},
    scenario::{self, Abroad, Prepared, Scenario},
    suite::NameOnPanic,
};
use futures::{StreamExt as _, stream};
use kernel::{Caller, CallerKind, CustomerId, Locale, Role, RowScope};
use rpc::Grants;
use serde_json::json;
use tonic::Code;

/// How many RPCs are looked at side by side.
const SIDE_BY_SIDE: usize = 6;

/// Whose rows a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// The caller's own.
    Own,
    /// The tenant's, and not the caller's own.
    Tenant,
    /// Another tenant's.
    Foreign,
    /// Nobody's.
    Missing,
}

/// What a caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// The permission is lacking, and nothing is said of any row.
    Denied,
    /// There is nothing of that name.
    Nothing,
    /// What was asked for.
    Yes,
    /// It is there, but something else stands in the way: the reason.
    Unfit(String),
}

/// One RPC as one role sees it.
struct Cell<'a> {
    scenario: &'a Scenario,
    role: Role,
    reach: RowScope,
    home: &'a Desk<'a>,
    abroad: &'a Desk<'a>,
}

#[tokio::test]
async fn every_rpc_answers_every_role_as_far_as_it_reaches() {
    for backend in Backend::BOTH {
        let naming = NameOnPanic(backend);
        // Not the shared suite: who claims the next ticket must find the one that is meant.
        let suite = Suite::new(backend).await;
        let _process = suite.serve(&[]).await;
        let (home, abroad) = (Desk::new(&suite, Tenant::North), Desk::new(&suite, Tenant::South));
        let scenarios = scenario::all();
        let rows = stream::iter(&scenarios).map(|scenario| row(scenario, &home, &abroad));
        let found: Vec<_> = rows.buffer_unordered(SIDE_BY_SIDE).concat().await;
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
        drop(naming);
    }
}

/// Roles that have more and less than what is shipped.
#[tokio::test]
async fn a_yes_and_a_no_that_nobody_expects_are_found() {
    let suite = Suite::new(Backend::Sqlite).await;
    let own = [
        ("roles.editor", "customers.read".to_owned()),
        ("roles.auditor", "tickets.read".to_owned()),
    ];
    let _process = suite.serve_with(&[], &own).await;
    let (home, abroad) = (Desk::new(&suite, Tenant::North), Desk::new(&suite, Tenant::South));
    let scenario = scenario::of("aftercare.customers.v1.CustomerService.GetCustomer");
    let found = row(&scenario, &home, &abroad).await;
    for finding in [
        "GetCustomer as editor on Tenant: Yes, not Denied",
        "GetCustomer as editor on Missing: Nothing, not Denied",
        "GetCustomer as auditor on Tenant: Denied, not Yes",
    ] {
        assert!(found.iter().any(|one| one.ends_with(finding)), "{finding}: {found:#?}");
    }
}

/// What is wrong with the answers of one RPC.
async fn row(scenario: &Scenario, home: &Desk<'_>, abroad: &Desk<'_>) -> Vec<String> {
    let shared = scenario.prepare(home).await;
    let mut found = Vec::new();
    for role in Desk::roles() {
        let reach = reach(scenario.method, &caller(role, None));
        let cell = Cell { scenario, role, reach, home, abroad };
        for rows in cell.rows(&shared) {
            let (told, wanted) = (cell.told(rows, &shared, &mut found).await, cell.wanted(rows));
            if !cell.is_right(&told, &wanted) {
                let (method, role) = (scenario.method, role.as_str());
                found.push(format!("{method} as {role} on {rows:?}: {told:?}, not {wanted:?}"));
            }
        }
    }
    found
}

impl Cell<'_> {
    /// The rows that this RPC can be asked for.
    fn rows(&self, prepared: &Prepared) -> Vec<Rows> {
        let mut rows = vec![Rows::Foreign, Rows::Tenant];
        if !prepared.names.is_empty() {
            rows.insert(0, Rows::Missing);
        }
        // What anybody else has belongs to the tenant.
        if self.role == Role::Customer {
            rows.push(Rows::Own);
        }
        rows
    }

    /// What follows from the contract and the grants.
    fn wanted(&self, rows: Rows) -> Told {
        let is_own_only = matches!(self.reach, RowScope::Own(_));
        match rows {
            _ if self.reach == RowScope::None => Told::Denied,
            Rows::Own => Told::Yes,
            Rows::Tenant if !is_own_only => Told::Yes,
            // Whoever runs the platform is a stranger to no tenant.
            Rows::Foreign if self.role == Role::Operator => Told::Yes,
            Rows::Foreign if self.scenario.abroad == Abroad::Own => Told::Yes,
            Rows::Missing | Rows::Tenant | Rows::Foreign => Told::Nothing,
        }
    }

    fn is_right(&self, told: &Told, wanted: &Told) -> bool {
        // Other roles than the scenario's may lack something of their own: no agent claims a ticket
        // who has no routing profile, whatever tickets there are.
        let lacks = matches!(told, Told::Unfit(reason) if reason == "NOT_AN_AGENT");
        told == wanted || lacks && self.role != self.scenario.role && *wanted != Told::Denied
    }

    /// Asks for these rows.
    async fn told(&self, rows: Rows, shared: &Prepared, found: &mut Vec<String>) -> Told {
        // What is done is done: each yes needs something of its own.
        let fresh = match self.wanted(rows) {
            Told::Yes if self.writes() => Some(self.scenario.prepare(self.home).await),
            _ => None,
        };
        let prepared = fresh.as_ref().unwrap_or(shared);
        let request = match rows {
            Rows::Missing => &isolation::instead(&prepared.request, &prepared.names),
            Rows::Own | Rows::Tenant | Rows::Foreign => &prepared.request,
        };
        let caller = match rows {
            Rows::Own => self.owner(prepared).await,
            Rows::Tenant | Rows::Missing => self.home.caller(self.role).await,
            Rows::Foreign => self.abroad.caller(self.role).await,
        };
        let outcome = caller.send(self.scenario.method, request).await;
        if rows == Rows::Foreign && self.role != Role::Operator {
            for canary in isolation::seen(prepared, &outcome) {
                let (method, role) = (self.scenario.method, self.role.as_str());
                found.push(format!("{method} as a foreign {role}: the answer holds `{canary}`"));
            }
        }
        if self.wanted(rows) != Told::Yes && rows != Rows::Missing && !prepared.names.is_empty() {
            found.extend(self.differing(&caller, &outcome, prepared).await);
        }
        self.read(&outcome)
    }

    /// Where this caller can tell these rows, which it does not reach, from missing ones.
    async fn differing(
        &self,
        caller: &Client,
        there: &Outcome,
        prepared: &Prepared,
    ) -> Option<String> {
        let missing = isolation::instead(&prepared.request, &prepared.names);
        let nobodys: Vec<_> = prepared.names.iter().map(|name| isolation::nobodys(name)).collect();
        let gone = caller.send(self.scenario.method, &missing).await;
        let same = isolation::blank(there.bytes(), &prepared.names)
            == isolation::blank(gone.bytes(), &nobodys);
        let (method, role) = (self.scenario.method, self.role.as_str());
        (!same).then(|| format!("{method} as {role}: there {there:?}, missing {gone:?}"))
    }

    /// Whoever with this role has what was prepared.
    async fn owner(&self, prepared: &Prepared) -> Client {
        match &prepared.owner {
            Some(owner) if self.role == Role::Customer => self.home.as_customer(owner),
            _ => self.home.caller(self.role).await,
        }
    }

    fn writes(&self) -> bool {
        rule(method(self.scenario.method)).is_ok_and(|rule| rule.verb != "get")
    }

    fn read(&self, outcome: &Outcome) -> Told {
        let status = match outcome {
            Outcome::Answer(_) if self.scenario.abroad == Abroad::Empty => {
                let is_empty = outcome.bytes().is_empty();
                return if is_empty { Told::Nothing } else { Told::Yes };
            }
            Outcome::Answer(_) => return Told::Yes,
            Outcome::Refused(status) => status,
        };
        let (domain, why) = reason(status);
        match status.code() {
            Code::PermissionDenied if domain == "aftercare" => Told::Denied,
            Code::NotFound => Told::Nothing,
            // A token that is none here, or somebody whom a customer may not so much as name.
            Code::InvalidArgument
                if self.scenario.abroad == Abroad::Invalid || self.role == Role::Customer =>
            {
                Told::Nothing
            }
            _ => Told::Unfit(why),
        }
    }
}

/// How far a caller reaches with a method.
fn reach(name: &str, caller: &Caller) -> RowScope {
    let (permission, _) = access(method(name)).expect("a method has a permission");
    Grants::shipped().scope(caller, &permission)
}

/// Somebody with this role, held to these scopes.
fn caller(role: Role, scopes: Option<Vec<String>>) -> Caller {
    let customer = CustomerId::from(uuid::Uuid::from_u128(1));
    Caller {
        tenant: Tenant::North.id(),
        kind: CallerKind::Member,
        subject: "somebody".to_owned(),
        roles: vec![role],
        teams: Vec::new(),
        scopes,
        customer: Some(customer),
        link: None,
        locale: Locale::En,
    }
}

/// The same caller over gRPC and JSON, by a key with these scopes.
async fn key(suite: &Suite, scopes: &[&str]) -> (Client, JsonClient) {
    let request = json!({ "apiKey": { "title": "Shop", "scopes": scopes } });
    let key = suite.member(Tenant::North, "grace").call("CreateApiKey", request).await;
    let bearer = format!("Bearer {}", key["secret"].as_str().unwrap());
    let json = JsonClient::new(format!("http://{}", suite.at("tickets").public));
    (suite.anonymous().with("authorization", bearer.clone()), json.with("authorization", bearer))
}

#[tokio::test]
async fn a_key_is_held_to_its_scopes_over_grpc_and_json_alike() {
    aftercare_e2e::each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        let scopes = ["tickets.read", "customers.*", "products.write"];
        let (grpc, http) = key(suite, &scopes).await;
        let holder = caller(Role::Integration, Some(scopes.map(str::to_owned).into()));
        for scenario in scenario::all() {
            let name = scenario.method;
            let Prepared { request, .. } = scenario.prepare(&desk).await;
            let outcome = grpc.send(name, &request).await;
            let reply = http.send(name, &request).await;
            if reach(name, &holder) != RowScope::None {
                assert!(matches!(outcome, Outcome::Answer(_)), "{name}: {outcome:?}");
                assert!(reply.status.is_success(), "{name}: {:#}", reply.body);
                continue;
            }
            let refusal = outcome.refusal().unwrap_or_else(|| panic!("{name} was answered"));
            assert_eq!(refusal.code(), Code::PermissionDenied, "{name}");
            assert_eq!(reply.status, status_of(Code::PermissionDenied), "{name}");
            assert_eq!(reply.outcome(), outcome.json(), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_workspace_shows_a_key_what_its_scopes_show() {
    aftercare_e2e::each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        let ticket = json!({ "name": name(&desk.claimed().await) });
        let (grpc, http) = key(suite, &["workspace.read", "tickets.read"]).await;
        let workspace = grpc.call("GetTicketWorkspace", ticket.clone()).await;
        assert_eq!(http.send("GetTicketWorkspace", &ticket).await.outcome(), Ok(workspace.clone()));
        let parts = workspace["parts"].as_array().unwrap().iter();
        let states: Vec<_> = parts
            .map(|part| [&part["field"], &part["state"]].map(|text| text.as_str().unwrap()))
            .collect();
        let (present, denied) = ("WORKSPACE_PART_STATE_PRESENT", "WORKSPACE_PART_STATE_DENIED");
        assert_eq!(
            states,
            [
                ["ticket", present],
                ["entries", denied],
                ["customer", denied],
                ["customer_tickets", present],
                ["purchases", denied],
                ["timeline", denied],
                ["suggested_articles", denied],
            ]
        );
        for field in ["entries", "customer", "purchases", "timeline"] {
            assert_eq!(workspace.get(field), None, "{field}");
        }
    })
    .await;
}

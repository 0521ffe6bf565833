//! What the tests share: tickets behind its own wall on a fresh database, customers beside it, a clock
//! that stands still, and callers of every role who come through the wall with a call token.

mod client;
mod said;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::rpc::{
    Call, Grants, Inbound, Link, Methods, Outbound,
    inbound::Trust,
    link,
    token::{Minter, Verifier},
};
use ::store::{Db, Engine, meta};
use contracts::customers::v1::{
    self as customers_pb, customer_service_client::CustomerServiceClient,
};
use contracts::tickets::v1::{
    self as pb, conversation_service_client::ConversationServiceClient,
    result_service_client::ResultServiceClient, stats_service_client::StatsServiceClient,
    ticket_service_client::TicketServiceClient,
};
use customers::domain::contact::Policy;
use feed::{Sequencer, Source};
use kernel::{
    Caller, CallerKind, Clock, CustomerId, Ids, Locale, Role, RowScope, TenantId, TicketId, Time,
    keys::RootKeys, link::Opens,
};
use telemetry::Metrics;
use testing::TestDb;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::{BoxError, ServiceExt};
use uuid::Uuid;

pub(crate) use self::{client::Client, said::*};
use crate::{
    App, Parts, Tenant,
    domain::routing::{Profile, Queue, Routing, Staff},
    migrations, routes,
};

/// Monday, 2 March 2026, 09:00 in Shanghai.
pub(crate) const START: Time = Time::from_micros(1_772_413_200_000_000);
const HOUR: i64 = 3_600_000_000;

/// The two tenants.
pub(crate) fn tenant(n: u128) -> TenantId {
    TenantId::from(Uuid::from_u128(n))
}

/// One process that serves tickets.
pub(crate) struct Process {
    pub(crate) app: App,
    link: Link,
}

/// A house of its own for one test.
pub(crate) struct House {
    pub(crate) app: App,
    pub(crate) clock: Clock,
    pub(crate) db: TestDb,
    /// Whether customers cannot be reached.
    pub(crate) away: Arc<AtomicBool>,
    pub(crate) first: Process,
    keys: RootKeys,
    customers: Outbound,
    _customers_db: TestDb,
}

impl House {
    /// On a fresh SQLite file.
    pub(crate) async fn new() -> Self {
        Self::on(Engine::Sqlite).await
    }

    /// On a fresh database of this engine.
    pub(crate) async fn on(engine: Engine) -> Self {
        let clock = Clock::manual(START);
        let keys = RootKeys::parse(&"07".repeat(32), &[]).unwrap();
        let db = TestDb::migrated(engine, &migrations()).await;
        let customers_db = TestDb::migrated(Engine::Sqlite, customers::MIGRATIONS).await;
        let away = Arc::new(AtomicBool::new(false));
        let customers = customers_link(&customers_db, &clock, &keys, away.clone()).await;
        let minter = Minter::new("tickets", &keys, clock.clone());
        let customers = Outbound::new(customers, minter, "customers");
        let first = process(db.db.clone(), &clock, &keys, &customers, 1).await;
        first.app.load().await.unwrap();
        let app = first.app.clone();
        Self { app, clock, db, away, first, keys, customers, _customers_db: customers_db }
    }

    /// Another process on the same database.
    pub(crate) async fn second(&self, seed: u64) -> Process {
        process(self.db.reopen().await, &self.clock, &self.keys, &self.customers, seed).await
    }

    /// Customers goes away, or comes back.
    pub(crate) fn customers_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// A client of the first process.
    pub(crate) fn client(&self, caller: Caller) -> Client {
        self.client_of(&self.first, caller)
    }

    /// A client of that process.
    pub(crate) fn client_of(&self, process: &Process, caller: Caller) -> Client {
        let minter = Minter::new("gateway", &self.keys, self.clock.clone());
        let call = Call {
            caller: Arc::new(caller),
            scope: RowScope::Tenant,
            method: "".into(),
            deadline: tokio::time::Instant::now() + Duration::from_mins(1),
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
            grants: Arc::new(grants()),
        };
        let link = Outbound::new(process.link.clone(), minter, "tickets").on_behalf(&call);
        Client {
            tickets: TicketServiceClient::new(link.clone()),
            talk: ConversationServiceClient::new(link.clone()),
            results: ResultServiceClient::new(link.clone()),
            stats: StatsServiceClient::new(link),
        }
    }

    /// A client of this agent.
    pub(crate) fn agent(&self, slug: &str) -> Client {
        self.client(agent(slug))
    }

    /// A client of this customer.
    pub(crate) fn customer(&self, id: CustomerId) -> Client {
        self.client(customer(1, id))
    }

    /// A client of whoever holds the link of a ticket.
    pub(crate) fn holder(&self, ticket: &str) -> Client {
        self.client(holder(ticket))
    }

    /// A customer whom customers knows, the same one each time.
    pub(crate) async fn known(&self) -> CustomerId {
        let identifier = customers_pb::Identifier {
            kind: customers_pb::IdentifierKind::Email.into(),
            value: contact().email,
            ..<_>::default()
        };
        let request = customers_pb::ResolveCustomerRequest {
            identifiers: vec![identifier],
            create: true,
            ..<_>::default()
        };
        let link = self.customers.as_service("tickets", tenant(1));
        let mut client = CustomerServiceClient::new(link);
        let known = client.resolve_customer(request).await.unwrap().into_inner().customer.unwrap();
        CustomerId::parse_name(&known.name).unwrap()
    }

    /// A ticket once it is linked to its customer; on a slow machine that is some time after intake.
    pub(crate) async fn linked(&self, name: &str) -> pb::Ticket {
        loop {
            let ticket = self.client(system(1)).get(name).await.unwrap();
            if !ticket.customer.is_empty() {
                return ticket;
            }
            self.later(Duration::from_mins(1)).await;
        }
    }

    /// Time passes, and whatever is due happens.
    pub(crate) async fn later(&self, by: Duration) {
        self.clock.advance(by);
        crate::worker::round(&self.app).await.unwrap();
    }

    /// The kinds of a ticket's events, oldest first; held to be without gaps.
    pub(crate) async fn history(&self, name: &str) -> Vec<String> {
        let parent = name.to_owned();
        let request = pb::ListTicketHistoryRequest { parent, page_size: 1_000, ..<_>::default() };
        let items = self.agent("lin").list_ticket_history(request).await.unwrap().items;
        for (item, sequence) in items.iter().zip(1..) {
            assert_eq!(item.sequence, sequence);
        }
        items.into_iter().map(|item| item.r#type).collect()
    }

    /// What an agent holds by the ledger.
    pub(crate) async fn used(&self, member: &str) -> i64 {
        const USED: ::store::Sql =
            ::store::Sql::both("SELECT used FROM agents WHERE tenant = $1 AND member = $2");
        let (used,) = self.db.one(USED, ::store::args![tenant(1), member]).await.unwrap();
        used
    }

    /// Gives what happened its place in the feed.
    pub(crate) async fn sequence(&self) {
        let source = self.app.source().clone();
        let mut sequencer =
            Sequencer::new(source, self.clock.clone(), "test".to_owned(), Metrics::new());
        while sequencer.tick().await.unwrap() {}
    }
}

async fn customers_link(
    db: &TestDb,
    clock: &Clock,
    keys: &RootKeys,
    away: Arc<AtomicBool>,
) -> Link {
    let app = customers::App::new(customers::Parts {
        lasting: meta::lasting_key(db, keys).await.unwrap(),
        db: db.db.clone(),
        partitions: 1,
        clock: clock.clone(),
        ids: Ids::seeded(clock.clone(), 99),
        keys: keys.clone(),
        tasks: TaskTracker::new(),
        homes: HashMap::new(),
        contact: Policy {
            cap: 1,
            period: Duration::from_hours(7 * 24),
            quiet_hours: None,
            grant: Duration::from_hours(1),
        },
    });
    let wall = wall(customers::routes(&app), "tickets", "customers", clock, keys);
    link::link(tower::service_fn(move |request: http::Request<Body>| {
        let (wall, away) = (wall.clone(), away.load(Ordering::SeqCst));
        async move {
            if away {
                return Err(BoxError::from("nobody listens there"));
            }
            wall.oneshot(request).await.map_err(BoxError::from)
        }
    }))
}

fn wall(
    routes: tonic::service::Routes,
    trusted: &str,
    audience: &str,
    clock: &Clock,
    keys: &RootKeys,
) -> Inbound {
    let verifier = Verifier::new(&[trusted], &[audience], keys, clock.clone());
    let methods = Arc::new(Methods::read(&contracts::POOL));
    Inbound::new(routes, methods, Arc::new(grants()), Trust::CallTokens(verifier), Metrics::new())
}

async fn process(
    db: Db,
    clock: &Clock,
    keys: &RootKeys,
    customers: &Outbound,
    seed: u64,
) -> Process {
    let source = Source::new(crate::NAME, db.clone());
    let app = App::new(Parts {
        lasting: meta::lasting_key(&db, keys).await.unwrap(),
        partitions: meta::partitions(&db).await.unwrap(),
        db,
        clock: clock.clone(),
        ids: Ids::seeded(clock.clone(), seed),
        keys: keys.clone(),
        tasks: TaskTracker::new(),
        customers: customers.clone(),
        tenants: tenants(),
        source,
        metrics: Metrics::new(),
    })
    .unwrap();
    let link = link::link(wall(routes(&app), "gateway", "tickets", clock, keys));
    Process { app, link }
}

fn tenants() -> Vec<Tenant> {
    let queue = |id: &str, team: &str, kinds: &[pb::Kind]| Queue {
        id: id.to_owned(),
        title: format!("All {id}"),
        team: team.to_owned(),
        kinds: kinds.to_vec(),
        channels: Vec::new(),
        languages: Vec::new(),
        max_wait: 4 * HOUR,
    };
    let slugs = |slugs: &[&str]| slugs.iter().map(|slug| (*slug).to_owned()).collect::<Vec<_>>();
    let profile = |queues: &[&str], skills: &[&str], capacity| Profile {
        queues: slugs(queues),
        skills: slugs(skills),
        languages: Vec::new(),
        capacity,
    };
    let both = &["complaints", "general"];
    let mut agents = BTreeMap::from([
        ("lin".to_owned(), profile(both, &["refunds"], 1_000)),
        ("mei".to_owned(), profile(both, &[], 10)),
        ("tiny".to_owned(), profile(both, &[], 1)),
        ("gen".to_owned(), profile(&["general"], &[], 10)),
    ]);
    // Has every skill that a test may need, and takes nothing.
    let skills = (1..400).map(|n| format!("skill-{n}")).collect();
    agents.insert("jack".to_owned(), Profile { skills, ..profile(&[], &[], 0) });
    for n in 0..64 {
        agents.insert(format!("a{n}"), profile(both, &[], 2));
    }
    let routing = Routing {
        queues: vec![
            queue("complaints", "resolution", &[pb::Kind::Complaint, pb::Kind::NegativeReview]),
            queue("general", "front-line", &[]),
        ],
        agents,
    };
    // Nobody has written a profile for her.
    let staff = vec![Staff {
        member: "zoe".to_owned(),
        roles: vec![Role::Agent],
        teams: slugs(&["front-line"]),
        active: true,
    }];
    [(1, "Asia/Shanghai", "CN"), (2, "Europe/Berlin", "DE")]
        .into_iter()
        .map(|(n, zone, region)| Tenant {
            id: tenant(n),
            routing: routing.clone(),
            staff: staff.clone(),
            time_zone: zone.to_owned(),
            phone_region: region.to_owned(),
        })
        .collect()
}

/// The shipped grants; technicians stand for staff who reach their teams' rows only.
fn grants() -> Grants {
    let teams =
        ["tickets.*@teams", "entries.*@teams", "backlog.read@teams"].map(str::to_owned).to_vec();
    let mine = BTreeMap::from([(Role::Technician, teams)]);
    Grants::shipped().overridden_by(Grants::parse(&mine).unwrap())
}

/// A member of tenant 1's staff.
pub(crate) fn member(slug: &str, role: Role, teams: &[&str]) -> Caller {
    Caller {
        tenant: tenant(1),
        kind: CallerKind::Member,
        subject: slug.to_owned(),
        roles: vec![role],
        teams: teams.iter().map(|team| (*team).to_owned()).collect(),
        scopes: None,
        customer: None,
        link: None,
        locale: Locale::En,
    }
}

/// An agent of tenant 1.
pub(crate) fn agent(slug: &str) -> Caller {
    member(slug, Role::Agent, &["resolution", "front-line"])
}

/// A customer of a tenant.
pub(crate) fn customer(n: u128, id: CustomerId) -> Caller {
    Caller {
        tenant: tenant(n),
        kind: CallerKind::Customer,
        subject: id.to_string(),
        roles: vec![Role::Customer],
        scopes: None,
        customer: Some(id),
        link: None,
        ..agent("")
    }
}

/// Whoever holds the link of a ticket of tenant 1.
pub(crate) fn holder(ticket: &str) -> Caller {
    let id = TicketId::parse_name(ticket).unwrap();
    Caller {
        kind: CallerKind::Anonymous,
        subject: ticket.to_owned(),
        roles: vec![Role::LinkHolder],
        teams: Vec::new(),
        link: Some(Opens::Ticket(id)),
        ..agent("")
    }
}

/// A system of a tenant.
pub(crate) fn system(n: u128) -> Caller {
    Caller {
        tenant: tenant(n),
        kind: CallerKind::Integration,
        subject: "crm".to_owned(),
        roles: vec![Role::Integration],
        ..agent("")
    }
}

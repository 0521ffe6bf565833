//! What the tests of the operations share: the service on a fresh `SQLite` file with a clock that
//! stands still and two tenants, and callers of several kinds.

use std::{sync::Arc, time::Duration};

use contracts::gateway::v1::{self as pb, GatewayEvent, gateway_event::Change};
use kernel::{
    Caller, CallerKind, Clock, CustomerId, Ids, Locale, Role, RowScope, TenantId, Time,
    keys::RootKeys,
};
use prost::Message;
use rpc::{Call, Grants};
use store::{Engine, Sql, args};
use testing::TestDb;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    App, Error, MIGRATIONS, Parts,
    domain::api_key::ApiKey,
    seed,
    store::{api_keys, members},
};

/// 2025-11-22 00:06:40 UTC.
pub(crate) const START: Time = Time::from_micros(1_763_770_000_000_000);

/// The service on this database, in which there is nobody yet.
pub(crate) async fn app(database: &TestDb) -> App {
    let clock = Clock::manual(START);
    let keys = RootKeys::parse(&"42".repeat(32), &[]).unwrap();
    App::new(Parts {
        db: database.db.clone(),
        partitions: 1,
        ids: Ids::seeded(clock.clone(), 1),
        clock,
        lasting: store::meta::lasting_key(database, &keys).await.unwrap(),
        keys,
        tasks: TaskTracker::new(),
        grants: grants(),
        metrics: telemetry::Metrics::new(),
    })
}

/// The service with what its tests look at.
pub(crate) struct Fixture {
    pub(crate) app: App,
    _database: TestDb,
}

impl Fixture {
    /// Tenants 1 and 2, alike: the admin `grace`, the agent `amy` of the team `resolution`, and the
    /// team `front-line` without anybody.
    pub(crate) async fn new() -> Self {
        let database = TestDb::migrated(Engine::Sqlite, MIGRATIONS).await;
        let app = app(&database).await;
        app.seed(&[tenant_seed(1), tenant_seed(2)]).await.unwrap();
        Self { app, _database: database }
    }

    /// The clock moves on.
    pub(crate) fn later(&self) {
        self.app.clock.advance(Duration::from_secs(1));
    }

    /// A tenant by number, as the operator sees it.
    pub(crate) async fn tenant(&self, number: u128) -> pb::Tenant {
        super::get_tenant::by_id(&self.app, &operator(), tenant(number)).await.unwrap()
    }

    /// A member of tenant 1 with these roles, recorded by the admin.
    pub(crate) async fn member(&self, id: &str, roles: &[&str]) -> pb::Member {
        let request = create_member(id, roles);
        super::create_member::handle(self.app.clone(), admin(), request).await.unwrap()
    }

    /// A member of tenant 1 as the admin sees them.
    pub(crate) async fn read(&self, id: &str) -> pb::Member {
        super::get_member::by_id(&self.app, &admin(), id).await.unwrap()
    }

    /// A key of tenant 1 with these scopes, as it is stored.
    pub(crate) async fn key(&self, scopes: &[&str]) -> ApiKey {
        let made = self.made_key(scopes).await.api_key.unwrap();
        let id = kernel::ApiKeyId::parse_name(&made.name).unwrap();
        api_keys::get(&self.app.db, tenant(1), id).await.unwrap().unwrap()
    }

    /// A key of tenant 1 with these scopes, as it was told.
    pub(crate) async fn made_key(&self, scopes: &[&str]) -> pb::CreateApiKeyResponse {
        let request = create_key(scopes);
        super::create_api_key::handle(self.app.clone(), admin(), request).await.unwrap()
    }

    /// The kinds of the events of a tenant that came from its seed and since, sorted.
    pub(crate) async fn event_kinds(&self, tenant: TenantId) -> Vec<String> {
        const KINDS: Sql = Sql::both("SELECT kind FROM events WHERE tenant = $1 ORDER BY kind");
        let rows: Vec<(String,)> = self.app.db.all(KINDS, args![tenant]).await.unwrap();
        rows.into_iter().map(|(kind,)| kind).collect()
    }

    /// The events of an aggregate, oldest first: kind, sequence and what changed.
    pub(crate) async fn events(
        &self,
        tenant: TenantId,
        aggregate: Uuid,
    ) -> Vec<(String, i64, Change)> {
        const EVENTS: Sql = Sql::both(
            "SELECT kind, sequence, payload FROM events WHERE tenant = $1 AND aggregate = $2 \
             ORDER BY sequence",
        );
        let rows: Vec<(String, i64, Vec<u8>)> =
            self.app.db.all(EVENTS, args![tenant, aggregate]).await.unwrap();
        rows.into_iter()
            .map(|(kind, sequence, payload)| {
                let event = GatewayEvent::decode(payload.as_slice()).unwrap();
                (kind, sequence, event.change.unwrap())
            })
            .collect()
    }

    /// The events of a member of tenant 1.
    pub(crate) async fn events_of(&self, member: &str) -> Vec<(String, i64, Change)> {
        let sealer = self.app.sealer(tenant(1));
        let found = members::get(&self.app.db, tenant(1), &sealer, member).await.unwrap();
        self.events(tenant(1), found.unwrap().aggregate).await
    }
}

pub(crate) fn grants() -> Arc<Grants> {
    // Supervisors who run their teams: what the authority of somebody below an admin is tried with.
    let mut supervisor: Vec<String> =
        ["members.read", "members.write", "keys.read", "keys.write", "pii.read"]
            .map(str::to_owned)
            .into();
    supervisor.extend(["tickets.*", "entries.*", "timeline.read"].map(str::to_owned));
    supervisor.extend(
        ["customers.*", "products.read", "purchases.read", "workspace.read"].map(str::to_owned),
    );
    supervisor.extend(["articles.read", "articles.search", "articles.vote"].map(str::to_owned));
    supervisor.extend(["consents.*", "contacts.read"].map(str::to_owned));
    supervisor.extend(["surveys.read", "invitations.read", "interviews.record"].map(str::to_owned));
    supervisor.push("backlog.read".to_owned());
    let mine = [(Role::Supervisor, supervisor)].into();
    Arc::new(Grants::shipped().overridden_by(Grants::parse(&mine).unwrap()))
}

fn tenant_seed(number: u128) -> seed::Tenant {
    let person = |id: &str, title: &str, roles: &[Role], teams: &[&str]| seed::Member {
        id: id.to_owned(),
        title: title.to_owned(),
        roles: roles.to_vec(),
        teams: teams.iter().map(|team| (*team).to_owned()).collect(),
        locale: Locale::En,
    };
    let team = |id: &str| seed::Team { id: id.to_owned(), title: format!("Team {id}") };
    seed::Tenant {
        id: tenant(number),
        slug: format!("tenant-{number}"),
        title: format!("Tenant {number}"),
        locale: Locale::En,
        phone_region: "US".to_owned(),
        time_zone: "America/New_York".to_owned(),
        teams: vec![team("front-line"), team("resolution")],
        members: vec![
            person("grace", "Grace Hill", &[Role::Admin], &[]),
            person("amy", "Amy Lin", &[Role::Agent], &["resolution"]),
        ],
    }
}

pub(crate) fn tenant(n: u128) -> TenantId {
    TenantId::from(Uuid::from_u128(n))
}

/// A request to record a tenant.
pub(crate) fn create_tenant(slug: &str) -> pb::CreateTenantRequest {
    let tenant = pb::Tenant {
        slug: slug.to_owned(),
        title: format!("The {slug}"),
        phone_region: "CN".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        ..pb::Tenant::default()
    };
    pb::CreateTenantRequest { tenant: Some(tenant), ..<_>::default() }
}

/// A request to record a member.
pub(crate) fn create_member(id: &str, roles: &[&str]) -> pb::CreateMemberRequest {
    let member = pb::Member {
        display_name: format!("Person {id}"),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..pb::Member::default()
    };
    pb::CreateMemberRequest {
        member: Some(member),
        member_id: id.to_owned(),
        request_id: String::new(),
    }
}

/// A request to make a key.
pub(crate) fn create_key(scopes: &[&str]) -> pb::CreateApiKeyRequest {
    let api_key = pb::ApiKey {
        title: "Shop".to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..pb::ApiKey::default()
    };
    pb::CreateApiKeyRequest { api_key: Some(api_key), request_id: String::new() }
}

pub(crate) fn login(issuer: &str, subject: &str) -> pb::Login {
    pb::Login { issuer: issuer.to_owned(), subject: subject.to_owned() }
}

/// A request id; the same for the same number.
pub(crate) fn request_id(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

/// Whoever runs the platform, who has no tenant.
pub(crate) fn operator() -> Call {
    call(0, CallerKind::Operator, "ops", &[Role::Operator])
}

/// The admin `grace` of tenant 1.
pub(crate) fn admin() -> Call {
    call(1, CallerKind::Member, "grace", &[Role::Admin])
}

/// The admin `grace` of another tenant.
pub(crate) fn stranger() -> Call {
    call(2, CallerKind::Member, "grace", &[Role::Admin])
}

/// The agent `amy` of tenant 1.
pub(crate) fn agent() -> Call {
    call(1, CallerKind::Member, "amy", &[Role::Agent])
}

/// A supervisor of tenant 1, who writes the staff but does not run the tenant.
pub(crate) fn supervisor() -> Call {
    call(1, CallerKind::Member, "frank", &[Role::Supervisor])
}

/// A system of tenant 1 whose credential is narrowed to these scopes.
pub(crate) fn system(scopes: &[&str]) -> Call {
    let made = call(1, CallerKind::Integration, "shop", &[Role::Integration]);
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let caller = Caller { scopes: Some(scopes), ..(*made.caller).clone() };
    Call { caller: Arc::new(caller), ..made }
}

/// The same caller in another tenant.
pub(crate) fn in_tenant(number: u128, call: Call) -> Call {
    let caller = Caller { tenant: tenant(number), ..(*call.caller).clone() };
    Call { caller: Arc::new(caller), ..call }
}

/// The admin of tenant 1 of this id.
pub(crate) fn admin_called(subject: &str) -> Call {
    call(1, CallerKind::Member, subject, &[Role::Admin])
}

/// The same caller, with what the method's permission reaches made narrower.
pub(crate) fn narrowed(call: Call, to: RowScope) -> Call {
    Call { scope: to, ..call }
}

/// The reaches that are less than the tenant.
pub(crate) fn narrow_reaches() -> [RowScope; 3] {
    let customer = CustomerId::from(Uuid::from_u128(9));
    [RowScope::None, RowScope::Own(customer), RowScope::Teams(vec!["resolution".to_owned()])]
}

fn call(tenant_number: u128, kind: CallerKind, subject: &str, roles: &[Role]) -> Call {
    let caller = Caller {
        tenant: tenant(tenant_number),
        kind,
        subject: subject.to_owned(),
        roles: roles.to_vec(),
        teams: Vec::new(),
        scopes: None,
        customer: None,
        link: None,
        locale: Locale::En,
    };
    Call {
        caller: Arc::new(caller),
        scope: RowScope::Tenant,
        method: "".into(),
        deadline: tokio::time::Instant::now() + Duration::from_secs(10),
        traceparent: "".into(),
        grants: grants(),
    }
}

/// The fields that a refused request is wrong in.
pub(crate) fn fields(error: &Error) -> Vec<&str> {
    let Error::Invalid(violations) = error else { panic!("not a wrong request: {error:?}") };
    violations.as_slice().iter().map(|violation| violation.field.as_str()).collect()
}

/// What stood in the way of a refused transition.
pub(crate) fn blocker(error: &Error) -> &'static str {
    let Error::Refused { blockers, .. } = error else { panic!("not a refusal: {error:?}") };
    blockers[0].kind
}

/// What was beyond the caller's authority.
pub(crate) fn beyond(error: &Error) -> &str {
    let Error::BeyondAuthority { what } = error else { panic!("not beyond: {error:?}") };
    what
}

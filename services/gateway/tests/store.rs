//! The directory as its callers meet it, on both databases: through the generated clients, with only
//! the wall in front of it replaced.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail its test")]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aftercare_gateway::{
    App, MIGRATIONS, Parts, STATEMENTS, access,
    directory::read_credential,
    routes,
    seed::{self, Member, Team},
};
use contracts::gateway::v1::{
    self as pb, AccessKind, access_audit_service_client::AccessAuditServiceClient,
    api_key_service_client::ApiKeyServiceClient, member_service_client::MemberServiceClient,
    team_service_client::TeamServiceClient, tenant_service_client::TenantServiceClient,
};
use futures::future::join_all;
use kernel::{
    Caller, CallerKind, Clock, Ids, Locale, Role, RowScope, TenantId, Time, keys::RootKeys,
};
use rpc::{Call, Grants, Link};
use store::{Arg, Db, Engine, List, Sql, args, transact};
use testing::{TestDb, each_db};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{
    Code,
    codegen::{Service, http},
};
use uuid::Uuid;

const START: Time = Time::from_micros(1_763_770_000_000_000);
const PERSON: &str = "Grace Hill";
const SUBJECT: &str = "grace@example.com";

const EVENTS: Sql = Sql::both("SELECT COUNT(*) FROM events WHERE tenant = $1");
/// Every column that holds what was a name, a login or a secret, and what is told of them.
const STORED: Sql = Sql::split(
    "SELECT display_name FROM members WHERE tenant = $1 \
     UNION ALL SELECT subject FROM members WHERE tenant = $1 \
     UNION ALL SELECT COALESCE(login, x'') FROM members WHERE tenant = $1 \
     UNION ALL SELECT CAST(secrets AS BLOB) FROM api_keys WHERE tenant = $1 \
     UNION ALL SELECT payload FROM events WHERE tenant = $1",
    "SELECT display_name FROM members WHERE tenant = $1 \
     UNION ALL SELECT subject FROM members WHERE tenant = $1 \
     UNION ALL SELECT COALESCE(login, ''::bytea) FROM members WHERE tenant = $1 \
     UNION ALL SELECT convert_to(secrets::text, 'UTF8') FROM api_keys WHERE tenant = $1 \
     UNION ALL SELECT payload FROM events WHERE tenant = $1",
);
const MOVE: Sql = Sql::both(
    "UPDATE members SET display_name = \
     (SELECT display_name FROM members WHERE tenant = $1 AND id = $2) \
     WHERE tenant = $1 AND id = $3",
);

/// The service on one database, as one process of several.
#[derive(Clone)]
struct Suite {
    app: App,
}

impl Suite {
    async fn on(database: &TestDb) -> Self {
        let suite = Self::process(database.db.clone()).await;
        suite.app.seed(&[tenant_seed(1), tenant_seed(2)]).await.unwrap();
        suite
    }

    async fn process(db: Db) -> Self {
        let clock = Clock::manual(START);
        let keys = RootKeys::parse(&"42".repeat(32), &[]).unwrap();
        let app = App::new(Parts {
            partitions: store::meta::partitions(&db).await.unwrap(),
            lasting: store::meta::lasting_key(&db, &keys).await.unwrap(),
            db,
            ids: Ids::random(clock.clone()),
            clock,
            keys,
            tasks: TaskTracker::new(),
            grants: Arc::new(Grants::shipped()),
            metrics: telemetry::Metrics::new(),
        });
        Self { app }
    }

    fn db(&self) -> &Db {
        &self.app.db
    }

    fn link(&self, call: Call) -> Link {
        let routes = routes(&self.app).prepare();
        rpc::link::link(tower::service_fn(move |mut request: http::Request<tonic::body::Body>| {
            request.extensions_mut().insert(call.clone());
            routes.clone().call(request)
        }))
    }

    fn tenants(&self) -> TenantServiceClient<Link> {
        let operator = call(0, CallerKind::Operator, "ops", Role::Operator);
        TenantServiceClient::new(self.link(operator))
    }

    fn members(&self, tenant: u128) -> MemberServiceClient<Link> {
        MemberServiceClient::new(self.link(admin(tenant, "grace")))
    }

    fn keys(&self, tenant: u128) -> ApiKeyServiceClient<Link> {
        ApiKeyServiceClient::new(self.link(admin(tenant, "grace")))
    }

    async fn events(&self, tenant: u128) -> i64 {
        self.db().one::<(i64,)>(EVENTS, args![Uuid::from_u128(tenant)]).await.unwrap().0
    }
}

fn tenant(number: u128) -> TenantId {
    TenantId::from(Uuid::from_u128(number))
}

fn tenant_seed(number: u128) -> seed::Tenant {
    let person = |id: &str, title: &str, role| Member {
        id: id.to_owned(),
        title: title.to_owned(),
        roles: vec![role],
        teams: vec!["resolution".to_owned()],
        locale: Locale::En,
    };
    seed::Tenant {
        id: tenant(number),
        slug: format!("tenant-{number}"),
        title: format!("Tenant {number}"),
        locale: Locale::En,
        phone_region: "US".to_owned(),
        time_zone: "America/New_York".to_owned(),
        teams: vec![Team { id: "resolution".to_owned(), title: "Resolution".to_owned() }],
        members: vec![person("grace", PERSON, Role::Admin), person("amy", "Amy Lin", Role::Agent)],
    }
}

fn admin(tenant: u128, subject: &str) -> Call {
    call(tenant, CallerKind::Member, subject, Role::Admin)
}

fn call(number: u128, kind: CallerKind, subject: &str, role: Role) -> Call {
    let caller = Caller {
        tenant: tenant(number),
        kind,
        subject: subject.to_owned(),
        roles: vec![role],
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
        deadline: tokio::time::Instant::now() + Duration::from_secs(30),
        traceparent: "".into(),
        grants: Arc::new(Grants::shipped()),
    }
}

fn create_member(id: &str, role: &str, subject: &str) -> pb::CreateMemberRequest {
    let login = (!subject.is_empty()).then(|| pb::Login {
        issuer: "https://id.example".to_owned(),
        subject: subject.to_owned(),
    });
    let member = pb::Member {
        display_name: format!("Person {id}"),
        roles: vec![role.to_owned()],
        login,
        ..pb::Member::default()
    };
    pb::CreateMemberRequest {
        member: Some(member),
        member_id: id.to_owned(),
        request_id: String::new(),
    }
}

fn create_tenant(slug: &str, hosts: &[&str]) -> pb::CreateTenantRequest {
    let tenant = pb::Tenant {
        slug: slug.to_owned(),
        title: slug.to_owned(),
        phone_region: "CN".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        ..pb::Tenant::default()
    };
    pb::CreateTenantRequest { tenant: Some(tenant), ..<_>::default() }
}

fn create_key(request_id: &str) -> pb::CreateApiKeyRequest {
    let api_key = pb::ApiKey {
        title: "Shop".to_owned(),
        scopes: vec!["tickets.*".to_owned()],
        ..pb::ApiKey::default()
    };
    pb::CreateApiKeyRequest { api_key: Some(api_key), request_id: request_id.to_owned() }
}

#[tokio::test]
async fn every_statement_is_valid() {
    each_db(MIGRATIONS, async |database| {
        for statements in STATEMENTS {
            store::prepare_all(database, statements).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn names_logins_and_secrets_are_not_at_rest_and_not_in_events() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let request = create_member("lin", "agent", SUBJECT);
        suite.members(1).create_member(request).await.unwrap();
        let made = suite.keys(1).create_api_key(create_key("")).await.unwrap().into_inner();
        let (_, secret) = read_credential(&made.secret).unwrap();
        let stored: Vec<(Vec<u8>,)> = suite.db().all(STORED, args![tenant(1)]).await.unwrap();
        assert!(stored.len() > 15);
        for (bytes,) in stored {
            for hidden in [PERSON, SUBJECT, "Person lin", secret] {
                let hidden = hidden.as_bytes();
                assert!(!bytes.windows(hidden.len()).any(|window| window == hidden));
            }
        }
        let request = pb::GetMemberRequest { name: "members/lin".to_owned() };
        let read = suite.members(1).get_member(request).await.unwrap().into_inner();
        assert_eq!(read.display_name, "Person lin");
        assert_eq!(read.login.unwrap().subject, SUBJECT);
        let directory = suite.app.directory();
        let found = directory.member_by_login(tenant(1), "https://id.example", SUBJECT).await;
        assert_eq!(found.unwrap().unwrap().id, "lin");
    })
    .await;
}

#[tokio::test]
async fn a_sealed_name_moved_to_another_row_does_not_open() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let values = || args![tenant(1), "grace", "amy"];
        let moved: Result<u64, store::Error> =
            transact!(suite.db(), "test", |tx| tx.execute(MOVE, values()).await);
        moved.unwrap();
        let request = pb::GetMemberRequest { name: "members/amy".to_owned() };
        let status = suite.members(1).get_member(request).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains(PERSON));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_at_once_seed_once() {
    each_db(MIGRATIONS, async |database| {
        let mut replicas = Vec::new();
        for _ in 0..4 {
            replicas.push(Suite::process(database.reopen().await).await);
        }
        let tenants = [tenant_seed(1), tenant_seed(2)];
        let seeded = join_all(replicas.iter().map(|replica| replica.app.seed(&tenants))).await;
        for outcome in seeded {
            outcome.unwrap();
        }
        for number in [1, 2] {
            // The tenant, its team, its two people.
            assert_eq!(replicas[0].events(number).await, 4);
            let facts = replicas[3].app.directory().tenant(tenant(number)).await.unwrap().unwrap();
            assert_eq!(facts.slug, format!("tenant-{number}"));
        }
        for replica in replicas {
            replica.db().close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_gets_the_slug_the_host_and_the_login() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let tenants = join_all((0..16).map(|n| {
            let mut client = suite.tenants();
            let slug = if n % 2 == 0 { "same".to_owned() } else { format!("other-{n}") };
            async move { client.create_tenant(create_tenant(&slug, &["help.example"])).await }
        }))
        .await;
        assert_eq!(tenants.iter().filter(|made| made.is_ok()).count(), 1);
        for refused in tenants.into_iter().filter_map(Result::err) {
            assert_eq!(refused.code(), Code::AlreadyExists);
        }
        let members =
            join_all(
                (0..32).map(|n| {
                    let mut client = suite.members(1);
                    async move {
                        client.create_member(create_member(&format!("m{n}"), "agent", "7")).await
                    }
                }),
            )
            .await;
        assert_eq!(members.iter().filter(|made| made.is_ok()).count(), 1);
        for refused in members.into_iter().filter_map(Result::err) {
            assert_eq!(refused.code(), Code::AlreadyExists);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_take_one_login_at_once_one_has_it() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        for n in 0..16 {
            let request = create_member(&format!("m{n}"), "agent", "");
            suite.members(1).create_member(request).await.unwrap();
        }
        let taken = join_all((0..16).map(|n| {
            let mut client = suite.members(1);
            let member = pb::Member {
                name: format!("members/m{n}"),
                ..create_member("", "agent", "7").member.unwrap()
            };
            let update_mask = Some(prost_types::FieldMask { paths: vec!["login".to_owned()] });
            let request = pb::UpdateMemberRequest {
                member: Some(member),
                update_mask,
                request_id: String::new(),
            };
            async move { client.update_member(request).await }
        }))
        .await;
        assert_eq!(taken.iter().filter(|done| done.is_ok()).count(), 1);
        for refused in taken.into_iter().filter_map(Result::err) {
            assert_eq!(refused.code(), Code::AlreadyExists, "{refused:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_admins_go_at_once_one_is_left() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        for n in 0..7 {
            let request = create_member(&format!("boss{n}"), "admin", "");
            suite.members(1).create_member(request).await.unwrap();
        }
        // Each one is deactivated by another, all eight at once.
        let ids: Vec<_> = (0..7).map(|n| format!("boss{n}")).chain(["grace".to_owned()]).collect();
        let gone = join_all(ids.iter().enumerate().map(|(n, id)| {
            let link = suite.link(admin(1, &ids[(n + 1) % ids.len()]));
            let request = pb::DeactivateMemberRequest {
                name: format!("members/{id}"),
                ..pb::DeactivateMemberRequest::default()
            };
            async move { MemberServiceClient::new(link).deactivate_member(request).await }
        }))
        .await;
        let refused: Vec<_> = gone.into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!(refused[0].code(), Code::FailedPrecondition);
        let request = pb::ListMembersRequest::default();
        let all = suite.members(1).list_members(request).await.unwrap().into_inner().members;
        let active = all.iter().filter(|member| member.active && member.roles == ["admin"]);
        assert_eq!(active.count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_with_one_request_id_one_is_told_the_secret() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let request = create_key(&Uuid::from_u128(7).to_string());
        let made = join_all((0..32).map(|_| {
            let (mut client, request) = (suite.keys(1), request.clone());
            async move { client.create_api_key(request).await.unwrap().into_inner() }
        }))
        .await;
        assert!(made.iter().all(|one| one.api_key == made[0].api_key));
        assert_eq!(made.iter().filter(|one| !one.secret.is_empty()).count(), 1);
        let name = made[0].api_key.clone().unwrap().name;
        let rotated = join_all((0..16).map(|_| {
            let mut client = suite.keys(1);
            let request = pb::RotateApiKeyRequest { name: name.clone(), ..Default::default() };
            async move { client.rotate_api_key(request).await.unwrap().into_inner() }
        }))
        .await;
        let secrets: BTreeSet<_> = rotated.iter().map(|one| one.secret.as_str()).collect();
        assert_eq!(secrets.len(), 16);
        let id = read_credential(&rotated[0].secret).unwrap().0;
        let facts = suite.app.directory().api_key(id).await.unwrap().unwrap();
        let holding = secrets.iter().filter(|secret| {
            let (_, text) = read_credential(secret).unwrap();
            facts.admits(text, START)
        });
        assert_eq!((facts.secrets.len(), holding.count()), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn processes_that_saw_the_same_minute_make_one_record() {
    each_db(MIGRATIONS, async |database| {
        let first = Suite::on(database).await;
        let second = Suite::process(database.db.clone()).await;
        let caller = admin(1, "grace").caller;
        for (suite, times) in [(&first, 3), (&second, 4)] {
            for _ in 0..times {
                let log = suite.app.access_log();
                log.record(tenant(1), AccessKind::SignIn, &caller, "", "oidc");
            }
        }
        let stop = CancellationToken::new();
        stop.cancel();
        tokio::join!(
            access::run(first.app.clone(), stop.clone()),
            access::run(second.app.clone(), stop)
        );
        let mut client = AccessAuditServiceClient::new(first.link(admin(1, "grace")));
        let request = pb::ListAccessRecordsRequest::default();
        let records = client.list_access_records(request).await.unwrap().into_inner();
        let counts: Vec<_> = records.access_records.iter().map(|record| record.count).collect();
        assert_eq!(counts, [7]);
    })
    .await;
}

#[tokio::test]
async fn missing_and_foreign_have_the_same_bytes() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        suite.members(1).create_member(create_member("bo", "agent", "")).await.unwrap();
        let key = suite.keys(1).create_api_key(create_key("")).await.unwrap().into_inner();
        let key = key.api_key.unwrap().name;
        let nobodys = "0198b2a0-0000-7000-8000-000000000001";
        let [theirs, absent] = [key, format!("apiKeys/{nobodys}")];
        let mut told: [BTreeSet<(String, String)>; 3] = Default::default();
        let mut note = |group: usize, status: tonic::Status, name: &str| {
            assert_eq!(status.code(), Code::NotFound);
            // The names have the same length, so their places in the bytes are the same.
            let details = String::from_utf8_lossy(status.details()).replace(name, "NAME");
            told[group].insert((status.message().replace(name, "NAME"), details));
        };
        // What is there in tenant 1, and what is nowhere, both asked for in tenant 2.
        let (mut members, mut keys) = (suite.members(2), suite.keys(2));
        let mut tenants = TenantServiceClient::new(suite.link(admin(2, "grace")));
        for name in ["members/bo", "members/xy"].map(str::to_owned) {
            let get = pb::GetMemberRequest { name: name.clone() };
            note(0, members.get_member(get).await.unwrap_err(), &name);
            let gone = pb::DeactivateMemberRequest { name: name.clone(), ..Default::default() };
            note(0, members.deactivate_member(gone).await.unwrap_err(), &name);
            let given =
                pb::Member { name: name.clone(), locale: "en".to_owned(), ..pb::Member::default() };
            let update = pb::UpdateMemberRequest { member: Some(given), ..Default::default() };
            note(0, members.update_member(update).await.unwrap_err(), &name);
        }
        for name in [theirs, absent] {
            let get = pb::GetApiKeyRequest { name: name.clone() };
            note(1, keys.get_api_key(get).await.unwrap_err(), &name);
            let rotate = pb::RotateApiKeyRequest { name: name.clone(), ..Default::default() };
            note(1, keys.rotate_api_key(rotate).await.unwrap_err(), &name);
            let revoke = pb::RevokeApiKeyRequest { name: name.clone(), ..Default::default() };
            note(1, keys.revoke_api_key(revoke).await.unwrap_err(), &name);
        }
        for name in [tenant(1).name(), format!("tenants/{nobodys}")] {
            let get = pb::GetTenantRequest { name: name.clone() };
            note(2, tenants.get_tenant(get).await.unwrap_err(), &name);
            let suspend = pb::SuspendTenantRequest { name: name.clone(), ..Default::default() };
            note(2, tenants.suspend_tenant(suspend).await.unwrap_err(), &name);
        }
        for group in told {
            assert_eq!(group.len(), 1, "{group:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn tenants_do_not_meet() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        // The same ids and the same login in both.
        for number in [1, 2] {
            let mut teams = TeamServiceClient::new(suite.link(admin(number, "grace")));
            let team = pb::Team { title: format!("Nights {number}"), ..pb::Team::default() };
            let request = pb::CreateTeamRequest {
                team: Some(team),
                team_id: "nights".to_owned(),
                request_id: String::new(),
            };
            teams.create_team(request).await.unwrap();
            let mut request = create_member("lin", "agent", SUBJECT);
            let given = request.member.as_mut().unwrap();
            given.display_name = format!("Lin {number}");
            given.teams = vec!["teams/nights".to_owned()];
            suite.members(number).create_member(request).await.unwrap();
        }
        for number in [1, 2] {
            let request = pb::ListMembersRequest {
                team: "teams/nights".to_owned(),
                ..pb::ListMembersRequest::default()
            };
            let page = suite.members(number).list_members(request).await.unwrap().into_inner();
            let names: Vec<_> = page.members.iter().map(|one| one.display_name.as_str()).collect();
            assert_eq!(names, [format!("Lin {number}")]);
            let gone = pb::DeactivateMemberRequest {
                name: "members/lin".to_owned(),
                ..pb::DeactivateMemberRequest::default()
            };
            suite.members(number).deactivate_member(gone).await.unwrap();
        }
        // The operator sees both by slug.
        let list = pb::ListTenantsRequest::default();
        let page = suite.tenants().list_tenants(list).await.unwrap().into_inner();
        let slugs: Vec<_> = page.tenants.iter().map(|one| one.slug.as_str()).collect();
        assert_eq!(slugs, ["tenant-1", "tenant-2"]);
    })
    .await;
}

/// How the engine would run a statement, one line a step.
async fn explain(db: &Db, text: &str, values: Vec<Arg>) -> Vec<String> {
    let explain = match db.engine() {
        Engine::Sqlite => format!("EXPLAIN QUERY PLAN {text}"),
        Engine::Postgres => format!("EXPLAIN {text}"),
    };
    let sql = Sql::both(Box::leak(explain.into_boxed_str()));
    match db.engine() {
        Engine::Sqlite => {
            let rows: Vec<(i64, i64, i64, String)> = db.all(sql, values).await.unwrap();
            rows.into_iter().map(|(_, _, _, step)| step).collect()
        }
        Engine::Postgres => {
            let rows: Vec<(String,)> = db.all(sql, values).await.unwrap();
            rows.into_iter().map(|(step,)| step).collect()
        }
    }
}

/// So many rows that a look at all of them would cost.
async fn filled(suite: &Suite) {
    let tenants: Vec<TenantId> = (10..600).map(tenant).collect();
    for id in &tenants {
        let seed = seed::Tenant {
            id: *id,
            slug: format!("t-{}", id.uuid().as_u128()),
            teams: Vec::new(),
            members: Vec::new(),
            ..tenant_seed(1)
        };
        suite.app.seed(&[seed]).await.unwrap();
    }
    fill(suite, "INSERT INTO teams (tenant, id, aggregate, version, sequence, last_at, title, created_at) VALUES ", |n| {
        args![tenant(1), format!("t{n:04}"), Uuid::from_u128(n), 1_i64, 1_i64, 0_i64, "Team", 0_i64]
    })
    .await;
    let nothing = serde_json::Value::Array(Vec::new());
    fill(suite, "INSERT INTO members (tenant, id, aggregate, version, sequence, last_at, display_name, issuer, subject, login, roles, teams, locale, active, created_at, updated_at) VALUES ", |n| {
        let n64 = i64::try_from(n).unwrap();
        args![
            tenant(1), format!("m{n:04}"), Uuid::from_u128(n), 1_i64, 1_i64, 0_i64, vec![7_u8; 60],
            "https://id.example", vec![7_u8; 60], n.to_be_bytes().repeat(2), nothing.clone(),
            nothing.clone(), "en", n64 % 2 == 0, 0_i64, 0_i64
        ]
    })
    .await;
    fill(suite, "INSERT INTO team_members (tenant, team, member) VALUES ", |n| {
        args![tenant(1), format!("t{:04}", n % 40), format!("m{n:04}")]
    })
    .await;
    fill(suite, "INSERT INTO api_keys (tenant, id, version, sequence, last_at, title, scopes, secrets, created_at) VALUES ", |n| {
        let at = i64::try_from(n).unwrap();
        args![tenant(1), Uuid::from_u128(n), 1_i64, 1_i64, 0_i64, "Key", nothing.clone(), nothing.clone(), at]
    })
    .await;
    fill(suite, "INSERT INTO access_records (tenant, id, minute, at, kind, actor_kind, subject, method, credential, count) VALUES ", |n| {
        let at = i64::try_from(n).unwrap();
        args![tenant(1), Uuid::from_u128(n), at, at, at % 3 + 1, "member", format!("members/m{:02}", n % 50), "", "oidc", 1_i64]
    })
    .await;
    transact!(suite.db(), "test.analyze", |tx| tx.execute(Sql::both("ANALYZE"), args![]).await)
        .unwrap();
}

async fn fill(suite: &Suite, start: &'static str, row: impl Fn(u128) -> Vec<Arg>) {
    for chunk in 0..8_u128 {
        let done: Result<(), store::Error> = transact!(suite.db(), "test.fill", |tx| {
            let mut list = List::new(start);
            list.rows((chunk * 500..(chunk + 1) * 500).map(&row));
            let (text, values) = list.finish();
            tx.execute(text, values).await.map(drop)
        });
        done.unwrap();
    }
}

/// Each read, by how it begins to differ from the others, with its values and the index that it goes
/// by on PostgreSQL. On SQLite every step must be a search.
fn reads() -> Vec<(&'static str, Vec<Arg>, &'static str)> {
    let (one, id, most) = (tenant(1), Uuid::max(), i64::MAX);
    vec![
        ("FROM tenants WHERE tenant = $1", args![one], "tenants_key"),
        ("WHERE n.kind = $1 AND n.name = $2", args!["slug", "t-77"], "names_key"),
        ("WHERE n.kind = 'slug' AND n.name > $1", args!["t-3", 51_i64], "names_key"),
        ("FROM tenants WHERE tenant > $1", args![Uuid::from_u128(300), 51_i64], "tenants_key"),
        ("FROM teams WHERE tenant = $1 AND id = $2", args![one, "t0007"], "teams_key"),
        ("FROM teams WHERE tenant = $1 AND id > $2", args![one, "t0007", 51_i64], "teams_key"),
        ("FROM members WHERE tenant = $1 AND id = $2", args![one, "m0007"], "members_key"),
        ("FROM members WHERE tenant = $1 AND id > $2", args![one, "m0007", 51_i64], "members_key"),
        (
            "t.tenant = $1 AND t.team = $2 AND t.member > $3",
            args![one, "t0007", "m0100", 51_i64],
            "team_members_key",
        ),
        ("FROM members WHERE tenant = $1 AND login = $2", args![one, [7_u8; 32]], "members_login"),
        (
            "FROM api_keys WHERE tenant = $1 AND id = $2",
            args![one, Uuid::from_u128(7)],
            "api_keys_",
        ),
        (
            "FROM api_keys WHERE tenant = $1 AND (created_at, id)",
            args![one, most, id, 51_i64],
            "api_keys_created",
        ),
        ("FROM api_keys WHERE id = $1", args![Uuid::from_u128(7)], "api_keys_id"),
        (
            "FROM access_records WHERE tenant = $1 AND (at, id)",
            args![one, most, id, 51_i64],
            "access_records_at",
        ),
        (
            "FROM access_records WHERE tenant = $1 AND kind = $2",
            args![one, 2_i64, most, id, 51_i64],
            "access_records_kind",
        ),
        (
            "FROM access_records WHERE tenant = $1 AND subject = $2",
            args![one, "members/m07", most, id, 51_i64],
            "access_records_subject",
        ),
        ("at < $1 ORDER BY at LIMIT $2", args![10_i64, 5_i64], "access_records_age"),
    ]
}

#[tokio::test]
async fn each_read_goes_by_its_index_and_sorts_nothing() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        filled(&suite).await;
        let engine = database.engine();
        let texts: Vec<&str> = STATEMENTS
            .iter()
            .copied()
            .flatten()
            .map(|sql| sql.text(engine))
            .filter(|text| text.starts_with("SELECT") || text.contains("(SELECT"))
            .collect();
        let mut explained = BTreeSet::new();
        for (part, values, index) in reads() {
            let matching: Vec<_> = texts.iter().filter(|text| text.contains(part)).collect();
            assert!(!matching.is_empty(), "no statement has {part}");
            for text in matching {
                explained.insert(*text);
                let plan = explain(database, text, values.clone()).await;
                let steps = plan.join("\n");
                for step in &plan {
                    assert!(
                        !step.contains("Seq Scan") && !step.contains("SCAN"),
                        "{text}\n{steps}"
                    );
                    assert!(!step.contains("Sort") && !step.contains("B-TREE"), "{text}\n{steps}");
                }
                if engine == Engine::Postgres {
                    assert!(steps.contains(index), "not by {index}: {text}\n{steps}");
                }
            }
        }
        let forgotten: Vec<_> = texts.iter().filter(|text| !explained.contains(*text)).collect();
        assert!(forgotten.is_empty(), "{forgotten:?}");
    })
    .await;
}

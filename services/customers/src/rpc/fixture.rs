//! What the tests of the operations share: the service on a fresh `SQLite` file with a clock that
//! stands still, and callers of several kinds.

use std::{sync::Arc, time::Duration};

use calendar::Hours;
use contracts::customers::v1::{self as pb, CustomerEvent, IdentifierKind};
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

use crate::{App, Error, MIGRATIONS, Parts, domain::contact::Policy, tenants::Home};

/// 2025-11-22 00:06:40 UTC.
pub(crate) const START: Time = Time::from_micros(1_763_770_000_000_000);

/// The service with what its tests look at.
pub(crate) struct Fixture {
    pub(crate) app: App,
    _database: TestDb,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let database = TestDb::migrated(Engine::Sqlite, MIGRATIONS).await;
        let clock = Clock::manual(START);
        let keys = RootKeys::parse(&"42".repeat(32), &[]).unwrap();
        let app = App::new(Parts {
            lasting: store::meta::lasting_key(&database, &keys).await.unwrap(),
            db: database.db.clone(),
            partitions: 1,
            ids: Ids::seeded(clock.clone(), 1),
            clock,
            keys,
            tasks: TaskTracker::new(),
            homes: (1..9).map(|n| (tenant(n), shanghai())).collect(),
            contact: Policy {
                cap: 1,
                period: Duration::from_hours(7 * 24),
                quiet_hours: Some(Hours::new("21:00", "08:00")),
                grant: Duration::from_hours(1),
            },
        });
        Self { app, _database: database }
    }

    /// The clock moves on.
    pub(crate) fn later(&self) {
        self.app.clock.advance(Duration::from_secs(1));
    }

    /// A customer of this name and these numbers, recorded.
    pub(crate) async fn customer(&self, name: &str, phones: &[&str]) -> pb::Customer {
        let request = create(name, phones);
        super::create_customer::handle(self.app.clone(), system(), request).await.unwrap()
    }

    /// The name of a customer in this time zone, recorded.
    pub(crate) async fn customer_in(&self, time_zone: &str) -> String {
        let mut request = create("丙", &[]);
        request.customer.as_mut().unwrap().time_zone = time_zone.to_owned();
        let made = super::create_customer::handle(self.app.clone(), system(), request).await;
        made.unwrap().name
    }

    /// A product of this id, recorded.
    pub(crate) async fn product(&self, id: &str) -> pb::Product {
        let request = pb::CreateProductRequest {
            product: Some(pb::Product { title: format!("Product {id}"), ..pb::Product::default() }),
            product_id: id.to_owned(),
            request_id: String::new(),
        };
        super::create_product::handle(self.app.clone(), system(), request).await.unwrap()
    }

    /// The events of an aggregate, oldest first: kind, sequence and what changed.
    pub(crate) async fn events(&self, aggregate: Uuid) -> Vec<(String, i64, CustomerEvent)> {
        const EVENTS: Sql = Sql::both(
            "SELECT kind, sequence, payload FROM events WHERE tenant = $1 AND aggregate = $2 \
             ORDER BY sequence",
        );
        let rows: Vec<(String, i64, Vec<u8>)> =
            self.app.db.all(EVENTS, args![tenant(1), aggregate]).await.unwrap();
        rows.into_iter()
            .map(|(kind, sequence, payload)| {
                (kind, sequence, CustomerEvent::decode(payload.as_slice()).unwrap())
            })
            .collect()
    }
}

pub(crate) fn tenant(n: u128) -> TenantId {
    TenantId::from(Uuid::from_u128(n))
}

/// Where the tenants are at home.
fn shanghai() -> Home {
    Home { phone_region: "CN".to_owned(), time_zone: "Asia/Shanghai".to_owned() }
}

/// A request to record a customer.
pub(crate) fn create(name: &str, phones: &[&str]) -> pb::CreateCustomerRequest {
    let customer = pb::Customer {
        display_name: name.to_owned(),
        identifiers: phones.iter().map(|phone| identifier(IdentifierKind::Phone, phone)).collect(),
        ..pb::Customer::default()
    };
    pb::CreateCustomerRequest { customer: Some(customer), request_id: String::new() }
}

pub(crate) fn identifier(kind: IdentifierKind, value: &str) -> pb::Identifier {
    pb::Identifier { kind: kind.into(), value: value.to_owned(), ..pb::Identifier::default() }
}

/// The id in a customer's name.
pub(crate) fn id_of(name: &str) -> CustomerId {
    CustomerId::parse_name(name).unwrap()
}

/// A request id; the same for the same number.
pub(crate) fn request_id(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

/// A system of tenant 1, which sees everything.
pub(crate) fn system() -> Call {
    call(1, CallerKind::Integration, Role::Integration, RowScope::Tenant)
}

/// A system of another tenant.
pub(crate) fn stranger() -> Call {
    call(2, CallerKind::Integration, Role::Integration, RowScope::Tenant)
}

/// A member of the staff without `pii.read`.
pub(crate) fn agent() -> Call {
    call(1, CallerKind::Member, Role::Agent, RowScope::Tenant)
}

/// A customer, who reaches only itself.
pub(crate) fn own(id: CustomerId) -> Call {
    call(1, CallerKind::Customer, Role::Customer, RowScope::Own(id))
}

fn call(tenant_number: u128, kind: CallerKind, role: Role, scope: RowScope) -> Call {
    let customer = match scope {
        RowScope::Own(id) => Some(id),
        _ => None,
    };
    let caller = Caller {
        tenant: tenant(tenant_number),
        kind,
        subject: "test".to_owned(),
        roles: vec![role],
        teams: Vec::new(),
        scopes: None,
        customer,
        link: None,
        locale: Locale::En,
    };
    Call {
        caller: Arc::new(caller),
        scope,
        method: "".into(),
        deadline: tokio::time::Instant::now() + Duration::from_secs(10),
        traceparent: "".into(),
        grants: Arc::new(Grants::shipped()),
    }
}

/// The fields that a refused request is wrong in.
pub(crate) fn fields(error: &Error) -> Vec<&str> {
    let Error::Invalid(violations) = error else { panic!("not a wrong request: {error:?}") };
    violations.as_slice().iter().map(|violation| violation.field.as_str()).collect()
}

//! The service as its callers meet it, on both databases: through the generated clients, with only
//! the wall in front of it replaced.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail its test")]

mod contacts;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aftercare_customers::{
    App, MIGRATIONS, Parts, STATEMENTS, routes,
    tenants::{Home, Tenants},
    timeline::Timeline,
};
use contracts::{
    customers::v1::{
        self as pb, consent_service_client::ConsentServiceClient,
        customer_service_client::CustomerServiceClient,
        product_service_client::ProductServiceClient,
        purchase_service_client::PurchaseServiceClient,
        timeline_service_client::TimelineServiceClient,
    },
    gateway::v1::{GatewayEvent, TenantWritten, gateway_event::Change},
    tickets::v1::TicketEvent,
    r#type::v1::{Money, feed_service_server::FeedServiceServer},
};
use feed::{Consumer, Event, FeedServer, Handler, Sequencer, Site, Source};
use futures::future::join_all;
use kernel::{
    Caller, CallerKind, Clock, CustomerId, Ids, Locale, Role, RowScope, TenantId, Time,
    keys::RootKeys,
};
use prost::Message;
use rpc::{Call, Grants, Link};
use store::{
    Db, Engine, Sql, args,
    events::{NewEvent, append},
    transact,
};
use telemetry::Metrics;
use testing::{TestDb, each_db};
use tokio_util::task::TaskTracker;
use tonic::codegen::{Service, http};
use tower::ServiceExt as _;
use uuid::Uuid;

const START: Time = Time::from_micros(1_763_770_000_000_000);

const EVENTS: Sql = Sql::both(
    "SELECT sequence, at, payload FROM events WHERE tenant = $1 AND aggregate = $2 \
     ORDER BY sequence",
);
const LETTERS: Sql = Sql::both("SELECT aggregate, error FROM dead_letters");
const CUSTOMERS: Sql = Sql::both("SELECT COUNT(*) FROM customers WHERE tenant = $1");
const EVENT_COUNT: Sql = Sql::both("SELECT COUNT(*) FROM events WHERE tenant = $1");
/// Every column that holds what was a name or an identifier, and what is told of them.
const STORED: Sql = Sql::both(
    "SELECT display_name FROM customers WHERE tenant = $1 \
     UNION ALL SELECT value FROM identifiers WHERE tenant = $1 \
     UNION ALL SELECT blind FROM identifiers WHERE tenant = $1 \
     UNION ALL SELECT payload FROM events WHERE tenant = $1",
);
const MOVE: Sql = Sql::both(
    "UPDATE customers SET display_name = \
     (SELECT display_name FROM customers WHERE tenant = $1 AND id = $2) \
     WHERE tenant = $1 AND id = $3",
);

/// The service on one database, and the ways to it.
struct Suite {
    app: App,
}

impl Suite {
    async fn on(database: &TestDb) -> Self {
        Self::under(database, &RootKeys::parse(&"42".repeat(32), &[]).unwrap()).await
    }

    /// The same with these root keys.
    async fn under(database: &TestDb, keys: &RootKeys) -> Self {
        let clock = Clock::manual(START);
        let app = App::new(Parts {
            lasting: store::meta::lasting_key(database, keys).await.unwrap(),
            db: database.db.clone(),
            partitions: store::meta::partitions(database).await.unwrap(),
            ids: Ids::random(clock.clone()),
            clock,
            keys: keys.clone(),
            tasks: TaskTracker::new(),
            homes: (0..9).map(|n| (TenantId::from(Uuid::from_u128(n)), shanghai())).collect(),
            contact: contacts::policy(),
        });
        Self { app }
    }

    fn db(&self) -> &Db {
        &self.app.db
    }

    fn link(&self, tenant: u128, scope: RowScope) -> Link {
        let call = call(tenant, scope);
        let routes = routes(&self.app).prepare();
        rpc::link::link(tower::service_fn(move |mut request: http::Request<tonic::body::Body>| {
            request.extensions_mut().insert(call.clone());
            routes.clone().call(request)
        }))
    }

    fn customers(&self, tenant: u128) -> CustomerServiceClient<Link> {
        CustomerServiceClient::new(self.link(tenant, RowScope::Tenant))
    }

    fn products(&self, tenant: u128) -> ProductServiceClient<Link> {
        ProductServiceClient::new(self.link(tenant, RowScope::Tenant))
    }

    fn purchases(&self, tenant: u128) -> PurchaseServiceClient<Link> {
        PurchaseServiceClient::new(self.link(tenant, RowScope::Tenant))
    }

    fn consents(&self, tenant: u128) -> ConsentServiceClient<Link> {
        ConsentServiceClient::new(self.link(tenant, RowScope::Tenant))
    }

    fn timelines(&self, tenant: u128) -> TimelineServiceClient<Link> {
        TimelineServiceClient::new(self.link(tenant, RowScope::Tenant))
    }

    async fn customer(&self, tenant: u128, request: pb::CreateCustomerRequest) -> pb::Customer {
        self.customers(tenant).create_customer(request).await.unwrap().into_inner()
    }

    async fn product(&self, tenant: u128, id: &str) {
        let request = pb::CreateProductRequest {
            product: Some(pb::Product { title: "产品".to_owned(), ..pb::Product::default() }),
            product_id: id.to_owned(),
            request_id: String::new(),
        };
        self.products(tenant).create_product(request).await.unwrap();
    }

    /// The sequences and payloads of an aggregate's events, in order.
    async fn events(&self, aggregate: Uuid) -> Vec<(i64, i64, Vec<u8>)> {
        self.db().all(EVENTS, args![Uuid::from_u128(1), aggregate]).await.unwrap()
    }

    async fn count(&self, sql: Sql) -> i64 {
        self.db().one::<(i64,)>(sql, args![Uuid::from_u128(1)]).await.unwrap().0
    }
}

fn shanghai() -> Home {
    Home { phone_region: "CN".to_owned(), time_zone: "Asia/Shanghai".to_owned() }
}

fn call(tenant: u128, scope: RowScope) -> Call {
    let own = match scope {
        RowScope::Own(id) => Some(id),
        _ => None,
    };
    let (kind, role) = match own {
        Some(_) => (CallerKind::Customer, Role::Customer),
        None => (CallerKind::Integration, Role::Integration),
    };
    let caller = Caller {
        tenant: TenantId::from(Uuid::from_u128(tenant)),
        kind,
        subject: "test".to_owned(),
        roles: vec![role],
        teams: Vec::new(),
        scopes: None,
        customer: own,
        link: None,
        locale: Locale::En,
    };
    Call {
        caller: Arc::new(caller),
        scope,
        method: "".into(),
        deadline: tokio::time::Instant::now() + Duration::from_secs(30),
        traceparent: "".into(),
        grants: Arc::new(Grants::shipped()),
    }
}

fn phone(value: &str) -> pb::Identifier {
    let kind = pb::IdentifierKind::Phone.into();
    pb::Identifier { kind, value: value.to_owned(), ..pb::Identifier::default() }
}

fn create(name: &str, phones: &[&str]) -> pb::CreateCustomerRequest {
    let customer = pb::Customer {
        display_name: name.to_owned(),
        identifiers: phones.iter().map(|value| phone(value)).collect(),
        ..pb::Customer::default()
    };
    pb::CreateCustomerRequest { customer: Some(customer), request_id: String::new() }
}

fn order(customer: &str, number: &str, state: pb::PurchaseState) -> pb::UpsertPurchaseRequest {
    let product = "products/X".to_owned();
    let purchase = pb::Purchase {
        customer: customer.to_owned(),
        order_number: number.to_owned(),
        items: vec![pb::PurchaseItem { product, quantity: 1, unit_price: None }],
        total: Some(Money { minor_units: 9_900, currency: "CNY".to_owned() }),
        purchase_time: Some(rpc::wire::timestamp(START)),
        state: state.into(),
        ..pb::Purchase::default()
    };
    pb::UpsertPurchaseRequest { purchase: Some(purchase), request_id: String::new() }
}

fn id_of(name: &str) -> CustomerId {
    CustomerId::parse_name(name).unwrap()
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

/// No read of a list or of one row goes through more than it answers with.
#[tokio::test]
async fn every_read_goes_by_an_index() {
    let database = TestDb::migrated(Engine::Sqlite, MIGRATIONS).await;
    for statement in STATEMENTS.iter().copied().flatten() {
        let text = statement.text(Engine::Sqlite);
        if !text.starts_with("SELECT") {
            continue;
        }
        let explain = Sql::both(Box::leak(format!("EXPLAIN QUERY PLAN {text}").into_boxed_str()));
        let plan: Vec<(i64, i64, i64, String)> = database.all(explain, Vec::new()).await.unwrap();
        for (_, _, _, step) in plan {
            // The tenants are few, and read whole.
            assert!(step.starts_with("SEARCH") || step == "SCAN tenants", "{text}\n{step}");
        }
    }
    database.drop().await;
}

#[tokio::test]
async fn names_and_identifiers_are_sealed_at_rest_and_absent_from_events() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let made = suite.customer(1, create("王小明", &["13800138023"])).await;
        let stored: Vec<(Vec<u8>,)> =
            suite.db().all(STORED, args![Uuid::from_u128(1)]).await.unwrap();
        assert_eq!(stored.len(), 4);
        for (bytes,) in stored {
            for secret in ["王", "小明", "13800138023"] {
                let secret = secret.as_bytes();
                assert!(!bytes.windows(secret.len()).any(|window| window == secret));
            }
        }
        let request = pb::GetCustomerRequest { name: made.name.clone() };
        let read = suite.customers(1).get_customer(request).await.unwrap().into_inner();
        assert_eq!(read.display_name, "王小明");
        assert_eq!(read.identifiers[0].value, "13800138023");
    })
    .await;
}

#[tokio::test]
async fn a_sealed_value_moved_to_another_row_does_not_open() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let one = suite.customer(1, create("甲", &[])).await;
        let other = suite.customer(1, create("乙", &[])).await;
        let values = || args![Uuid::from_u128(1), id_of(&one.name), id_of(&other.name)];
        let moved: Result<u64, store::Error> =
            transact!(suite.db(), "test", |tx| tx.execute(MOVE, values()).await);
        moved.unwrap();
        let request = pb::GetCustomerRequest { name: other.name.clone() };
        let status = suite.customers(1).get_customer(request).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Internal);
        assert!(!status.message().contains('甲'));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_that_resolve_a_new_number_at_once_one_makes_the_customer() {
    const VARIANTS: [&str; 4] =
        ["13800138023", "+86 138 0013 8023", "008613800138023", "０１３８－００１３－８０２３"];
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let answers = join_all((0..64).map(|n| {
            let mut client = suite.customers(1);
            let request = pb::ResolveCustomerRequest {
                identifiers: vec![phone(VARIANTS[n % 4]), phone("13800138024")],
                create: true,
                display_name: "王芳".to_owned(),
                request_id: String::new(),
            };
            async move { client.resolve_customer(request).await.unwrap().into_inner() }
        }))
        .await;
        let names: BTreeSet<_> =
            answers.iter().map(|answer| &answer.customer.as_ref().unwrap().name).collect();
        assert_eq!(names.len(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.created).count(), 1);
        assert_eq!((suite.count(CUSTOMERS).await, suite.count(EVENT_COUNT).await), (1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_with_one_request_id_one_makes_the_customer() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let mut request = create("王芳", &[]);
        request.request_id = Uuid::from_u128(7).to_string();
        let answers = join_all((0..64).map(|_| {
            let (mut client, request) = (suite.customers(1), request.clone());
            async move { client.create_customer(request).await.unwrap().into_inner() }
        }))
        .await;
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(suite.count(CUSTOMERS).await, 1);
        request.customer.as_mut().unwrap().display_name = "李娜".to_owned();
        let status = suite.customers(1).create_customer(request).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::AlreadyExists);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_reports_of_orders_leave_a_gapless_history() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let customer = suite.customer(1, create("王芳", &[])).await;
        suite.product(1, "X").await;
        // 24 orders and 24 updates of the customer, each order reported twice at once.
        let orders = join_all((0..48).map(|n| {
            let mut client = suite.purchases(1);
            let request = order(&customer.name, &(n / 2).to_string(), pb::PurchaseState::Paid);
            async move { client.upsert_purchase(request).await.unwrap().into_inner() }
        }));
        let updates = join_all((0..24).map(|n| {
            let mut client = suite.customers(1);
            let given = pb::Customer {
                name: customer.name.clone(),
                segment: format!("s{n}"),
                ..pb::Customer::default()
            };
            let request = pb::UpdateCustomerRequest { customer: Some(given), ..Default::default() };
            async move { client.update_customer(request).await.unwrap() }
        }));
        let (orders, _) = futures::join!(orders, updates);
        let names: BTreeSet<_> = orders.iter().map(|purchase| &purchase.name).collect();
        assert_eq!(names.len(), 24);
        let events = suite.events(id_of(&customer.name).uuid()).await;
        assert_eq!(events.len(), 1 + 24 + 24);
        for (index, (sequence, _, _)) in events.iter().enumerate() {
            assert_eq!(usize::try_from(*sequence).unwrap(), index + 1);
        }
        assert!(events.windows(2).all(|pair| pair[0].1 < pair[1].1), "time rises");

        let request = pb::ListPurchasesRequest { parent: customer.name, ..Default::default() };
        let page = suite.purchases(1).list_purchases(request).await.unwrap().into_inner();
        assert_eq!(page.purchases.len(), 24);
        assert!(page.purchases.iter().all(|purchase| purchase.etag == "v1"));
    })
    .await;
}

#[tokio::test]
async fn missing_foreign_and_out_of_reach_have_the_same_bytes() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let one = suite.customer(1, create("甲", &["13800138001"])).await;
        let other = suite.customer(1, create("乙", &["13800138002"])).await;
        let missing = "customers/0198b2a0-0000-7000-8000-000000000001";
        let ways = [
            (suite.link(1, RowScope::Tenant), missing),
            (suite.link(2, RowScope::Tenant), one.name.as_str()),
            (suite.link(1, RowScope::Own(id_of(&other.name))), one.name.as_str()),
        ];
        let mut told = BTreeSet::new();
        for (link, name) in ways {
            let parent = name.to_owned();
            let get = pb::GetCustomerRequest { name: name.to_owned() };
            let batch = pb::BatchGetCustomersRequest { names: vec![name.to_owned()] };
            let purchases =
                pb::ListPurchasesRequest { parent: parent.clone(), ..Default::default() };
            let timeline = pb::ListTimelineRequest { parent, ..Default::default() };
            let given = pb::Customer {
                name: name.to_owned(),
                language: "en".to_owned(),
                ..pb::Customer::default()
            };
            let update = pb::UpdateCustomerRequest { customer: Some(given), ..Default::default() };
            let mut customers = CustomerServiceClient::new(link.clone());
            for status in [
                customers.get_customer(get).await.unwrap_err(),
                customers.batch_get_customers(batch).await.unwrap_err(),
                customers.update_customer(update).await.unwrap_err(),
                PurchaseServiceClient::new(link.clone())
                    .list_purchases(purchases)
                    .await
                    .unwrap_err(),
                TimelineServiceClient::new(link.clone()).list_timeline(timeline).await.unwrap_err(),
            ] {
                assert_eq!(status.code(), tonic::Code::NotFound);
                // The names have the same length, so their places in the bytes are the same.
                let details = String::from_utf8_lossy(status.details()).replace(name, "NAME");
                told.insert((status.message().replace(name, "NAME"), details));
            }
        }
        assert_eq!(told.len(), 1, "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn tenants_do_not_meet() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        // The same number, product id and order number in both.
        for tenant in [1, 2] {
            let made = suite.customer(tenant, create("王芳", &["13800138001"])).await;
            suite.product(tenant, "X").await;
            let request = order(&made.name, "1", pb::PurchaseState::Ordered);
            suite.purchases(tenant).upsert_purchase(request).await.unwrap();
            let request = pb::ResolveCustomerRequest {
                identifiers: vec![phone("+8613800138001")],
                ..Default::default()
            };
            let found = suite.customers(tenant).resolve_customer(request).await.unwrap();
            assert_eq!(found.into_inner().customer.unwrap().name, made.name);
            let list = pb::ListCustomersRequest::default();
            let page = suite.customers(tenant).list_customers(list).await.unwrap().into_inner();
            assert_eq!(page.customers, [made]);
        }
    })
    .await;
}

/// Something that happened to a ticket.
fn happened(sequence: i64, kind: &str, customer: &str) -> Event {
    Event {
        source: "tickets".into(),
        partition: 0,
        position: sequence,
        tenant: TenantId::from(Uuid::from_u128(1)),
        aggregate: Uuid::from_u128(0xbeef),
        sequence,
        kind: kind.to_owned(),
        payload: TicketEvent { customer: customer.to_owned(), ..Default::default() }
            .encode_to_vec(),
        actor_kind: CallerKind::Service,
        actor: "tickets".to_owned(),
        at: START.plus_micros(sequence),
        trace: String::new(),
    }
}

/// What the timeline of a customer holds, oldest first.
async fn timeline_of(suite: &Suite, parent: &str) -> Vec<(String, i64)> {
    let request =
        pb::ListTimelineRequest { parent: parent.to_owned(), page_size: 100, ..Default::default() };
    let page = suite.timelines(1).list_timeline(request).await.unwrap().into_inner();
    page.items.into_iter().rev().map(|item| (item.r#type, item.sequence)).collect()
}

#[tokio::test]
async fn what_a_restored_source_tells_otherwise_replaces_what_it_has_lost() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let wang = suite.customer(1, create("王芳", &[])).await;
        let li = suite.customer(1, create("李雷", &[])).await;
        let apply = async |events: &[Event]| {
            let events: Vec<&Event> = events.iter().collect();
            transact!(suite.db(), "test", |tx| Timeline.apply_all(tx, &events).await).unwrap();
        };
        let told = |kinds: &[&str]| -> Vec<(String, i64)> {
            kinds.iter().map(|kind| (*kind).to_owned()).zip(1..).collect()
        };
        let known = [happened(1, "ticket.created", ""), happened(2, "entry.added", &wang.name)];
        apply(&known).await;
        // Lost with the restore, the consumer has seen it.
        let lost = ["ticket.updated", "ticket.resolved", "ticket.closed"];
        for (kind, sequence) in lost.iter().zip(3..) {
            apply(&[happened(sequence, kind, &wang.name)]).await;
        }
        // After the rewind: what was known comes again, then other things than before.
        apply(&[known[0].clone(), known[1].clone(), happened(3, "clock.started", &wang.name)])
            .await;
        let now = told(&["ticket.created", "entry.added", "clock.started"]);
        assert_eq!(timeline_of(&suite, &wang.name).await, now);
        apply(&[happened(3, "ticket.updated", &li.name)]).await;
        assert_eq!(timeline_of(&suite, &wang.name).await, now[..2]);
        assert_eq!(timeline_of(&suite, &li.name).await, [("ticket.updated".to_owned(), 3)]);
    })
    .await;
}

#[tokio::test]
async fn the_events_of_a_batch_take_effect_in_their_order() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let wang = suite.customer(1, create("王芳", &[])).await;
        let li = suite.customer(1, create("李雷", &[])).await;
        // Each customer gets what happened before they were known, and after the one before.
        let batch = [
            happened(1, "ticket.created", ""),
            happened(2, "ticket.updated", &wang.name),
            happened(3, "entry.added", ""),
            happened(4, "ticket.updated", &li.name),
        ];
        let batch: Vec<&Event> = batch.iter().collect();
        transact!(suite.db(), "test", |tx| Timeline.apply_all(tx, &batch).await).unwrap();
        let numbers = |told: Vec<(String, i64)>| -> Vec<i64> {
            told.into_iter().map(|(_, sequence)| sequence).collect()
        };
        assert_eq!(numbers(timeline_of(&suite, &wang.name).await), [1, 2]);
        assert_eq!(numbers(timeline_of(&suite, &li.name).await), [3, 4]);
    })
    .await;
}

/// A feed of tickets in a database of its own, and the timeline's consumer of it.
async fn consumer_of(suite: &Suite, payloads: &[Vec<u8>]) -> (TestDb, Consumer<Timeline>) {
    let from = TestDb::with_partitions(suite.db().engine(), &[], Some(1)).await;
    let events: Vec<NewEvent> = payloads
        .iter()
        .zip(1..)
        .map(|(payload, number)| NewEvent {
            tenant: TenantId::from(Uuid::from_u128(1)),
            aggregate: Uuid::from_u128(number),
            sequence: 1,
            at: START.plus_micros(i64::try_from(number).unwrap()),
            kind: "ticket.created",
            payload: payload.clone(),
            actor_kind: CallerKind::Service,
            actor: "tickets".to_owned(),
            trace: String::new(),
        })
        .collect();
    transact!(from.db, "test", |tx| append(tx, 1, &events).await).unwrap();
    let source = Source::new("tickets", from.db.clone());
    let (clock, metrics) = (suite.app.clock.clone(), Metrics::new());
    let mut sequencer =
        Sequencer::new(source.clone(), clock.clone(), "only".to_owned(), metrics.clone());
    while sequencer.tick().await.unwrap() {}
    let service = FeedServiceServer::new(FeedServer::new([source])).map_request(
        |mut request: http::Request<tonic::body::Body>| {
            let tenant = TenantId::from(Uuid::nil());
            let call = Call::of_service("customers", tenant, Duration::from_secs(30));
            request.extensions_mut().insert(call);
            request
        },
    );
    let here = Site { db: suite.db().clone(), clock, holder: "only".to_owned(), metrics };
    let link = rpc::link::link(service);
    (from, Consumer::new("customers.timeline", "tickets", link, here, Timeline))
}

#[tokio::test]
async fn one_event_that_cannot_be_read_is_put_aside_and_the_rest_of_its_batch_is_told() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let customer = suite.customer(1, create("王芳", &[])).await;
        let event = TicketEvent { customer: customer.name.clone(), ..Default::default() };
        let mut payloads = vec![event.encode_to_vec(); 50];
        payloads[20] = vec![0xff; 3];
        let (from, consumer) = consumer_of(&suite, &payloads).await;
        consumer.catch_up().await.unwrap();
        let told = timeline_of(&suite, &customer.name).await;
        assert_eq!(told, vec![("ticket.created".to_owned(), 1); 49]);
        let letters: Vec<(Uuid, String)> = suite.db().all(LETTERS, args![]).await.unwrap();
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].0, Uuid::from_u128(21));
        assert!(letters[0].1.starts_with("the event cannot be applied"), "{}", letters[0].1);
        from.drop().await;
    })
    .await;
}

#[tokio::test]
async fn the_timeline_takes_tickets_and_purchases_in_order() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let customer = suite.customer(1, create("王芳", &[])).await;
        suite.product(1, "X").await;
        let events = [
            happened(1, "ticket.created", ""),
            happened(2, "entry.added", ""),
            happened(3, "ticket.updated", &customer.name),
            happened(3, "ticket.updated", &customer.name),
        ];
        let together: Vec<&Event> = events.iter().collect();
        transact!(suite.db(), "test", |tx| Timeline.apply_all(tx, &together).await).unwrap();
        // After a rewind they come again, and change nothing.
        for event in &events {
            transact!(suite.db(), "test", |tx| Timeline.apply(tx, event).await).unwrap();
        }
        suite.app.clock.advance(Duration::from_secs(1));
        for state in [pb::PurchaseState::Paid, pb::PurchaseState::Shipped] {
            let request = order(&customer.name, "1", state);
            suite.purchases(1).upsert_purchase(request).await.unwrap();
        }
        let request = pb::ListTimelineRequest {
            parent: customer.name.clone(),
            page_size: 2,
            ..Default::default()
        };
        let mut timelines = suite.timelines(1);
        let first = timelines.list_timeline(request.clone()).await.unwrap().into_inner();
        let request = pb::ListTimelineRequest {
            page_token: first.next_page_token.clone(),
            page_size: 10,
            ..request
        };
        let second = timelines.list_timeline(request).await.unwrap().into_inner();
        let seen: Vec<_> = first
            .items
            .iter()
            .chain(&second.items)
            .map(|item| (item.r#type.as_str(), item.sequence))
            .collect();
        assert_eq!(
            seen,
            [
                ("purchase.recorded", 2),
                ("purchase.recorded", 1),
                ("ticket.updated", 3),
                ("entry.added", 2),
                ("ticket.created", 1),
            ]
        );
        assert_eq!(second.next_page_token, "");
    })
    .await;
}

/// Who is known by a number, and what a request id stood for, stay known under a new root key.
#[tokio::test]
async fn a_rotated_root_key_finds_everybody_again() {
    each_db(MIGRATIONS, async |database| {
        let old = RootKeys::generate();
        let before = Suite::under(database, &RootKeys::parse(&old, &[]).unwrap()).await;
        let mut request = create("王小明", &["13800138023"]);
        request.request_id = Uuid::from_u128(7).to_string();
        let made = before.customer(1, request.clone()).await;

        let rotated = RootKeys::parse(&RootKeys::generate(), &[old]).unwrap();
        let after = Suite::under(database, &rotated).await;
        assert_eq!(after.customer(1, request).await, made);
        let asked = pb::ResolveCustomerRequest {
            identifiers: vec![phone("+86 138 0013 8023")],
            create: true,
            ..<_>::default()
        };
        let found = after.customers(1).resolve_customer(asked).await.unwrap().into_inner();
        assert_eq!((found.customer, found.created), (Some(made), false));
        let twice = after.customers(1).create_customer(create("王", &["13800138023"])).await;
        assert_eq!(twice.unwrap_err().code(), tonic::Code::AlreadyExists);
    })
    .await;
}

#[tokio::test]
async fn numbers_are_read_as_the_gateway_says_they_belong() {
    each_db(MIGRATIONS, async |database| {
        let suite = Suite::on(database).await;
        let told = async |region: &str| {
            let region = region.to_owned();
            let written = TenantWritten { phone_region: region, ..TenantWritten::default() };
            let change = Some(Change::TenantCreated(written));
            let payload = GatewayEvent { change }.encode_to_vec();
            let event = Event { payload, ..happened(1, "tenant.created", "") };
            transact!(suite.app.db, "test.apply", |tx| Tenants.apply(tx, &event).await).unwrap();
            suite.app.load().await.unwrap();
        };
        let read = async || {
            let made = suite.customer(1, create("Ann", &["(212) 555-0123"])).await;
            made.identifiers[0].normalised.clone()
        };
        let unheard = suite.customers(20).create_customer(create("Ann", &["(212) 555-0123"])).await;
        assert_eq!(unheard.unwrap_err().code(), tonic::Code::Unavailable);
        // By the configuration the tenant is in China.
        assert_eq!(read().await, "+862125550123");
        told("US").await;
        assert_eq!(read().await, "+12125550123");
    })
    .await;
}

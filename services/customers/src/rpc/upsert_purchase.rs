//! `UpsertPurchase`: an order as the company's own system has it; its number is the key.

use std::collections::BTreeSet;

use contracts::customers::v1::{
    self as pb, Purchase as Answer, PurchaseRecorded, PurchaseState, UpsertPurchaseRequest,
    customer_event::Change,
};
use kernel::{CustomerId, PurchaseId, Violations, etag};
use rpc::{Call, wire};
use store::{Tx, events::monotone, idempotency::Once, transact};
use uuid::Uuid;

use crate::{
    App, Error, convert,
    domain::{
        customer::reaches,
        purchase::{
            Item, MAX_ITEMS, MAX_QUANTITY, Order, Purchase, is_order_number, parse_product_name,
            product_name,
        },
        timeline,
    },
    events::{self, Place},
    store::{customers, products, purchases, timeline as rows},
};

const METHOD: &str = "aftercare.customers.v1.PurchaseService/UpsertPurchase";
const EVENT: &str = "purchase.recorded";

/// An order as it was reported.
#[derive(Debug)]
struct Report {
    customer: CustomerId,
    demand: etag::Demand,
    order: Order,
    /// The id that the purchase gets where the order is new.
    new_id: PurchaseId,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: UpsertPurchaseRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let report = parse(&app, &request, &request_id)?;
    if !reaches(&call.scope, report.customer) {
        return Err(Error::CustomerNotFound { name: report.customer.name() });
    }
    let once = app.once(&call, METHOD, &request_id, &request);
    let purchase = transact!(app.db, "purchase.upsert", |tx| {
        write(&app, &call, tx, &once, &report).await
    })?;
    match purchase {
        Ok(purchase) => Ok(convert::purchase(&purchase)),
        Err(earlier) => {
            let found = purchases::get(&app.db, call.tenant(), earlier).await?;
            found.map(|found| convert::purchase(&found)).ok_or(Error::Corrupt("request id"))
        }
    }
}

/// The purchase after the report, or the id of the one that the same request led to before.
async fn write(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    once: &Once,
    report: &Report,
) -> Result<Result<Purchase, PurchaseId>, Error> {
    let (tenant, order) = (call.tenant(), &report.order);
    let before = purchases::by_order(tx, tenant, &order.number).await?;
    let (id, version) =
        before.as_ref().map_or((report.new_id, 0), |before| (before.id, before.version));
    if let Some(earlier) = once.claim(tx, &id.name(), version + 1).await? {
        let id = PurchaseId::parse_name(&earlier.resource).ok_or(Error::Corrupt("request id"))?;
        return Ok(Err(id));
    }
    let Some(before) = before else {
        if report.demand != etag::Demand::Any {
            return Err(Error::StaleEtag { name: id.name() });
        }
        let order = order.clone();
        let (customer, created_at) = (report.customer, app.clock.now());
        let purchase = Purchase { id, version: 1, customer, created_at, order };
        return save(app, call, tx, purchase).await.map(Ok);
    };
    if before.customer != report.customer {
        return Err(Error::OrderTaken { order_number: order.number.clone() });
    }
    if !report.demand.admits(before.version) {
        return Err(Error::StaleEtag { name: id.name() });
    }
    let order = following(&before.order, order.clone());
    if order == before.order {
        return Ok(Ok(before));
    }
    let purchase = Purchase { version: before.version + 1, order, ..before };
    save(app, call, tx, purchase).await.map(Ok)
}

/// A report after an earlier one: it replaces it; where it does not say the state, that stays.
fn following(before: &Order, mut order: Order) -> Order {
    if order.state == PurchaseState::Unspecified {
        order.state = before.state;
    }
    order
}

/// Writes the purchase, its event under the customer's row, and its place on the timeline.
async fn save(app: &App, call: &Call, tx: &mut Tx, purchase: Purchase) -> Result<Purchase, Error> {
    let (tenant, order) = (call.tenant(), &purchase.order);
    let sealer = app.sealer(tenant);
    let customer = customers::lock(tx, tenant, &sealer, purchase.customer).await?;
    let missing = || Error::CustomerNotFound { name: purchase.customer.name() };
    let customer = customer.ok_or_else(missing)?;
    let bought: BTreeSet<&str> = order.items.iter().map(|item| item.product.as_str()).collect();
    let bought: Vec<&str> = bought.into_iter().collect();
    if let Some(id) = products::first_missing(tx, tenant, &bought).await? {
        return Err(Error::ProductNotFound { name: product_name(id) });
    }
    let written = if purchase.version == 1 {
        purchases::insert(tx, tenant, &purchase).await?
    } else {
        purchases::update(tx, tenant, &purchase).await?
    };
    if !written {
        return Err(Error::LostRace);
    }
    let at = monotone(app.clock.now(), customer.last_at);
    let sequence = customer.sequence + 1;
    customers::touch(tx, tenant, customer.id, sequence, at).await?;
    let recorded = PurchaseRecorded {
        purchase: purchase.id.name(),
        state: order.state.into(),
        products: bought.iter().map(|id| product_name(id)).collect(),
    };
    let place = Place { aggregate: customer.id.uuid(), sequence, at };
    events::append(app, call, tx, place, Change::PurchaseRecorded(recorded)).await?;
    let item = timeline::Item {
        collection: PurchaseId::COLLECTION.to_owned(),
        aggregate: purchase.id.uuid(),
        sequence: purchase.version,
        customer: Some(customer.id),
        kind: EVENT.to_owned(),
        at,
    };
    rows::put(tx, &[(tenant, item)]).await?;
    Ok(purchase)
}

fn parse(
    app: &App,
    request: &UpsertPurchaseRequest,
    request_id: &str,
) -> Result<Report, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let Some(given) = &request.purchase else {
        violations.add("purchase", "must be given");
        return Err(violations);
    };
    let left_out = given.name.is_empty();
    violations.check(left_out, "purchase.name", "must be left out: the order number is the key");
    let customer = convert::customer_id(&given.customer, "purchase.customer", &mut violations);
    violations.check(
        is_order_number(&given.order_number),
        "purchase.order_number",
        "must be letters, digits and `. _ - / #`, 1 to 64 characters",
    );
    let state = PurchaseState::try_from(given.state);
    violations.check(state.is_ok(), "purchase.state", "is none that there is");
    let purchased_at = given.purchase_time.as_ref().and_then(wire::time);
    violations.check(purchased_at.is_some(), "purchase.purchase_time", "must be a time");
    let past = purchased_at.is_none_or(|at| at <= app.clock.now());
    violations.check(past, "purchase.purchase_time", "must not be in the future");
    let total = given.total.as_ref();
    let total = total.map(|total| convert::read_money(total, "purchase.total", &mut violations));
    let order = Order {
        number: given.order_number.clone(),
        items: parse_items(&given.items, &mut violations),
        total,
        purchased_at: purchased_at.unwrap_or_default(),
        state: state.unwrap_or_default(),
    };
    violations.finish(Report {
        customer: customer.unwrap_or_else(|| CustomerId::from(Uuid::nil())),
        demand: etag::Demand::parse(&given.etag),
        order,
        new_id: PurchaseId::from(app.ids.next()),
    })
}

fn parse_items(given: &[pb::PurchaseItem], violations: &mut Violations) -> Vec<Item> {
    let right = (1..=MAX_ITEMS).contains(&given.len());
    violations.check(right, "purchase.items", "must be 1 to 100");
    let mut items = Vec::new();
    for (index, item) in given.iter().take(MAX_ITEMS).enumerate() {
        let path = |part: &str| format!("purchase.items[{index}].{part}");
        let product = parse_product_name(&item.product);
        let named = product.is_some();
        violations.check(named, &path("product"), "must be of the form `products/{id}`");
        let right = (1..=MAX_QUANTITY).contains(&item.quantity);
        violations.check(right, &path("quantity"), "must be 1 to 1 000 000");
        let price = item.unit_price.as_ref();
        let unit_price =
            price.map(|price| convert::read_money(price, &path("unit_price"), violations));
        let product = product.unwrap_or_default().to_owned();
        items.push(Item { product, quantity: item.quantity, unit_price });
    }
    items
}

#[cfg(test)]
pub(crate) mod tests {
    use contracts::r#type::v1::Money;
    use kernel::Time;

    use super::*;
    use crate::rpc::fixture::{Fixture, START, fields, id_of, own, request_id, stranger, system};

    /// A request to record an order of one product.
    pub(crate) fn request(customer: &str, number: &str, at: Time) -> UpsertPurchaseRequest {
        let item = pb::PurchaseItem {
            product: "products/X".to_owned(),
            quantity: 2,
            unit_price: Some(Money { minor_units: 1_050, currency: "CNY".to_owned() }),
        };
        let purchase = Answer {
            customer: customer.to_owned(),
            order_number: number.to_owned(),
            items: vec![item],
            total: Some(Money { minor_units: 2_100, currency: "CNY".to_owned() }),
            purchase_time: Some(wire::timestamp(at)),
            state: PurchaseState::Paid.into(),
            ..Answer::default()
        };
        UpsertPurchaseRequest { purchase: Some(purchase), request_id: String::new() }
    }

    async fn upsert(fixture: &Fixture, request: UpsertPurchaseRequest) -> Result<Answer, Error> {
        handle(fixture.app.clone(), system(), request).await
    }

    #[tokio::test]
    async fn an_order_is_recorded_and_brought_up_to_date() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("王芳", &[]).await;
        fixture.product("X").await;
        let mut asked = request(&customer.name, "2026/11#1", START);
        let first = upsert(&fixture, asked.clone()).await.unwrap();
        assert_eq!((first.etag.as_str(), first.state()), ("v1", PurchaseState::Paid));
        assert_eq!(first.items, asked.purchase.as_ref().unwrap().items);
        assert_eq!(first.total, asked.purchase.as_ref().unwrap().total);

        // The same again changes nothing.
        assert_eq!(upsert(&fixture, asked.clone()).await.unwrap(), first);
        // A report that does not say the state leaves it.
        let given = asked.purchase.as_mut().unwrap();
        given.state = PurchaseState::Unspecified.into();
        given.total = None;
        let second = upsert(&fixture, asked.clone()).await.unwrap();
        assert_eq!((second.name.as_str(), second.etag.as_str()), (first.name.as_str(), "v2"));
        assert_eq!((second.state(), second.total), (PurchaseState::Paid, None));
        assert_eq!(second.create_time, first.create_time);

        let events = fixture.events(id_of(&customer.name).uuid()).await;
        let kinds: Vec<_> = events.iter().map(|(kind, n, _)| (kind.as_str(), *n)).collect();
        assert_eq!(kinds, [("customer.created", 1), (EVENT, 2), (EVENT, 3)]);
        let Some(Change::PurchaseRecorded(told)) = &events[1].2.change else {
            panic!("{events:?}")
        };
        assert_eq!(
            (told.purchase.as_str(), told.products.as_slice()),
            (first.name.as_str(), ["products/X".to_owned()].as_slice())
        );
    }

    #[tokio::test]
    async fn an_order_belongs_to_one_customer() {
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        fixture.product("X").await;
        upsert(&fixture, request(&one.name, "1", START)).await.unwrap();
        let error = upsert(&fixture, request(&other.name, "1", START)).await.unwrap_err();
        let Error::OrderTaken { order_number } = error else { panic!("{error:?}") };
        assert_eq!(order_number, "1");
    }

    #[tokio::test]
    async fn the_same_request_twice_has_one_effect() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await;
        let other = fixture.customer("乙", &[]).await;
        fixture.product("X").await;
        let mut asked = request(&customer.name, "1", START);
        asked.request_id = request_id(1);
        let first = upsert(&fixture, asked.clone()).await.unwrap();
        let mut newer = asked.clone();
        newer.request_id = request_id(2);
        newer.purchase.as_mut().unwrap().state = PurchaseState::Shipped.into();
        let second = upsert(&fixture, newer).await.unwrap();
        // An old request that comes again does not undo the newer one.
        assert_eq!(upsert(&fixture, asked.clone()).await.unwrap(), second);
        assert_eq!(first.name, second.name);
        asked.purchase.as_mut().unwrap().customer = other.name;
        let error = upsert(&fixture, asked).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn what_is_named_must_exist_in_the_tenant() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await;
        let asked = || request(&customer.name, "1", START);
        let error = upsert(&fixture, asked()).await.unwrap_err();
        let Error::ProductNotFound { name } = error else { panic!("{error:?}") };
        assert_eq!(name, "products/X");
        fixture.product("X").await;
        let other = fixture.customer("乙", &[]).await;
        for call in [stranger(), own(id_of(&other.name))] {
            let error = handle(fixture.app.clone(), call, asked()).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no customer `{}`", customer.name));
        }
        assert!(upsert(&fixture, asked()).await.is_ok());
    }

    #[tokio::test]
    async fn a_stale_etag_is_refused() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer("甲", &[]).await;
        fixture.product("X").await;
        let with = |etag: &str| {
            let mut asked = request(&customer.name, "1", START);
            asked.purchase.as_mut().unwrap().etag = etag.to_owned();
            asked
        };
        let error = upsert(&fixture, with("v1")).await.unwrap_err();
        assert!(matches!(error, Error::StaleEtag { .. }), "{error:?}");
        upsert(&fixture, with("")).await.unwrap();
        assert!(upsert(&fixture, with("v1")).await.is_ok());
        assert!(upsert(&fixture, with("v7")).await.is_err());
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let mut wrong = request("customers/x", "订单", Time::from_micros(START.micros() + 1));
        let given = wrong.purchase.as_mut().unwrap();
        given.name = "purchases/1".to_owned();
        given.state = 9;
        given.total = Some(Money { minor_units: 1, currency: "yuan".to_owned() });
        given.items[0].quantity = 0;
        given.items[0].product = "X".to_owned();
        given.items[0].unit_price = Some(Money::default());
        let error = upsert(&fixture, wrong).await.unwrap_err();
        assert_eq!(
            fields(&error),
            [
                "purchase.name",
                "purchase.customer",
                "purchase.order_number",
                "purchase.state",
                "purchase.purchase_time",
                "purchase.total.currency",
                "purchase.items[0].product",
                "purchase.items[0].quantity",
                "purchase.items[0].unit_price.currency",
            ]
        );
        let empty = UpsertPurchaseRequest::default();
        assert_eq!(fields(&upsert(&fixture, empty).await.unwrap_err()), ["purchase"]);
        let mut bare = request("customers/x", "1", START);
        bare.purchase.as_mut().unwrap().items.clear();
        bare.purchase.as_mut().unwrap().purchase_time = None;
        let error = upsert(&fixture, bare).await.unwrap_err();
        assert_eq!(
            fields(&error),
            ["purchase.customer", "purchase.purchase_time", "purchase.items"]
        );
    }
}

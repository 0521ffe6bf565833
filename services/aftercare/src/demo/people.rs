//! What a company's own systems report before anybody writes: its products, its customers, and what they
//! bought. Whoever is known is left as they are.

use std::collections::BTreeMap;

use contracts::{
    customers::v1::{
        CreateCustomerRequest, CreateProductRequest, Customer, Identifier, IdentifierKind, Product,
        Purchase, PurchaseItem, PurchaseState, ResolveCustomerRequest, Salutation,
        UpsertPurchaseRequest,
    },
    r#type::v1::Money,
};
use jiff::tz::TimeZone;
use tonic::Code;

use super::{
    AT_ONCE,
    hand::Crew,
    in_lanes, play, rule,
    set::{Order, Person, Set},
    suite::Trouble,
};
use crate::progress::Progress;

const CURRENCY: &str = "CNY";

/// Records products, customers and purchases; the customers' names by what the set calls them.
pub(crate) async fn record(
    crew: &Crew<'_>,
    set: &Set,
    zone: &TimeZone,
) -> Result<BTreeMap<String, String>, Trouble> {
    let all = set.products.len() + set.people.len() + set.orders.len();
    let progress = Progress::start("customers", all);
    in_lanes(&set.products, AT_ONCE, async |product| {
        let request = CreateProductRequest {
            product: Some(Product {
                title: product.title.clone(),
                model: product.model.clone(),
                brand: product.brand.clone(),
                ..Product::default()
            }),
            product_id: product.id.clone(),
            request_id: rule::request_id(&set.name, &product.id, "product"),
        };
        self::product(crew, request).await?;
        progress.step();
        Ok(())
    })
    .await?;
    let names = in_lanes(&set.people, AT_ONCE, async |who| {
        let name = customer(crew, set, who).await?;
        progress.step();
        Ok((who.id.clone(), name))
    })
    .await?;
    let names: BTreeMap<_, _> = names.into_iter().collect();
    in_lanes(&set.orders, AT_ONCE, async |order| {
        purchase(crew, set, order, zone, names.get(&order.customer)).await?;
        progress.step();
        Ok(())
    })
    .await?;
    progress.end();
    Ok(names)
}

/// Records a product; one that is there already is fine.
pub(crate) async fn product(crew: &Crew<'_>, request: CreateProductRequest) -> Result<(), Trouble> {
    let call = async |request| crew.suite.products.clone().create_product(request).await;
    match crew.suite.ask(&crew.recorder, &request, call).await {
        Ok(_) => Ok(()),
        Err(Trouble::Refused(status)) if status.code() == Code::AlreadyExists => Ok(()),
        Err(trouble) => Err(trouble),
    }
}

async fn customer(crew: &Crew<'_>, set: &Set, who: &Person) -> Result<String, Trouble> {
    let suite = crew.suite;
    let identifiers = identifiers(set, who);
    let request = ResolveCustomerRequest { identifiers: identifiers.clone(), ..Default::default() };
    let call = async |request| suite.customers.clone().resolve_customer(request).await;
    match suite.ask(&crew.recorder, &request, call).await {
        Ok(known) => return Ok(known.customer.unwrap_or_default().name),
        Err(Trouble::Refused(status)) if status.code() == Code::NotFound => {}
        Err(trouble) => return Err(trouble),
    }
    let salutation = match who.salutation.as_str() {
        "mr" => Salutation::Mr,
        "ms" => Salutation::Ms,
        _ => Salutation::Unspecified,
    };
    let customer = Customer {
        display_name: who.name.clone(),
        salutation: salutation.into(),
        language: set.language.to_owned(),
        segment: who.segment.clone(),
        identifiers,
        ..Customer::default()
    };
    let request = CreateCustomerRequest {
        customer: Some(customer),
        request_id: rule::request_id(&set.name, &who.id, "customer"),
    };
    let call = async |request| suite.customers.clone().create_customer(request).await;
    Ok(suite.ask(&crew.recorder, &request, call).await?.name)
}

/// The one that every customer of a set has comes first, and the others where there are any.
fn identifiers(set: &Set, who: &Person) -> Vec<Identifier> {
    let own = format!("{}:{}", set.name, who.id);
    let all = [
        (IdentifierKind::External, &own),
        (IdentifierKind::Phone, &who.phone),
        (IdentifierKind::Email, &who.email),
        (IdentifierKind::Wechat, &who.wechat),
    ];
    let given = all.into_iter().filter(|(_, value)| !value.is_empty());
    given
        .map(|(kind, value)| Identifier {
            kind: kind.into(),
            value: value.clone(),
            ..Identifier::default()
        })
        .collect()
}

async fn purchase(
    crew: &Crew<'_>,
    set: &Set,
    order: &Order,
    zone: &TimeZone,
    customer: Option<&String>,
) -> Result<(), Trouble> {
    let money = |fen| Some(Money { minor_units: fen, currency: CURRENCY.to_owned() });
    let bought = order.products.split(' ');
    let bought: Vec<_> =
        bought.filter_map(|id| set.products.iter().find(|product| product.id == id)).collect();
    let items = bought.iter().map(|product| PurchaseItem {
        product: format!("products/{}", product.id),
        quantity: 1,
        unit_price: money(product.price),
    });
    let purchase = Purchase {
        customer: customer.cloned().unwrap_or_default(),
        order_number: order.number.clone(),
        items: items.collect(),
        total: money(bought.iter().map(|product| product.price).sum()),
        purchase_time: play::start(order.date, zone),
        state: PurchaseState::Delivered.into(),
        ..Purchase::default()
    };
    let request = UpsertPurchaseRequest {
        purchase: Some(purchase),
        request_id: rule::request_id(&set.name, &order.number, "purchase"),
    };
    let call = async |request| crew.suite.purchases.clone().upsert_purchase(request).await;
    crew.suite.ask(&crew.recorder, &request, call).await.map(drop)
}
